"""What a search of a supernet says in the terminal."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from nas_kd.report.supernet_tables import supernet_tables

STUDENT = {"description": "width 32", "params": 2_000, "macs": 40_000_000, "latency_ms": None}
FOUND: dict[str, Any] = {"run_dir": "run", "size": 9, "feasible": 4, "judged": 4}


def shown(**facts: Any) -> str:
    file = io.StringIO()
    console = Console(file=file, width=140)
    for part in supernet_tables({**FOUND, "students": [STUDENT], **facts}):
        console.print(part)
    return file.getvalue()


def test_accuracies_are_percent_and_losses_are_not() -> None:
    text = shown(students=[{**STUDENT, "shared_accuracy": 0.9321, "accuracy": 0.94}])
    assert "93.21 %" in text
    assert "94.00 %" in text
    assert "0.1234" in shown(students=[{**STUDENT, "shared_loss": 0.1234}])


def test_a_share_says_of_what_it_is_and_in_numbers() -> None:
    budget = {
        "limits": ["macs=50%", "params=2M", "latency=5ms", "latency=60%"],
        "of": "the largest network",
        "macs": 40e6,
        "params": 2e6,
    }
    (line,) = [line for line in shown(budget=budget).splitlines() if line.startswith("Budget")]
    assert line == (
        "Budget: macs=50% (40.0 M MACs, of the largest network), params=2M, latency=5ms, "
        "latency=60% (of the largest network)"
    )


def test_without_a_budget_nothing_is_said_of_one() -> None:
    assert "Budget" not in shown()
    assert "Budget" not in shown(budget={"limits": [], "of": "the largest network"})
