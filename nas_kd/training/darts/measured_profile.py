"""``cost_table=measured:DEVICE``: on which device the operations are to be measured."""

from __future__ import annotations

from nas_kd.costs import DeviceProfile
from nas_kd.errors import UsageError

_PREFIX = "measured:"


def measured_profile(cost_table: str | None) -> DeviceProfile | None:
    """The device that the setting names; None where it asks for no measuring.

    Raises:
        UsageError: It is no device profile, or one of another precision than float32.
    """
    if cost_table is None or not cost_table.startswith(_PREFIX):
        return None
    profile = DeviceProfile.parse(cost_table.removeprefix(_PREFIX))
    if profile.precision != "fp32":
        raise UsageError(
            f"cost_table: operations are measured in float32, and {cost_table!r} asks for "
            f"{profile.precision}. Leave the precision out, or give a file with your own times."
        )
    return profile
