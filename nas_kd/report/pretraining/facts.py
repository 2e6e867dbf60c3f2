"""A pre-training in lines, before anything is drawn: shared by terminal, page and dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas_kd.report import numbers
from nas_kd.report.pretraining.families import families, words

Document = Mapping[str, Any]


def headline(document: Document) -> str:
    """What is trained, how and on what, in one sentence."""
    asked = [
        f"{n} {document[n]}" for n in ("data", "teacher", "seed") if document.get(n) is not None
    ]
    return f"{document['method']} on {document['space']}: {', '.join(asked)}."


def extent_line(document: Document) -> str:
    """How many units are over and how long they took, in one sentence."""
    over = f"{document['units']} unit{'' if document['units'] == 1 else 's'}"
    if not document.get("supernet"):
        total = (document.get("progress") or {}).get("total")
        over = f"{document['units']} of {total} units so far" if total else f"{over} so far"
    return f"{over}, {numbers.seconds(document['seconds'])}."


def last_line(document: Document) -> str:
    """The metrics of the last unit; empty before the first."""
    last = document.get("last")
    if not last:
        return ""
    told = ", ".join(f"{words(name)} {value}" for name, value in spelled(last).items())
    return f"unit {document['units']}: {told}"


def spelled(values: Mapping[str, float]) -> dict[str, str]:
    """Metrics as people read them: accuracies in percent."""
    return {
        name: numbers.percent(values[name]) if family.is_share else numbers.score(values[name])
        for family in families(list(values))
        for name in family.metrics
    }


def cell_lines(document: Document) -> list[str]:
    """The cell that a differentiable search found, and all that there is to say of it."""
    found = document.get("supernet") or {}
    if not found.get("arch"):
        return []
    return [str(found["description"]), *lines_on_cell(document)]


def lines_on_cell(document: Document) -> list[str]:
    """Of the cell that a search found: what is wrong with it, its size, since when it leads."""
    warning = f"Warning: {document['warning']}" if document.get("warning") else ""
    lines = (warning, _sizes_line(document), _skips_line(document), _leaning_line(document))
    return [line for line in lines if line]


def _sizes_line(document: Document) -> str:
    """How large the network is in which the cell is delivered; empty where that is not known."""
    found = document.get("supernet") or {}
    if "macs" not in found:
        return ""
    limit = document["settings"].get("macs_limit")
    within = "" if limit is None else f" (limit {numbers.count(limit)})"
    return (
        f"In the network that is delivered: {numbers.count(found['macs'])} MACs{within}, "
        f"{numbers.count(found['params'])} parameters."
    )


def _skips_line(document: Document) -> str:
    """How many operations are skip connections; empty where no cell is found."""
    kinds = (document.get("supernet") or {}).get("skip_connections") or {}
    named = {"normal": " in the normal cell", "reduce": " in the reducing cell"}
    told = [f"{n} of {of}{named.get(kind, '')}" for kind, (n, of) in kinds.items()]
    return f"Skip connections: {', '.join(told)}." if told else ""


def _leaning_line(document: Document) -> str:
    """Since when a search has leant to the cell that it found; empty where that is not known."""
    found = document.get("supernet") or {}
    archs = found.get("archs") or []
    if not archs:
        return ""
    if found.get("stopped_early"):
        told = f"The search was stopped after unit {len(archs)} and went back to this cell"
        unit = found.get("went_back_to")
        return f"{told}." if unit is None else f"{told}, that of unit {unit}."
    same = next((n for n, arch in enumerate(reversed(archs)) if arch != archs[-1]), len(archs))
    return f"The search has leant to it since unit {len(archs) - same + 1} of {len(archs)}."
