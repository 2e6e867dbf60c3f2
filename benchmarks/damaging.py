"""Damage to the files of a run, what a search makes of it, and whether that is right."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.small_search import TASK, SmallSearch, differences, trial_table
from nas_kd.cli import main
from nas_kd.costs import Budget
from search_spaces import create_space
from studies.evaluator import Evaluator
from studies.kept_scores import KeptScores
from studies.observer import SilentObserver
from studies.run_directory import RunDirectory
from studies.search import Search
from studies.setting import load_recipe_data

STATES = (
    "journal.log",
    "recipe.json",
    "result.json",
    "candidates.csv",
    "work/*.json",
    "work/*/*.json",
    "work/scores.log",
    "work/teacher.onnx",
    "work/training/*.safetensors",
    "work/training/*/training.pt",
    "work/delivered/*/*",
    "students/1/*",
)


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said on stderr."""

    code: int
    out: str
    err: str

    @property
    def faults(self) -> list[str]:
        """What no command may do, whatever is damaged."""
        return [
            name
            for name, found in (
                ("traceback", "Traceback" in self.err),
                ("unexpected error", "unexpected " in self.err),
                ("no message", self.code != 0 and "nas-kd: error: " not in self.err),
            )
            if found
        ]


@dataclass(frozen=True)
class Case:
    """A finished run, of which copies are damaged.

    Attributes:
        search: The recipe; its run ``whole`` is finished.
    """

    search: SmallSearch

    @property
    def whole(self) -> RunDirectory:
        return self.search.directory("whole")

    def copy(self, name: str, *, finished: bool = True) -> RunDirectory:
        """A copy of the run, without what comes last where it is not to be finished."""
        run = self.search.directory(name)
        shutil.rmtree(run.path, ignore_errors=True)
        shutil.copytree(self.whole.path, run.path)
        if not finished:
            run.result_json.unlink()
        return run

    def command(self, *words: str, run: str) -> Said:
        """``nas-kd`` in this process, where `PROXY` has to be registered."""
        out, err = io.StringIO(), io.StringIO()
        with _environment(self.search.environment(run)), redirect_stdout(out), redirect_stderr(err):
            code = main(list(words))
        return Said(int(code), out.getvalue(), err.getvalue())

    def search_again(self, run: str) -> Said:
        """The command that began the run."""
        return self.command(*self.search.arguments(run), run=run)

    def wrong(self, run: str) -> list[str]:
        """In what the result of a run differs, also in how often candidates were scored."""
        scored = ["scored again"] if self.search.scorings(run) else []
        return differences(self.search.directory(run), self.whole) + scored


def cut_journal(case: Case, offset: int) -> dict[str, Any]:
    """Cuts the journal at a byte, and searches again (the search alone, without the finalists)."""
    run = case.copy("cut", finished=False)
    content = run.journal.read_bytes()[:offset]
    run.journal.write_bytes(content)
    good = content[: content.rfind(b"\n") + 1]
    notes = _Notes()
    with _environment(case.search.environment("cut")):
        scored = _search(run, notes)
    kept = run.journal.read_bytes().startswith(good)
    said = any("unfinished" in message for message in notes.messages)
    return {
        "kind": "cut",
        "where": offset,
        "wrong": " ".join(
            name
            for name, found in (
                ("trials", trial_table(run) != trial_table(case.whole)),
                ("scored again", scored > 0),
                ("whole entries lost", not kept),
                ("not said", said != (good != content)),
            )
            if found
        ),
        "said": " ".join(notes.messages),
    }


