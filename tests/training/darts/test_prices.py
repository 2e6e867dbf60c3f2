"""What a search is charged: for what can be found, in the network that is delivered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nas_kd.costs import DeviceProfile
from nas_kd.data import load_data
from nas_kd.errors import UsageError
from nas_kd.training.darts.cost_table import cost_table
from nas_kd.training.darts.expected_cost import ExpectedCost
from nas_kd.training.darts.halves import Halves
from nas_kd.training.darts.session import SearchSession
from nas_kd.training.darts.supernets import make_supernet
from nas_kd.training.pretraining import METHODS, Job
from nas_kd.training.pretraining.method import Timed
from search_spaces import Arch, Darts, Task
from search_spaces.supernets import CellKind, Mixture, NasBench201Supernet
from tests.training.darts.conftest import OPTIONS

MakeJob = Callable[..., Job]
TINY, CIFAR10 = Task(1, 8, 10), Task(3, 32, 10)


def test_what_none_weighs_makes_nothing_cheaper_where_it_is_not_decoded() -> None:
    operations = ("none", "skip_connect", "conv")
    kinds = {"cell": CellKind(((0, 1), (1, 2)), operations, decodes_none=False)}
    cost = ExpectedCost({"cell": torch.tensor([[50.0, 0.0, 6.0], [50.0, 0.0, 12.0]])}, kinds)

    def share(rows: Tensor) -> float:
        return float(cost(Mixture({"cell": rows})))

    found = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    assert share(found) == pytest.approx(6 / 18)
    leaning = torch.tensor([[0.9, 0.02, 0.08], [0.9, 0.05, 0.05]])
    assert share(leaning) == pytest.approx((0.8 * 6 + 0.5 * 12) / 18)
    alphas = torch.zeros(2, 3, requires_grad=True)
    cost(Mixture({"cell": alphas.softmax(1)})).backward()
    assert alphas.grad is not None
    torch.testing.assert_close(alphas.grad[:, 0], torch.zeros(2))
    assert (alphas.grad[:, 2] > 0).all()


def test_a_drawn_none_is_no_way_around_a_price_either() -> None:
    """One operation an edge is drawn, with the gradient of the weights that it was drawn by."""
    kinds = {"cell": CellKind(((0, 1),), ("none", "skip_connect", "conv"), decodes_none=False)}
    cost = ExpectedCost({"cell": torch.tensor([[0.0, 0.0, 6.0]])}, kinds)
    slopes: list[Tensor] = []
    for number in range(3):
        soft = torch.tensor([[0.2, 0.4, 0.4]], requires_grad=True)
        drawn = torch.eye(3)[number : number + 1] - soft.detach() + soft
        found = cost(Mixture({"cell": drawn}))
        assert float(found.detach()) == pytest.approx(number // 2)
        (slope,) = torch.autograd.grad(found, soft)
        slopes.append(slope[0])
    none, *others = slopes
    assert torch.equal(none, torch.zeros(3))
    torch.testing.assert_close(sum(others), torch.tensor([0.0, -1.0, 1.0]))


def test_the_network_that_is_delivered_is_charged(make_job: MakeJob) -> None:
    """That of the DARTS space has 18 normal and 2 reducing cells, of 36 channels."""
    job = make_job("darts", "darts", cost_weight=1.0)
    searched = make_supernet(Darts(16, 8), CIFAR10, partial=4, auxiliary_skip=True)
    state = torch.get_rng_state()
    table = cost_table(searched, job)
    assert torch.equal(state, torch.get_rng_state())
    arch = Darts().parse("DARTS_V2")
    rows = searched.mixture_of(arch).operations
    price = sum(float((rows[kind] * table[kind]).sum()) for kind in rows)
    pools = {n: v if n.endswith("inputs") else "max_pool_3x3" for n, v in arch.items()}
    sizes = [Darts().sizes(found, CIFAR10) for found in (arch, Arch(pools))]
    assert price == sizes[0].macs - sizes[1].macs
    asked = replace(job, space_options={"channels": 16, "cells": 8, "auxiliary": 1})
    for kind, costs in cost_table(searched, asked).items():
        assert torch.equal(costs, table[kind])


def test_the_delivered_operations_are_measured(make_job: MakeJob) -> None:
    measured: list[str] = []

    def stopwatch(modules: Mapping[str, Timed], profile: DeviceProfile) -> dict[str, float]:
        for name, (module, shape) in modules.items():
            assert module(torch.zeros(1, *shape)).shape[1] == shape[0]
            measured.append(name)
        return dict.fromkeys(modules, 1.0)

    job = make_job("darts", "darts", cost_weight=1.0, cost_table="measured:cpu-1t")
    searched = make_supernet(job.space, TINY, partial=1, auxiliary_skip=False)
    cost_table(searched, replace(job, stopwatch=stopwatch))
    assert {"sep_conv_3x3 on 36x8x8", "sep_conv_3x3 on 72x8x8, stride 2"} <= {*measured}
    assert not any(" on 4x" in name or " on 8x" in name for name in measured)


def test_a_space_that_is_searched_as_it_is_delivered_is_charged_so(make_job: MakeJob) -> None:
    job = make_job("darts", "nasbench201", cost_weight=1.0)
    searched = make_supernet(job.space, TINY, partial=1, auxiliary_skip=False)
    (ours,), (theirs,) = cost_table(searched, job).values(), searched.operation_macs().values()
    assert torch.equal(ours, theirs)


def test_a_run_is_tied_to_what_its_file_of_prices_holds(tmp_path: Path) -> None:
    method, file = METHODS.get("sd-darts"), tmp_path / "costs.json"
    settings = method.settings(cost_weight=1.0, cost_table=str(file))
    with pytest.raises(UsageError, match="cannot be read"):
        method.inputs(settings)
    named = []
    for cost in (1, 2, 1):
        file.write_text(json.dumps({"cell": [[cost] * 5] * 6}))
        named.append(method.inputs(settings))
    assert named[0] == named[2] != named[1]
    assert method.inputs(method.settings()) == {}
    measured = method.settings(cost_weight=1.0, cost_table="measured:cpu-1t")
    assert method.inputs(measured) == {}


def test_a_restored_supernet_decodes_by_the_rule_of_its_search(
    make_job: MakeJob, tmp_path: Path
) -> None:
    for keep_none in (False, True):
        job = make_job("darts", keep_none=keep_none)
        facts = SearchSession(job).save(tmp_path)
        asked = {
            "settings": vars(job.settings),
            "space": "nasbench201",
            "space_options": OPTIONS["nasbench201"],
        }
        restored = METHODS.get("darts").restore(tmp_path, {**asked, **facts})
        assert isinstance(restored, NasBench201Supernet)
        rows = torch.tensor([[0.9, 0.1, 0.0, 0.0, 0.0]] * 6)
        found = restored.discretise(Mixture({"cell": rows}))
        assert set(found.values()) == {"none" if keep_none else "skip_connect"}


def test_a_class_with_a_single_training_image_is_told(make_job: MakeJob) -> None:
    data = load_data("digits", seed=0)
    only = [int((data.train.labels == 3).nonzero()[0])]
    others = (data.train.labels != 3).nonzero().flatten().tolist()
    scarce = replace(data, train=data.train.subset([*only, *others[:200]]))
    job = make_job()
    with pytest.raises(UsageError, match="class 3 has a single training image"):
        Halves(scarce, job.settings, 0, job.accelerator)
