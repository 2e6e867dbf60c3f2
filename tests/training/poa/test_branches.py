"""The whole loss is made of its terms with their weights; each term is a switch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Generator

from nas_kd.training.poa.branches import Branches, Targets
from nas_kd.training.poa.heads import PrototypeHeads
from nas_kd.training.poa.masking import draw_masks
from nas_kd.training.poa.published import resolved
from nas_kd.training.poa.settings import PoaSettings
from nas_kd.training.poa.students import Students
from nas_kd.training.poa.views import OfViews
from search_spaces import Arch, ElasticVit, Task
from tests.training.elastic.jobs import SPACES

SAMPLES = 4
SMALLEST = Arch({"width": 16, "depth": 2})


def _drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(sum(shape)))


def _parts(
    archs: list[Arch], *, masked: bool = True, patch_weight: float = 1.0, **changes: Any
) -> tuple[Branches, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    task = Task(in_channels=1, image_size=8, num_classes=0)
    backbone = ElasticVit(**SPACES["elastic-vit"]).supernet(task, scaled=True)
    heads = PrototypeHeads(32, heads=2, prototypes=8, hidden=16, bottleneck=6, scaled=True)
    settings = resolved(PoaSettings(**changes), "elastic-vit")
    branches = Branches(Students(backbone, heads), settings)
    views = OfViews(_drawn(2, SAMPLES, 1, 8, 8), _drawn(3, SAMPLES, 1, 4, 4))
    generator = Generator().manual_seed(0)
    masks = draw_masks(2 * SAMPLES, (4, 4), probability=0.5, ratio=(0.3, 0.5), generator=generator)
    hidden = int(masks.sum())
    targets = Targets(
        views=[_drawn(2, SAMPLES, size).softmax(-1) for size in (8, 16)],
        patches=[_drawn(hidden, size).softmax(-1) for size in (8, 16)] if masked else [],
    )
    given = masks if masked else None
    return branches, branches(views, given, archs, targets, patch_weight)


def test_the_loss_is_the_published_sum() -> None:
    _, parts = _parts([SMALLEST])
    expected = (
        0.8 * parts["intact"]
        + 0.2 * (parts["cross_view"] + parts["same_view"])
        + 0.8 * parts["patches_intact"]
        + 0.2 * parts["patches_elastic"]
        + 0.1 * parts["koleo"]
    )

    torch.testing.assert_close(parts["loss"].detach(), expected)


def test_without_elastic_students_the_intact_one_has_the_whole_weight() -> None:
    _, parts = _parts([])

    assert set(parts) == {"loss", "intact", "patches_intact", "koleo"}
    expected = parts["intact"] + parts["patches_intact"] + 0.1 * parts["koleo"]
    torch.testing.assert_close(parts["loss"].detach(), expected)


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"cross_view": False}, {"cross_view"}),
        ({"same_view": False}, {"same_view"}),
        ({"koleo_weight": 0.0}, {"koleo"}),
        ({"masked": False}, {"patches_intact", "patches_elastic"}),
    ],
)
def test_a_term_that_is_switched_off_is_gone(changes: dict[str, Any], gone: set[str]) -> None:
    _, whole = _parts([SMALLEST])
    _, parts = _parts([SMALLEST], **changes)

    assert set(whole) - set(parts) == gone
    assert torch.isfinite(parts["loss"])


def test_several_elastic_students_are_averaged() -> None:
    other = Arch({"width": 32, "depth": 2})
    _, both = _parts([SMALLEST, other])
    alone = [_parts([arch])[1] for arch in (SMALLEST, other)]

    for name in ("cross_view", "same_view", "patches_elastic"):
        mean = (alone[0][name] + alone[1][name]) / 2
        torch.testing.assert_close(both[name], mean)
    assert alone[0]["intact"] == alone[1]["intact"] == both["intact"]


def test_every_weight_gets_a_gradient() -> None:
    """Else processes that train different students would wait for each other forever."""
    branches, parts = _parts([SMALLEST])
    parts["loss"].backward()

    assert [n for n, p in branches.named_parameters() if p.grad is None] == []


def test_the_smallest_student_moves_only_its_own_part_of_the_weights() -> None:
    branches, parts = _parts([SMALLEST], intact_weight=0.0, koleo_weight=0.0)
    parts["loss"].backward()
    positions = branches.students.backbone.parent.pos_embed.grad

    assert positions[..., :16].abs().sum() > 0
    assert positions[..., 16:].abs().sum() == 0
