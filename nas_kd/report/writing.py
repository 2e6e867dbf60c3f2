"""Writes the picture and the page into a run directory."""

from __future__ import annotations

from pathlib import Path

from nas_kd.report.front_plot import draw_front
from nas_kd.report.html import write_html
from nas_kd.report.run_document import read_document
from studies.run_directory import RunDirectory


def write_report(run: RunDirectory) -> list[Path]:
    """Writes ``front.png`` and ``report.html`` from what the run directory holds.

    Both are replaced at once, so a reader never sees a half-written file.
    """
    document, candidates = read_document(run), run.read_candidates()
    picture, page = run.path / "front.png", run.path / "report.html"
    recipe = run.recipe.model_dump(mode="json")
    drafts = {
        picture: draw_front(candidates, document, run.path / "front.part.png"),
        page: write_html(
            run.path / "report.part.html", document=document, candidates=candidates, recipe=recipe
        ),
    }
    for final, draft in drafts.items():
        draft.replace(final)
    return list(drafts)
