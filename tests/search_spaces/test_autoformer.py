from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from nas_kd.costs import count_macs
from nas_kd.errors import UsageError
from nas_kd.export import check_parity, export_onnx
from proxies import Probe
from search_spaces import Arch, AutoFormerTiny, IllegalArchError, Sizes, Task, create_space
from tests.contracts.search_space import build, draw, images, outputs_of

IMAGENET = Task(in_channels=3, image_size=224, num_classes=1000)
SMALL_IMAGES = Task(in_channels=3, image_size=8, num_classes=5)
SPACE = AutoFormerTiny()
DEIT_TINY = SPACE.anchors()[-1]


@pytest.fixture(scope="module")
def rows(data_folder: Path) -> list[dict[str, Any]]:
    path = data_folder / "vit_bench_kd.json"
    if not path.is_file():
        pytest.skip(f"no distillation bench of vision transformers at {path}")
    bench = json.loads(path.read_text())
    return [row["arch"] for row in bench["autoformer"] + bench["autoformer_2"]]


def test_size_of_the_space() -> None:
    assert SPACE.size == 3 * 3 * 4**14


def test_deit_tiny_has_its_published_sizes() -> None:
    # 5.7 M parameters and 1.25 G MACs, here exactly, as timm's vit_tiny_patch16_224 has them
    assert SPACE.sizes(DEIT_TINY, IMAGENET) == Sizes(macs=1_253_683_200, params=5_717_416)


def test_deit_tiny_is_timms_own_model() -> None:
    space, task = AutoFormerTiny(patch_size=4), SMALL_IMAGES
    student = build(space, DEIT_TINY, task)
    model = timm.create_model(
        "vit_tiny_patch16_224",
        img_size=8,
        patch_size=4,
        num_classes=5,
        global_pool="avg",
        fc_norm=False,
    ).eval()
    model.load_state_dict(student.state_dict())
    assert torch.equal(student(images(task)), model(images(task)))


@pytest.mark.parametrize("head_dim", [64, 0])
def test_closed_form_equals_the_count(head_dim: int) -> None:
    space, task = AutoFormerTiny(head_dim=head_dim), Task(2, 32, 7)
    for arch in draw(space, 3):
        assert space.sizes(arch, task) == _count(space.build(arch, task), task)


def test_heads_have_their_own_width() -> None:
    arch = SPACE.parse(_notation(216, [3, 4] + [3] * 10, [3.5, 4] + [4] * 10))
    module = build(AutoFormerTiny(patch_size=8), arch, SMALL_IMAGES)
    shapes = {name: tuple(weight.shape) for name, weight in module.state_dict().items()}
    assert shapes["blocks.0.attn.qkv.weight"] == (3 * 3 * 64, 216)
    assert shapes["blocks.1.attn.qkv.weight"] == (3 * 4 * 64, 216)
    assert shapes["blocks.1.attn.proj.weight"] == (216, 4 * 64)
    assert shapes["blocks.0.mlp.fc1.weight"] == (756, 216)
    assert shapes["blocks.1.mlp.fc1.weight"] == (864, 216)


def test_heads_may_share_the_tokens_channels() -> None:
    space = AutoFormerTiny(patch_size=8, head_dim=0)
    arch = space.parse(_notation(216, [3, 4] + [3] * 10, [4] * 12))
    module = build(space, arch, SMALL_IMAGES)
    assert module.get_parameter("blocks.1.attn.qkv.weight").shape == (3 * 216, 216)
    heads = [module.get_submodule(f"blocks.{index}.attn").num_heads for index in (0, 1)]
    assert heads == [3, 4]


@pytest.mark.parametrize(
    ("image_size", "patch_size", "side"), [(224, 0, 16), (32, 0, 2), (8, 0, 1), (32, 8, 8)]
)
def test_patches_follow_the_image_unless_chosen(
    image_size: int, patch_size: int, side: int
) -> None:
    space = AutoFormerTiny(patch_size=patch_size)
    module = space.build(space.anchors()[1], Task(3, image_size, 5))
    assert module.get_parameter("patch_embed.proj.weight").shape == (192, 3, side, side)


def test_layers_beyond_the_depth_do_not_count() -> None:
    arch = SPACE.parse(_notation(192, [3] * 12, [4] * 12))
    other = arch.replace(heads_13=4, mlp_14=40)
    assert other != arch
    assert SPACE.canonical(other) == arch == SPACE.canonical(arch)
    assert SPACE.describe(other) == SPACE.describe(arch)
    deeper = other.replace(depth=14)
    assert SPACE.canonical(deeper) == deeper
    changed = {SPACE.canonical(neighbour) for neighbour in SPACE.neighbours(other)}
    assert arch not in changed
    assert len(changed) == 2 + 2 + 12 * 2


