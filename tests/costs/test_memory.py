"""Free memory is what the kernel says, within the limits of containers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nas_kd.costs.memory import FreeMemory, free_memory

GIB = 2**30


def files(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("membership", "groups", "ram"),
    [
        ("0::/a", {}, 8 * GIB),
        ("0::/a", {"a/memory.max": "max", "a/memory.current": "77"}, 8 * GIB),
        ("0::/a/b", {"a/memory.max": f"{3 * GIB}", "a/memory.current": f"{2 * GIB}",
                     "a/memory.stat": f"anon 9\ninactive_file {GIB // 2}\nactive_file 5\n",
                     "a/b/memory.max": f"{9 * GIB}", "a/b/memory.current": "0"},
         GIB + GIB // 2 + 5),
        ("4:memory:/a", {"memory/memory.limit_in_bytes": f"{2 * GIB}",
                         "memory/memory.usage_in_bytes": f"{GIB}",
                         "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 6\n"},
         GIB + 6),
        ("4:memory:/", {"memory/memory.limit_in_bytes": "9223372036854771712",
                        "memory/memory.usage_in_bytes": f"{GIB}"}, 8 * GIB),
        ("0::/", {"memory.max": "5", "memory.current": "9"}, 0),
        ("3:cpu:/", {"cpu/memory.max": "5", "cpu/memory.current": "0"}, 8 * GIB),
    ],
    ids=["no limit", "without end", "version 2", "version 1", "huge", "over it", "of the cpu"],
)  # fmt: skip
def test_what_a_container_leaves(
    tmp_path: Path, membership: str, groups: dict[str, str], ram: int
) -> None:
    meminfo = f"MemTotal: 999 kB\nMemAvailable: {8 * 2**20} kB\nSwapFree: 3 kB\nHugePages: 0\n"
    files(tmp_path, {"meminfo": meminfo, "cgroup": membership})
    files(tmp_path / "groups", groups)
    free = free_memory(tmp_path / "meminfo", tmp_path / "groups", tmp_path / "cgroup")
    assert free == FreeMemory(ram=ram, swap=3 * 1024)


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert free_memory(tmp_path / "meminfo", tmp_path, tmp_path / "cgroup") is None


@pytest.mark.skipif(sys.platform != "linux", reason="read from Linux")
def test_this_machine_has_some_memory() -> None:
    free = free_memory()
    assert free is not None
    assert 2**20 < free.ram < 2**50
