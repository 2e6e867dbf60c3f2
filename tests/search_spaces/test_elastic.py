"""What holds of each elastic space alone; the contract tests cover what all spaces share."""

from __future__ import annotations

import json

import pytest
import timm
import torch
from torch import nn

from nas_kd.costs import count_macs
from nas_kd.errors import UsageError
from nas_kd.export import check_parity, export_onnx
from search_spaces import Arch, ElasticResNet, ElasticSwin, ElasticVit, Sizes, Task, create_space
from search_spaces._elastic_depth import spread_blocks, spread_pairs
from tests.contracts.search_space import build, draw, images, outputs_of
from tests.search_spaces.elastic import SMALL, TASK, small

IMAGENET = Task(3, 224, 1000)
NAMES = list(SMALL)


def test_published_numbers_of_networks() -> None:
    assert [space.size for space in (ElasticVit(), ElasticSwin(), ElasticResNet())] == [
        143,
        39,
        465,
    ]
    for space in (ElasticVit(), ElasticSwin(), ElasticResNet()):
        archs = list(space.enumerate())
        assert len(set(archs)) == space.size
        assert archs[0] == space.smallest
        assert archs[-1] == space.largest


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ElasticViT[width 384, depth 12]", "vit_small_patch16_224"),
        ("ElasticViT[width 768, depth 12]", "vit_base_patch16_224"),
        ("ElasticViT[width 1024, depth 24]", "vit_large_patch16_224"),
        ("ElasticSwin[width 96, depth 6]", "swin_tiny_patch4_window7_224"),
        ("ElasticSwin[width 96, depth 18]", "swin_small_patch4_window7_224"),
        ("ElasticSwin[width 128, depth 18]", "swin_base_patch4_window7_224"),
        ("ElasticResNet[width 64, depth_2 4, depth_3 6]", "resnet50"),
        ("ElasticResNet[width 64, depth_2 4, depth_3 23]", "resnet101"),
        ("ElasticResNet[width 64, depth_2 8, depth_3 36]", "resnet152"),
    ],
)
def test_named_sizes_are_timms_models(text: str, name: str) -> None:
    spaces = [ElasticVit(), ElasticSwin(width_step=32, head_dim=32), ElasticResNet(group_norm=0)]
    space = next(space for space in spaces if text.startswith(f"{space.title}["))
    arch = space.parse(text)
    assert arch in space.published()
    model = timm.create_model(name, device="meta")
    ours = space.host(arch, IMAGENET).create(device="meta")
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    assert {key: value.shape for key, value in ours.state_dict().items()} == shapes
    params = sum(parameter.numel() for parameter in model.parameters())
    assert space.sizes(arch, IMAGENET).params == params


def test_macs_of_the_published_sizes() -> None:
    counts = [
        (ElasticVit(), (4.6, 17.6, 61.6)),
        (ElasticSwin(width_step=32, head_dim=32), (4.5, 8.7, 15.4)),
        (ElasticResNet(), (4.1, 7.8, 11.5)),
    ]
    for space, published in counts:
        macs = [space.sizes(arch, IMAGENET).macs / 1e9 for arch in space.published()]
        assert macs == pytest.approx(published, abs=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_a_student_is_timms_model(name: str) -> None:
    space = small(name)
    for arch in draw(space, 2):
        student = build(space, arch, TASK)
        host = space.host(arch, TASK)
        model = timm.create_model(host.name, **json.loads(json.dumps(dict(host.kwargs)))).eval()
        model.load_state_dict(student.state_dict())
        assert torch.equal(student(images(TASK)), model(images(TASK)))


@pytest.mark.parametrize(
    ("name", "options", "task"),
    [
        ("elastic-vit", {"patch_size": 0}, Task(2, 33, 7)),
        ("elastic-swin", {}, Task(1, 17, 7)),
        ("elastic-swin", {"patch_size": 1, "window": 3}, Task(3, 20, 4)),
        ("elastic-resnet", {"group_norm": 0, "planes": 32, "width_step": 8}, Task(3, 65, 4)),
        ("elastic-resnet", {"output_stride": 32}, Task(1, 40, 4)),
    ],
)
def test_closed_form_equals_the_count(name: str, options: dict[str, int], task: Task) -> None:
    space = small(name, **options)
    for arch in draw(space, 2):
        record = count_macs(space.build(arch, task), task.input_shape)
        assert not record.unsupported
        assert space.sizes(arch, task) == Sizes(macs=record.macs, params=record.params)


@pytest.mark.parametrize(
    ("name", "image_size", "key", "value"),
    [
        ("elastic-vit", 224, "patch_size", 16),
        ("elastic-vit", 32, "patch_size", 2),
        ("elastic-swin", 224, "patch_size", 4),
        ("elastic-swin", 224, "window_size", 7),
        ("elastic-swin", 32, "patch_size", 2),
        ("elastic-swin", 32, "window_size", 4),
        ("elastic-swin", 1, "patch_size", 1),
        ("elastic-resnet", 224, "output_stride", 32),
        ("elastic-resnet", 64, "output_stride", 16),
        ("elastic-resnet", 32, "output_stride", 8),
        ("elastic-resnet", 8, "output_stride", 8),
    ],
)
def test_small_images_are_cut_more_finely(name: str, image_size: int, key: str, value: int) -> None:
    space = create_space(name)
    host = space.host(space.largest, Task(3, image_size, 10))  # type: ignore[attr-defined]
    assert host.kwargs[key] == value


def test_blocks_are_spread_by_the_integer_rule() -> None:
    assert spread_blocks(12, 24) == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 23]
    assert spread_blocks(6, 18) == [0, 3, 6, 10, 13, 17]
    assert spread_blocks(6, 36) == [0, 7, 14, 21, 28, 35]
    assert spread_blocks(1, 7) == [0]
    for of in range(1, 65):
        for depth in range(2, of + 1):
            blocks = spread_blocks(depth, of)
            assert len(set(blocks)) == depth
            assert blocks == sorted(blocks)
            assert (blocks[0], blocks[-1]) == (0, of - 1)
            for place, block in enumerate(blocks):  # block <= exact place < block + 1
                assert block * (depth - 1) <= place * (of - 1) < (block + 1) * (depth - 1)


