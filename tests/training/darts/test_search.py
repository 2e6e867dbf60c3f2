"""Whole searches: exact resume, prices, what is told and what is left on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nas_kd.costs import DeviceProfile
from nas_kd.errors import NasKdError, UsageError
from nas_kd.training.darts.cost_table import cost_table
from nas_kd.training.darts.regularisation import beta_decay
from nas_kd.training.darts.session import SearchSession
from nas_kd.training.pretraining import METHODS, Job, PretrainingFolder, load_supernet, pretrain
from nas_kd.training.pretraining.method import Timed
from tests.training.darts.searches import EARLY, MakeJob, same, searched
from tests.training.states import alike, stored


def test_the_second_order_leaves_batch_norm_statistics_to_the_steps_of_w(
    make_job: MakeJob,
) -> None:
    session = SearchSession(make_job(order="second"))
    before = {name: buffer.clone() for name, buffer in session.network.named_buffers()}
    session._step.alphas(*next(session.batches()), epochs=0.0, seed=1)
    assert before
    for name, buffer in session.network.named_buffers():
        assert torch.equal(buffer, before[name]), name


VARIANTS: list[tuple[str, str, dict[str, Any]]] = [
    ("darts", "nasbench201", {}),
    ("darts", "nasbench201", {"order": "second", "cost_weight": 1.0, "eigenvalue_every": 1}),
    ("darts", "nasbench201", {"selection": "perturbation"}),
    ("sd-darts", "nasbench201", EARLY),
    ("sd-darts", "nasbench201", {**EARLY, "teacher_sources": "cached+ema", "vote": "loss"}),
    ("sd-darts", "nasbench201", {**EARLY, "teacher_sources": "snapshots+external"}),
    (
        "sd-darts",
        "nasbench201",
        {"teacher_start": 0.0, "teacher_sources": "ema+external", "teacher_views": "clean"},
    ),
    ("sd-darts", "nasbench201", {**EARLY, "signal": "relations", "applied_to": "both"}),
    ("sd-darts", "nasbench201", {**EARLY, "vote": "hard", "applied_to": "alpha"}),
    ("sd-darts", "nasbench201", {**EARLY, "epochs": 1, "selection": "perturbation"}),
    ("pc-darts", "nasbench201", {}),
    ("gdas", "nasbench201", {}),
    ("drnas", "nasbench201", {}),
    ("beta-darts", "nasbench201", {}),
    ("sdarts-rs", "nasbench201", {}),
    ("darts", "nasbench201", {"perturbation": "adversarial"}),
    ("darts-minus", "nasbench201", {}),
    ("sd-darts", "darts", {**EARLY, "batch_size": 80, "judged_images": 8, "partial": 4}),
    ("darts-minus", "darts", {"batch_size": 80, "judged_images": 8}),
]


@pytest.mark.parametrize(("method", "space", "settings"), VARIANTS)
def test_a_search_goes_on_where_it_was_cut(
    make_job: MakeJob, method: str, space: str, settings: dict[str, Any]
) -> None:
    cut = SearchSession(make_job(method, space, **settings))
    first = cut.run_unit()
    assert first["train_loss"] > 0
    assert 0 <= first["cell_accuracy"] <= 1
    resumed = SearchSession(make_job(method, space, **settings))
    resumed.load(stored(cut.state()))
    assert alike(cut.state(), resumed.state())
    for _ in range(min(2, cut.total - 1)):
        rows = [session.run_unit() for session in (cut, resumed)]
        assert rows[0] == rows[1]
    assert alike(cut.state(), resumed.state())
    assert cut.arch == resumed.arch
    cut.network.supernet.space.canonical(cut.arch)


@pytest.mark.parametrize("keep_none", [True, False])
def test_none_is_an_edge_of_the_found_cell_only_if_it_is_kept(
    make_job: MakeJob, keep_none: bool
) -> None:
    session = SearchSession(make_job("darts", keep_none=keep_none))
    with torch.no_grad():
        session.network.alphas.operations["cell"][:, 0] = 9.0
    assert (set(session.arch.values()) == {"none"}) == keep_none
    assert ("none" in session.arch.values()) == keep_none


def test_a_price_on_macs_makes_cells_cheaper(make_job: MakeJob) -> None:
    def macs(session: SearchSession) -> float:
        table = session.network.supernet.operation_macs()["cell"]
        weights = session.network.expected().operations["cell"].detach()
        return float((weights * table).sum())

    free, priced = (
        searched(make_job(cost_weight=weight, alpha_learning_rate=0.05)) for weight in (0.0, 20.0)
    )
    assert macs(priced) < 0.9 * macs(free)
    bounded = searched(make_job(cost_weight=20.0, cost_limit=1.0, alpha_learning_rate=0.05))
    assert same(free, bounded)


def test_a_table_of_costs_is_charged(make_job: MakeJob, tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    file.write_text(json.dumps({"cell": [[0.0, 9.0, 0.0, 0.0, 0.0]] * 6}))
    settings = {"cost_weight": 20.0, "alpha_learning_rate": 0.05, "cost_table": str(file)}
    session = searched(make_job(**settings))
    assert session.network.expected().operations["cell"][:, 1].max() < 0.18
    for text in ("{", '{"cell": [[1]]}', '{"cell": [[0, 0, 0, 0, -1], 1, 1, 1, 1, 1]}', "[]"):
        file.write_text(text)
        with pytest.raises(UsageError, match="cost_table"):
            SearchSession(make_job(**settings))


class Clock:
    """A device on which doing nothing takes a map's size, and a convolution ten times as long."""

    def __call__(self, modules: Mapping[str, Timed], profile: DeviceProfile) -> dict[str, float]:
        assert str(profile) == "cpu-2t"
        slow = {name: 10.0 if "conv" in name else 1.0 for name in modules}
        return {name: slow[name] * math.prod(shape) for name, (_, shape) in modules.items()}


