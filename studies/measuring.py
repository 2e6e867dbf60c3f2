"""Latency of candidates on the target device, measured beside the teacher in one process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from nas_kd.costs import LatencyRecord, measure_many
from nas_kd.export import export_onnx
from nas_kd.machine_lock import machine_alone
from studies.beside_teacher import latency_violation
from studies.candidates import Candidate
from studies.deployed_precision import file_to_measure
from studies.measured import Measured
from studies.run_directory import RunDirectory, state_name
from studies.setting import Setting

_CALIBRATION_IMAGES = 32
"""Enough for the latency of an int8 file, which does not depend on how well it is calibrated."""
_SHARE_OF_MEMORY = 1 / 8
"""For files that are open together: a session takes a few times the memory of its file."""


class Meter:
    """Exports untrained candidates and measures them at the precision of the profile, each once.

    What others disturbed is measured again by the next one in the same run, unless that recalls
    doubtful ones, too.

    A latency limit that is a share of the teacher's is resolved on the teacher's latency in the
    same process, block by block interleaved, so that a slow moment of the machine hits both.

    Args:
        setting: What is measured on which device.
        run: Keeps the measurements.
        seed: Of the untrained weights.
        folder: Where in the run's state the measurements are kept.
        max_seconds: Of measuring, for each candidate.
        max_bytes: Of all files that one process opens; by default an eighth of the machine's
            memory. Candidates beyond that are measured in another process, beside the teacher
            again.
        recall_doubtful: Whether measurements that others disturbed are recalled, too.
    """

    def __init__(
        self,
        setting: Setting,
        run: RunDirectory,
        seed: int,
        *,
        folder: str = "latency",
        max_seconds: float = 5.0,
        max_bytes: int | None = None,
        recall_doubtful: bool = False,
    ) -> None:
        self._setting = setting
        self._run = run
        self._seed = seed
        self._folder = folder
        self._max_seconds = max_seconds
        self._max_bytes = max_bytes or int(_SHARE_OF_MEMORY * _memory_bytes())
        self._recall_doubtful = recall_doubtful
        self._done: dict[str, Measured] = {}

    @property
    def done(self) -> dict[str, Measured]:
        """Everything measured so far, by canonical key."""
        return self._done

    def measure(
        self, candidates: Sequence[Candidate], *, keep_files: bool = False
    ) -> list[Measured]:
        """Measures the candidates that were not measured before, as many together as memory holds.

        Args:
            candidates: Any.
            keep_files: Whether the files of those that hold the latency limit stay.
        """
        new = [c for c in candidates if c.key not in self._done and not self._recall(c)]
        for group in self._exported(new):
            with machine_alone():
                teacher, *records = measure_many(
                    [self._setting.teacher_onnx, *(file for _, file in group)],
                    self._setting.profile,
                    max_seconds=self._max_seconds,
                )
            for (candidate, _), record in zip(group, records, strict=True):
                self._keep(candidate, record, latency_violation(self._setting, record, teacher))
                if not (keep_files and self._done[candidate.key].feasible):
                    self._remove_files(candidate)
        return [self._done[candidate.key] for candidate in candidates]

    def _exported(self, candidates: Sequence[Candidate]) -> Iterator[list[tuple[Candidate, Path]]]:
        """Groups of candidates with their files, which one process can open."""
        group: list[tuple[Candidate, Path]] = []
        teacher = used = self._setting.teacher_onnx.stat().st_size
        for candidate in candidates:
            file = self._export(candidate)
            size = file.stat().st_size
            if group and used + size > self._max_bytes:
                yield group
                group, used = [], teacher
            group.append((candidate, file))
            used += size
        if group:
            yield group

    def _file(self, candidate: Candidate) -> Path:
        return self._run.work("candidates", f"{state_name(candidate.key)}.onnx")

    def _remove_files(self, candidate: Candidate) -> None:
        """That of every precision."""
        file = self._file(candidate)
        for path in file.parent.glob(f"{file.stem}*.onnx"):
            path.unlink()

    def _export(self, candidate: Candidate) -> Path:
        path = self._file(candidate)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            module = self._setting.space.build(candidate.arch, self._setting.task)
        file = export_onnx(module, self._setting.task.input_shape, path)
        return file_to_measure(file, self._setting, self._seed, _CALIBRATION_IMAGES)

    def _keep(self, candidate: Candidate, record: LatencyRecord, violation: float) -> None:
        self._done[candidate.key] = Measured(candidate, record, violation)
        state = {"latency": record.to_dict(), "violation": violation}
        self._run.write_state(f"{self._folder}/{state_name(candidate.key)}", state)

    def _recall(self, candidate: Candidate) -> bool:
        state = self._run.read_state(f"{self._folder}/{state_name(candidate.key)}")
        if state is None:
            return False
        record = LatencyRecord.from_dict(state["latency"])
        if record.doubts and not self._recall_doubtful:
            return False
        self._done[candidate.key] = Measured(candidate, record, state["violation"])
        return True


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