def flip_bit(case: Case, generator: np.random.Generator) -> dict[str, Any]:
    """Flips one bit of a state file, shows the run, and gives its command again."""
    run = case.copy("flipped")
    files = [file for pattern in STATES for file in sorted(run.path.glob(pattern))]
    file = files[generator.integers(len(files))]
    if file != run.result_json:
        run.result_json.unlink()  # so that what is shown comes from the other files
    content = bytearray(file.read_bytes())
    place = int(generator.integers(8 * len(content)))
    content[place // 8] ^= 1 << place % 8
    file.write_bytes(content)
    shown = case.command("show", str(run.path), "--json", run="flipped")
    case.search.scorings_file("flipped").unlink(missing_ok=True)
    again = case.search_again("flipped")
    lost_score = file == run.scores  # then one candidate has to be scored again
    wrong = case.wrong("flipped") if again.code == 0 else ["exit code"]
    if lost_score and case.search.scorings("flipped").total() <= 1:
        wrong = [name for name in wrong if name != "scored again"]
    return {
        "kind": "flip",
        "where": f"{file.relative_to(run.path)}:{place}",
        "wrong": " ".join([*wrong, *again.faults, *shown.faults]),
        "said": _lines_about(file.name, shown.err + again.err),
    }


def fill_disk(case: Case, mounted: Path, share: float) -> dict[str, Any]:
    """Searches on a disk that holds a share of what the run takes, then on one with room."""
    size = sum(file.stat().st_size for file in case.whole.path.rglob("*") if file.is_file())
    arguments = [*case.search.arguments("full")[:-1], str(mounted / "run")]
    with _tmpfs(mounted, f"{int(share * size) // 1024 + 16}k"):
        full = case.command(*arguments, run="full")
        _remount(mounted, "size=256m")
        again = case.command(*arguments, run="full")
        wrong = differences(RunDirectory(mounted / "run"), case.whole) if again.code == 0 else ["-"]
    return {
        "kind": "disk full",
        "where": f"{share:.0%}",
        "wrong": " ".join([*wrong, *full.faults, *again.faults]),
        "said": _message(full.err),
        "code": full.code,
    }


def read_only(case: Case, mounted: Path) -> dict[str, Any]:
    """Shows and continues an unfinished run in a directory that cannot be written."""
    with _tmpfs(mounted, "256m"):
        shutil.copytree(case.whole.path, mounted / "run")
        (mounted / "run" / "result.json").unlink()
        _remount(mounted, "ro")
        shown = case.command("show", str(mounted / "run"), run="read-only")
        arguments = case.search.arguments("read-only")[:-1]
        again = case.command(*arguments, str(mounted / "run"), run="read-only")
        _remount(mounted, "rw")
    return {
        "kind": "read-only",
        "where": "",
        "wrong": " ".join([*shown.faults, *again.faults, *(["shown"] if shown.code else [])]),
        "said": _message(again.err),
        "code": again.code,
    }


def two_commands(case: Case) -> dict[str, Any]:
    """Gives the command a second time while it is at work."""
    run = case.search.directory("twice")
    shutil.rmtree(run.path, ignore_errors=True)
    case.search.scorings_file("twice").unlink(missing_ok=True)
    first = case.search.start("twice")
    while first.poll() is None and not run.scores.is_file():
        pass
    second = case.search_again("twice")
    _, said = first.communicate()
    wrong = differences(run, case.whole) if first.returncode == 0 else [said]
    twice = case.search.scorings("twice") != case.search.kept("twice")
    return {
        "kind": "two commands",
        "where": "",
        "wrong": " ".join([*wrong, *second.faults, *(["scored twice"] if twice else [])]),
        "said": _message(second.err),
        "code": second.code,
    }


def can_mount(folder: Path) -> bool:
    """Whether this process may mount a small file system of its own."""
    try:
        with _tmpfs(folder, "64k"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


class _Notes(SilentObserver):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def note(self, message: str) -> None:
        self.messages.append(message)


def _search(run: RunDirectory, notes: _Notes) -> int:
    """The search of a run whose other phases are over; how many candidates were scored."""
    recipe, data = run.recipe, load_recipe_data(run.recipe)
    images, labels = data.probe_batch(recipe.search.images, recipe.seed)
    facts = run.read_state("teacher") or {}
    kept, scored = KeptScores(run.scores, notes.note), [0]

    def count(candidate: object) -> None:
        scored[0] += 1

    space = create_space(recipe.space.name, **recipe.space.options)
    evaluator = Evaluator(
        space,
        TASK,
        limits=Budget.parse(recipe.budget.limits).limits(facts),
        proxies=recipe.search.proxies,
        images=images,
        labels=labels,
        teacher=None,
        seed=recipe.seed,
        keep=count,
    )
    for candidate in kept.read():
        evaluator.remember(candidate)
    Search(recipe, run, space, evaluator, notes).run()
    return scored[0]


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _tmpfs(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _remount(folder: Path, options: str) -> None:
    _mount("-o", f"remount,{options}", str(folder))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def _message(err: str) -> str:
    return " ".join(line for line in err.splitlines() if line.startswith("nas-kd: error: "))


def _lines_about(name: str, err: str) -> str:
    return " ".join(line for line in err.splitlines() if name in line)
