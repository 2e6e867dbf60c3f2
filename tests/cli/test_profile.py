"""``nas-kd profile``: what a space can do under a budget, and the exit code that says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studies import setting
from tests.cli.conftest import Command, Outcome

PROFILE = (
    "profile",
    "--teacher",
    "tests.cli.own_code:make_teacher",
    "--data",
    "digits",
    "--space-option",
    "channels=4",
    "--space-option",
    "cells_per_stage=1",
)


def document_of(outcome: Outcome) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(outcome.out)
    assert document["schema"] == "nas-kd.profile/1"
    return document


def test_smallest_typical_and_largest_against_a_budget(nas_kd: Command) -> None:
    outcome = nas_kd(*PROFILE, "--budget", "params=20k", "--budget", "latency=1s", "--json")
    assert outcome.code == 0, outcome.err
    assert "Latency counts on cpu-1t, batch 1." in outcome.err
    document = document_of(outcome)
    smallest, typical, largest = document["students"]
    assert [s["which"] for s in document["students"]] == ["smallest", "typical", "largest"]
    assert smallest["macs"] < typical["macs"] < largest["macs"]
    assert "conv_3x3" in largest["description"]
    assert smallest["description"].count("none") < 6, "a cell without operations is no student"
    assert document["can_be_met"]
    assert smallest["within"]
    assert 0 < document["share_within_counted_limits"] <= 1
    for student in document["students"]:
        record = student["latency_ms"]
        assert record["provider"] == "CPUExecutionProvider"
        assert record["ci95"][0] <= record["median"] <= record["ci95"][1]
        assert student["within"] == all(v <= 0 for v in student["violations"].values())


@pytest.mark.parametrize(("limit", "metric"), [("params=1k", "params"), ("latency=1us", "latency")])
def test_a_budget_that_nothing_meets(nas_kd: Command, limit: str, metric: str) -> None:
    outcome = nas_kd(*PROFILE, "--budget", limit)
    assert outcome.code == 3, outcome.err
    assert "cannot be met" in outcome.out
    assert metric[:5] in outcome.out
    assert "Raise the budget" in " ".join(outcome.out.split())


@pytest.mark.parametrize("teacher", [(), ("--teacher", "tests.cli.own_code:make_teacher")])
def test_the_teacher_is_neither_trained_nor_judged(
    nas_kd: Command, monkeypatch: pytest.MonkeyPatch, teacher: tuple[str, ...]
) -> None:
    def refused(*given: object, **named: object) -> None:
        raise AssertionError("costs need no accuracy")

    monkeypatch.setattr(setting, "teacher_accuracies", refused)
    monkeypatch.setattr(setting, "train_default_teacher", refused)
    words = ("--data", "digits", *teacher, *PROFILE[-4:], "--budget", "macs=50%", "--json")
    outcome = nas_kd("profile", *words)
    assert outcome.code == 0, outcome.err
    assert document_of(outcome)["teacher"]["macs"] > 0


def test_a_budget_that_leaves_little_of_a_space_is_told_of(nas_kd: Command) -> None:
    tight = nas_kd(*PROFILE, "--budget", "params=5k")
    assert "sampled students are within the limits on MACs and parameters, which" in tight.err
    wide = nas_kd(*PROFILE, "--budget", "params=1M")
    assert "leaves little to choose from" not in wide.err


def test_without_a_budget_it_says_how_to_name_one(nas_kd: Command, tmp_path: Path) -> None:
    recipe = tmp_path / "free.toml"
    recipe.write_text(
        "[teacher]\nsource = 'tests.cli.own_code:make_teacher'\n"
        "[data]\nsource = 'digits'\n"
        "[space]\noptions = { channels = 4, cells_per_stage = 1 }\n"
    )
    outcome = nas_kd("profile", "--config", recipe)
    assert outcome.code == 0, outcome.err
    assert "No budget was given. Name one with --budget" in " ".join(outcome.out.split())
