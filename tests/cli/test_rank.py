"""``nas-kd rank``: the whole verb on small tables, its files and its errors."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, spearmanr

from nas_kd.data import load_data
from proxies import PROXIES, Probe, ReferenceFusion, score_student
from search_spaces import AutoFormerTiny, NasBench201, Task
from studies.default_proxies import default_proxies
from studies.ranking import bench, entries, ranking, score_settings
from studies.ranking.correlation import kendall_tau, partial_tau
from studies.ranking.fusing import reference_archs
from studies.search import REFERENCE_SIZE
from studies.workers import one_thread
from tests.cli.conftest import Command, Outcome

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SPACE = NasBench201(channels=4, cells_per_stage=1)
TASK = Task(1, 8, 10)
FLAGS = [
    "--space", "nasbench201", "--space-option", "channels=4", "--space-option", "cells_per_stage=1",
]  # fmt: skip
ROW = [
    "proxy", "kind", "tau", "tau_ci", "rho", "rho_ci", "partial_tau", "tau_within_params", "ndcg",
    "top_pick_target", "n", "nan", "seconds_per_arch", "seconds_per_pass",
]  # fmt: skip

DEAD_EDGE = "|{}~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
ARCHS = [
    SPACE.anchors()[0].to_json(),
    *(SPACE.describe(SPACE.arch_at(index)) for index in (11, 222, 3333, 4444, 5555, 14000)),
    "9930",
    "6111",
    DEAD_EDGE.format("nor_conv_3x3"),
    DEAD_EDGE.format("avg_pool_3x3"),
    NOTHING,
]
ACCURACIES = [93.2, 80.5, 88.25, 85.0, 91.5, 90.0, 89.0, 94.0, 94.5, 83.0, 84.0, 10.0]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Twelve networks of which two compute the same function, and one without a target."""
    path = tmp_path / "mine.csv"
    frame = pd.DataFrame({"arch": ARCHS, "acc": ACCURACIES, "flat": 1, "few": range(12)})
    frame = pd.concat([frame, frame[:1].assign(acc=math.nan)])
    frame.to_csv(path, index=False)
    return path


class Passes(list[tuple[str, ...]]):
    """The proxies of every pass, in order; Ctrl-C comes instead of pass number ``stop``."""

    stop = -1

    def __call__(self, *arguments: Any, proxies: Sequence[str], **more: Any) -> dict[str, float]:
        if len(self) == self.stop:
            raise KeyboardInterrupt
        self.append(tuple(proxies))
        return score_student(*arguments, proxies=proxies, **more)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    passes = Passes()
    monkeypatch.setattr(bench, "score_student", passes)
    monkeypatch.setattr(ranking, "alone_seconds", lambda scores, *rest: [0.0 for _ in scores])
    return passes


def answer(outcome: Outcome) -> dict[str, Any]:
    assert outcome.code == 0, outcome.err
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["proxy"]: row for row in document["rows"]}


def judge(nas_kd: Command, table: Path, *more: object, names: str = "naswot") -> Outcome:
    return nas_kd(
        "rank", *FLAGS, "--table", table, "--target", "acc", "--proxies", names, "--images", 16,
        *more,
    )  # fmt: skip


