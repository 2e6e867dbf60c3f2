"""A finished run with made-up numbers, in the form in which a search leaves it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
_MACS = {"none": 0, "skip_connect": 0, "avg_pool_3x3": 0, "nor_conv_1x1": 68e3, "nor_conv_3x3": 6e5}
TEACHER_MACS, TEACHER_LATENCY = 5_400_000, 0.412


def describe(arch: dict[str, str]) -> str:
    return "|" + "|".join(f"{operation}~{edge[5]}" for edge, operation in arch.items()) + "|"


def candidates(trials: int = 300, seed: int = 0) -> pd.DataFrame:
    """The columns of ``candidates.csv``; some trials repeat an earlier candidate."""
    generator = np.random.default_rng(seed)
    archs = list(itertools.product(OPERATIONS, repeat=len(EDGES)))
    rows: list[dict[str, Any]] = []
    first: dict[str, int] = {}
    for trial in range(trials):
        weights = [0.1, 0.2, 0.2, 0.35, 0.15]
        operations = tuple(generator.choice(OPERATIONS, size=len(EDGES), p=weights))
        operations = archs[archs.index(operations)]
        arch = dict(zip(EDGES, operations, strict=True))
        key = _key(arch)
        macs = 420_000 + sum(_MACS[operation] for operation in operations)
        feasible = macs <= TEACHER_MACS / 2
        noise = np.random.default_rng(abs(hash_of(key))).normal(0, 0.28)
        score = 0.9 * np.log(macs / 1.1e6) + noise if feasible else float("nan")
        if operations.count("none") >= 4:
            score = -np.inf if feasible else float("nan")
        rows.append(
            {
                "trial": trial,
                "key": key,
                "arch": json.dumps(arch),
                "duplicate_of": first.get(key),
                "feasible": feasible,
                "front": False,
                "macs": int(macs),
                "params": int(macs / 60),
                "latency_ms": float("nan"),
                "score": score,
                "diswot": score * 2,
                "naswot": score * 30 + 200,
                "synflow": score * 5 + 40,
            }
        )
        first.setdefault(key, trial)
    return pd.DataFrame(rows)


def hash_of(key: str) -> int:
    return int.from_bytes(key.encode()[-6:], "big") + sum(key.encode())


def document(frame: pd.DataFrame, run_dir: Path | str = "runs/digits") -> dict[str, Any]:
    """The document that belongs to `candidates`."""
    scored = frame[frame["feasible"] & np.isfinite(frame["score"])].drop_duplicates("key")
    ranking = scored.sort_values(["score", "macs"], ascending=[False, True])
    front, cheapest = [], np.inf
    for _, row in ranking.iterrows():
        if row["macs"] < cheapest:
            front.append(_entry(row))
            cheapest = row["macs"]
    finalists = [_entry(row) for _, row in ranking.head(3).iterrows()]
    winner = finalists[1]
    latency = {
        "median": 0.1713,
        "ci95": [0.1706, 0.1721],
        "p90": 0.1832,
        "p99": 0.2011,
        "mad": 0.003,
        "n": 1200,
        "provider": "CPUExecutionProvider",
        "device": "Some CPU @ 2.1 GHz",
        "threads": 1,
        "batch": 1,
        "precision": "float32",
        "graph_level": "all",
    }
    return {
        "schema": "nas-kd.search/1",
        "run_dir": str(run_dir),
        "seed": 0,
        "space": {"name": "nasbench201", "options": {"channels": 16}, "size": 15625},
        "teacher": {
            "name": "digits-cnn",
            "macs": TEACHER_MACS,
            "params": 77_850,
            "accuracy": 0.9861,
            "latency_ms": TEACHER_LATENCY,
        },
        "budget": {
            "limits": ["macs=50%", "latency=60%"],
            "macs": TEACHER_MACS / 2,
            "latency_ms": 0.6 * TEACHER_LATENCY,
            "device": "cpu",
            "threads": 1,
        },
        "evaluated": len(frame),
        "unique": int(frame["key"].nunique()),
        "feasible": len(ranking),
        "infeasible_reasons": {"macs": int((~frame["feasible"]).sum())},
        "proxies": ["diswot", "naswot"],
        "seconds": {"teacher": 8.1, "search": 31.5, "measure": 12.2, "distill": 70.9},
        "front": front,
        "finalists": [
            {**entry, "latency_ms": 0.18, "validation_accuracy": 0.975 + 0.003 * i}
            for i, entry in enumerate(finalists)
        ],
        "student": {
            **winner,
            "accuracy": 0.9833,
            "accuracy_without_teacher": 0.9722,
            "inherited_share": 0.984,
            "validation_accuracy": 0.9861,
            "onnx": f"{run_dir}/students/1/student.onnx",
            "directory": f"{run_dir}/students/1",
            "parity_max_abs": 4.1e-7,
            "latency_ms": latency,
        },
        "accuracy_split": "test",
        "budget_met": True,
        "next": [f"nas-kd show {run_dir}", f"nas-kd dashboard {run_dir}"],
    }


def measured_of(frame: pd.DataFrame, result: dict[str, Any]) -> pd.DataFrame:
    """Measurements of the front and the finalists, as `read_measurements` gives them."""
    keys = {_key(entry["arch"]) for entry in [*result["front"], *result["finalists"]]}
    rows = frame[frame["key"].isin(keys)].drop_duplicates("key").reset_index(drop=True)
    latency = 0.05 + rows["macs"] / 2e7 + 1e-4 * rows.index
    return pd.DataFrame(
        {
            "key": rows["key"],
            "label": [describe(json.loads(arch)) for arch in rows["arch"]],
            "macs": rows["macs"].astype(float),
            "score": rows["score"].astype(float),
            "latency_ms": latency,
            "low_ms": latency * 0.97,
            "high_ms": latency * 1.05,
            "predicted_ms": latency * 1.02,
            "in_fit": False,
        }
    )


def _key(arch: dict[str, str]) -> str:
    return json.dumps(arch, sort_keys=True, separators=(",", ":"))


def _entry(row: pd.Series) -> dict[str, Any]:
    arch = json.loads(row["arch"])
    return {
        "arch": arch,
        "description": describe(arch),
        "macs": int(row["macs"]),
        "params": int(row["params"]),
        "latency_ms": None,
        "scores": {"score": float(row["score"]), "diswot": float(row["diswot"])},
    }
