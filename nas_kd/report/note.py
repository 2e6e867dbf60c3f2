"""The result of a run as a note on its study."""

from __future__ import annotations

from typing import Any

from nas_kd.report import facts


def study_note(document: dict[str, Any]) -> str:
    """The result of a run as Markdown."""
    lines = [f"**{facts.counts_line(document)}**"]
    split = document.get("accuracy_split", "test")
    rows = facts.comparison_rows(document)
    lines += ["", f"| | {split} accuracy | MACs | parameters | latency |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    for line in facts.teaching_lines(document):
        lines += ["", line]
    return "\n".join(lines)
