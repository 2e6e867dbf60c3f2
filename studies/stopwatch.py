"""How long modules take on a device, measured once for a run and kept in its directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nas_kd.costs import DeviceProfile, LatencyRecord, measure_many, require_provider
from nas_kd.errors import NasKdError, UsageError
from nas_kd.export import export_onnx
from nas_kd.machine_lock import machine_alone
from nas_kd.sealed import unsealed, write_sealed
from nas_kd.training.pretraining.method import Timed

SCHEMA = "nas-kd.operation-latency/1"
TARGET_CI = 0.05
MAX_SECONDS = 2.0
"""As in `measure_many`, for each module: a price needs less than a promise."""


class KeptStopwatch:
    """Measures modules together, alone on the machine, and keeps every record.

    Asked again, as by a training that goes on, it answers with what it kept.

    Args:
        file: Where the records are kept, as JSON.
        tell: Told of what is done.
    """

    def __init__(self, file: Path, tell: Callable[[str], None]) -> None:
        self._file = file
        self._tell = tell

    def __call__(self, modules: Mapping[str, Timed], profile: DeviceProfile) -> dict[str, float]:
        """Median milliseconds of each module, by name.

        Args:
            modules: Name to module and the shape ``(C, H, W)`` of one input; weights do not matter.
            profile: Device, threads and batch.

        Raises:
            DeviceUnavailableError: ONNX Runtime cannot run on the device here.
            UsageError: What was kept is damaged, or of other modules or another device.
            NasKdError: It cannot be kept.
        """
        kept = self._kept(modules, profile)
        if kept is None:
            require_provider(profile)
            self._tell(f"Measuring {len(modules)} operations on {profile} ({profile.provider}) ...")
            records = self._measure(modules, profile)
            self._keep(records, profile)
            kept = {name: record.median_ms for name, record in records.items()}
        return kept

    def _measure(
        self, modules: Mapping[str, Timed], profile: DeviceProfile
    ) -> dict[str, LatencyRecord]:
        with TemporaryDirectory(prefix="nas-kd-") as folder:
            files = [
                export_onnx(module, shape, Path(folder) / f"{number}.onnx")
                for number, (module, shape) in enumerate(modules.values())
            ]
            with machine_alone():
                found = measure_many(files, profile, target_ci=TARGET_CI, max_seconds=MAX_SECONDS)
        disturbed = sum(bool(record.doubts) for record in found)
        if disturbed:
            self._tell(
                f"Others used the machine: {disturbed} of {len(found)} measurements are doubtful "
                f"({self._file}). To measure again, begin anew with another --run-dir."
            )
        return dict(zip(modules, found, strict=True))

    def _keep(self, records: Mapping[str, LatencyRecord], profile: DeviceProfile) -> None:
        document = {
            "schema": SCHEMA,
            "profile": str(profile),
            "latency_ms": {name: record.to_document() for name, record in records.items()},
        }
        try:
            write_sealed(self._file, document)
        except OSError as error:
            raise NasKdError(
                f"latency: {self._file} cannot be written ({error.strerror}). Free some space, or "
                "make it writable."
            ) from error

    def _kept(
        self, modules: Mapping[str, Timed], profile: DeviceProfile
    ) -> dict[str, float] | None:
        if not self._file.is_file():
            return None
        try:
            document: dict[str, Any] = unsealed(self._file.read_bytes())
            times = {name: float(r["median"]) for name, r in document["latency_ms"].items()}
            fits = times.keys() == modules.keys() and document["profile"] == str(profile)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"latency: {self._file} is damaged ({error}). Restore it, or delete it to measure "
                "again; a training that goes on then has other prices."
            ) from error
        if not fits:
            raise UsageError(
                f"latency: {self._file} holds times of other operations or of another device. "
                "Name another --run-dir."
            )
        return times
