"""How well every proxy ranks trained accuracy, on the real tables, beside params, MACs and depth.

    python -m benchmarks.proxy_audit [--cells 200] [--seed 0] [--only NAME ...]

All registered proxies whose needs a space meets, on NAS-Bench-201 and NAS-Bench-Macro (random
networks in the benchmarks' own skeletons, real CIFAR-10 images of 32 x 32), DisWOT's S0 (all 64
nets, real CIFAR-100 images) and the distilled AutoFormer and PiT nets (all shared ones, 16
CIFAR-100 images of 112 x 112). The teacher is a ResNet-56, as wide as S0 and NAS-Bench-201 are.
Scored is the canonical network, as ``nas-kd rank`` and a search do. Kendall's tau-b with a
bootstrap interval over functions, no absolute values. The fusions that searches of some spaces take
unless told otherwise have rows, too. Hours on two cores; an interrupted run goes on where it was.
``--only`` takes some of the tables, and leaves the rows of the others as they were found.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks import real_tables
from benchmarks.own_proxy import fused
from benchmarks.proxy_scores import scored
from benchmarks.rank_rows import rank_row
from benchmarks.real_tables import RealTable
from benchmarks.record import rows_beside, write_rows
from proxies import PROXIES
from studies.default_proxies import default_fusions
from studies.observer import SilentObserver
from studies.ranking.entries import every_proxy
from studies.ranking.judge import Judge
from studies.ranking.prices import alone_seconds
from studies.ranking.score_or_refuse import score_or_refuse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    tables = [
        table.with_seed(options.seed)
        for table in (
            real_tables.nasbench201(rows=options.cells),
            real_tables.s0(),
            real_tables.autoformer(),
            real_tables.pit(),
            real_tables.nasbench_macro(rows=options.cells),
        )
    ]
    rows: list[dict[str, Any]] = []
    for table in tables:
        if not options.only or table.name in options.only:
            found = audit(table)
            _show(found)
            rows += found
            others = rows_beside("proxy_audit", ["bench"], rows)
            Console().print(f"rows in {write_rows('proxy_audit', [*others, *rows])}")


def audit(table: RealTable, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """One row a target and score of one table, sizes beside the proxies.

    Args:
        table: Whose rows with the first target are scored; every target has to be there in them.
        names: Proxies to try; None for all.
    """
    seed = table.setting.seed
    drawn = {target: table.rows(target, seed) for target in table.targets}
    functions = list(drawn[table.targets[0]].functions)
    names = every_proxy() if names is None else names
    bench, by_size = table.setting.bench(names), np.argsort(table.sizes(functions)["params"])
    largest, middle = functions[by_size[-1]], functions[by_size[len(by_size) // 2]]
    refused = score_or_refuse(names, bench, largest, SilentObserver())[1]
    usable = [name for name in names if name not in refused]
    scores = scored(functions, usable, table.setting)
    alone = alone_seconds([[name] for name in usable], bench, middle, SilentObserver())
    prices = dict(zip(usable, alone, strict=True))
    fusions = {"+".join(names): names for names in default_fusions() if set(names) <= set(usable)}
    prices |= {name: sum(prices[part] for part in parts) for name, parts in fusions.items()}
    rows = []
    for target, found in drawn.items():
        keys = [arch.key for arch in found.functions]
        sizes = table.sizes(found.functions)
        judge = Judge(found.target, sizes["params"], seed=seed, functions=keys)
        values = sizes | {name: scores.of(name, keys) for name in usable}
        for together, parts in fusions.items():
            values[together] = fused(pd.DataFrame({name: values[name] for name in parts}))
        rows += [
            {
                **rank_row(table.name, target, name, judge, values[name]),
                "ours": name in PROXIES and PROXIES.get(name).ours,
                "functions": len(set(keys)),
                "seed": seed,
                "teacher": table.setting.teacher,
                "seconds_per_arch": prices.get(name, 0.0),
                **table.setting.facts,
            }
            for name in values
        ]
    return rows


def _show(rows: Sequence[dict[str, Any]]) -> None:
    table = Table("bench", "target", "proxy", "tau", "95 %", "tau | params", "±5 %", "no value")
    for row in sorted(rows, key=lambda r: (str(r["target"]), -np.nan_to_num(r["tau"], nan=-2))):
        table.add_row(
            row["bench"], row["target"], row["proxy"], f"{row['tau']:.3f}",
            f"{row['tau_low']:.3f} to {row['tau_high']:.3f}", f"{row['partial_tau']:.3f}",
            f"{row['tau_within_params']:.3f}", str(row["nan"]),
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
