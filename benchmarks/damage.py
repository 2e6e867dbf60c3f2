"""What becomes of a run whose files are damaged, whose disk is full, or that is worked on twice?

    python -m benchmarks.damage [--cuts 200] [--flips 50] [--seed 0] [--fresh]

A small search (`benchmarks.small_search`) is finished once. Copies of it are then damaged and the
same command is given again: the journal cut at random bytes, one random bit flipped in a random
state file (and the run shown before), a disk that holds only a share of what the run takes, a
directory that cannot be written, and a second command beside the first. One row a case: ``wrong``
names every fault, a traceback, an error without a message, another trial, candidate or student than
those of the undamaged run, an entry lost before the damage, a candidate scored again; ``said`` is
what the user was told. A disk is filled, and a directory closed, by mounting a small file system,
which takes root; otherwise these cases are skipped, and that is said.

An interrupted benchmark goes on where it was; ``--fresh`` begins anew.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks import damaging
from benchmarks.counting_proxy import PROXY, measure_shortly
from benchmarks.damaging import Case
from benchmarks.kept_facts import KeptFacts
from benchmarks.record import write_rows
from benchmarks.small_search import SmallSearch
from proxies import PROXIES

SHARES = (0.02, 0.2, 0.4, 0.6, 0.8)
Plan = list[tuple[str, Callable[[], dict[str, Any]]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--flips", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "nas-kd-damage")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(options.folder, ignore_errors=True)
    console = Console(stderr=True)
    PROXIES.register(PROXY.name, PROXY)
    measure_shortly()
    case = finished_case(options.folder)
    plan = _plan(case, options.cuts, options.flips, options.seed)
    mounted = options.folder / "mounted"
    if damaging.can_mount(mounted):
        plan += _mounted(case, mounted)
    else:
        console.print("No file system can be mounted here: full and closed disks are skipped.")
    kept = KeptFacts(options.folder / "done")
    rows = [kept.once(name, make) for name, make in track(plan, "damaging", console=console)]
    for row in rows:
        row["said"] = row["said"].replace(f"{options.folder}/", "")
    path = write_rows("damage", [*rows, *_summaries(rows)])
    wrong = [row for row in rows if row["wrong"]]
    console.print(f"{len(rows)} cases, {len(wrong)} wrong; rows in {path}")


def finished_case(folder: Path, trials: int = 96) -> Case:
    """A finished small search in ``folder``, from an earlier call if there is one."""
    search = SmallSearch(folder, "nsga2", trials=trials, predicted=0)
    if not search.directory("whole").result_json.is_file():
        search.finish("whole")
    return Case(search)


def _plan(case: Case, cuts: int, flips: int, seed: int) -> Plan:
    size = case.whole.journal.stat().st_size
    offsets = np.random.default_rng(seed).choice(size, size=min(cuts, size), replace=False)
    return [
        *((f"cut-{o}", lambda o=int(o): damaging.cut_journal(case, o)) for o in sorted(offsets)),
        *(
            (f"flip-{seed}-{n}", lambda n=n: damaging.flip_bit(case, _generator(seed, n)))
            for n in range(flips)
        ),
        ("two-commands", lambda: damaging.two_commands(case)),
    ]


def _mounted(case: Case, folder: Path) -> Plan:
    return [
        *((f"full-{s}", lambda s=s: damaging.fill_disk(case, folder, s)) for s in SHARES),
        ("read-only", lambda: damaging.read_only(case, folder)),
    ]


def _generator(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, number])


def _summaries(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = dict.fromkeys(row["kind"] for row in rows)
    return [
        {
            "kind": f"summary: {kind}",
            "cases": len(of_kind),
            "right": sum(not row["wrong"] for row in of_kind),
            "told": sum(bool(row["said"]) for row in of_kind),
        }
        for kind in kinds
        if (of_kind := [row for row in rows if row["kind"] == kind])
    ]


if __name__ == "__main__":
    main()
