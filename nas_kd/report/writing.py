"""Writes the pictures and the page into a run directory."""

from __future__ import annotations

from pathlib import Path

from nas_kd.report.agreement_plot import draw_agreement
from nas_kd.report.architecture import student_drawing
from nas_kd.report.architecture_plot import draw_architecture
from nas_kd.report.front_plot import draw_front
from nas_kd.report.html import write_html
from nas_kd.report.latency_plot import draw_latency, draw_prediction
from nas_kd.report.measurements import read_measurements
from nas_kd.report.run_document import read_document
from nas_kd.whole_files import replaced
from studies.run_directory import RunDirectory


def write_report(run: RunDirectory) -> list[Path]:
    """Writes the pictures and ``report.html`` from what the run holds.

    Each is replaced at once, so a reader never sees a half-written file. A picture for which the
    run has no data, as ``architecture.png`` before there is a student, is left out.
    """
    document, candidates = read_document(run), run.read_candidates()
    measured = read_measurements(run, candidates, document)
    drawing = student_drawing(document)
    page = run.path / "report.html"
    pictures = [
        draw_front(candidates, document, run.path / "front.png"),
        draw_latency(measured, document, run.path / "latency.png"),
        draw_prediction(measured, document, run.path / "prediction.png"),
        draw_agreement(candidates, document.get("proxies") or [], run.path / "agreement.png"),
        draw_architecture(drawing, run.path / "architecture.png") if drawing else None,
    ]
    with replaced(page) as draft:
        write_html(
            draft,
            document=document,
            candidates=candidates,
            measured=measured,
            drawing=drawing,
            recipe=run.recipe.model_dump(mode="json", exclude_none=True),
        )
    return [*(picture for picture in pictures if picture is not None), page]
