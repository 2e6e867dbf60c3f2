"""How often a process of a study shows that it is alive."""

from __future__ import annotations

import math
import os

from nas_kd.errors import UsageError

HEARTBEAT = "NAS_KD_HEARTBEAT"
_USUAL_S = 10.0


def heartbeat_s() -> float:
    """Seconds between two signs of life: what the environment says, else `_USUAL_S`.

    Raises:
        UsageError: The environment holds no number of seconds.
    """
    text = os.environ.get(HEARTBEAT) or str(_USUAL_S)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (seconds > 0 and math.isfinite(seconds)):
        raise UsageError(
            f"{HEARTBEAT} is {text!r} in the environment. Give seconds above zero, the same on "
            f"every host, or leave it out for {_USUAL_S:g}."
        )
    return seconds
