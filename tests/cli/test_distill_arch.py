"""``nas-kd distill ARCH``: an architecture given as text is held to a budget that is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nas_kd.cli.chosen_student import choose_student, parse_arch
from nas_kd.errors import NasKdError, UsageError
from nas_kd.report.progress import read_progress
from studies.observer import Observer
from studies.recipe_files import parse_recipe
from studies.run_directory import RunDirectory
from tests.cli.conftest import Command

JOB = "--teacher tests.cli.own_code:make_teacher --data digits --space-option cells_per_stage=1"
CONV = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
"""Of more than half the multiplications of the teacher."""


@pytest.mark.parametrize(("budget", "code"), [([], 0), (["--budget", "macs=10%"], 3)])
def test_only_a_budget_that_was_given_is_judged(
    nas_kd: Command, budget: list[str], code: int
) -> None:
    outcome = nas_kd("distill", CONV, *JOB.split(), "--epochs", "1", *budget, "--json")
    assert outcome.code == code, outcome.err
    document = json.loads(outcome.out)
    assert document["student"]["macs"] > 0.5 * document["teacher"]["macs"]
    assert document["budget"]["limits"] == budget[1:]
    assert document["budget_met"] == (code == 0)


def test_a_folder_that_is_not_there_is_not_only_called_no_architecture() -> None:
    recipe = parse_recipe({"teacher": {"source": "digits-cnn"}})
    with pytest.raises(UsageError, match=r"no such folder, and .* 'runs/nothing'"):
        parse_arch(recipe, "runs/nothing")


def test_the_embedded_search_lends_no_budget() -> None:
    nothing = {"data.source": None, "teacher.source": None, "budget.limits": None}
    assert choose_student("9930", None, nothing, None, []).recipe.budget.limits == ()
    given = {**nothing, "budget.limits": ["params=1M"]}
    assert choose_student("9930", None, given, None, []).recipe.budget.limits == ("params=1M",)
    assert choose_student("9930", "digits", nothing, None, []).recipe.budget.limits != ()


def test_a_recipe_may_leave_the_labels_alone_to_teach(nas_kd: Command, tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs" / "differentiable_search.md"
    recipe = tmp_path / "labels.toml"
    recipe.write_text(docs.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0])
    words = (*JOB.split(), "--epochs", "1", "--config", recipe, "--run-dir", tmp_path / "run")
    outcome = nas_kd("distill", CONV, *words, "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert document["student"]["inherited_share"] == 0
    manifest = json.loads(Path(document["student"]["directory"], "manifest.json").read_text())
    how = manifest["recipe"]["distill"]
    assert (how["distillers"], how["ce_weight"], how["epochs"]) == ({}, 1.0, 1)


def test_who_watches_is_told_how_far_it_is(
    nas_kd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Any] = []

    def distil(
        recipe: object, arch: object, run: RunDirectory, observer: Observer, *_: object
    ) -> None:
        observer.phase("distill", 1000)
        kept.append(read_progress(run))
        raise NasKdError("interrupted")

    monkeypatch.setattr("studies.distillation._distil", distil)
    assert nas_kd("distill", CONV, *JOB.split(), "--run-dir", tmp_path / "run").code == 1
    assert [progress.phase for progress in kept] == ["distill"]
    assert read_progress(RunDirectory(tmp_path / "run")) is None
