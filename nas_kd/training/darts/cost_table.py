"""What each choice of a cell costs: MACs, times measured here, or a table of the user's own.

Costs are those of the network that is delivered, also where cells are searched in a smaller one: of
the DARTS space, two of eight cells reduce in the search, and two of twenty in what is delivered.
"""

from __future__ import annotations

import hashlib
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
from nas_kd.training.darts.supernets import delivered_supernet
from search_spaces.supernets import CellKind

if TYPE_CHECKING:  # the registry of methods imports this package
    from nas_kd.training.pretraining.method import Job


def cost_table(supernet: CellSupernet, job: Job) -> Mapping[str, Tensor]:
    """Kind of cell to costs ``(edge, operation)``, as the setting ``cost_table`` names them.

    None counts MACs, ``measured:cpu-1t`` measures on that device (`measured_costs`), and everything
    else is a JSON file: an object with a list of rows for each kind of cell, a row for each edge, a
    number for each operation.

    Args:
        supernet: That of the search.
        job: Holds the settings.

    Raises:
        UsageError: The file cannot be read, or has other rows.
        DeviceUnavailableError: The device cannot run ONNX Runtime here.
    """
    path: str | None = job.settings.cost_table
    if path is None:
        return delivered_supernet(supernet, job).operation_macs()
    profile = measured_profile(path)
    if profile is not None:
        return measured_costs(delivered_supernet(supernet, job), profile, job)
    try:
        read = json.loads(_content(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"cost_table: {path} is no JSON that can be read ({error}).") from error
    return {kind: _costs(read, kind, choices, path) for kind, choices in supernet.kinds.items()}


def cost_file_digest(path: str | None) -> str | None:
    """The SHA-256 of the file that the setting ``cost_table`` names; None where it names none.

    Raises:
        UsageError: The file cannot be read, or a device is named and nobody knows it.
    """
    if path is None or measured_profile(path) is not None:
        return None
    return hashlib.sha256(_content(path)).hexdigest()


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"cost_table: {path} cannot be read ({error.strerror}). Name a JSON file, or a device "
            "as measured:cpu-1t."
        ) from error


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
