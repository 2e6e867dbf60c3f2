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
from search_spaces import Arch, IllegalArchError, Pit, Sizes, Task, create_space
from tests.contracts.search_space import build, draw, images, outputs_of

SMALL_IMAGES = Task(in_channels=3, image_size=16, num_classes=5)
SPACE = Pit()
PIT_TINY = SPACE.parse("PiT[base 32, mlp 4, depths 2 6 4, heads 2 4 8]")
SMALLEST = SPACE.anchors()[1]


@pytest.fixture(scope="module")
def rows(data_folder: Path) -> list[dict[str, Any]]:
    path = data_folder / "vit_bench_kd.json"
    if not path.is_file():
        pytest.skip(f"no distillation bench of vision transformers at {path}")
    return [row["arch"] for row in json.loads(path.read_text())["pit"]]


def test_all_archs_are_enumerated_once() -> None:
    archs = list(SPACE.enumerate())
    assert SPACE.size == len(archs) == len(set(archs)) == 4_320
    assert all(SPACE.canonical(arch) == arch for arch in archs)
    assert list(archs[0].values()) == [16, 2, 1, 4, 2, "2-2-2"]
    assert list(archs[-1].values()) == [40, 8, 3, 8, 6, "8-8-8"]


def test_heads_never_fall() -> None:
    with pytest.raises(IllegalArchError, match="gene heads holds '8-4-2'"):
        SPACE.canonical(PIT_TINY.replace(heads="8-4-2"))


def test_pit_tiny_has_its_published_size() -> None:
    sizes = SPACE.sizes(PIT_TINY, Task(3, 224, 1000))
    assert round(sizes.params / 1e6, 2) == 4.85
    assert round(sizes.macs / 1e9, 1) == 0.7
    assert sizes == _count(timm.create_model("pit_ti_224"), Task(3, 224, 1000))


def test_pit_tiny_is_timms_own_model() -> None:
    student = build(Pit(patch_size=4), PIT_TINY, SMALL_IMAGES)
    model = timm.create_model(
        "pit_ti_224", img_size=16, patch_size=4, stride=2, num_classes=5
    ).eval()
    model.load_state_dict(student.state_dict())
    assert torch.equal(student(images(SMALL_IMAGES)), model(images(SMALL_IMAGES)))


def test_closed_form_equals_the_count() -> None:
    for space, task in [(Pit(), Task(2, 15, 7)), (Pit(patch_size=6), Task(3, 33, 10))]:
        for arch in draw(space, 3):
            assert space.sizes(arch, task) == _count(space.build(arch, task), task)


@pytest.mark.parametrize(
    ("image_size", "patch_size", "side", "stride"),
    [(224, 0, 16, 8), (32, 0, 2, 1), (8, 0, 1, 1), (32, 8, 8, 4)],
)
def test_patches_follow_the_image_unless_chosen(
    image_size: int, patch_size: int, side: int, stride: int
) -> None:
    module = Pit(patch_size=patch_size).build(SMALLEST, Task(3, image_size, 5))
    convolution = module.get_submodule("patch_embed.conv")
    assert convolution.kernel_size == (side, side)
    assert convolution.stride == (stride, stride)


def test_rows_of_the_bench_are_read(rows: list[dict[str, Any]]) -> None:
    archs = [SPACE.parse(json.dumps(row)) for row in rows]
    for row, arch in zip(rows, archs, strict=True):
        heads = "-".join(map(str, row["num_heads"]))
        assert list(arch.values()) == [row["base_dim"], row["mlp_ratio"], *row["depth"], heads]
    assert len(set(archs)) == len(rows) == 75


def test_a_row_of_the_bench() -> None:
    row = {"base_dim": 32, "mlp_ratio": 4, "depth": [1, 6, 6], "num_heads": [2, 8, 8]}
    arch = SPACE.parse(json.dumps(row))
    assert arch == Arch(
        {"base_dim": 32, "mlp_ratio": 4, "depth_1": 1, "depth_2": 6, "depth_3": 6, "heads": "2-8-8"}
    )
    assert SPACE.describe(arch) == "PiT[base 32, mlp 4, depths 1 6 6, heads 2 8 8]"


@pytest.mark.parametrize(
    "change",
    [
        {"depth": [1, 6]},
        {"depth": [1, 5, 6]},
        {"depth": 6},
        {"num_heads": [8, 4, 2]},
        {"num_heads": [2, 4, 16]},
        {"base_dim": 20},
        {"base_dim": None},
        {"mlp_ratio": 3},
        {"mlp_ratio": [4, 4, 4]},
        {"extra": 1},
    ],
)
def test_other_rows_are_refused(change: dict[str, Any]) -> None:
    row = {"base_dim": 32, "mlp_ratio": 4, "depth": [1, 6, 6], "num_heads": [2, 8, 8]}
    with pytest.raises(UsageError):
        SPACE.parse(json.dumps(row | change))


@pytest.mark.parametrize(
    "text",
    [
        "PiT[base 32, mlp 4, depths 2 6, heads 2 4 8]",
        "PiT[base 32, mlp 5, depths 2 6 4, heads 2 4 8]",
        "PiT[base 32, mlp 4, depths 2 6 4, heads 4 2 8]",
        "32 4 2 6 4 2 4 8",
    ],
)
def test_other_notations_are_refused(text: str) -> None:
    with pytest.raises(IllegalArchError, match="pit"):
        SPACE.parse(text)


@pytest.mark.parametrize("value", [-1, True, 1.5, "4", None])
def test_wrong_options_are_refused(value: object) -> None:
    with pytest.raises(UsageError, match="integer"):
        create_space("pit", patch_size=value)  # type: ignore[arg-type]


def test_patches_larger_than_the_image_are_refused() -> None:
    for use in (Pit(patch_size=17).build, Pit(patch_size=17).sizes):
        with pytest.raises(UsageError, match="do not fit into images of 16"):
            use(SMALLEST, SMALL_IMAGES)


def test_maps_of_the_stages() -> None:
    space = Pit(patch_size=4)
    module = build(space, PIT_TINY, SMALL_IMAGES)
    maps = outputs_of(module, space.features(module), images(SMALL_IMAGES))
    assert [tuple(shown.shape[1:]) for shown in maps] == [
        (64, 7, 7),
        (64, 7, 7),
        (128, 4, 4),
        (256, 2, 2),
        (256, 1, 1),
    ]


def test_a_probe_reads_the_student() -> None:
    space = Pit(patch_size=4)
    module = build(space, SMALLEST, SMALL_IMAGES)
    probe = Probe(
        module,
        images(SMALL_IMAGES, batch=4),
        torch.tensor([0, 1, 2, 3]),
        features=space.features(module),
        head=space.head(module),
        needs=["features", "head_gradient"],
    )
    assert probe.last_feature.shape == (4, 32, 1, 1)
    assert probe.head_gradient.shape == (5, 32)
    assert torch.equal(probe.pooled, probe.last_feature.flatten(1))


def test_a_student_exports_with_parity(tmp_path: Path) -> None:
    space = Pit(patch_size=4)
    module = build(space, SMALLEST.replace(heads="2-4-8"), SMALL_IMAGES)
    path = export_onnx(module, SMALL_IMAGES.input_shape, tmp_path / "student.onnx")
    assert check_parity(module, path, SMALL_IMAGES.input_shape, seed=0).passed


def _count(module: nn.Module, task: Task) -> Sizes:
    record = count_macs(module, task.input_shape)
    assert not record.unsupported
    return Sizes(macs=record.macs, params=record.params)
