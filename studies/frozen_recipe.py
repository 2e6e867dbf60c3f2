"""The recipe that a run is made by, kept twice so that one damaged file loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nas_kd.errors import UsageError
from nas_kd.sealed import unsealed, write_sealed
from studies.recipe import Recipe
from studies.recipe_files import parse_recipe
from studies.state_files import StateFiles

_COPY = "recipe"


class FrozenRecipe:
    """The recipe in ``recipe.json``, and a copy of it among the states of the run.

    Args:
        path: ``recipe.json``.
        states: Where the copy is.
        tell: Told when the copy has to do.
    """

    def __init__(self, path: Path, states: StateFiles, tell: Callable[[str], None]) -> None:
        self._path = path
        self._states = states
        self._tell = tell

    def read(self) -> Recipe:
        """The recipe as it was frozen.

        Raises:
            UsageError: It is damaged, and so is the copy.
        """
        try:
            return self._read_file()
        except (OSError, ValueError) as error:
            copy = self._states.read(_COPY)
            if copy is None:
                raise UsageError(
                    f"run directory: {self._path} is damaged ({error}). "
                    "Restore it or start a new run with another --run-dir."
                ) from error
            self._tell(
                f"{self._path} is damaged ({error}); its copy in the run directory counts, and the "
                "command that began the run puts it back."
            )
            return parse_recipe(copy)

    def freeze(self, recipe: Recipe) -> None:
        """Keeps ``recipe`` where none is kept yet, or where it is damaged.

        Raises:
            OSError: It cannot be written.
        """
        try:
            self._read_file()
        except (OSError, ValueError):
            write_sealed(self._path, recipe.model_dump(mode="json"))
        self._keep_copy(recipe)

    def replace(self, recipe: Recipe) -> None:
        """Keeps ``recipe`` instead.

        Raises:
            OSError: It cannot be written.
        """
        write_sealed(self._path, recipe.model_dump(mode="json"))
        self._keep_copy(recipe)

    def _keep_copy(self, recipe: Recipe) -> None:
        settings = recipe.model_dump(mode="json")
        if self._states.read(_COPY) != settings:
            self._states.write(_COPY, settings)

    def _read_file(self) -> Recipe:
        return parse_recipe(unsealed(self._path.read_bytes(), required=False))
