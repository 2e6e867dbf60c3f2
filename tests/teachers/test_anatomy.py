from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import nn

from nas_kd.errors import UsageError
from nas_kd.teachers import find_anatomy
from tests.teachers import nets


def test_stage_ends_and_the_layer_that_gives_the_logits() -> None:
    anatomy = find_anatomy(nets.SmallCnn(), (3, 16, 16), 5)
    assert anatomy.features == ["body.0", "body.1", "body"]
    assert anatomy.head == "head"


def test_the_module_is_left_as_it_was() -> None:
    model = nets.SmallCnn()
    model.body.eval()
    state, rng = {n: v.clone() for n, v in model.state_dict().items()}, torch.random.get_rng_state()
    find_anatomy(model, (3, 16, 16), 5)
    assert model.training
    assert model.stem.training
    assert not model.body.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), rng)


@pytest.mark.parametrize(
    ("name", "options", "head", "features"),
    [
        ("resnet10t", {}, "fc", ["layer1", "layer2", "layer3", "layer4"]),
        ("resnet26", {}, "fc", ["layer1", "layer2", "layer3", "layer4"]),
        ("regnetx_002", {}, "head.fc", ["s1", "s2", "s3", "final_conv"]),
        ("vit_tiny_patch16_224", {"img_size": 64, "depth": 2}, "head", ["norm"]),
        ("test_efficientnet", {}, "classifier", ["bn2"]),
        ("test_convnext", {}, "head.fc", ["norm_pre"]),
    ],
)
def test_models_of_timm(name: str, options: dict[str, int], head: str, features: list[str]) -> None:
    model = timm.create_model(name, num_classes=7, **options)
    anatomy = find_anatomy(model, (3, 64, 64), 7)
    assert anatomy.head == head
    assert anatomy.features[-len(features) :] == features


def test_channels_last_maps_are_not_taken_for_maps() -> None:
    model = timm.create_model(
        "swin_tiny_patch4_window7_224",
        img_size=64,
        window_size=4,
        depths=(1, 1),
        num_classes=7,
        num_heads=(1, 2),
        embed_dim=8,
    )
    assert find_anatomy(model, (3, 64, 64), 7).features == []


def test_a_perceptron_has_a_head_and_no_maps() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    anatomy = find_anatomy(model, (3, 2, 2), 3)
    assert (anatomy.features, anatomy.head) == ([], "3")


@pytest.mark.parametrize("behind", [nn.LogSoftmax(1), torch.relu, lambda logits: logits * 0.0])
def test_other_functions_behind_the_head_give_logits_too(behind: Any) -> None:
    assert find_anatomy(nets.Ending(behind), (3, 16, 16), 5).head == "head"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nets.SmallCnn(6), "knows 6 classes and the data has 5"),
        (nets.without_a_linear_layer(), "no nn.Linear"),
        (nets.with_broken_weights(), "NaN"),
        (nets.TwoOutputs(), "returns tuple"),
        (nn.Conv2d(3, 5, 3), r"returns \(2, 5, 14, 14\)"),
        (nn.Conv2d(1, 5, 3), "image_size"),
        (nets.Ending(nn.Softmax(1)), "probabilities, those of a softmax"),
        (nets.Ending(torch.sigmoid), "probabilities, those of a sigmoid"),
        (nets.Ending(before=lambda images: images.sub_(0.5)), "changes the images"),
        (nets.Ending().half(), r"weights in float16.*model.float\(\)"),
    ],
)
def test_what_is_no_classifier_for_the_task(model: nn.Module, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_anatomy(model, (3, 16, 16), 5)
