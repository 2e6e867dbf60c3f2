"""The load meter tells the measured process from the others."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nas_kd.costs import load
from nas_kd.costs.load import LoadMeter


def write_stat(path: Path, **seconds: float) -> None:
    fields = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    ticks = [round(seconds.get(name, 0.0) * load.os.sysconf("SC_CLK_TCK")) for name in fields]
    path.write_text(f"cpu  {' '.join(map(str, ticks))} 0 0\ncpu0 1 2 3\n")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, to be set by the test, on a machine with two CPUs."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(load.os, "cpu_count", lambda: 2)
    return now


def test_the_share_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    """In 10 s of two CPUs: 10 s ours, 6 s of others and 2 s withheld by the host."""
    stat = tmp_path / "stat"
    monkeypatch.setattr(load, "_STAT", stat)
    write_stat(stat, user=50, system=5, idle=900, steal=1)
    meter = LoadMeter()
    clock[0] += 10.0
    write_stat(stat, user=64, system=7, idle=902, iowait=1, steal=3)
    report = meter.report(own_seconds=10.0)
    assert report["others"] == pytest.approx(8 / 20)
    assert report["stolen"] == pytest.approx(2 / 20)


def test_what_is_not_counted_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_STAT", tmp_path / "none")
    report = LoadMeter().report(own_seconds=0.0)
    assert report.keys() <= {"load_average_before", "load_average_after"}


def test_work_of_this_process_is_seen() -> None:
    if not Path("/proc/stat").exists():
        pytest.skip("this system does not count CPU time in /proc/stat")
    meter = LoadMeter()
    used = time.process_time()
    while time.process_time() - used < 0.3:
        pass
    assert meter.report(0.0)["others"] > meter.report(0.3)["others"]
