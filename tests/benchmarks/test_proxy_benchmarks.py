"""What each benchmark of proxies scores and says, on a handful of networks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import t

from benchmarks import real_tables
from benchmarks.nb201_cells import scoring, shared_cells
from benchmarks.own_proxy import FUSED, OURS, fused, nasbench201, on_table, spread
from benchmarks.proxy_audit import audit
from benchmarks.proxy_reproduction import SUITE, az_nas_variants, reproduction
from benchmarks.proxy_scores import scored, scores_of
from benchmarks.proxy_speed import BARS, Forms, prepare, times, whole_space
from benchmarks.rank_rows import rank_row
from benchmarks.search_quality import METHODS, _summary, functions_within, quality, scored_pool
from benchmarks.textbook_proxies import Network, textbook_scores
from proxies import TeacherProbes, score_student
from search_spaces import Arch, NasBench201, Task
from studies.default_proxies import default_proxies
from studies.ranking.bench import Bench
from studies.ranking.correlation import kendall_tau
from studies.ranking.judge import Judge
from studies.workers import one_thread
from tests.benchmarks.conftest import small

pytestmark = pytest.mark.usefixtures("quick")

FEW = 3


def test_scores_are_kept_and_are_those_of_nas_kd_rank() -> None:
    setting = small(scoring(0))
    archs = list(dict.fromkeys(shared_cells()["function"][:FEW]))
    found = scores_of(archs, ["naswot"], setting)
    bench = setting.bench(["naswot"])
    with one_thread():
        expected = [bench.score(arch, ["naswot"])["naswot"] for arch in archs]
    assert found["naswot"].tolist() == expected
    before = setting.file().path.read_bytes()
    assert scores_of(archs, ["naswot"], setting).equals(found)
    assert setting.file().path.read_bytes() == before
    assert setting.file().path != replace(setting, options={"channels": 8}).file().path


@pytest.mark.parametrize("table", [real_tables.s0(), real_tables.autoformer()])
def test_the_audit_judges_what_scores_a_space_beside_sizes(table: real_tables.RealTable) -> None:
    few = replace(
        table, setting=replace(table.setting, images=2, image_size=32), largest_sample=FEW
    )
    rows = pd.DataFrame(audit(few, ["dss", OURS, "kd_loss"]))
    transformers = table.name == "AutoFormer"
    expected = {"params", "macs", "depth", OURS, "kd_loss"} | ({"dss"} if transformers else set())
    assert set(rows["proxy"]) == expected
    assert set(rows["target"]) == set(table.targets)
    assert len(rows) == len(expected) * len(table.targets)
    assert rows["tau"].notna().any()
    assert rows.set_index("proxy")["ours"].loc[OURS].all()
    if transformers:
        assert set(rows["space_option_head_dim"]) == {0}


def test_the_audit_judges_what_a_search_fuses_unless_told() -> None:
    table = real_tables.nasbench_macro(rows=5)
    few = replace(table, setting=replace(table.setting, images=2))
    default = default_proxies("nasbench-macro")
    rows = pd.DataFrame(audit(few, default)).set_index("proxy")
    scores = scores_of(few.rows("mean_acc").functions, default, few.setting)
    together = kendall_tau(fused(scores), few.rows("mean_acc").target)
    assert rows["tau"]["+".join(default)] == pytest.approx(together)
    assert rows["seconds_per_arch"]["+".join(default)] > rows["seconds_per_arch"][default[0]]


def test_rows_have_the_statistics_of_nas_kd_rank() -> None:
    target, params = np.arange(6.0), np.array([3.0, 1, 2, 5, 4, 6])
    judge = Judge(target, params, seed=0)
    row = rank_row("bench", "target", "proxy", judge, np.array([0.0, 2, 1, 3, math.nan, 5]))
    found = judge.rate(np.array([0.0, 2, 1, 3, math.nan, 5])).to_document()
    for name in ("tau", "rho"):
        assert (row[f"{name}_low"], row[f"{name}_high"]) == found.pop(f"{name}_ci")
    assert {name: row[name] for name in found} == pytest.approx(found, nan_ok=True)
    assert (row["bench"], row["target"], row["proxy"]) == ("bench", "target", "proxy")
    assert row["interval"] == "bootstrap"


def test_every_table_has_its_space() -> None:
    for table in (
        real_tables.nasbench201(rows=FEW), real_tables.nasbench_macro(FEW), real_tables.s0(),
        real_tables.autoformer(), real_tables.pit(),
    ):  # fmt: skip
        rows = [table.rows(target) for target in table.targets]
        assert all(r.functions == rows[0].functions for r in rows)
        assert (table.sizes(rows[0].archs)["params"] > 0).all()


def test_sizes_are_counted_within_the_time_of_what_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, arch = small(scoring(0)).bench(["diswot"]), NasBench201().anchors()[1]
    counted: list[Arch] = []
    costs = Bench.costs
    monkeypatch.setattr(Bench, "costs", lambda b, a: counted.append(a) or costs(b, a))
    ways = Forms(bench, ["naswot"], ["snip"], None).of(arch)  # type: ignore[arg-type]
    assert not counted
    ways["all forward-only"](bench.space.build(arch, bench.task))
    assert not counted
    ways["eight shared"](bench.space.build(arch, bench.task))
    assert counted == [arch]


def test_speed_times_every_form_and_scores_a_space() -> None:
    setting = small(scoring(0))
    arch = NasBench201().anchors()[0]
    forms = prepare(setting.bench(["diswot"]), arch)
    assert {"diswot", "naswot", "zen"} <= set(forms.forward_only)
    assert {"snip", "jacov"} <= set(forms.one_backward)
    assert not set(forms.forward_only) & {"head_confidence", "az_trainability", "gradsign"}
    seconds = times(forms, arch, repeats=1)
    assert {name for pair in BARS for name in pair} <= set(seconds)
    assert all(0 < value < math.inf for value in seconds.values())
    row = whole_space(FEW)
    assert (row["functions"], row["processes"] >= 1, row["minutes"] > 0) == (FEW, True, True)


def test_the_textbook_says_what_the_proxies_say() -> None:
    space, task = NasBench201(channels=4, cells_per_stage=1), Task(3, 8, 10)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(8, 3, 8, 8, generator=generator)
    labels = torch.randint(10, (8,), generator=generator)
    arch, teacher_arch = space.parse("9930"), space.anchors()[0]
    student, teacher = (space.build(a, task) for a in (arch, teacher_arch))
    names = list(space.features(teacher)), space.head(teacher)
    probes = TeacherProbes(teacher, images, labels, features=names[0], head=names[1], seed=0)
    sizes = space.sizes(arch, task)
    costs = {"macs": float(sizes.macs), "params": float(sizes.params)}
    state = {name: value.clone() for name, value in student.state_dict().items()}
    found = textbook_scores(
        Network(student, names[0][-1], names[1]), Network(teacher, names[0][-1], names[1]),
        images, labels, seed=0,
    )  # fmt: skip
    student.load_state_dict(state)
    ours = score_student(
        lambda: student, images, labels, proxies=list(found), features=space.features,
        head=space.head, seed=0, teacher=probes, costs=costs,
    )  # fmt: skip
    assert found == pytest.approx(ours, rel=1e-3)


def test_the_reproduction_compares_like_with_like() -> None:
    rows = pd.DataFrame(reproduction(8, FEW, 1)).set_index(["proxy", "target"])
    valid, test = (rows.xs(t, level="target") for t in ("c10_valid_200", "c10_test_200"))
    assert valid.loc["jacov", "published_rho"] == 0.818
    assert math.isnan(test.loc["jacov", "published_rho"])
    assert test.loc["naswot", "rho_beside_published"] == test.loc["naswot", "rho"]
    assert valid.loc["jacov", "rho_beside_published"] == valid.loc["jacov", "rho_on_listed"]
    beside = set(test.index[test["rho_with_suite"].notna()])
    assert set(SUITE) <= beside
    assert test.loc["params", "rho_with_suite"] == pytest.approx(1)
    assert test.loc["params", "rho_with_16_pixels"] == pytest.approx(1)
    assert {0, FEW} >= set(test["cells_with_16_pixels"].fillna(0))


def test_variants_of_az_nas_differ_in_one_thing() -> None:
    terms = pd.DataFrame(
        {
            "az_expressivity": [1.0, 2, 3, 4], "az_progressivity": [1.0, 2, 3, 4],
            "az_trainability": [1.0, 2, 3, -math.inf], "macs": [4.0, 1, 2, 3],
            "az_nas": [0.0, 1, 2, 3],
        }
    )  # fmt: skip
    found = {name: values for name, (values, _) in az_nas_variants(terms).items()}
    linear = [1 + 1 + 2 + 4, 2 + 2 + 3 + 1, 3 + 3 + 4 + 2, 4 + 4 + 1 + 3]
    assert found["sum of ranks, not of log-ranks"].tolist() == linear
    assert np.argmax(found["cells without a value first, not last"]) == 3
    assert np.argmax(found["without macs"]) == 2


def test_our_proxy_is_told_as_a_search_has_it_and_as_written() -> None:
    cells = shared_cells()
    cells = pd.concat(
        part.sample(4, random_state=0) for _, part in cells.groupby(["half", "reachable"])
    )
    rows = pd.DataFrame(nasbench201(cells))
    assert set(rows["proxy"]) == {OURS, f"{OURS}, as written", "params", "jacov+params"}
    assert (rows["image_size"] == 8).all()
    assert set(rows["interval"]) == {"bootstrap"}
    beside = pd.DataFrame(spread(cells, seeds=2, sample=6, full_size=4))
    assert "+".join(FUSED) in set(beside["proxy"])
    assert set(beside.loc[beside["proxy"] == OURS, "cells_with_32_pixels"]) == {4}
    assert beside["tau_mean_over_seeds"].notna().sum() == 2


def test_our_proxy_on_another_table_says_what_one_seed_gives() -> None:
    table = replace(real_tables.s0(), setting=small(real_tables.s0().setting), largest_sample=FEW)
    rows = pd.DataFrame(on_table(table, seeds=2)).set_index("proxy")
    assert set(rows.index) == {
        OURS, "params", "macs", "depth", "params+params+macs", "+".join(FUSED)
    }  # fmt: skip
    assert rows.loc[OURS, "seeds"] == 2
    archs, target = (table.rows(table.targets[0]).functions, table.rows(table.targets[0]).target)
    scores = [scores_of(archs, [OURS], table.with_seed(seed).setting)[OURS] for seed in range(2)]
    first, second = (kendall_tau(one.to_numpy(), target) for one in scores)
    assert rows.loc[OURS, "tau"] == pytest.approx(first, nan_ok=True)
    assert rows.loc[OURS, "tau_mean_over_seeds"] == pytest.approx((first + second) / 2)
    ensemble = kendall_tau(np.mean(scores, axis=0), target)
    assert rows.loc[OURS, "tau_of_mean_score"] == pytest.approx(ensemble)


class TestSearchQuality:
    def test_intervals_hold_the_mean_as_often_as_they_say(self) -> None:
        generator = np.random.default_rng(0)
        held = 0
        for _ in range(400):
            scores, studies = generator.normal(size=(5, 1)), generator.normal(size=(1, 6))
            found = _summary("mean", "", scores + studies + generator.normal(size=(5, 6)))
            assert found["low"] <= found["mean"] <= found["high"]
            held += found["low"] <= 0 <= found["high"]
        assert held / 400 >= 0.93

    def test_a_single_study_a_seed_leaves_the_spread_of_the_seeds(self) -> None:
        values = np.array([[1.0], [2.0], [4.0]])
        found = _summary("mean", "", values)
        half = t.ppf(0.975, 2) * values.std(ddof=1) / np.sqrt(3)
        assert found["high"] - found["mean"] == pytest.approx(half)
        assert math.isnan(_summary("mean", "", values[:1])["low"])

    def test_scores_what_its_methods_need(self) -> None:
        truth = functions_within("macs=100M")
        assert truth["macs"].max() <= 100e6
        assert truth["arch"].is_unique
        pool = scored_pool(truth[:2], METHODS, seed=0)
        needed = {name for method in METHODS.values() for name in method.proxies}
        assert needed <= set(pool.columns)

    def test_an_oracle_finds_more_than_others_and_nothing_unknown_is_picked(self) -> None:
        truth = functions_within("macs=100M").sample(600, random_state=0).reset_index(drop=True)
        names = {name for method in METHODS.values() for name in method.proxies}
        generator = np.random.default_rng(0)
        noise = {name: generator.normal(size=len(truth)) for name in names - {"params", "macs"}}
        frame = truth.assign(**noise).assign(**{OURS: truth["accuracy"]})
        methods = {name: METHODS[name] for name in (OURS, "az_nas", "random")}
        rows = pd.DataFrame(quality([frame, frame], methods, 1, 70, "macs=100M"))
        rows = rows.set_index(["functions", "sampler", "method"]).sort_index()
        ours = rows.xs(OURS, level="method")
        assert (rows.xs("random", level="sampler")["ours_minus"] >= 0).all()
        assert (ours["ours_minus"] == 0).all()
        assert (rows["ours_minus_low"] <= rows["ours_minus"]).all()
        assert (
            ours.loc[("all", "nsga2"), "mean_accuracy"]
            > rows.loc[("all", "random", "random"), "mean_accuracy"]
        )
        assert (rows["worst"] >= truth["accuracy"].min()).all()
        report = truth.loc[truth["half"] == "report", "accuracy"].max()
        assert set(rows.loc["report", "best_in_budget"]) == {report}
        assert ("all", "nsga2", "az_nas") in rows.index


def test_what_scoring_takes_is_kept_with_the_scores() -> None:
    setting = small(scoring(0))
    archs = [NasBench201().anchors()[0]]
    seconds = scored(archs, ["naswot"], setting).seconds_per_pass(["naswot"], [archs[0].key])
    again = scored(archs, ["naswot"], setting).seconds_per_pass(["naswot"], [archs[0].key])
    assert again == pytest.approx(seconds, abs=1e-6)
    assert seconds > 0