def test_measured_operations_are_charged(make_job: MakeJob) -> None:
    settings = {"cost_weight": 20.0, "alpha_learning_rate": 0.05, "cost_table": "measured:cpu-2t"}
    job, clock = make_job(**settings), Clock()
    timed = replace(job, stopwatch=clock)
    table = cost_table(SearchSession(timed).network.supernet, timed)["cell"]
    numbers = 4 * 8 * 8 + 8 * 4 * 4 + 16 * 2 * 2
    assert table.tolist() == [[0.0, 0.0, 9.0 * numbers, 9.0 * numbers, 0.0]] * 6
    session = SearchSession(timed)
    rows = [session.run_unit() for _ in range(2)]
    assert rows[1]["expected_cost"] < rows[0]["expected_cost"] < 0.4
    assert rows[1]["cell_cost"] in [pytest.approx(n / 6) for n in range(7)]
    with pytest.raises(UsageError, match="stopwatch"):
        SearchSession(job)
    free = SearchSession(make_job())
    assert "expected_cost" not in free.run_unit()


def test_the_regulariser_grows_by_its_slope(make_job: MakeJob) -> None:
    session = SearchSession(make_job("beta-darts", beta_slope=0.5))
    network = session.network
    found = [session._step._regularisers(network.expected(), epochs) for epochs in (0.0, 3.0)]
    torch.testing.assert_close(found, [torch.zeros(()), 1.5 * beta_decay(network.alphas)])


def test_supernets_may_be_judged_now_and_then(make_job: MakeJob) -> None:
    """Which changes nothing in the training; the last epoch is always judged."""
    always, seldom = (
        SearchSession(make_job(epochs=3, judge_every=every, eigenvalue_every=1)) for every in (1, 2)
    )
    rows = [[session.run_unit() for _ in range(3)] for session in (always, seldom)]
    assert ["cell_accuracy" in row for row in rows[1]] == [False, True, True]
    for whole, some in zip(*rows, strict=True):
        assert some.items() <= whole.items()


