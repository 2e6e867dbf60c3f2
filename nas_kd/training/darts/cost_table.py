"""What each choice of a cell costs: MACs, times measured here, or a table of the user's own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nas_kd.errors import UsageError
from nas_kd.training.darts.measured_costs import measured_costs
from nas_kd.training.darts.measured_profile import measured_profile
from nas_kd.training.darts.network import CellSupernet
from search_spaces.supernets import CellKind

if TYPE_CHECKING:  # the registry of methods imports this package
    from nas_kd.training.pretraining.method import Job


def cost_table(supernet: CellSupernet, job: Job) -> Mapping[str, Tensor]:
    """Kind of cell to costs ``(edge, operation)``, as the setting ``cost_table`` names them.

    None counts MACs, ``measured:cpu-1t`` measures on that device (`measured_costs`), and everything
    else is a JSON file: an object with a list of rows for each kind of cell, a row for each edge, a
    number for each operation.

    Args:
        supernet: Whose operations they are.
        job: Holds the settings.

    Raises:
        UsageError: The file cannot be read, or has other rows.
        DeviceUnavailableError: The device cannot run ONNX Runtime here.
    """
    path: str | None = job.settings.cost_table
    if path is None:
        return supernet.operation_macs()
    profile = measured_profile(path)
    if profile is not None:
        return measured_costs(supernet, profile, job)
    try:
        read = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cost_table: {path} is no JSON that can be read ({error}).") from error
    return {kind: _costs(read, kind, choices, path) for kind, choices in supernet.kinds.items()}


def _costs(read: Any, kind: str, choices: CellKind, path: str) -> Tensor:
    edges, operations = choices.shape
    rows = read.get(kind) if isinstance(read, dict) else None
    fits = (
        isinstance(rows, list)
        and len(rows) == edges
        and all(isinstance(row, list) and len(row) == operations for row in rows)
        and all(_is_cost(value) for row in rows for value in row)
    )
    if not fits:
        raise UsageError(
            f"cost_table: {path} must hold, under {kind!r}, {edges} rows of {operations} numbers "
            f"of at least 0, one for each of {', '.join(choices.operations)}."
        )
    return torch.tensor(rows, dtype=torch.float32)


def _is_cost(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < math.inf
