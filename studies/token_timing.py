"""How long files that read tokens take, beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nas_kd.costs import DeviceProfile, LatencyRecord
from nas_kd.costs.token_latency import measure_token_latencies
from nas_kd.machine_lock import machine_alone


def time_texts(
    files: Mapping[str, Path],
    profile: DeviceProfile,
    lengths: Sequence[int],
    *,
    max_seconds: float = 5.0,
) -> dict[str, dict[int, LatencyRecord]]:
    """Latencies by the files' names and by length, all measured in the same processes.

    Args:
        files: Models whose sequences have any length, by name.
        profile: Where they are measured.
        lengths: Tokens in a sequence.
        max_seconds: Of measuring, for each file.
    """
    with machine_alone():
        records = measure_token_latencies(
            list(files.values()), profile, lengths, max_seconds=max_seconds * len(files)
        )
    return dict(zip(files, records, strict=True))