class TestAnswer:
    def test_the_document(self, nas_kd: Command, table: Path) -> None:
        outcome = judge(
            nas_kd, table, "--beside", "few,flat", "--json", names="naswot,synflow,naswot+params"
        )
        document = answer(outcome)
        assert list(document) == ["schema", "space", "table", "target", "sample", "rows"]
        assert document["schema"] == "nas-kd.rank/1"
        assert document["space"]["options"] == {"channels": 4, "cells_per_stage": 1}
        assert (document["table"], document["target"]) == (str(table), "acc")
        sample = document["sample"]
        assert (sample["rows"], sample["functions"], sample["dropped"]) == (12, 11, 1)
        assert sample["interval"] == "bootstrap"
        assert all(list(row) == ROW for row in document["rows"])
        rows = by_name(document)
        kinds = {name: row["kind"] for name, row in rows.items()}
        assert kinds == {
            "naswot": "proxy", "synflow": "proxy", "naswot+params": "proxy", "params": "structure",
            "macs": "structure", "canonical_params": "structure", "canonical_macs": "structure",
            "few": "column", "flat": "column",
        }  # fmt: skip
        taus = [row["tau"] for row in document["rows"]]
        assert taus[-1] is None
        assert document["rows"][-1]["proxy"] == "flat"
        assert taus[:-1] == sorted(taus[:-1], reverse=True)
        for name, row in rows.items():
            assert row["n"] == 12
            for seconds in (row["seconds_per_arch"], row["seconds_per_pass"]):
                assert (seconds > 0) is (kinds[name] == "proxy")
        shared = {rows[n]["seconds_per_pass"] for n in ("naswot", "synflow", "naswot+params")}
        assert len(shared) == 1
        assert rows["naswot"]["seconds_per_arch"] != rows["synflow"]["seconds_per_arch"]

    def test_every_number_is_what_it_says(self, nas_kd: Command, table: Path) -> None:
        kept = table.with_name("scores.csv")
        rows = by_name(answer(judge(nas_kd, table, "--scores", kept, "--seed", 2, "--json")))
        archs = [SPACE.parse(text) for text in ARCHS]
        images, labels = load_data("digits", seed=2).probe_batch(16, seed=2)
        own: dict[str, float] = {}
        for arch in {SPACE.canonical(arch) for arch in archs}:
            with one_thread():
                own |= {
                    arch.key: score_student(
                        lambda arch=arch: SPACE.build(arch, TASK),  # type: ignore[misc]
                        images, labels, proxies=["naswot"], features=SPACE.features,
                        head=SPACE.head, seed=2,
                    )["naswot"]
                }  # fmt: skip
        written = pd.read_csv(kept, float_precision="round_trip").set_index("arch")["naswot"]
        assert written.to_dict() == own
        scores = [own[SPACE.canonical(arch).key] for arch in archs]
        assert rows["naswot"]["tau"] == pytest.approx(kendalltau(scores, ACCURACIES).statistic)
        assert rows["naswot"]["rho"] == pytest.approx(spearmanr(scores, ACCURACIES).statistic)
        best = max(range(12), key=lambda place: scores[place])
        assert rows["naswot"]["top_pick_target"] == ACCURACIES[best]
        for name, counted in (("params", archs), ("canonical_params", map(SPACE.canonical, archs))):
            sizes = [SPACE.sizes(arch, TASK).params for arch in counted]
            assert rows[name]["tau"] == pytest.approx(kendalltau(sizes, ACCURACIES).statistic)

    def test_a_function_without_signal_ranks_last_and_is_counted(
        self, nas_kd: Command, table: Path
    ) -> None:
        rows = by_name(answer(judge(nas_kd, table, "--json", names="jacov,jacov+macs")))
        assert rows["jacov"]["nan"] == rows["jacov+macs"]["nan"] >= 1
        assert rows["macs"]["nan"] == 0

    def test_a_preset_stands_for_its_parts_and_their_fusion(
        self, nas_kd: Command, table: Path
    ) -> None:
        parts = "az_expressivity+az_progressivity+az_trainability+macs"
        rows = by_name(answer(judge(nas_kd, table, "--json", names=f"az_nas,{parts}")))
        for key in set(ROW) - {"proxy", "seconds_per_arch"}:
            assert rows["az_nas"][key] == rows[parts][key]

    def test_fusions_and_given_parameters_go_by_what_a_search_would_build(
        self, nas_kd: Command, table: Path
    ) -> None:
        names = "naswot,naswot+params,naswot+canonical_params"
        kept = table.with_name("scores.csv")
        rows = by_name(answer(judge(nas_kd, table, "--scores", kept, "--json", names=names)))
        for key in set(ROW) - {"proxy", "seconds_per_arch"}:
            assert rows["naswot+params"][key] == rows["naswot+canonical_params"][key]
        functions = [SPACE.canonical(SPACE.parse(text)) for text in ARCHS]
        written = pd.read_csv(kept, float_precision="round_trip").set_index("arch")["naswot"]
        expected = partial_tau(
            np.array([written[arch.key] for arch in functions]),
            np.array(ACCURACIES),
            np.array([SPACE.sizes(arch, TASK).params for arch in functions]),
        )
        assert rows["naswot"]["partial_tau"] == pytest.approx(expected)

    def test_default_is_fused_as_a_search_does(
        self, nas_kd: Command, table: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        few = ("naswot", "swap")
        spaces: list[str] = []
        monkeypatch.setattr(entries, "default_proxies", lambda space: spaces.append(space) or few)
        kept = table.with_name("scores.csv")
        outcome = judge(nas_kd, table, "--scores", kept, "--json", names="default")
        found = pd.read_csv(kept, float_precision="round_trip").set_index("arch")
        reference = [arch.key for arch in reference_archs(SPACE, 0)]
        assert len(set(reference)) == REFERENCE_SIZE
        assert spaces == ["nasbench201"]
        fusion = ReferenceFusion(found.loc[reference, list(few)])
        keys = [SPACE.canonical(SPACE.parse(text)).key for text in ARCHS]
        scores = np.array([fusion.score(found.loc[key]) for key in keys])
        assert by_name(answer(outcome))["default"]["tau"] == pytest.approx(
            kendall_tau(scores, np.array(ACCURACIES))
        )

    def test_default_may_be_a_single_proxy(self, nas_kd: Command, table: Path) -> None:
        (own,) = default_proxies("nasbench201")
        rows = by_name(answer(judge(nas_kd, table, "--json", names=f"default,{own}")))
        for key in set(ROW) - {"proxy", "seconds_per_arch"}:
            assert rows["default"][key] == rows[own][key]

    def test_proxies_that_compare_need_no_teacher_of_your_own(
        self, nas_kd: Command, table: Path
    ) -> None:
        document = answer(judge(nas_kd, table, "--json", names="diswot_mr"))
        assert by_name(document)["diswot_mr"]["tau"] is not None
        assert document["sample"]["teacher"] == "digits-cnn"

    def test_all_stands_for_those_whose_needs_are_met(
        self, nas_kd: Command, table: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        some = ["naswot", "dss", "kd_loss"]
        monkeypatch.setattr("studies.ranking.ranking.every_proxy", lambda: some)
        outcome = judge(nas_kd, table, "--json", names="all,naswot+kd_loss")
        kinds = [row["kind"] for row in answer(outcome)["rows"]]
        assert kinds.count("proxy") == 3
        assert "Left out, because what they need is not here: dss." in outcome.err

    def test_trying_all_scores_no_network_twice(
        self, nas_kd: Command, table: Path, passes: Passes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        some = ["naswot", "kd_loss", "dss"]
        monkeypatch.setattr("studies.ranking.ranking.every_proxy", lambda: some)
        kept = table.with_name("scores.csv")
        whole = answer(judge(nas_kd, table, "--scores", kept, "--json", names="all"))
        assert passes.count(("naswot", "kd_loss")) == 10  # of 11 functions; one served as trial
        tried = len(passes) - 10
        assert tried <= 2 * len(some) - 1
        written = pd.read_csv(kept)
        assert "dss" not in written.columns
        assert written.groupby("arch")[["naswot", "kd_loss"]].count().eq(1).all(axis=None)
        passes.clear()
        again = answer(judge(nas_kd, table, "--scores", kept, "--json", names="all"))
        assert passes == [("dss",)]
        assert by_name(again)["kd_loss"]["tau"] == by_name(whole)["kd_loss"]["tau"]

    def test_for_people(self, nas_kd: Command, table: Path, tmp_path: Path) -> None:
        picture = tmp_path / "rank.png"
        outcome = judge(nas_kd, table, "--plot", picture, names="naswot,naswot+params")
        assert outcome.code == 0, outcome.err
        for words in ("naswot+params", "canonical_params", "95 %", "left out: 1"):
            assert words in outcome.out
        assert str(picture) in outcome.out.replace("\n", "")
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert "score done" in outcome.err

    def test_the_same_seed_draws_the_same_rows(self, nas_kd: Command, table: Path) -> None:
        one, same, other = (
            answer(judge(nas_kd, table, "--sample", 10, "--seed", n, "--json")) for n in (1, 1, 3)
        )
        for document in (one, same, other):
            for row in document["rows"]:
                del row["seconds_per_arch"], row["seconds_per_pass"]
        assert one == same
        assert one["rows"] != other["rows"]
        assert one["sample"]["rows"] == 10

    def test_a_real_table(self, nas_kd: Command, tmp_path: Path) -> None:
        source = Path(os.environ.get("NAS_KD_DATA", DATA)) / "nb201.csv.gz"
        if not source.is_file():
            pytest.skip(f"{source} is not there; set NAS_KD_DATA to the folder that holds it")
        real = pd.read_csv(source)[100:140]
        path = tmp_path / "part.csv.gz"
        real.to_csv(path, index=False)
        outcome = nas_kd(
            "rank", *FLAGS, "--table", path, "--target", "c10_test_200", "--proxies", "naswot",
            "--beside", "c10_test_12,params", "--images", 16, "--json",
        )  # fmt: skip
        document = answer(outcome)
        assert document["sample"]["functions"] == real["iso_group"].nunique()
        found = {(row["proxy"], row["kind"]): row["tau"] for row in document["rows"]}
        expected = {
            name: pytest.approx(kendalltau(real[name], real["c10_test_200"]).statistic)
            for name in ("params", "c10_test_12")
        }
        assert found["params", "structure"] == found["params", "column"] == expected["params"]
        assert found["c10_test_12", "column"] == expected["c10_test_12"]
        assert found["naswot", "proxy"] > 0

    def test_the_lists_of_a_distillation_bench(self, nas_kd: Command) -> None:
        source = Path(os.environ.get("NAS_KD_DATA", DATA)) / "vit_bench_kd.json"
        if not source.is_file():
            pytest.skip(f"{source} is not there; set NAS_KD_DATA to the folder that holds it")
        document = answer(
            nas_kd(
                "rank", "--space", "autoformer-tiny", "--space-option", "head_dim=0", "--table",
                f"{source}#autoformer,autoformer_2", "--target", "c100_kd_acc", "--proxies",
                "params", "--image-size", 32, "--json",
            )
        )  # fmt: skip
        assert document["sample"]["rows"] == 150
        lists = json.loads(source.read_text(encoding="utf-8"))
        nets = lists["autoformer"] + lists["autoformer_2"]
        target = [net["c100_kd_acc"] for net in nets]
        space = AutoFormerTiny(head_dim=0)
        archs = [space.parse(json.dumps(net["arch"])) for net in nets]
        params = [space.sizes(arch, Task(1, 32, 10)).params for arch in archs]
        assert by_name(document)["params"]["tau"] == pytest.approx(
            kendalltau(params, target).statistic
        )


class TestScores:
    def test_functions_are_scored_once_all_proxies_together(
        self, nas_kd: Command, table: Path, passes: Passes
    ) -> None:
        answer(judge(nas_kd, table, "--json", names="naswot,jacov,params,jacov+params"))
        assert passes == [("naswot", "jacov")] * 11

    def test_the_same_command_continues(
        self, nas_kd: Command, table: Path, passes: Passes, tmp_path: Path
    ) -> None:
        whole = answer(judge(nas_kd, table, "--json"))
        kept = tmp_path / "scores.csv"
        passes.clear()
        passes.stop = 4
        interrupted = judge(nas_kd, table, "--scores", kept, "--json")
        assert interrupted.code == 130
        assert interrupted.out == ""
        assert f"The scores so far are in {kept}; the same command continues." in interrupted.err
        assert len(pd.read_csv(kept)) == 4
        passes.stop = -1
        outcome = judge(nas_kd, table, "--scores", kept, "--json")
        assert "4 of 11 are scored already" in outcome.err
        assert len(passes) == 11
        continued = answer(outcome)
        for document in (whole, continued):
            for row in document["rows"]:
                del row["seconds_per_arch"], row["seconds_per_pass"]
        assert continued == whole
        answer(judge(nas_kd, table, "--scores", kept, "--json", names="naswot,snip"))
        assert passes[11:] == [("snip",)] * 11
        before = kept.read_bytes()
        answer(judge(nas_kd, table, "--scores", kept, "--json", names="snip,naswot+snip"))
        assert (len(passes), kept.read_bytes()) == (22, before)

    def test_two_workers_find_what_one_finds(
        self, nas_kd: Command, table: Path, tmp_path: Path
    ) -> None:
        one, two = (
            answer(
                judge(
                    nas_kd, table, "--workers", n, "--scores", tmp_path / f"{n}.csv", "--json",
                    names="naswot,jacov",
                )
            )
            for n in (1, 2)
        )  # fmt: skip
        for document in (one, two):
            for row in document["rows"]:
                del row["seconds_per_arch"], row["seconds_per_pass"]
        assert two == one
        alone, together = (
            pd.read_csv(tmp_path / f"{n}.csv", float_precision="round_trip").set_index("arch")
            for n in (1, 2)
        )
        names = ["naswot", "jacov"]
        pd.testing.assert_frame_equal(
            together[names].loc[alone.index], alone[names], check_exact=True
        )

    def test_scores_of_other_code_are_refused(
        self, nas_kd: Command, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = tmp_path / "scores.csv"
        assert judge(nas_kd, table, "--scores", kept).code == 0
        before = kept.read_bytes()
        monkeypatch.setattr(score_settings, "_digest", lambda space: "0ther")
        outcome = judge(nas_kd, table, "--scores", kept)
        assert outcome.code == 2
        assert "0ther now" in outcome.err
        assert kept.read_bytes() == before

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (["--seed", 1], "seed is 0 there and 1 now"),
            (["--image-size", 16], "image_size is unset there and 16 now"),
            (["--space-option", "channels=8"], "channels=4 there and"),
        ],
    )
    def test_scores_of_other_settings_are_refused(
        self, nas_kd: Command, table: Path, tmp_path: Path, change: list[object], words: str
    ) -> None:
        kept = tmp_path / "scores.csv"
        assert judge(nas_kd, table, "--scores", kept).code == 0
        before = kept.read_bytes()
        outcome = judge(nas_kd, table, "--scores", kept, *change)
        assert outcome.code == 2
        assert words in outcome.err
        assert "Name another file" in outcome.err
        assert kept.read_bytes() == before

    def test_scores_of_other_images_of_the_same_name_are_refused(
        self, nas_kd: Command, table: Path, tmp_path: Path
    ) -> None:
        kept, words = tmp_path / "scores.csv", ["--data", "npz:mine.npz", "--scores", "scores.csv"]
        for seed in (0, 1):
            images = np.random.default_rng(seed).integers(0, 256, (60, 8, 8, 1), np.uint8)
            np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(60) % 3)
            if not kept.exists():
                assert judge(nas_kd, table, *words).code == 0
                before = kept.read_bytes()
        outcome = judge(nas_kd, table, *words)
        assert outcome.code == 2
        assert "data is npz:mine.npz+" in outcome.err
        assert kept.read_bytes() == before

    def test_the_table_is_not_taken_for_a_file_of_scores(
        self, nas_kd: Command, table: Path
    ) -> None:
        before = table.read_bytes()
        assert judge(nas_kd, table, "--scores", table).code == 2
        assert table.read_bytes() == before


class TestErrors:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--table", "none.csv"], "there is no file none.csv"),
            (["--target", "ac"], "Did you mean 'acc'?"),
            (["--target", "flat"], "no order to judge by"),
            (["--beside", "fw"], "Did you mean 'few'?"),
            (["--arch-column", "few,flat"], "6 genes"),
            (["--arch-column", "acc"], "row 1: nasbench201"),
            (["--proxies", "naswat"], "Did you mean 'naswot'?"),
            (["--proxies", "naswot+paramz"], "Did you mean 'params'?"),
            (["--proxies", "naswot+"], "jacov+params"),
            (["--proxies", "dss"], "attention"),
            (["--sample", "some"], "neither a number of rows nor all"),
            (["--sample", "0"], "neither a number of rows nor all"),
            (["--sample", "9"], "needs at least 10"),
            (["--space", "nasbench202"], "Did you mean 'nasbench201'?"),
            (["--images", "100000"], "100000 images"),
            (["--checkpoint", "w.pt"], "--teacher"),
            (["--plot", "front.pdf"], ".png"),
            (["--plot", "nowhere/front.png"], "no folder nowhere"),
            (["--scores", "nowhere/s.csv"], "--scores: nowhere/s.csv"),
        ],
    )
    def test_say_what_to_do_and_leave_nothing_behind(
        self, nas_kd: Command, table: Path, tmp_path: Path, words: list[str], message: str
    ) -> None:
        outcome = judge(nas_kd, table, *words)
        assert outcome.code == 2
        assert message in outcome.err
        assert outcome.out == ""
        assert [path.name for path in tmp_path.iterdir()] == [table.name]

    def test_a_folder_in_the_place_of_the_picture(
        self, nas_kd: Command, table: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "front.png").mkdir()
        outcome = judge(nas_kd, table, "--plot", tmp_path / "front.png")
        assert outcome.code == 2
        assert "front.png is a folder" in outcome.err

    def test_what_is_required(self, nas_kd: Command) -> None:
        outcome = nas_kd("rank", "--space", "nasbench201")
        assert outcome.code == 2
        assert "nas-kd rank --help" in outcome.err

    @pytest.mark.parametrize("others", ["naswot", "all"])
    def test_a_proxy_that_would_spoil_the_others(
        self, nas_kd: Command, table: Path, monkeypatch: pytest.MonkeyPatch, others: str
    ) -> None:
        """Nothing is kept of what the others scored beside it."""

        def zeroing(student: Probe, teacher: Probe | None) -> float:
            for parameter in student.model.parameters():
                parameter.data.zero_()
            return 1.0

        proxy = replace(PROXIES.get("l2_norm"), name="mine", function=zeroing)
        monkeypatch.setitem(PROXIES._components, proxy.name, proxy)
        monkeypatch.setattr(ranking, "every_proxy", lambda: ["mine", "naswot"])
        monkeypatch.setattr(score_settings, "_modules_of_others", set)
        names = "mine,naswot" if others == "naswot" else others
        outcome = judge(nas_kd, table, "--scores", table.with_name("scores.csv"), names=names)
        assert outcome.code == 2
        assert "proxy 'mine' leaves the network changed" in outcome.err
        scores = table.with_name("scores.csv")
        assert not scores.exists() or scores.read_text().count("\n") == 1
