"""Numbers as people read them; a missing number is a dash."""

from __future__ import annotations

import math

MISSING = "-"
_SCALES = ((1e9, "billions"), (1e6, "millions"), (1e3, "thousands"))
_PREFIXES = ((1e9, " G"), (1e6, " M"), (1e3, " k"))


def is_missing(value: float | None) -> bool:
    """Whether there is no finite number to show."""
    return value is None or not math.isfinite(value)


def count(value: float | None) -> str:
    """A count of MACs or parameters with three significant digits: ``12.3 M``."""
    if value is None or is_missing(value):
        return MISSING
    for size, prefix in _PREFIXES:
        if abs(value) >= size:
            return f"{_three_digits(value / size)}{prefix}"
    return f"{value:.0f}"


def milliseconds(value: float | None) -> str:
    """A latency in milliseconds with three significant digits."""
    return MISSING if value is None or is_missing(value) else f"{_three_digits(value)} ms"


def megabytes(value: int) -> str:
    """A size of a file: ``1.23 MB``."""
    return f"{value / 1e6:.2f} MB"


def percent(share: float | None, decimals: int = 2) -> str:
    """A share in [0, 1] as percent."""
    return MISSING if share is None or is_missing(share) else f"{100 * share:.{decimals}f} %"


def ratio(value: float | None, whole: float | None) -> str:
    """``value`` in percent of ``whole``, without decimals."""
    if value is None or whole is None or is_missing(value) or is_missing(whole) or whole == 0:
        return MISSING
    return f"{100 * value / whole:.0f} %"


def points(share: float | None) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return MISSING if share is None or is_missing(share) else f"{100 * share:+.2f} points"


def score(value: float | None) -> str:
    """A proxy's score; its scale means nothing, so four digits are enough."""
    return MISSING if value is None or is_missing(value) else f"{value:.4g}"


def seconds(value: float | None) -> str:
    """A duration: ``4.2 s``, ``3 min 20 s``."""
    if value is None or is_missing(value):
        return MISSING
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"


def scale_of(largest: float) -> tuple[float, str]:
    """Divisor and unit, in words, for an axis that reaches up to ``largest``."""
    for size, words in _SCALES:
        if largest >= size:
            return size, f" ({words})"
    return 1.0, ""


def _three_digits(value: float) -> str:
    digits = 3 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"
