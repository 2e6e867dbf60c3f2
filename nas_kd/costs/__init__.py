"""What a model costs: counted MACs and parameters, measured latency, and budgets on both.

The names are loaded when they are first used, so that a latency child process and the command line
start without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_kd.lazy_names import lazy_names

if TYPE_CHECKING:
    from nas_kd.costs.budget import Budget, Limits
    from nas_kd.costs.latency import measure_latency, measure_many
    from nas_kd.costs.macs import count_macs
    from nas_kd.costs.profile import DeviceProfile, require_provider
    from nas_kd.costs.records import CountRecord, LatencyRecord

__all__ = [
    "Budget",
    "CountRecord",
    "DeviceProfile",
    "LatencyRecord",
    "Limits",
    "count_macs",
    "measure_latency",
    "measure_many",
    "require_provider",
]

_HOMES = {
    "Budget": "budget",
    "CountRecord": "records",
    "DeviceProfile": "profile",
    "LatencyRecord": "records",
    "Limits": "budget",
    "count_macs": "macs",
    "measure_latency": "latency",
    "measure_many": "latency",
    "require_provider": "profile",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
