"""The directory of a pre-training, as a differentiable search leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas_kd.training.pretraining import PretrainingFolder

ARCH = dict(
    zip(
        [f"edge_{s}_{t}" for t in (1, 2, 3) for s in range(t)],
        ["nor_conv_3x3", "skip_connect", "nor_conv_1x1", "none", "avg_pool_3x3", "nor_conv_3x3"],
        strict=True,
    )
)
JOB: dict[str, Any] = {
    "method": "sd-darts",
    "settings": {"epochs": 4, "relaxation": "softmax", "cost_table": None},
    "space": "nasbench201",
    "space_options": {"channels": 4},
    "data": "digits",
    "teacher": None,
    "checkpoint": None,
    "image_size": None,
    "seed": 3,
}


def row(unit: int) -> dict[str, float]:
    """The metrics of a unit, the eigenvalue with every second one."""
    metrics: dict[str, float] = {
        "unit": unit,
        "train_loss": 2.5 / unit,
        "validation_loss": 3.5 / unit,
        "supernet_accuracy": 0.2 * unit,
        "cell_accuracy": 0.1 * unit,
        "discretisation_gap": 0.1 * unit,
        "skips": 1.0,
        "alpha_entropy": 0.9,
        "seconds": 30.0,
    }
    return metrics if unit % 2 else {**metrics, "alpha_eigenvalue": 0.25 * unit}


def unfinished(path: Path, units: int) -> PretrainingFolder:
    folder = PretrainingFolder(path)
    folder.claim(JOB)
    if units:
        folder.write_metrics([row(unit) for unit in range(1, 1 + units)])
    return folder


def finished(path: Path, **facts: Any) -> PretrainingFolder:
    """Four units; the last two lean to the cell that is found."""
    from nas_kd.training.darts.found_cell import cell_warning, skips_by_kind
    from search_spaces import Arch, NasBench201

    folder, arch, space = unfinished(path, 4), Arch(ARCH), NasBench201(channels=4)
    found = Arch(facts.get("arch", arch))
    other = arch.replace(**{next(iter(ARCH)): "none"})
    archs = [other.to_json(), arch.to_json(), other.to_json(), *[arch.to_json()] * 2][-4:]
    folder.write_facts(
        {
            "units": 4,
            "seconds": 120.0,
            "arch": dict(arch),
            "description": space.describe(arch),
            "warning": cell_warning(space, found),
            "skip_connections": skips_by_kind(found),
            "archs": archs,
            "stopped_early": False,
            **facts,
        }
    )
    return folder
