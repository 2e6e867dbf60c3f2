"""Budgets: limits on MACs, parameters and latency, absolute or as a share of the teacher's."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from nas_kd.costs.profile import PRECISIONS, DeviceProfile
from nas_kd.errors import UsageError

_EXAMPLES = "macs=60%, params=2M or latency=5ms@cpu-1t"
_METRICS = {"macs": "macs", "params": "params", "latency": "latency_ms"}
_COUNT_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_LEAST_COUNT = 1000
"""MACs or parameters below which a limit is rather a share without its sign."""
_TIME_UNITS = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3}
_VALUE = re.compile(
    r"(?P<number>\d+(\.\d*)?(e[+-]?\d+)?|\.\d+)\s*(?P<unit>[a-zµ%]*)", re.IGNORECASE
)


@dataclass(frozen=True)
class Limits:
    """A budget resolved on a teacher.

    Attributes:
        values: ``macs``, ``params`` or ``latency_ms`` to the largest value allowed.
    """

    values: Mapping[str, float]

    def violations(self, costs: Mapping[str, float]) -> dict[str, float]:
        """Relative excess ``cost / limit - 1`` of every limited metric that ``costs`` holds.

        At most 0 means feasible; a cost that is no number exceeds every limit.
        """
        return {
            metric: _excess(float(costs[metric]), limit)
            for metric, limit in self.values.items()
            if metric in costs
        }

    def hold(self, costs: Mapping[str, float]) -> bool:
        """Whether no limited metric that ``costs`` holds exceeds its limit."""
        return all(excess <= 0 for excess in self.violations(costs).values())


def _excess(cost: float, limit: float) -> float:
    return math.inf if math.isnan(cost) else cost / limit - 1.0


@dataclass(frozen=True)
class BudgetEntry:
    """One limit as it was asked for.

    Attributes:
        metric: ``macs``, ``params`` or ``latency_ms``.
        value: The limit in the metric's unit, or a share of the teacher's (0.6 is 60 %).
        of_teacher: Whether ``value`` is a share.
        profile: The device named with a latency limit.
        precision: The precision named with a latency limit, alone or with the device; None when
            it is not named.
        text: The entry as it was written.
    """

    metric: str
    value: float
    of_teacher: bool
    profile: DeviceProfile | None
    precision: str | None
    text: str


@dataclass(frozen=True)
class Budget:
    """Several limits that must hold at once; without any, everything is feasible."""

    entries: tuple[BudgetEntry, ...] = ()

    @classmethod
    def parse(cls, texts: str | Iterable[str]) -> Budget:
        """Reads ``METRIC=VALUE`` entries.

        ``macs=60%`` and ``latency=60%`` are shares of the teacher's, ``macs=20M``, ``params=2M``
        and ``latency=5ms`` are absolute; ``latency=5ms@cpu-1t`` names the device too,
        ``latency=5ms@cpu-1t-int8`` the precision as well, and ``latency=5ms@int8`` the precision
        on the device that is used anyway.

        Args:
            texts: Entries, or one string of entries separated by commas.

        Raises:
            UsageError: An entry cannot be read, is not positive, limits a count to less than 1,000,
                or a metric is limited twice.
        """
        if isinstance(texts, str):
            texts = [part for part in texts.split(",") if part.strip()]
        entries = tuple(_parse_entry(text) for text in texts)
        metrics = [entry.metric for entry in entries]
        for entry in entries:
            if metrics.count(entry.metric) > 1:
                raise UsageError(
                    f"budget: {entry.text.partition('=')[0]} is limited more than once. "
                    "Keep one of the limits."
                )
        return cls(entries)

    @property
    def profile(self) -> DeviceProfile | None:
        """The device that the latency limit names; None when it names none."""
        return next((entry.profile for entry in self.entries if entry.profile), None)

    @property
    def precision(self) -> str | None:
        """The precision that the latency limit names; None when it names none."""
        return next((entry.precision for entry in self.entries if entry.precision), None)

    @property
    def counted(self) -> Budget:
        """The limits on MACs and parameters, which are known without measuring."""
        return Budget(tuple(entry for entry in self.entries if entry.metric != "latency_ms"))

    def measured_on(self, default: DeviceProfile) -> DeviceProfile:
        """Where latency counts: ``default``, except for what the latency limit names itself."""
        precision = self.precision
        return self.profile or (replace(default, precision=precision) if precision else default)

    def needs(self, metric: str) -> bool:
        """Whether ``macs``, ``params`` or ``latency_ms`` is limited."""
        return any(entry.metric == metric for entry in self.entries)

    def limits(self, teacher: Mapping[str, float]) -> Limits:
        """Resolves shares of the teacher's costs.

        Args:
            teacher: ``macs``, ``params`` and ``latency_ms`` of the teacher, as far as shares of
                them are asked for.
        """
        return Limits({entry.metric: _resolve(entry, teacher) for entry in self.entries})


def _resolve(entry: BudgetEntry, teacher: Mapping[str, float]) -> float:
    if not entry.of_teacher:
        return entry.value
    if not float(teacher.get(entry.metric, 0.0)) > 0.0:
        raise UsageError(
            f"budget: {entry.text} is a share of the teacher's {entry.metric}, which is not known. "
            f"Give an absolute limit, for example {_EXAMPLES}."
        )
    return entry.value * float(teacher[entry.metric])


def _parse_entry(text: str) -> BudgetEntry:
    name, equals, rest = text.strip().partition("=")
    if not equals:
        raise UsageError(f"budget: {text!r} is not METRIC=VALUE. Write {_EXAMPLES}.")
    metric = _parse_metric(name.strip().lower())
    value_text, at, place = rest.partition("@")
    if at and metric != "latency_ms":
        raise UsageError(
            f"budget: {text!r} names a device, and only latency depends on it. Write {_EXAMPLES}."
        )
    value, of_teacher = _parse_value(metric, value_text.strip(), text)
    profile, precision = _parse_place(place) if at else (None, None)
    return BudgetEntry(metric, value, of_teacher, profile, precision, text.strip())


def _parse_place(text: str) -> tuple[DeviceProfile | None, str | None]:
    """What follows ``@``: a device profile, with or without a precision, or a precision alone."""
    named = text.strip().lower()
    if named in PRECISIONS:
        return None, named
    last = named.rpartition("-")[2]
    return DeviceProfile.parse(text), last if last in PRECISIONS else None


def _parse_metric(name: str) -> str:
    if name in _METRICS:
        return _METRICS[name]
    meant = {"flops": "macs", "parameters": "params", "latency_ms": "latency", "ms": "latency"}
    near = meant.get(name) or next(iter(difflib.get_close_matches(name, _METRICS, n=1)), None)
    suggestion = f" Did you mean {near!r}?" if near else ""
    raise UsageError(
        f"budget: there is no metric {name!r}.{suggestion} Known: {', '.join(_METRICS)}; "
        f"for example {_EXAMPLES}."
    )


def _parse_value(metric: str, text: str, entry: str) -> tuple[float, bool]:
    match = _VALUE.fullmatch(text)
    units = _TIME_UNITS if metric == "latency_ms" else _COUNT_UNITS
    if match is None or match["unit"].lower() not in {"%", *units}:
        known = ", ".join(unit or "none" for unit in ("%", *units))
        raise UsageError(
            f"budget: {entry!r} does not give a positive number with a unit ({known}). "
            f"Write {_EXAMPLES}."
        )
    unit = match["unit"].lower()
    of_teacher = unit == "%"
    value = float(match["number"]) * (0.01 if of_teacher else units[unit])
    if not 0.0 < value < math.inf:
        raise UsageError(f"budget: {entry!r} must be above zero and finite. Write {_EXAMPLES}.")
    if metric != "latency_ms" and not of_teacher and value < _LEAST_COUNT:
        meant = f"{value:g}M" if value > 100 else f"{100 * value if value < 1 else value:g}%"
        raise UsageError(
            f"budget: {entry!r} limits {metric} to {value:g}, which is less than any network has. "
            f"Did you mean {metric}={meant}? Otherwise write {_EXAMPLES}."
        )
    return value, of_teacher
