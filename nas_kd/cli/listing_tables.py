"""What ``nas-kd list`` shows: all entries in a table, or one with everything that is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

_NOT_IN_TABLES = {"batch", "differs", "initialisation", "input", "meanings", "settings"}


def all_entries(entries: list[dict[str, Any]]) -> Table:
    """A line for each entry, without what takes many words."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    shown = [
        column
        for column in (entries[0] if entries else {"nothing is registered": ""})
        if column not in _NOT_IN_TABLES and any(_cell(entry[column]) for entry in entries)
    ]
    for column in shown:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == "name")
    for entry in entries:
        table.add_row(*(Text(_cell(entry[column])) for column in shown))
    return table


def one_entry(entry: dict[str, Any]) -> Iterator[Table]:
    """One entry, a line for each field, and for each part of a field that has names of its own.

    Settings whose meanings are known have a table of their own.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    meanings = entry.get("meanings")
    table = Table(box=box.SIMPLE, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for field, value in entry.items():
        if meanings is not None and field in ("settings", "meanings"):
            continue
        title, named = field.replace("_", " "), isinstance(value, dict)
        table.add_row(title, "" if named else Text(_cell(value)))
        for name, part in value.items() if named else ():
            table.add_row(Text(f"  {name}"), Text(_default(part)))
    yield table
    if meanings is not None:
        yield _settings(entry["settings"], meanings)


def _settings(defaults: Mapping[str, Any], meanings: Mapping[str, str]) -> Table:
    """A line for each setting: its name, its default and what it means."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("setting", "default", "meaning", box=box.SIMPLE, header_style="bold")
    for column in table.columns[:2]:
        column.no_wrap = True
    for name, default in defaults.items():
        table.add_row(Text(name), Text(_default(default)), Text(meanings.get(name, "")))
    return table


def _default(value: Any) -> str:
    return "none" if value is None else str(value)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, dict):
        return ", ".join(f"{name}={part}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
