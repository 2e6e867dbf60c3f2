"""A finished run with a real journal, for what the dashboard makes of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd

from nas_kd.report.writing import write_report
from search_spaces import Arch, create_space
from studies.candidates import Candidate
from studies.recipe_files import parse_recipe
from studies.run_directory import RunDirectory, state_name
from tests.report.journals import append
from tests.report.samples import candidates, document, measured_of

RECIPE = {"space": {"options": {"channels": 16}}, "search": {"trials": 120}}
FLOOR = -9.0
"""The objective of what was not scored."""
TOO_SLOW = 3
"""Of the cheapest candidates, over in latency: better than all feasible ones in MACs."""


def finished_run(path: Path, trials: int = 120) -> RunDirectory:
    """Made-up candidates in the files in which a search leaves them."""
    run = RunDirectory.create_or_continue(path, parse_recipe(RECIPE))
    table = candidates(trials)
    slow = table.drop_duplicates("key").nsmallest(TOO_SLOW, "macs")["key"]
    table.loc[table["key"].isin(slow), ["feasible", "score", "diswot"]] = [
        False,
        math.nan,
        math.nan,
    ]
    told = [_told(row, row["key"] in set(slow)) for _, row in table.iterrows()]
    append(run, told, space=create_space("nasbench201"))
    result = document(table, run.path)
    measured = measured_of(table, result).set_index("key")
    latency = table["key"].map(measured["latency_ms"])
    predicted = 0.05 + table["macs"] / 2.1e7
    table.assign(latency_ms=latency, predicted_latency_ms=predicted).to_csv(
        run.candidates_csv, index=False
    )
    for key, row in measured.iterrows():
        record = {
            "median_ms": row["latency_ms"],
            "ci95_ms": [row["low_ms"], row["high_ms"]],
        }
        run.write_state(f"latency/{state_name(str(key))}", {"latency": record})
        run.work("candidates", f"{state_name(str(key))}.onnx").write_bytes(f"onnx {key}".encode())
    run.student(1).mkdir(parents=True)
    (run.student(1) / "student.onnx").write_bytes(b"the student " * 1_000)
    (run.student(1) / "manifest.json").write_text(json.dumps({"schema": "a manifest"}))
    run.write_result(result)
    write_report(run)
    return run


def _told(row: pd.Series, slow: bool) -> tuple[Candidate, float]:
    over = 0.2 if slow else -0.2
    arch = Arch(json.loads(row["arch"]))
    macs = 0.5 if not slow and not row["feasible"] else -0.5
    scores = {"diswot": float(row["diswot"])} if row["feasible"] else {}
    candidate = Candidate(
        arch, row["macs"], row["params"], {"macs": macs, "latency_ms": over}, scores
    )
    return candidate, float(row["score"]) if math.isfinite(row["score"]) else FLOOR
