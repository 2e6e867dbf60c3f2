"""The answer of ``nas-kd measure`` for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nas_kd.cli.measuring import COMPARISON, ONE
from nas_kd.report import numbers
from nas_kd.report.latency_words import latency_remarks, latency_sentence


def result_lines(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Lines for one record, a table for several, sentences for a comparison."""
    if document["schema"] == ONE:
        yield from _one(document)
    elif document["schema"] == COMPARISON:
        for row in document["rows"]:
            yield from _comparison(row)
    else:
        yield _table(document["rows"])
        yield from _footnotes(document["rows"])


def _one(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"model       {row['model']}"
    yield f"MACs        {numbers.count(row['macs'])} ({row['macs']:,})"
    yield f"parameters  {numbers.count(row['params'])} ({row['params']:,})"
    yield f"latency     {latency_sentence(row['latency_ms'])}"
    for remark in latency_remarks(row["latency_ms"]).values():
        yield f"            {remark}"
    if {"drift", "busy", "slow"} & set(row["latency_ms"]["flags"]):
        usual = row["latency_ms"]["normalised_ms"]
        yield f"            at the machine's usual speed about {usual:.4g} ms"
    if row["unsupported_operators"]:
        yield f"not counted {_operators(row)}"
    if "budget" in row:
        yield from _verdict(row)


def _verdict(row: Mapping[str, Any]) -> Iterator[str]:
    show = {"macs": numbers.count, "params": numbers.count, "latency_ms": numbers.milliseconds}
    for metric, excess in row["budget"]["violations"].items():
        limit = show[metric](row["budget"]["limits"][metric])
        verdict = "met" if excess <= 0 else f"NOT MET, exceeded by {excess:.1%}"
        bound = " by the interval's upper end" if metric == "latency_ms" else ""
        yield f"budget      {metric} at most {limit}: {verdict}{bound}"


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a row; the model and the notes give way where the terminal is narrow."""
    table = Table(
        title="Latency in milliseconds, with half of the median's 95 % interval",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        title_style="bold",
        collapse_padding=True,
    )
    cells = [_cells(row) for row in rows]
    for name in (shown := [name for name in cells[0] if any(row[name] for row in cells)]):
        gives_way = name in ("model", "notes")
        table.add_column(
            name,
            justify="left" if gives_way else "right",
            no_wrap=not gives_way,
            overflow="fold",
            min_width=12 if name == "model" else max(len(row[name]) for row in cells),
        )
    for row, values in zip(rows, cells, strict=True):
        missed = not row.get("budget", {"met": True})["met"]
        table.add_row(*(Text(values[name]) for name in shown), style="red" if missed else None)
    return table


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    """The columns; one that is empty in every row is not shown."""
    latency = row["latency_ms"]
    low, high = latency["ci95"]
    end_to_end, batch = latency["end_to_end_ms"], row["batch"]
    budget = row.get("budget")
    notes = ["cached"] if latency["cached"] else []
    notes += [flag for flag in latency["flags"] if flag != "wide"]
    return {
        "model": row["model"],
        "on": f"{row['device']}-{row['threads']}t" + (f"-b{batch}" if batch > 1 else ""),
        "MACs": numbers.count(row["macs"]) + ("*" if row["unsupported_operators"] else ""),
        "params": numbers.count(row["params"]),
        "median": f"{latency['median']:.4g}",
        "±": f"{(high - low) / 2 / latency['median']:.1%}",
        "p90": f"{latency['p90']:.4g}",
        "with copies": f"{end_to_end:.4g}" if end_to_end else "",
        "images/s": f"{1000 * batch / latency['median']:.4g}",
        "budget": "" if budget is None else "met" if budget["met"] else "NOT MET",
        "notes": " ".join(notes),
    }


def _footnotes(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    remarks: dict[str, str] = {}
    for row in rows:
        remarks |= latency_remarks(row["latency_ms"])
    yield from remarks.values()
    counted = {row["model"]: row for row in rows if row["unsupported_operators"]}
    for model, row in counted.items():
        yield f"* not counted in {model}: {_operators(row)}"


def _operators(row: Mapping[str, Any]) -> str:
    names = ", ".join(f"{n} x {name}" for name, n in row["unsupported_operators"].items())
    share = row["unsupported_share"]
    bound = "share of all MACs unknown" if share is None else f"at most {share:.1%} of all MACs"
    return f"{names} ({bound})"


def _comparison(row: Mapping[str, Any]) -> Iterator[str]:
    for name in ("first", "second"):
        model = row[name]
        yield f"{name:8}{model['model']}: {latency_sentence(model['latency_ms'])}"
        for remark in latency_remarks(model["latency_ms"]).values():
            yield f"        {remark}"
    low, high = row["ratio_ci95"]
    yield (
        f"ratio   second / first {row['ratio']:.4g} (95 % interval {low:.4g} to {high:.4g}, over "
        f"{len(row['ratios'])} repetitions)"
    )
    if row["faster"] is None:
        yield "        No difference can be told: the interval includes 1."
    else:
        gain = max(row["ratio"], 1 / row["ratio"])
        yield f"        {row['faster']} is {gain:.3g} times as fast: the interval leaves out 1."
