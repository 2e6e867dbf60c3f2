"""Elastic supernets: sub-networks are timm's models of cut weights; nothing leaks between them."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from benchmarks.elastic_references import reference_logits, relative_difference
from nas_kd.training.inheritance import inherit
from search_spaces import Arch, IllegalArchError, Task
from search_spaces.supernets import Supernet
from search_spaces.supernets.elastic import ElasticSupernet
from tests.contracts.search_space import images
from tests.search_spaces.elastic import TASK, supernet

KINDS: dict[str, tuple[str, dict[str, int]]] = {
    "vit": ("elastic-vit", {}),
    "swin": ("elastic-swin", {}),
    "resnet-gn": ("elastic-resnet", {}),
    "resnet-bn": ("elastic-resnet", {"group_norm": 0, "width_step": 8}),
}

Make = Callable[..., ElasticSupernet]


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Make:
    name, options = KINDS[request.param]
    return lambda task=TASK, **settings: supernet(name, task, **options, **settings)


def some(made: ElasticSupernet, number: int = 2) -> list[Arch]:
    archs = list(made.space.enumerate())
    return [made.space.largest, *random.Random(0).sample(archs, number), made.space.smallest]


def test_it_is_a_supernet(make: Make) -> None:
    assert isinstance(make(), Supernet)


@pytest.mark.parametrize("scaled", [False, True])
@torch.no_grad()
def test_a_sub_network_computes_with_cut_weights(make: Make, scaled: bool) -> None:
    made = make(scaled=scaled)
    x = images(TASK)
    for arch in some(made):
        logits = made(x, arch)
        assert relative_difference(logits, reference_logits(made, arch, x)) < 1e-5
        assert logits.std() > 0.01


@pytest.mark.parametrize("scaled", [False, True])
@torch.no_grad()
def test_extracted_networks_are_timms_and_equal_bit_for_bit(make: Make, scaled: bool) -> None:
    made = make(scaled=scaled)
    x = images(TASK)
    for arch in some(made):
        student = made.extract(arch)
        host = made.space.host(arch, TASK)
        fresh = timm.create_model(host.name, **json.loads(json.dumps(dict(host.kwargs)))).eval()
        fresh.load_state_dict(student.state_dict())
        assert type(student) is type(fresh)
        assert torch.equal(student(x), made(x, arch))
        assert torch.equal(fresh(x), student(x))


@torch.no_grad()
def test_the_most_tokens_that_attend(make: Make) -> None:
    made = make()
    tokens = [0]

    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if type(module).__name__.endswith("Attention"):
            tokens.append(inputs[0].shape[1])  # batch, token, channel

    with register_module_forward_pre_hook(count):
        made.embed(images(TASK), made.space.largest)
    assert max(tokens) == made.attended_tokens


@torch.no_grad()
def test_the_largest_network_is_the_parent(make: Make) -> None:
    made = make(scaled=True)
    x = images(TASK)
    assert torch.equal(made(x, made.space.largest), made.parent(x))


@torch.no_grad()
def test_alpha_matters_for_narrow_networks_alone(make: Make) -> None:
    plain, scaled = make(), make(scaled=True)
    x = images(TASK)
    shallow = plain.space.smallest.replace(width=plain.space.genes["width"][-1])
    assert torch.equal(plain(x, shallow), scaled(x, shallow))
    narrow = [made(x, plain.space.smallest) for made in (plain, scaled)]
    undone = any(isinstance(module, nn.GroupNorm) for module in plain.modules())
    assert torch.allclose(*narrow) == undone


def test_extracted_weights_are_copies(make: Make) -> None:
    made = make()
    for arch in (made.space.smallest, made.space.largest):
        student = made.extract(arch)
        before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
        with torch.no_grad():
            for tensor in student.state_dict().values():
                tensor.add_(1)
        assert all(torch.equal(made.state_dict()[name], before[name]) for name in before)
        for tensor in student.state_dict().values():
            assert tensor.untyped_storage().nbytes() == tensor.nbytes


@torch.no_grad()
def test_one_evaluation_leaves_no_trace_in_the_next(make: Make) -> None:
    made = make()
    x = images(TASK)
    first, second, *_ = some(made)
    alone = make()(x, second)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    made(x, first)
    made.extract(first)
    assert torch.equal(made(x, second), alone)
    assert all(map(torch.equal, made.state_dict().values(), before.values()))


def test_gradients_reach_the_cut_weights_and_no_others(make: Make) -> None:
    made = make().train()
    arch = made.space.smallest
    made(images(TASK), arch).square().mean().backward()
    gradients = [p.grad for p in made.parent.parameters() if p.grad is not None]
    touched = sum(int((gradient != 0).sum()) for gradient in gradients)
    student = sum(parameter.numel() for parameter in made.extract(arch).parameters())
    assert 0.5 * student < touched <= student


def test_training_a_small_network_keeps_the_statistics_of_the_largest() -> None:
    made = supernet("elastic-resnet", group_norm=0).train()
    before = {name: buffer.clone() for name, buffer in made.named_buffers()}
    made(images(TASK), made.space.smallest)
    assert all(torch.equal(buffer, before[name]) for name, buffer in made.named_buffers())
    made(images(TASK), made.space.largest)
    changed = [n for n, buffer in made.named_buffers() if not torch.equal(buffer, before[n])]
    assert changed == list(before)


@torch.no_grad()
def test_drop_path_is_on_in_training_alone(make: Make) -> None:
    made = make(drop_path=0.9)
    x = images(TASK, batch=8)
    arch = made.space.smallest
    assert torch.equal(made(x, arch), make()(x, arch))
    made.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        assert not torch.equal(made(x, arch), made(x, arch))
    assert not any(isinstance(m, timm.layers.DropPath) for m in made.extract(arch).modules())


@torch.no_grad()
def test_images_of_other_sizes_are_embedded(make: Make) -> None:
    made = make()
    side = TASK.image_size // 2
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    assert side % made.image_multiple == 0
    for arch in (made.space.smallest, made.space.largest):
        dim = made.embedding_dim(arch)
        small, whole = made.embed(x, arch), made.embed(images(TASK), arch)
        assert small.pooled.shape == whole.pooled.shape == (2, dim)
        assert small.patches.shape[0] == 2
        assert small.patches.shape[2] == dim
        assert small.patches.shape[1] < whole.patches.shape[1]


@torch.no_grad()
def test_the_classifier_reads_the_pooled_embedding(make: Make) -> None:
    made = make()
    x = images(TASK)
    for arch in some(made, 1):
        classifier = made.extract(arch).get_classifier()
        torch.testing.assert_close(classifier(made.embed(x, arch).pooled), made(x, arch))


@torch.no_grad()
def test_without_classes_there_is_no_classifier(make: Make) -> None:
    made = make(Task(3, 32, 0))
    student = made.extract(made.space.smallest)
    assert student.num_classes == 0
    assert not any(name.startswith(("head", "fc.")) for name in student.state_dict())
    pooled = made.embed(images(TASK), made.space.smallest).pooled
    torch.testing.assert_close(student(images(TASK)), pooled)


@torch.no_grad()
def test_copies_are_independent(make: Make) -> None:
    made = make()
    twin = copy.deepcopy(made)
    x = images(TASK)
    arch = made.space.smallest
    before = made(x, arch)
    for parameter in twin.parameters():
        parameter.zero_()
    assert torch.equal(made(x, arch), before)
    assert not torch.equal(twin(x, arch), before)


def test_foreign_archs_are_refused(make: Make) -> None:
    made = make()
    foreign = made.space.smallest.replace(width=3)
    for use in (lambda: made(images(TASK), foreign), lambda: made.extract(foreign)):
        with pytest.raises(IllegalArchError, match="gene width holds 3"):
            use()


def test_random_numbers_are_left_alone(make: Make) -> None:
    made = make()
    state = torch.get_rng_state()
    made.extract(made.space.smallest)
    made(images(TASK), made.space.smallest)
    assert torch.equal(torch.get_rng_state(), state)


@torch.no_grad()
def test_the_parent_starts_from_a_trained_model_of_timms(make: Make) -> None:
    made, teacher = make(), make()
    for parameter in teacher.parameters():
        parameter.mul_(0.5)
    model = teacher.extract(teacher.space.largest)
    x = images(TASK)
    assert not torch.equal(made(x, made.space.largest), model(x))
    assert inherit(made.parent, model, "teacher") == pytest.approx(1)
    assert torch.equal(made(x, made.space.largest), model(x))


@torch.no_grad()
def test_statistics_are_cut_with_their_channels() -> None:
    made = supernet("elastic-resnet", group_norm=0)
    student = made.extract(made.space.smallest)
    norm = student.get_submodule("layer3.1.bn1")
    whole = made.parent.get_submodule("layer3.3.bn1")  # the last of four blocks, of two left
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(whole, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert whole.running_mean is not None
    assert torch.equal(norm.running_mean, whole.running_mean[: norm.num_features])
