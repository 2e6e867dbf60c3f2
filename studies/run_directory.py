"""The run directory: everything that a search knows, in one place, so that it can continue."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.errors import UsageError
from nas_kd.export.file_names import MANIFEST
from nas_kd.folder_lock import made_and_locked, working_alone
from nas_kd.sealed import unsealed, write_sealed
from nas_kd.whole_files import write_whole
from studies.frozen_recipe import FrozenRecipe
from studies.journal_trials import holds_trials
from studies.moved_document import at_place
from studies.recipe import Recipe
from studies.state_files import StateFiles, ToldOnce

if TYPE_CHECKING:
    import pandas as pd

FOUND = "found"
"""The state that holds what a search found so far (`studies.found_document.found_document`)."""
ENDED = "ended"
"""The state that says why a search ended without a student of its own (``reason``)."""
REFERENCE = "reference"
"""The state that holds the scored candidates with which ranks begin (`studies.search.Search`)."""
SUPERNET_SEARCH = "supernet-search"
"""The state that holds what a search of a supernet was asked for; no other run has it."""
LESSON = "lesson"
"""The state that holds what a student of text learns; no other run has it."""
FIT = "latency-fit"
"""The folder under ``work`` of the measurements on which the latency predictor is fitted."""
CHOSEN = "arch"
"""State of a run that trains one chosen student: its architecture."""
_WITHOUT_TRIALS = (SUPERNET_SEARCH, LESSON)
_RECIPE, _PRETRAINING = "recipe.json", "pretrain.json"
_REPORT = (
    "report.html",
    "front.png",
    "latency.png",
    "prediction.png",
    "agreement.png",
    "architecture.png",
)
"""What `nas_kd.report.writing` makes of a run."""
_OF_THE_END = ("finalists.", "distill.")
"""Settings that are read when trials, scores and latencies are there already."""


class RunDirectory:
    """``runs/<name>/``: frozen recipe, journal, candidates, state of each phase, students.

    Files are replaced atomically: a kill at any moment leaves the old or the new one. Each holds a
    checksum (`nas_kd.sealed`), or has one kept under ``work``; what does not fit it counts as
    lost, which is told, and is made anew.

    Attributes:
        tell: Tells whoever listens (``tell.say``) of what is damaged.
        states: What the phases keep while they run, and the checksums of larger files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tell = ToldOnce()
        self.states = StateFiles(path / "work", self.tell)
        self.recipe_json = path / _RECIPE
        self._frozen = FrozenRecipe(self.recipe_json, self.states, self.tell)
        self.journal = path / "journal.log"
        self.scores = path / "work" / "scores.log"
        self.candidates_csv = path / "candidates.csv"
        self.result_json = path / "result.json"
        self.log = path / "nas-kd.log"

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """An existing run.

        Raises:
            UsageError: ``path`` holds no run.
        """
        run = cls(path)
        if not run.recipe_json.is_file():
            raise UsageError(
                f"run directory: {path} holds no run (recipe.json is missing). "
                "Give the directory that `nas-kd search` printed."
            )
        return run

    @classmethod
    def create_or_continue(cls, path: Path, recipe: Recipe, *, fork: bool = False) -> RunDirectory:
        """The run at ``path``: a new one, or the one that is there with the same recipe.

        A run that ended before its first trial, as by a wrong path or a budget that nobody meets,
        takes the new recipe. Settings that only the end of a search reads may differ, and count
        from `take` on. With ``fork``, a run with another recipe or of another kind is left as it is
        and the new recipe gets a directory of its own beside it (``<name>-2`` and so on).

        Raises:
            UsageError: A run with another recipe or of another kind, such as a pre-training, is
                there and ``fork`` is not set, or a file stands in its place.
            NasKdError: The directory cannot be written.
        """
        run = cls(path)
        if not fork:
            run.refuse_others_than(_RECIPE)
            run._refuse(recipe)
        number = 2
        while fork and (run._others_than(_RECIPE) or run._changes(recipe)):
            run, number = cls(path.with_name(f"{path.name}-{number}")), number + 1
        with made_and_locked(run.path):
            run._begin(recipe)
        return run

    def take(self, recipe: Recipe) -> list[str]:
        """From now on the run is one of ``recipe``: result and report of other settings go.

        Only whoever holds the run's lock may call this.

        Returns:
            The settings that are new, all of them such as only the end of a search reads.

        Raises:
            UsageError: Others differ, too.
            OSError: The recipe cannot be written.
        """
        self._refuse(recipe)
        if changed := self._changes(recipe):
            for name in (self.result_json.name, *_REPORT):
                (self.path / name).unlink(missing_ok=True)
            self._frozen.replace(recipe)
        return changed

    def _refuse(self, recipe: Recipe) -> None:
        changed = self._changes(recipe)
        if holds_trials(self.journal):
            changed = [name for name in changed if not name.startswith(_OF_THE_END)]
        if changed:
            raise UsageError(
                f"run directory: {self.path} holds a run with another recipe "
                f"({', '.join(changed)} changed). Add --fork to start a new run beside it, "
                "or name another --run-dir."
            )

    def _changes(self, recipe: Recipe) -> list[str]:
        """Settings that differ from those of the run that is there, once it holds any work."""
        return self.recipe.changes(recipe) if self._holds_work() else []

    def _holds_work(self) -> bool:
        """Whether trials, trainings or a result are there, which no other recipe may replace."""
        training = self.path / "work" / "training"
        return holds_trials(self.journal) or training.is_dir() or self.result_json.is_file()

    def _begin(self, recipe: Recipe) -> None:
        if not self._holds_work() and self.recipe_json.is_file() and self._differs(recipe):
            shutil.rmtree(self.path / "work", ignore_errors=True)
            self.journal.unlink(missing_ok=True)
            self.recipe_json.unlink()
        self._frozen.freeze(self.recipe if self._holds_work() else recipe)
        with self.log.open("a", encoding="utf-8"):
            pass

    def _differs(self, recipe: Recipe) -> bool:
        try:
            return self.recipe != recipe
        except UsageError:
            return True

    @property
    def name(self) -> str:
        return self.path.name

    def kind_without_trials(self) -> str | None:
        """`SUPERNET_SEARCH` or `LESSON` where the directory holds such a run."""
        return next((kind for kind in _WITHOUT_TRIALS if self.read_state(kind) is not None), None)

    def refuse_others_than(self, kind: str) -> None:
        """Keeps a run of ``kind`` out of a directory that holds another kind.

        Args:
            kind: One without trials, or ``recipe.json``.

        Raises:
            UsageError: It does.
        """
        if found := self._others_than(kind):
            raise UsageError(
                f"run directory: {self.path} holds a run of another kind ({found[0]}). Name "
                "another --run-dir."
            )

    def _others_than(self, kind: str) -> list[str]:
        """Kinds of run that the directory holds beside ``kind``, by their file or their state."""
        found = [name for name in (_RECIPE, _PRETRAINING) if (self.path / name).exists()]
        found += [name for name in _WITHOUT_TRIALS if self.read_state(name) is not None]
        return [name for name in found if name != kind]

    @property
    def recipe(self) -> Recipe:
        """The recipe frozen when the run began (see `FrozenRecipe.read`)."""
        return self._frozen.read()

    @property
    def students(self) -> list[Path]:
        """Directories of the finished students, best first."""
        found = (self.path / "students").glob(f"*/{MANIFEST}")
        ranked = (manifest.parent for manifest in found if manifest.parent.name.isdecimal())
        return sorted(ranked, key=lambda path: int(path.name))

    def student(self, rank: int) -> Path:
        return self.path / "students" / str(rank)

    def work(self, *parts: str) -> Path:
        """A path for what a phase keeps while it runs; its folder is made."""
        path = self.path.joinpath("work", *parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def read_state(self, name: str) -> dict[str, Any] | None:
        """What `write_state` kept under ``name``; None when there is nothing, or nothing whole."""
        return self.states.read(name)

    def write_state(self, name: str, state: Mapping[str, Any]) -> None:
        self.states.write(name, state)

    def forget_state(self, name: str) -> None:
        """Removes what `write_state` kept under ``name``, if anything."""
        self.states.forget(name)

    def write_result(self, document: Mapping[str, Any]) -> None:
        """Keeps the finished run's document."""
        write_sealed(self.result_json, document)

    def read_result(self) -> dict[str, Any] | None:
        """The finished run's document, with its paths as `path` leads to them now.

        None while the run is unfinished.

        Raises:
            UsageError: ``result.json`` is damaged.
        """
        if not self.result_json.is_file():
            return None
        try:
            result = unsealed(self.result_json.read_bytes(), required=False)
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(
                f"run directory: {self.result_json} is damaged ({error}). "
                "Run the same search again: it continues from its other files and writes it anew."
            ) from error
        return at_place(result, self.path)

    def read_candidates(self) -> pd.DataFrame:
        """The table of all trials (`studies.candidate_table.candidate_table`).

        It is empty until it is written, and where it is damaged.
        """
        import pandas as pd

        if not self.candidates_csv.is_file():
            return pd.DataFrame()
        if self.states.is_damaged(self.candidates_csv):
            return pd.DataFrame()
        return pd.read_csv(self.candidates_csv)

    def write_candidates(self, table: pd.DataFrame) -> None:
        """Replaces the table of all trials; a damaged one is told of."""
        if self.candidates_csv.is_file():
            self.states.is_damaged(self.candidates_csv)
        text = table.to_csv(index=False)
        self.states.vouch(self.candidates_csv, text.encode())
        write_whole(self.candidates_csv, text)

    def lock(self) -> AbstractContextManager[None]:
        """Keeps a second command off the same run while this one works on it."""
        return working_alone(self.path)


def state_name(key: str) -> str:
    """The name under which what is known of one candidate is kept."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]
