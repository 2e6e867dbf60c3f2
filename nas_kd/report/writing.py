"""Writes the pictures and the page into a run directory."""

from __future__ import annotations

from pathlib import Path

from nas_kd.report.architecture import student_drawing
from nas_kd.report.architecture_plot import draw_architecture
from nas_kd.report.front_plot import draw_front
from nas_kd.report.html import write_html
from nas_kd.report.measurements import read_measurements
from nas_kd.report.run_document import read_document
from nas_kd.whole_files import replaced
from studies.run_directory import RunDirectory


def write_report(run: RunDirectory) -> list[Path]:
    """Writes ``front.png``, ``architecture.png`` and ``report.html`` from what the run holds.

    Each is replaced at once, so a reader never sees a half-written file. The picture of the
    architecture is left out before there is a student.
    """
    document, candidates = read_document(run), run.read_candidates()
    drawing = student_drawing(document)
    picture, page = run.path / "front.png", run.path / "report.html"
    written = [picture, page]
    with replaced(picture) as draft:
        draw_front(candidates, document, draft)
    if drawing is not None:
        written.append(draw_architecture(drawing, run.path / "architecture.png"))
    with replaced(page) as draft:
        write_html(
            draft,
            document=document,
            candidates=candidates,
            measured=read_measurements(run, candidates, document),
            drawing=drawing,
            recipe=run.recipe.model_dump(mode="json"),
        )
    return written
