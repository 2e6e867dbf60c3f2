"""What ``nas-kd profile`` says below its table."""

from __future__ import annotations

from typing import Any

from nas_kd.report.profile_table import doubtful

QUIET: dict[str, Any] = {"flags": []}
BUSY: dict[str, Any] = {"flags": ["busy"], "load": {"others": 0.75}}


def document(teacher: dict[str, Any], student: dict[str, Any]) -> dict[str, Any]:
    return {"teacher": {"latency": teacher}, "students": [{"latency_ms": student}]}


def test_disturbed_latencies_are_told_of() -> None:
    assert doubtful(document(QUIET, QUIET)) is None
    for found in (document(BUSY, QUIET), document(QUIET, BUSY)):
        told = doubtful(found)
        assert told is not None
        assert "other programs used 75% of the machine" in told.plain
