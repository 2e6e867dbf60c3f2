"""What is kept of a finalist that failed."""

from __future__ import annotations

import weakref
from typing import Any

import pytest

from nas_kd.errors import NotFiniteError
from studies.first_in_time import first_in_time


class _Held:
    """What a training holds: its network, its images, the processes that read them."""


def test_nothing_of_a_failed_training_is_held_while_the_next_one_runs() -> None:
    held: list[weakref.ref[_Held]] = []

    def deliver(measured: Any) -> Any:
        assert all(one() is None for one in held)
        mine = _Held()
        held.append(weakref.ref(mine))
        raise NotFiniteError(f"training: the loss of {measured} is no longer finite.")

    ranked: Any = ["first", "second"]
    with pytest.raises(NotFiniteError, match="second"):
        first_in_time(ranked, deliver, lambda *_: None, lambda *_: None)
    assert len(held) == 2
