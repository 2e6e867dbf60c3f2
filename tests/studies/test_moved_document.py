"""What is told of a run whose directory was moved or renamed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studies.moved_document import at_place
from studies.run_directory import RunDirectory


def document(run_dir: str) -> dict[str, Any]:
    return {
        "run_dir": run_dir,
        "supernet": "runs/my net-other",
        "students": [{"directory": f"{run_dir}/students/1", "macs": 7, "latency_ms": None}],
        "next": [f"nas-kd measure '{run_dir}/students/1'"],
    }


@pytest.mark.parametrize("now", ["elsewhere/my net", "/tmp/net", "runs/my net"])
def test_all_paths_of_the_run_and_no_others_lead_to_it(now: str) -> None:
    told = at_place(document("runs/my net"), Path(now))
    assert {**told, "next": None} == {**document(now), "next": None}
    (command,) = told["next"]
    assert command.replace("'", "") == f"nas-kd measure {now}/students/1"


def test_without_a_place_nothing_is_changed() -> None:
    assert at_place({"student": {"accuracy": 0.5}}, Path("a")) == {"student": {"accuracy": 0.5}}


def test_the_result_of_a_renamed_run_leads_to_where_it_lies(tmp_path: Path) -> None:
    first = RunDirectory(tmp_path / "one")
    first.path.mkdir()
    first.write_result(document(str(first.path)))
    renamed = RunDirectory(first.path.replace(tmp_path / "two"))
    result = renamed.read_result()
    assert result is not None
    assert result["run_dir"] == str(renamed.path)
    assert result["students"][0]["directory"] == str(renamed.student(1))
