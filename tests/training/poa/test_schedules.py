"""Learning rate, weight decay, the teacher's momentum and temperature in the course of time."""

from __future__ import annotations

import math

import pytest
import torch
from torch.optim import AdamW

from nas_kd.training.poa.published import resolved
from nas_kd.training.poa.schedules import Schedules, cosine
from nas_kd.training.poa.settings import PoaSettings


def _optimizer(rate: float = 0.004) -> AdamW:
    def group(scale: float, *, decays: bool, rests: bool) -> dict[str, object]:
        weight = torch.nn.Parameter(torch.ones(2, 2))
        return {"params": [weight], "lr_scale": scale, "decays": decays, "rests": rests}

    groups = [
        group(1.0, decays=True, rests=False),
        group(0.5, decays=False, rests=False),
        group(1.0, decays=True, rests=True),
    ]
    return AdamW(groups, lr=rate)


def _schedules(**changes: object) -> tuple[Schedules, AdamW]:
    optimizer = _optimizer()
    settings = resolved(PoaSettings(**changes), "elastic-vit")  # type: ignore[arg-type]
    return Schedules(optimizer, settings), optimizer


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_the_momentum_follows_the_formula_of_the_longer_plan(share: float) -> None:
    schedules, _ = _schedules()
    place = 0.78 * share
    expected = 0.9999 - (0.9999 - 0.992) * (math.cos(math.pi * place) + 1) / 2

    assert schedules.set(share).momentum == pytest.approx(expected, abs=1e-12)


def test_a_plan_that_is_run_through_reaches_its_ends() -> None:
    schedules, optimizer = _schedules(planned=1.0)
    moment = schedules.set(1.0)

    assert moment.momentum == pytest.approx(0.9999)
    assert optimizer.param_groups[0]["weight_decay"] == pytest.approx(0.4)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(2e-5)


def test_the_published_plan_is_cut_short() -> None:
    schedules, optimizer = _schedules()
    schedules.set(1.0)
    warmup = 10 / 346
    place = (1 - warmup) / (1 / 0.78 - warmup)

    assert optimizer.param_groups[0]["lr"] == pytest.approx(cosine(0.004, 2e-5, place), rel=1e-4)


def test_the_rate_rises_from_zero_and_is_scaled_by_group() -> None:
    schedules, optimizer = _schedules(warmup=0.1)
    schedules.set(0.05)
    body, scaled, _ = (group["lr"] for group in optimizer.param_groups)

    assert body == pytest.approx(0.002)
    assert scaled == pytest.approx(0.001)
    schedules.set(0.0)
    assert optimizer.param_groups[0]["lr"] == 0


def test_prototypes_rest_first() -> None:
    schedules, optimizer = _schedules(prototypes_rest=0.1, warmup=0.0)
    rates = []
    for share in (0.05, 0.1):
        schedules.set(share)
        rates.append(optimizer.param_groups[2]["lr"])

    assert rates[0] == 0
    assert rates[1] == optimizer.param_groups[0]["lr"] > 0


def test_only_groups_that_decay_decay() -> None:
    schedules, optimizer = _schedules()
    schedules.set(0.5)
    decays = [group["weight_decay"] for group in optimizer.param_groups]

    assert decays[0] == decays[2] == pytest.approx(cosine(0.04, 0.4, 0.78 * 0.5))
    assert decays[1] == 0


def test_the_schedule_goes_on_after_the_optimiser_was_loaded() -> None:
    schedules, optimizer = _schedules()
    optimizer.load_state_dict(_optimizer().state_dict())
    schedules.set(0.5)

    assert optimizer.param_groups[0]["weight_decay"] == pytest.approx(cosine(0.04, 0.4, 0.39))


def test_temperature_rises_linearly_and_masked_patches_set_in() -> None:
    schedules, _ = _schedules(temperature_warmup=0.5, patch_start=0.3)

    assert schedules.set(0.25).temperature == pytest.approx(0.055)
    assert schedules.set(0.5).temperature == schedules.set(0.9).temperature == 0.07
    assert schedules.set(0.29).patch_weight == 0
    assert schedules.set(0.3).patch_weight == 1
