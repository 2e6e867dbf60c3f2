"""The option ``normalise`` of teachers whose own normalisation is known."""

from __future__ import annotations

from nas_kd.errors import UsageError
from nas_kd.source_spec import SourceSpec


def keeps_data_normalisation(spec: SourceSpec) -> bool:
    """Whether the data stay normalised as they are (``data``), not as the teacher's own (``model``,
    the default).

    Raises:
        UsageError: The option has another value.
    """
    choice = spec.options.get("normalise", "model")
    if choice not in ("model", "data"):
        raise UsageError(
            f"teacher: {spec.text}: normalise is {choice!r}; write normalise=model or "
            "normalise=data."
        )
    return choice == "data"
