"""Delivered finalists with how they were judged, so that each is delivered and measured once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from nas_kd.export.file_names import MANIFEST
from nas_kd.export.manifest import changed_files, read_manifest, refresh_manifest
from nas_kd.whole_files import put_aside, whole_folder
from studies.beside_teacher import latency_violation
from studies.changed_student import put_aside_if_changed
from studies.delivered_finalist import DeliveredFinalist
from studies.delivery import Delivered
from studies.measured import Measured
from studies.run_directory import RunDirectory
from studies.setting import Setting


class KeptStudents:
    """Students under ``work/delivered``, of which one is handed over to ``students/1``.

    Args:
        run: Where they are.
        setting: The latency limit.
    """

    def __init__(self, run: RunDirectory, setting: Setting) -> None:
        self._run = run
        self._setting = setting

    def folder(self, name: str) -> Path:
        """Where the files of a student are."""
        return self._run.work("delivered", name)

    def read(self, name: str, winner: Measured) -> DeliveredFinalist | None:
        """The student as it was judged; None where nothing whole is kept under ``name``."""
        state = self._run.read_state(_state(name))
        if state is None:
            return None
        folder = self.folder(name)
        if changed := changed_files(folder):
            self._run.tell(f"{_listed(folder, changed)} changed; the student is delivered anew.")
            return None
        if _files(folder) != state["files"]:
            return None
        return self.student(
            winner,
            Delivered.from_dict(state["delivered"], folder),
            state["accuracies"],
            state["inherited_share"],
        )

    def write(self, name: str, student: DeliveredFinalist) -> None:
        """Keeps how a student whose files are in its folder was judged."""
        self._run.write_state(
            _state(name),
            {
                "delivered": student.delivered.to_dict(),
                "accuracies": dict(student.accuracies),
                "inherited_share": student.inherited_share,
                "files": _files(student.delivered.directory),
            },
        )

    def student(
        self,
        winner: Measured,
        delivered: Delivered,
        accuracies: dict[str, float | None],
        inherited_share: float,
    ) -> DeliveredFinalist:
        """A student with the accuracies of its file, judged by the latency limit."""
        return DeliveredFinalist(
            winner,
            delivered,
            {**accuracies, **delivered.accuracies()},
            inherited_share,
            latency_violation(self._setting, delivered.latency, delivered.teacher_latency),
        )

    def hand_over(self, student: DeliveredFinalist) -> DeliveredFinalist:
        """The student in ``students/1``, where an earlier one is replaced.

        Its manifest says what is known of it now. What was changed or added there by something else
        is kept: beside it, or in its place where the student's own files are the same.
        """
        target = self._run.student(1)
        if not self._is_there(student, target):
            with whole_folder(target) as draft:
                shutil.copytree(student.delivered.directory, draft, dirs_exist_ok=True)
        delivered = student.delivered
        precision = delivered.precision
        refresh_manifest(
            target,
            latency=delivered.latency,
            parity=delivered.parity,
            accuracy=student.accuracies,
            recipe=self._run.recipe.model_dump(mode="json"),
            precisions={} if precision is None else {precision.precision: precision},
        )
        return replace(student, delivered=delivered.at(target))

    def _is_there(self, student: DeliveredFinalist, target: Path) -> bool:
        """Whether its files are there; where they are not, others' are put aside."""
        if not target.exists() or put_aside_if_changed(self._run, target):
            return False
        wanted = _files(student.delivered.directory)
        if wanted.items() <= _files(target).items():
            return True
        found = {path.name for path in target.iterdir()}
        if added := sorted(found - wanted.keys() - {MANIFEST}):
            aside = put_aside(target)
            self._run.tell(
                f"{_listed(target, added)} belonged to the earlier student, which is kept with "
                f"them as {aside.name}: another one takes its place."
            )
        return False


def _files(directory: Path) -> dict[str, str]:
    """Names and hashes of the files of a student, as its manifest has them."""
    return dict((read_manifest(directory) or {}).get("files", {}))


def _listed(folder: Path, names: list[str]) -> str:
    return ", ".join(str(folder / name) for name in names)


def _state(name: str) -> str:
    return f"delivered/{name}"
