"""What ``nas-kd rank`` shows in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from nas_kd.report import numbers

_STYLES = {"structure": "yellow", "column": "cyan"}
_KINDS = {"proxy": "", "structure": "size", "column": "column"}


def rank_table(document: Mapping[str, Any]) -> Table:
    """One line a score, from the highest tau to the lowest; sizes and columns are coloured."""
    sample = document["sample"]
    table = Table(
        title=f"{document['target']} of {sample['rows']:,} {document['space']['name']} networks "
        f"({sample['functions']:,} different)",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
    )
    lines = [_cells(row) for row in document["rows"]]
    for name in (shown := [name for name in lines[0] if any(line[name] for line in lines)]):
        gives_way = name == "score"
        table.add_column(
            name,
            justify="left" if name in ("score", "kind") else "right",
            no_wrap=not gives_way,
            overflow="fold",
            min_width=12 if gives_way else max(len(line[name]) for line in lines),
        )
    for row, line in zip(document["rows"], lines, strict=True):
        table.add_row(*(Text(line[name]) for name in shown), style=_STYLES.get(row["kind"]))
    return table


def explanation(document: Mapping[str, Any]) -> Text:
    """What the columns mean, on what the proxies looked, and what was left out."""
    sample = document["sample"]
    lines = [
        "tau: Kendall's tau-b with its 95 % interval over different networks "
        f"({sample['interval']}); rho: Spearman's; | params: "
        "partial tau given the parameters; ±5 %: tau among networks whose parameters differ by at "
        "most that; top pick: target of the network that the score likes best.",
        f"Scored on {sample['images']} images of {sample['data']}, teacher {sample['teacher']}, "
        f"seed {sample['seed']}; s/net: what the score takes by itself, in one thread, on a "
        f"network of middle size{_together(document['rows'])}.",
    ]
    if any(row["proxy"].startswith("canonical_") for row in document["rows"]):
        lines.append(
            "canonical: of the smallest network that computes the same, which a search would "
            "build; fusions, | params and ±5 % go by its sizes."
        )
    if any(row["nan"] for row in document["rows"]):
        lines.append(
            "no value: networks of which a score, or a part of a fusion, says nothing and ranks "
            "them last."
        )
    if sample["dropped"]:
        lines.append(f"Rows without a target, left out: {sample['dropped']:,}.")
    return Text("\n".join(lines), style="dim")


def _together(rows: Sequence[Mapping[str, Any]]) -> str:
    """What several proxies took in their shared passes."""
    passes = [row["seconds_per_pass"] for row in rows if row["seconds_per_pass"]]
    return f"; together they took {max(passes):.2g} s" if len(passes) > 1 else ""


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    """The columns; one that is empty in every row is not shown."""
    seconds = row["seconds_per_arch"]
    return {
        "score": row["proxy"],
        "kind": _KINDS[row["kind"]],
        "tau": _three(row["tau"]),
        "95 %": _interval(row["tau_ci"]),
        "rho": _three(row["rho"]),
        "| params": _three(row["partial_tau"]),
        "±5 %": _three(row["tau_within_params"]),
        "nDCG": _three(row["ndcg"]),
        "top pick": numbers.score(row["top_pick_target"]),
        "no value": f"{row['nan']:,}" if row["nan"] else "",
        "s/net": f"{seconds:.2g}" if seconds else "",
    }


def _three(value: float) -> str:
    return numbers.MISSING if numbers.is_missing(value) else f"{value:.3f}"


def _interval(ends: tuple[float, float]) -> str:
    if any(map(numbers.is_missing, ends)):
        return numbers.MISSING
    return "{:.3f} to {:.3f}".format(*ends)
