"""The facts of a run in rows and lines, before anything is drawn: shared by terminal and page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas_kd.report import numbers
from nas_kd.report.keys import key_of
from nas_kd.report.latency_words import latency_remarks

Document = Mapping[str, Any]


@dataclass(frozen=True)
class BudgetCheck:
    """One line of the budget: what the delivered student costs and what it may cost.

    ``remarks`` are what a reader must know before trusting the value.
    """

    metric: str
    value: str
    limit: str
    met: bool
    remarks: tuple[str, ...] = ()


def comparison_rows(document: Document) -> list[list[str]]:
    """Teacher, student and the student without a teacher: name, accuracy, MACs, params, latency."""
    teacher, student = document.get("teacher") or {}, document.get("student") or {}
    rows = [
        [
            "teacher",
            numbers.percent(teacher.get("accuracy")),
            numbers.count(teacher.get("macs")),
            numbers.count(teacher.get("params")),
            numbers.milliseconds(teacher_latency(document)),
        ]
    ]
    if not student:
        return rows
    rows.append(
        [
            "student",
            numbers.percent(student.get("accuracy")),
            _with_ratio(numbers.count, student.get("macs"), teacher.get("macs")),
            numbers.count(student.get("params")),
            _with_ratio(
                numbers.milliseconds, latency_of(student).get("median"), teacher_latency(document)
            ),
        ]
    )
    if student.get("accuracy_without_teacher") is not None:
        alone = numbers.percent(student["accuracy_without_teacher"])
        rows.append(["without teacher", alone, "", "", ""])
    return rows


def finalist_rows(document: Document) -> list[list[str]]:
    """The finalists as the run ordered them: validation accuracy, MACs, latency, description."""
    return [
        [
            numbers.percent(entry.get("validation_accuracy")),
            numbers.count(entry.get("macs")),
            numbers.milliseconds(entry.get("latency_ms")),
            str(entry.get("description", "")),
        ]
        for entry in document.get("finalists") or []
    ]


def teaching_lines(document: Document) -> list[str]:
    """Which weights the student started from, and what distillation gained, where known."""
    student = document.get("student") or {}
    lines = []
    if inherited := student.get("inherited_share"):
        lines.append(
            f"Started from the teacher's weights: {numbers.percent(inherited, 0)} of the "
            "student's parameters."
        )
    if directory := student.get("started_from"):
        lines.append(f"Started from the weights in {directory}.")
    accuracy = student.get("accuracy_float32", student.get("accuracy"))
    alone = student.get("accuracy_without_teacher")  # in float32, too
    if accuracy is not None and alone is not None:
        split = document.get("accuracy_split", "test")
        gain = numbers.points(accuracy - alone)
        lines.append(f"Gain from distillation: {gain} of {split} accuracy.")
    return lines


def budget_checks(document: Document) -> list[BudgetCheck]:
    """The delivered student against every limit; latency by the upper end of its interval."""
    student, budget = document.get("student") or {}, document.get("budget") or {}
    checks = []
    for metric, name in (("macs", "MACs"), ("params", "parameters")):
        limit, value = budget.get(metric), student.get(metric)
        if limit is not None and value is not None:
            checks.append(
                BudgetCheck(name, numbers.count(value), numbers.count(limit), value <= limit)
            )
    limit, latency = budget.get("latency_ms"), latency_of(student)
    if limit is not None and latency:
        checks.append(_latency_check(latency, limit))
    return checks


def _latency_check(latency: Mapping[str, Any], limit: float) -> BudgetCheck:
    low, high = latency.get("ci95") or (latency["median"], latency["median"])
    value = f"{numbers.milliseconds(latency['median'])} (95 % interval {low:.4g} to {high:.4g})"
    remarks = tuple(latency_remarks(latency).values())
    return BudgetCheck("latency", value, numbers.milliseconds(limit), high <= limit, remarks)


def latency_of(student: Mapping[str, Any]) -> Mapping[str, Any]:
    """The student's latency record; empty when it was not measured."""
    record = student.get("latency_ms")
    return record if isinstance(record, Mapping) else {}


def teacher_latency(document: Document) -> float | None:
    """The teacher's median latency in milliseconds, where possible from beside the student."""
    beside = (document.get("student") or {}).get("teacher_latency_ms") or {}
    value: float | None = beside.get("median", (document.get("teacher") or {}).get("latency_ms"))
    return value


def roles(document: Document) -> dict[str, str]:
    """Canonical key to what became of an arch: ``student``, ``finalist`` or ``too slow``.

    Too slow is one of the front whose measured latency missed the limit.
    """
    front = document.get("front") or []
    found = {key_of(e["arch"]): "too slow" for e in front if e.get("within_latency") is False}
    found |= {key_of(entry["arch"]): "finalist" for entry in document.get("finalists") or []}
    student = document.get("student") or {}
    if student.get("arch"):
        found[key_of(student["arch"])] = "student"
    return found


def front_rows(document: Document, limit: int | None = None) -> list[list[str]]:
    """The front, best score first: role, score, MACs, of the teacher's, params, latency, arch."""
    teacher, role = document.get("teacher") or {}, roles(document)
    entries = (document.get("front") or [])[:limit]
    return [
        [
            role.get(key_of(entry["arch"]), ""),
            numbers.score((entry.get("scores") or {}).get("score")),
            numbers.count(entry.get("macs")),
            numbers.ratio(entry.get("macs"), teacher.get("macs")),
            numbers.count(entry.get("params")),
            _latency_cell(entry),
            str(entry.get("description") or key_of(entry["arch"])),
        ]
        for entry in entries
    ]


def _latency_cell(entry: Mapping[str, Any]) -> str:
    """The measured latency; where there is none the predicted one, marked by a tilde."""
    predicted = entry.get("predicted_latency_ms")
    if entry.get("latency_ms") is None and predicted is not None:
        return f"~{numbers.milliseconds(predicted)}"
    return numbers.milliseconds(entry.get("latency_ms"))


def prediction_line(document: Document) -> str:
    """How far predicted latencies can be trusted; empty where none were predicted."""
    error = document.get("latency_prediction")
    if not error:
        return ""
    return (
        f"Latencies marked ~ are predicted from {error['fitted']} measured students; on "
        f"{error['held_out']} others the prediction is off by {numbers.percent(error['mape'], 1)} "
        f"on average and {numbers.percent(error['worst'], 1)} at worst (a straight line in MACs: "
        f"{numbers.percent(error['macs_mape'], 1)})."
    )


def counts_line(document: Document) -> str:
    """How many candidates the search looked at, in one sentence."""
    line = (
        f"{document.get('evaluated', 0)} candidates, {document.get('unique', 0)} different, "
        f"{document.get('feasible', 0)} within the budget"
    )
    reasons = document.get("infeasible_reasons") or {}
    over = ", ".join(f"{count} over in {metric}" for metric, count in reasons.items() if count)
    return f"{line} ({over})." if over else f"{line}."


def _with_ratio(spell: Any, value: float | None, whole: float | None) -> str:
    share = numbers.ratio(value, whole)
    return spell(value) if share == numbers.MISSING else f"{spell(value)} ({share})"
