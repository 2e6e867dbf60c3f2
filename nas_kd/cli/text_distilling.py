"""The work behind ``nas-kd distill --task``: a student of text learns a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.at_work import working_in
from nas_kd.cli.console import stdout_kept_clean
from nas_kd.cli.device_options import named_profile
from nas_kd.cli.named_runs import run_named_by
from nas_kd.cli.progress import watching
from nas_kd.cli.student_folders import best_student, holds_text
from nas_kd.errors import UsageError
from nas_kd.export.file_names import PROVENANCE

if TYPE_CHECKING:
    from nas_kd.training.language import EmbeddingSettings, TaskSettings
    from studies.text_lessons import Lesson


def distil_text(
    student: str,
    task: str,
    *,
    embeddings: bool,
    text: str | None,
    teacher: str | None,
    pairs: Sequence[str],
    seed: int,
    device: str | None,
    threads: int | None,
    int8: bool,
    run_dir: Path | None,
) -> dict[str, Any]:
    """Teaches the student, delivers it and returns the JSON document.

    Args:
        student: Its directory, or that of the search that found it.
        task: Labelled texts.
        embeddings: Whether sentence embeddings are learned instead of labels.
        text: Further text for them.
        teacher: A language model; by default the one that the student was cut from, and none where
            nothing is learned from one.
        pairs: ``name=value`` settings of the training.
        seed: Of the training.
        device: Where the student is measured.
        threads: Of that device.
        int8: Whether an int8 file is wanted, too.
        run_dir: Where the run lives; by default a folder of its own under ``runs/``.
    """
    with stdout_kept_clean():
        from nas_kd.costs import require_provider
        from studies.run_directory import RunDirectory
        from studies.text_distillation import METRICS, distil_text_student
        from studies.text_lessons import TextDelivery

        directory = _student_directory(Path(student))
        settings = _settings(embeddings, pairs)
        frozen = {
            "student": str(directory),
            "task": task,
            "embeddings": embeddings,
            "text": text,
            **_teaching(teacher, directory, taught=_is_taught(settings)),
            "settings": asdict(settings),
            "seed": seed,
        }
        profile = named_profile(device, threads)
        require_provider(profile)
        run = RunDirectory(run_dir or run_named_by("distill", frozen))
        with watching() as observer, working_in(run, observer) as kept:
            document = distil_text_student(
                directory, _lesson(frozen), frozen, TextDelivery(profile, int8), run, kept
            )
            _draw(run.path / METRICS, document["task"]["name"])
    return document


def refuse_without_task(student: str) -> None:
    """Raises `UsageError` for a student of text, which is of no use without ``--task``."""
    folder = Path(student)
    if holds_text(folder) or holds_text(folder / "students" / "1"):
        raise UsageError(
            f"--task: {student} is a student of text; say what it is to learn, for example "
            "--task 'texts.tsv?text=sentence&label=label'."
        )


def _student_directory(path: Path) -> Path:
    """The student's directory: ``path``, or the best student of the search there."""
    directory = best_student(path)
    if not holds_text(directory):
        raise UsageError(
            f"student: {directory} holds no student of text ({PROVENANCE} is missing). Give a "
            "directory that nas-kd search --supernet wrote for a SuperLM."
        )
    return directory


def _settings(embeddings: bool, pairs: Sequence[str]) -> EmbeddingSettings | TaskSettings:
    from nas_kd.training.language import EmbeddingSettings, TaskSettings
    from nas_kd.training.pretraining.settings_text import kinds_of, parse_values

    kind = EmbeddingSettings if embeddings else TaskSettings
    what = "learning embeddings" if embeddings else "learning a task"
    return kind(**parse_values(what, kinds_of(kind), pairs))


def _is_taught(settings: EmbeddingSettings | TaskSettings) -> bool:
    """Whether anything is learned from a teacher."""
    from nas_kd.training.language import TaskSettings

    return not isinstance(settings, TaskSettings) or settings.learns_from_teacher


def _teaching(teacher: str | None, student: Path, *, taught: bool) -> dict[str, str | None]:
    """Who teaches, and the file of the weights that replace the teacher's own with its SHA-256;
    None for each where there is none."""
    from studies.text_lessons.own_teacher import own_teacher

    if teacher is None and taught:
        return own_teacher(student)
    if teacher is not None and not taught:
        raise UsageError(
            "--teacher: with teacher_weight=0 and state_epochs=0 nothing is learned from one. "
            "Leave it out."
        )
    return {"teacher": teacher, "checkpoint": None, "checkpoint_sha256": None}


def _lesson(frozen: Mapping[str, Any]) -> Lesson:
    from nas_kd.training.language import EmbeddingSettings, TaskSettings
    from studies.text_lessons import EmbeddingLesson, TaskLesson

    task, teacher, seed = frozen["task"], frozen["teacher"], frozen["seed"]
    checkpoint = None if frozen["checkpoint"] is None else Path(frozen["checkpoint"])
    if frozen["embeddings"]:
        settings = EmbeddingSettings(**frozen["settings"])
        return EmbeddingLesson(task, teacher, settings, seed, frozen["text"], checkpoint)
    return TaskLesson(task, teacher, TaskSettings(**frozen["settings"]), seed, checkpoint)


def _draw(metrics: Path, title: str) -> None:
    from nas_kd.report.metrics_plot import draw_metrics

    draw_metrics(metrics, metrics.with_suffix(".png"), title=title)