def test_pairs_keep_their_parity() -> None:
    assert spread_pairs(6, 18) == [0, 1, 8, 9, 16, 17]
    assert spread_pairs(5, 18) == [0, 1, 8, 9, 16]
    for of in range(1, 30):
        assert spread_pairs(of, of) == list(range(of))
        for depth in range(1, of + 1):
            blocks = spread_pairs(depth, of)
            assert len(blocks) == len(set(blocks)) == depth
            assert blocks == sorted(blocks)
            assert 0 <= blocks[0] <= blocks[-1] < of
            assert all(block % 2 == place % 2 for place, block in enumerate(blocks))


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("elastic-vit", [(32, 8, 8), (32, 8, 8), (32, 8, 8), (32, 1, 1)]),
        ("elastic-swin", [(32, 16, 16), (64, 8, 8), (128, 4, 4), (256, 2, 2), (256, 2, 2)]),
        ("elastic-resnet", [(64, 16, 16), (64, 8, 8), (128, 4, 4), (256, 4, 4), (512, 4, 4)]),
    ],
)
def test_maps_of_the_stages(name: str, shapes: list[tuple[int, ...]]) -> None:
    space = small(name)
    module = build(space, space.largest, TASK)
    maps = outputs_of(module, space.features(module), images(TASK))
    assert [tuple(shown.shape[1:]) for shown in maps] == shapes


@pytest.mark.parametrize("name", NAMES)
def test_a_student_exports_with_parity(name: str, tmp_path: object) -> None:
    space = small(name)
    module = build(space, space.smallest, TASK)
    path = export_onnx(module, TASK.input_shape, tmp_path / "student.onnx")  # type: ignore[operator]
    assert check_parity(module, path, TASK.input_shape, seed=0).passed


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("elastic-vit", {"width": 1000}, "steps of 64"),
        ("elastic-vit", {"least_width": 2048}, "least_width at most width"),
        ("elastic-vit", {"head_dim": 48}, "whole heads of 48"),
        ("elastic-vit", {"depth": 0}, "positive integer"),
        ("elastic-vit", {"patch_size": -1}, "patch_size is -1"),
        ("elastic-swin", {"head_dim": 32}, "width of 112 is not made of whole heads"),
        ("elastic-swin", {"window": -1}, "positive integer"),
        ("elastic-resnet", {"width_step": 16}, "80 channels do not fall into 32 groups"),
        ("elastic-resnet", {"planes": 4}, "16 channels do not fall into 32 groups"),
        ("elastic-resnet", {"planes": 56, "group_norm": 0}, "timm cannot build bottlenecks"),
        ("elastic-resnet", {"group_norm": 2}, "group_norm is 2"),
        ("elastic-resnet", {"output_stride": 4}, "output_stride is 4"),
    ],
)
def test_wrong_options_are_refused(name: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_space(name, **options)


def test_patches_larger_than_the_image_are_refused() -> None:
    for name in ("elastic-vit", "elastic-swin"):
        space = small(name, patch_size=33)
        for use in (space.build, space.sizes):
            with pytest.raises(UsageError, match="do not fit into images of 32"):
                use(space.smallest, TASK)


def test_published_sizes_outside_the_space_are_no_anchors() -> None:
    space = ElasticVit(width=768)
    assert space.anchors() == [
        Arch({"width": 768, "depth": 24}),
        Arch({"width": 384, "depth": 12}),
        Arch({"width": 768, "depth": 12}),
    ]


def test_norms_of_a_resnet() -> None:
    for group_norm, kind in ((1, nn.GroupNorm), (0, nn.BatchNorm2d)):
        space = small("elastic-resnet", group_norm=group_norm)
        norms = [m for n, m in space.build(space.smallest, TASK).named_modules() if "bn" in n]
        assert norms
        assert all(isinstance(norm, kind) for norm in norms)
