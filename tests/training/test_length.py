"""When a training is over."""

from __future__ import annotations

from nas_kd.training.length import EpochLength, TimeLength


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_epochs_do_not_look_at_the_clock() -> None:
    length = EpochLength(4, 10)
    assert length.share(0, 0) == 0
    assert length.share(1, 5) == 0.375
    assert length.share(4, 0) == 1
    assert [length.is_over(epoch, 1e9) for epoch in (0, 3, 4)] == [False, False, True]
    assert length.done(3, 0) == (30, 40)
    assert length.done(3, 7) == (37, 40)


def test_time_goes_on_from_what_was_spent_and_keeps_a_reserve() -> None:
    clock = Clock()
    length = TimeLength(1.0, clock)
    length.start(20.0)
    clock.now += 10
    assert length.seconds == 30
    assert length.share(0, 0) == 0.5
    assert length.done(7, 0) == (30, 60)
    assert not length.is_over(0, 29)
    assert length.is_over(0, 30)
    clock.now += 100
    assert length.share(0, 0) == 1
    assert length.done(7, 0) == (60, 60)
    length.paused(90.0)
    assert length.seconds == 40
