"""Cores are counted as the kernel describes them, limits included."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nas_kd.costs.cores import Cores, cpu_quota, find_cores, parse_threads, physical_cores
from nas_kd.errors import UsageError


@pytest.fixture
def four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)


def write_topology(folder: Path, cores: dict[int, tuple[int, int]]) -> Path:
    for cpu, (package, core) in cores.items():
        topology = folder / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "physical_package_id").write_text(f"{package}\n")
        (topology / "core_id").write_text(f"{core}\n")
    return folder


@pytest.mark.usefixtures("four_cpus")
@pytest.mark.parametrize(
    ("cores", "count"),
    [
        ({0: (0, 0), 1: (0, 1), 2: (0, 0), 3: (0, 1)}, 2),
        ({0: (0, 0), 1: (0, 1), 2: (1, 0), 3: (1, 1)}, 4),
        ({0: (0, 0), 1: (0, 0), 2: (0, 0), 3: (0, 0), 9: (0, 9)}, 1),
    ],
    ids=["hyper-threads", "two sockets", "core of another process"],
)
def test_hyper_threads_share_a_core(
    tmp_path: Path, cores: dict[int, tuple[int, int]], count: int
) -> None:
    assert physical_cores(write_topology(tmp_path, cores), tmp_path / "none") == count


@pytest.mark.usefixtures("four_cpus")
def test_without_the_topology_cpuinfo_is_read(tmp_path: Path) -> None:
    entries = [f"processor\t: {cpu}\nphysical id\t: 0\ncore id\t\t: {cpu % 2}" for cpu in range(4)]
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("\n\n".join(entries) + "\n")
    assert physical_cores(tmp_path, cpuinfo) == 2


@pytest.mark.usefixtures("four_cpus")
def test_without_any_description_every_cpu_counts(tmp_path: Path) -> None:
    assert physical_cores(tmp_path, tmp_path / "none") == 4


@pytest.mark.parametrize(
    ("membership", "files", "quota"),
    [
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/a/b", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "200000 100000"}, 0.5),
        ("1:cpu,cpuacct:/a", {"cpu,cpuacct/a/cpu.cfs_quota_us": "300000",
                              "cpu,cpuacct/a/cpu.cfs_period_us": "100000"}, 3.0),
        ("1:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("4:memory:/", {}, None),
    ],
)  # fmt: skip
def test_the_quota_of_a_container(
    tmp_path: Path, membership: str, files: dict[str, str], quota: float | None
) -> None:
    (tmp_path / "cgroup").write_text(f"{membership}\n")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert cpu_quota(tmp_path, tmp_path / "cgroup") == quota


@pytest.mark.parametrize(
    ("cores", "threads"),
    [
        (Cores(8, 8, 4, None), 4),
        (Cores(8, 8, 4, 2.5), 2),
        (Cores(8, 8, 4, 0.5), 1),
        (Cores(8, 1, 1, 6.0), 1),
    ],
)
def test_all_threads_are_the_physical_cores_within_the_quota(cores: Cores, threads: int) -> None:
    assert cores.all_threads == threads


def test_this_machine() -> None:
    cores = find_cores()
    assert 1 <= cores.physical <= cores.usable <= cores.logical
    assert parse_threads("all") == cores.all_threads <= cores.physical
    assert parse_threads(" 3 ") == 3


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "1.5"])
def test_bad_threads(text: str) -> None:
    with pytest.raises(UsageError, match="physical core"):
        parse_threads(text)
