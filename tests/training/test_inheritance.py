"""Weights that a student takes over from its teacher."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from transformers import ViTForImageClassification

from nas_kd.errors import UsageError
from nas_kd.training.digits_resnet import DigitsResNet
from nas_kd.training.inheritance import find_inheritance, inherit
from search_spaces import Task, create_space
from tests.tiny_vit import tiny_vit


def resnet(*depths: int) -> nn.Module:
    space = create_space("cifar-resnet", width=4)
    arch = space.parse("ResNet[{} {} {}]".format(*depths))
    return space.build(arch, Task(in_channels=3, image_size=8, num_classes=10))


def test_the_same_network_inherits_everything() -> None:
    teacher, student = resnet(3, 1, 1).eval(), resnet(3, 1, 1).eval()
    inheritance = find_inheritance(student, teacher)
    inheritance.copy(teacher, student)
    images = torch.randn(2, 3, 8, 8)
    assert inheritance.share == 1.0
    assert torch.equal(student(images), teacher(images))


def test_a_stage_cut_short_keeps_its_first_blocks_whole() -> None:
    layers = find_inheritance(resnet(1, 3, 1), resnet(5, 5, 5)).layers
    assert all(layers[name] == name for name in layers)
    assert len(layers) == len(list(leaves(resnet(1, 3, 1))))


def test_the_function_of_a_net_whose_other_blocks_add_nothing_is_inherited() -> None:
    teacher, student = resnet(3, 3, 3).eval(), resnet(1, 1, 1).eval()
    for stage in (teacher.stage_1, teacher.stage_2, teacher.stage_3):
        for block in list(stage)[1:]:
            nn.init.zeros_(block.main[-1].weight)
    find_inheritance(student, teacher).copy(teacher, student)
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(student(images), teacher(images))


def test_statistics_of_batch_normalisation_are_inherited() -> None:
    teacher, student = resnet(1, 1, 1), resnet(1, 1, 1)
    teacher.train()(torch.randn(8, 3, 8, 8))
    find_inheritance(student, teacher).copy(teacher, student)
    assert torch.equal(student.stem[1].running_var, teacher.stem[1].running_var)


def test_layers_without_counterpart_stay() -> None:
    teacher, student = resnet(1, 1, 1), resnet(3, 1, 1)
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    inheritance = find_inheritance(student, teacher)
    inheritance.copy(teacher, student)
    own = [n for n, _ in leaves(student) if n not in inheritance.layers]
    assert own
    assert 0 < inheritance.share < 1
    after = student.state_dict()
    assert all(torch.equal(after[n], before[n]) for n in before if n.rpartition(".")[0] in own)


def test_a_stride_makes_a_difference() -> None:
    student = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2))
    assert find_inheritance(student, nn.Sequential(nn.Conv2d(3, 4, 3))).layers == {}
    assert find_inheritance(student, nn.Sequential(nn.Conv2d(3, 4, 3, stride=2))).share == 1.0


def test_order_is_kept_and_parameters_are_maximised() -> None:
    student = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
    teacher = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8))
    assert find_inheritance(student, teacher).layers == {"0": "1"}


@pytest.mark.parametrize("bare", [nn.Identity(), nn.ReLU()])
def test_a_network_without_parameters_inherits_nothing(bare: nn.Module) -> None:
    assert find_inheritance(bare, resnet(1, 1, 1)).share == 0.0


def leaves(network: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(n, m) for n, m in network.named_modules() if list(m.parameters(recurse=False))]


def test_init_decides() -> None:
    teacher = resnet(3, 3, 3)
    assert inherit(resnet(1, 1, 1), teacher, "auto") == 1.0
    assert inherit(resnet(1, 1, 1), teacher, "teacher") == 1.0
    student = resnet(1, 1, 1)
    before = student.stem[0].weight.clone()
    assert inherit(student, teacher, "random") == 0.0
    assert torch.equal(student.stem[0].weight, before)


def test_auto_leaves_a_student_with_little_in_common_alone() -> None:
    student = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 90))
    teacher = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 80))
    before = student[0].weight.clone()
    assert inherit(student, teacher, "auto") == 0.0
    assert torch.equal(student[0].weight, before)
    assert inherit(student, teacher, "teacher") == pytest.approx(72 / 882)
    assert torch.equal(student[0].weight, teacher[0].weight)


def test_nothing_to_inherit_is_an_error_where_it_is_asked_for() -> None:
    with pytest.raises(UsageError, match="init = 'teacher'"):
        inherit(nn.Linear(2, 3), nn.Linear(3, 2), "teacher")


def test_shapes_that_are_equal_by_chance_are_left_alone() -> None:
    """A cell net of half the teacher's width has its stages one stage later."""
    space = create_space("nasbench201", channels=4, cells_per_stage=1)
    arch = space.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|")
    student = space.build(arch, Task(in_channels=1, image_size=8, num_classes=10))
    teacher = DigitsResNet(1, 10, width=8, blocks=2)
    assert find_inheritance(student, teacher).share > 0.5
    assert inherit(student, teacher, "auto") == 0.0


def test_layers_of_another_kind_do_not_match() -> None:
    for mine, theirs in (
        (nn.Conv2d(4, 4, 3), nn.ConvTranspose2d(4, 4, 3)),
        (nn.GroupNorm(2, 8), nn.LayerNorm(8)),
        (nn.Embedding(6, 4), nn.Linear(4, 6, bias=False)),
    ):
        assert find_inheritance(mine, theirs).layers == {}


def _vit(heads: int) -> nn.Module:
    return VisionTransformer(
        img_size=8, patch_size=4, num_classes=10, embed_dim=32, depth=2, num_heads=heads
    )


def _swin(heads: int) -> nn.Module:
    return SwinTransformer(
        img_size=16,
        patch_size=4,
        num_classes=10,
        embed_dim=32,
        depths=(2,),
        num_heads=(heads,),
        window_size=4,
    )


def _transformers_vit(heads: int) -> nn.Module:
    return ViTForImageClassification(tiny_vit(num_attention_heads=heads))


@pytest.mark.parametrize("make", [_vit, _swin, _transformers_vit])
def test_attention_of_other_heads_is_not_inherited(make: Callable[[int], nn.Module]) -> None:
    """Its weights have the same shapes and mean something else."""
    assert find_inheritance(make(2), make(2)).share == 1.0
    student = make(2)
    inheritance = find_inheritance(student, make(4))
    assert 0 < inheritance.share < 0.8
    names = (".qkv", ".query", ".key", ".value", "relative_position_bias_table")
    assert not [name for name in inheritance.layers if name.endswith(names)]
    assert inherit(student, make(4), "auto") == 0.0
