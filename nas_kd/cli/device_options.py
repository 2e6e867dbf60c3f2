"""The devices, threads and batch sizes that a command line asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas_kd.costs import DeviceProfile


def device_profiles(
    devices: Sequence[str], threads: Sequence[str], batches: Sequence[int]
) -> list[DeviceProfile]:
    """Every combination once, each checked to run here before anything is measured.

    Args:
        devices: ``cpu``, ``cuda`` or ``tensorrt``.
        threads: Numbers, or ``all`` for one thread per physical core.
        batches: Images per run.

    Raises:
        DeviceUnavailableError: One of the devices cannot run ONNX Runtime here.
        UsageError: A number is no number, or there are fewer cores than threads.
    """
    from nas_kd.costs import DeviceProfile, require_provider
    from nas_kd.costs.cores import parse_threads

    combinations = [
        DeviceProfile(device=device, threads=parse_threads(text), batch=batch)
        for device, text, batch in product(devices, threads, batches)
    ]
    profiles = list(dict.fromkeys(combinations))
    for profile in profiles:
        require_provider(profile)
    return profiles


def tell_where_latency_counts(
    limits: Sequence[str], profile: DeviceProfile, tell: Callable[[str], None]
) -> None:
    """Says on which device, in how many threads and for which batch, where latency is limited."""
    from nas_kd.costs import Budget

    if Budget.parse(limits).needs("latency_ms"):
        tell(f"Latency counts on {replace(profile, batch=1)}, batch {profile.batch}.")


def named_profile(device: str | None, threads: int | None) -> DeviceProfile:
    """The device as asked for, by default one thread of the CPU."""
    from nas_kd.costs import DeviceProfile

    return DeviceProfile(device or "cpu", threads or 1)
