"""Latencies that were measured before, and the reference's usual speed, kept as JSON files.

A record is found again only for the same file content, device profile, protocol, device and package
versions, and only while it is young: clocks, cooling and neighbours of a machine change. A record
from the cache says so (``cached``, ``measured_at``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nas_kd.costs.environment import device_fingerprint, package_versions
from nas_kd.costs.profile import DeviceProfile
from nas_kd.costs.records import LatencyRecord
from nas_kd.costs.reference_speed import ReferenceSpeed
from nas_kd.user_cache import user_cache
from nas_kd.whole_files import write_whole

MAX_AGE = timedelta(days=7)
"""Older records are measured again."""
_VERSIONS = ("onnxruntime", "onnxruntime-gpu", "numpy")


@dataclass(frozen=True)
class LatencyCache:
    """A folder of records.

    Damaged entries count as missing, and a folder that cannot be written keeps nothing: a cache
    never stops a measurement.

    Attributes:
        folder: Made when the first record is kept.
        max_age: Records older than this are not used.
        fresh: Whether to use no record at all, and only replace them.
    """

    folder: Path
    max_age: timedelta = MAX_AGE
    fresh: bool = False

    def keys(
        self, files: Sequence[Path], profile: DeviceProfile, settings: Mapping[str, Any]
    ) -> list[str]:
        """The names under which measurements are kept.

        Args:
            files: Existing ONNX files; weights in files beside them count too.
            profile: Device, threads and batch; the files fix all other sizes of their inputs.
            settings: Everything else that was asked for.
        """
        shared = {
            "provider": profile.provider,
            "threads": profile.threads,
            "batch": profile.batch,
            "settings": dict(settings),
            "device": device_fingerprint(profile),
            "versions": package_versions(_VERSIONS),
        }
        return [_digest({"file": _content(file), **shared}) for file in files]

    def get(self, key: str) -> LatencyRecord | None:
        """The record kept under ``key``, marked as cached, if there is a young and whole one."""
        if self.fresh:
            return None
        try:
            text = self._path(key).read_text(encoding="utf-8")
            record = LatencyRecord.from_dict(json.loads(text))
            age = datetime.now(UTC) - datetime.fromisoformat(record.measured_at)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return replace(record, cached=True) if timedelta(0) <= age <= self.max_age else None

    def put(self, key: str, record: LatencyRecord) -> None:
        """Keeps a record, unless the machine was disturbed while it was measured."""
        if record.doubts:
            return
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._path(key), json.dumps(record.to_dict()))

    def reference_speed(self, profile: DeviceProfile) -> ReferenceSpeed:
        """How fast the reference usually is on this device, with this number of threads."""
        parts = {
            "provider": profile.provider,
            "threads": profile.threads,
            "device": device_fingerprint(profile),
            "versions": package_versions(_VERSIONS),
        }
        return ReferenceSpeed(self.folder / f"reference-{_digest(parts)}.json")

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def latency_folder() -> Path:
    """Where latencies are kept for the user."""
    return user_cache() / "latency"


def _digest(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _content(file: Path) -> str:
    """SHA-256 of the file and of the weight files that it names, as far as they are there."""
    from onnx import load
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    graph = load(str(file), load_external_data=False).graph
    names = {ExternalDataInfo(t).location for t in graph.initializer if uses_external_data(t)}
    digest = hashlib.sha256()
    for path in (file, *(file.parent / name for name in sorted(names))):
        if path.is_file():
            with path.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()
