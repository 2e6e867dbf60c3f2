"""A pre-training as a note on its study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nas_kd.report.dashboard.markdown import cell, plain, table, toml_block
from nas_kd.report.pretraining import facts
from nas_kd.report.pretraining.families import words
from nas_kd.report.pretraining.settings import settings_toml


def pretraining_note(document: Mapping[str, Any]) -> str:
    """What was trained and how long, the found cell, the last unit, and all settings."""
    return "\n\n".join(_parts(document))


def _parts(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"**{plain(facts.headline(document))}** {plain(facts.extent_line(document))}"
    yield "Each trial is a unit of the training; its attributes are the unit's metrics."
    lines = facts.cell_lines(document)
    if lines:
        yield "### The cell that was found"
        yield from map(plain, lines)
    if document["last"]:
        yield f"### Unit {document['units']}"
        told = facts.spelled(document["last"])
        yield table(["", "value"], [[cell(words(name)), cell(v)] for name, v in told.items()])
    yield "### Settings"
    yield toml_block(settings_toml(document))
