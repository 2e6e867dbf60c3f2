"""How the progress of a training reaches whoever watches it."""

from __future__ import annotations

from studies.observer import SilentObserver, per_mille


class _Heard(SilentObserver):
    def __init__(self) -> None:
        self.said: list[tuple[int, str]] = []

    def advance(self, done: int, *, best: str = "") -> None:
        self.said.append((done, best))


def test_a_training_is_told_once_a_thousandth_and_for_each_new_best() -> None:
    heard = _Heard()
    report = per_mille(heard)
    for done, best in [(1, ""), (2, ""), (10, ""), (11, "a"), (12, "a"), (19, "b"), (20, "b")]:
        report(done, 10_000, best)
    assert heard.said == [(0, ""), (1, ""), (1, "a"), (1, "b"), (2, "b")]
