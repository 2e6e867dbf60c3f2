"""What pages are made of: one file that needs nothing else, not even a network.

All text that is passed in is escaped, but for ``content`` and ``parts``, which are HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.report.architecture_plot import architecture_svg

if TYPE_CHECKING:
    from search_spaces import Drawing

_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    # A button with which plotly.js 4 sends the figure to a server.
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d"],
}


def write_page(path: Path, title: str, parts: Iterable[str]) -> Path:
    """Writes the page with the look of all pages."""
    style = (files("nas_kd.report") / "report.css").read_text(encoding="utf-8")
    path.write_text(
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n"
        f"<body><main>{''.join(parts)}</main></body></html>\n",
        encoding="utf-8",
    )
    return path


def section(title: str, content: str) -> str:
    """A part with a heading; nothing where there is no content."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def tiles(numbers: Iterable[tuple[str, str]]) -> str:
    """Large numbers, each with what it is below it."""
    cells = (
        f"<div><b>{escape(big)}</b><span>{escape(small)}</span></div>" for big, small in numbers
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing where there are no rows."""
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    if not body:
        return ""
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    top = f"<thead><tr>{names}</tr></thead>" if any(head) else ""
    kind = "architectures" if "architecture" in head else "facts"
    return f'<div class="scroll"><table class="{kind}">{top}<tbody>{body}</tbody></table></div>'


def figure(shown: Any, *, include_library: bool) -> str:
    """An interactive figure; one of a page's figures has to bring the library for all."""
    return str(shown.to_html(include_plotlyjs=include_library, full_html=False, config=_CONFIG))


def drawn(drawing: Drawing) -> str:
    """An architecture."""
    label = escape(drawing.caption, quote=True)
    return f'<div class="drawing" role="img" aria-label="{label}">{architecture_svg(drawing)}</div>'