def test_rows_of_the_bench_are_read(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        arch = SPACE.parse(json.dumps(row))
        assert arch == SPACE.canonical(arch)
        assert (arch["dim"], arch["depth"]) == (row["hidden_dim"], row["depth"])
        text = _notation(row["hidden_dim"], row["num_heads"], row["mlp_ratio"])
        assert SPACE.describe(arch) == text
        assert SPACE.parse(text) == arch
    assert len({SPACE.parse(json.dumps(row)) for row in rows}) == len(rows) == 150


def test_a_row_of_the_bench() -> None:
    row = {"hidden_dim": 216, "depth": 12, "num_heads": [3, 4] * 6, "mlp_ratio": [3.5, 4.0] * 6}
    arch = SPACE.parse(json.dumps(row))
    expected = {"dim": 216, "depth": 12}
    expected |= {f"heads_{layer}": 3 if layer % 2 else 4 for layer in range(1, 13)}
    expected |= {f"mlp_{layer}": 35 if layer % 2 else 40 for layer in range(1, 13)}
    expected |= {"heads_13": 3, "heads_14": 3, "mlp_13": 35, "mlp_14": 35}
    assert arch == Arch(expected)


@pytest.mark.parametrize(
    "change",
    [
        {"depth": 13},
        {"depth": 11},
        {"depth": "12"},
        {"depth": None},
        {"hidden_dim": 200},
        {"hidden_dim": [192]},
        {"num_heads": [3] * 11 + [5]},
        {"num_heads": 3},
        {"mlp_ratio": [3.5] * 11 + [3.55]},
        {"mlp_ratio": [3.5] * 11 + ["4"]},
        {"mlp_ratio": [4.0] * 11 + [None]},
        {"mlp_ratio": [3.5] * 13},
        {"extra": 1},
    ],
)
def test_other_rows_are_refused(change: dict[str, Any]) -> None:
    row = {"hidden_dim": 192, "depth": 12, "num_heads": [3] * 12, "mlp_ratio": [3.5] * 12}
    SPACE.parse(json.dumps(row))
    with pytest.raises(UsageError):
        SPACE.parse(json.dumps(row | change))


@pytest.mark.parametrize(
    "text",
    [
        "AutoFormer[dim 192, heads 3, mlp 4]",
        "AutoFormer[dim 192]",
        "AutoFormer[dim 200, heads 3 3 3 3 3 3 3 3 3 3 3 3, mlp 4 4 4 4 4 4 4 4 4 4 4 4]",
        "AutoFormer[dim 192, heads 3 3 3 3 3 3 3 3 3 3 3 3, mlp 4 4 4 4 4 4 4 4 4 4 4 3]",
        "AutoFormer[dim 192, heads 3 3 3 3 3 3 3 3 3 3 3 3, mlp 4 4 4 4 4 4 4 4 4 4 4 4 4]",
    ],
)
def test_other_notations_are_refused(text: str) -> None:
    with pytest.raises(IllegalArchError, match="autoformer-tiny"):
        SPACE.parse(text)


def test_the_space_is_too_large_to_enumerate() -> None:
    with pytest.raises(NotImplementedError):
        SPACE.enumerate()
    with pytest.raises(UsageError, match="choose another sampler"):
        SPACE.enumerate()


@pytest.mark.parametrize("option", ["patch_size", "head_dim"])
@pytest.mark.parametrize("value", [-1, True, 1.5, "4", None])
def test_wrong_options_are_refused(option: str, value: object) -> None:
    with pytest.raises(UsageError, match="integer"):
        create_space("autoformer-tiny", **{option: value})  # type: ignore[arg-type]


def test_patches_larger_than_the_image_are_refused() -> None:
    space = AutoFormerTiny(patch_size=16)
    for use in (space.build, space.sizes):
        with pytest.raises(UsageError, match="do not fit into images of 8"):
            use(DEIT_TINY, SMALL_IMAGES)


def test_the_maps_are_the_blocks_tokens() -> None:
    space = AutoFormerTiny(patch_size=2)
    module = build(space, DEIT_TINY, SMALL_IMAGES)
    names = space.features(module)
    assert names == ["blocks.0.token_map", "blocks.6.token_map", "last_map"]
    *maps, tokens = outputs_of(module, [*names, "blocks.6"], images(SMALL_IMAGES))
    assert [tuple(shown.shape) for shown in maps] == [(2, 192, 4, 4)] * 3
    assert torch.equal(maps[1][:, :, 1, 2], tokens[:, 1 + 1 * 4 + 2])  # row 1, column 2


def test_a_probe_reads_the_student() -> None:
    space = AutoFormerTiny(patch_size=4)
    module = build(space, DEIT_TINY, SMALL_IMAGES)
    probe = Probe(
        module,
        images(SMALL_IMAGES, batch=4),
        torch.tensor([0, 1, 2, 3]),
        features=space.features(module),
        head=space.head(module),
        needs=["features", "head_gradient"],
    )
    assert probe.last_feature.shape == (4, 192, 2, 2)
    assert probe.head_gradient.shape == (5, 192)
    assert torch.allclose(probe.pooled, probe.last_feature.mean((2, 3)))


def test_a_student_exports_with_parity(tmp_path: Path) -> None:
    space = AutoFormerTiny(patch_size=4)
    arch = space.parse(_notation(216, [3, 4] * 6, [3.5, 4] * 6))
    module = build(space, arch, SMALL_IMAGES)
    path = export_onnx(module, SMALL_IMAGES.input_shape, tmp_path / "student.onnx")
    assert check_parity(module, path, SMALL_IMAGES.input_shape, seed=0).passed


def _notation(dim: int, heads: list[int], ratios: list[float]) -> str:
    numbers, widths = (" ".join(f"{value:g}" for value in part) for part in (heads, ratios))
    return f"AutoFormer[dim {dim}, heads {numbers}, mlp {widths}]"


def _count(module: nn.Module, task: Task) -> Sizes:
    record = count_macs(module, task.input_shape)
    assert not record.unsupported
    return Sizes(macs=record.macs, params=record.params)