def test_what_a_search_leaves(make_job: MakeJob, tmp_path: Path) -> None:
    job, folder = make_job("sd-darts", **EARLY), PretrainingFolder(tmp_path / "run")
    folder.claim(
        {
            "method": "sd-darts",
            "settings": vars(job.settings),
            "space": "nasbench201",
            "space_options": {"channels": 4, "cells_per_stage": 1},
        }
    )
    facts = pretrain(METHODS.get("sd-darts"), job, folder, lambda *told: None)
    supernet = load_supernet(folder.path)
    arch = job.space.parse(facts["description"])
    assert dict(arch) == facts["arch"]
    assert len(facts["archs"]) == 2
    whole = searched(make_job("sd-darts", **EARLY))
    images = torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(supernet(images, arch), whole.network.supernet.eval()(images, arch))
    columns = folder.metrics_csv.read_text().splitlines()[0].split(",")
    assert {"teacher_loss", "discretisation_gap", "sharpness", "skips", "alpha_entropy"} <= {
        *columns
    }


@pytest.mark.parametrize(
    "settings",
    [
        {"relaxation": "hardmax"},
        {"epochs": 0},
        {"learning_rate": float("nan")},
        {"gradient_clip": 0.0},
        {"early_stop": True},
        {"early_stop": True, "eigenvalue_every": 1, "epochs": 16},
        {"teacher_sources": "snapshots+oracle"},
        {"teacher_sources": "cached", "applied_to": "alpha"},
        {"teacher_temperature": 0.0},
        {"ema_decay": 1.0},
        {"vote": "loud"},
        {"alpha_start": 50},
        {"epochs": 5},
        {"teachers": 2, "least_teachers": 3},
        {"epochs": 8, "teacher_interval": 4.0, "least_teachers": 2},
        {"teacher_sources": "ema+external", "least_teachers": 3},
        {"cost_table": "costs.json"},
        {"cost_limit": 0.5},
        {"cost_limit": 1.5, "cost_weight": 1.0},
        {"selection_epochs": 5},
        {"teacher_sources": "snapshots+snapshots"},
        {"teacher_sources": "none", "teacher_weight": 1.0},
        {"teacher_sources": "none", "teachers": 5},
        {"teacher_sources": "ema", "teachers": 5},
        {"ema_decay": 0.9},
        {"external_votes": 2.0},
        {"teacher_sources": "snapshots+external", "external_votes": 0.0},
        {"teacher_views": "clean"},
        {"teacher_sources": "external", "teacher_views": "clean", "applied_to": "both"},
        {"vote": "hard", "teacher_temperature": 2.0},
        {"signal": "relations", "teacher_temperature": 2.0},
        {"cost_table": "measured:cpu-1t-int8", "cost_weight": 1.0},
        {"cost_table": "measured:", "cost_weight": 1.0},
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        METHODS.get("sd-darts").settings(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha_start": 50, "selection": "perturbation"},
        {"epochs": 6},
        {"epochs": 5, "teacher_weight": 0.0},
        {"epochs": 5, "teachers": 0},
        {"epochs": 9, "teacher_interval": 4.0, "least_teachers": 2},
        {"teacher_sources": "snapshots+external", "least_teachers": 4},
    ],
)
def test_what_is_trained_in_time_or_left_out_is_no_mistake(settings: dict[str, Any]) -> None:
    METHODS.get("sd-darts").settings(**settings)


def test_a_device_that_nobody_has_is_refused() -> None:
    with pytest.raises(UsageError, match="no device 'npu'"):
        METHODS.get("darts").settings(cost_table="measured:npu", cost_weight=1.0)


def test_a_job_that_does_not_fit_is_refused(make_job: MakeJob) -> None:
    idle = Job(**{**vars(make_job("sd-darts", **EARLY)), "teacher": "timm:resnet18"})
    with pytest.raises(UsageError, match="--teacher"):
        SearchSession(idle)
    with pytest.raises(UsageError, match="divisor"):
        SearchSession(make_job("pc-darts", partial=3))
    with pytest.raises(UsageError, match="never keep none"):
        SearchSession(make_job("darts", "darts", keep_none=False))


def test_a_loss_that_explodes_is_told(make_job: MakeJob) -> None:
    with pytest.raises(NasKdError, match="no longer finite"):
        searched(make_job(learning_rate=1e30, gradient_clip=None))
