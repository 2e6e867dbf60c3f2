"""Run by ``torchrun``: searches for cells in every process, cut and whole, and compares them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather, gather_object
from torch import Tensor

from nas_kd.cli import main as nas_kd
from nas_kd.costs import DeviceProfile
from nas_kd.training.darts.session import SearchSession
from nas_kd.training.pretraining import METHODS, Job
from nas_kd.training.pretraining.method import Timed
from nas_kd.training.processes import make_accelerator
from search_spaces import create_space
from tests.training.darts.conftest import OPTIONS, SMALL
from tests.training.darts.few_digits import SOURCE
from tests.training.darts.searches import EARLY
from tests.training.states import alike

SEARCHES: dict[str, dict[str, Any]] = {
    "sd-darts": {
        **EARLY,
        "teacher_sources": "snapshots+cached+ema",
        "vote": "loss",
        "order": "second",
        "cost_weight": 1.0,
        "cost_table": "measured:cpu-1t",
    },
    "darts": {"perturbation": "adversarial", "selection": "perturbation", "eigenvalue_every": 1},
    "gdas": {},
}


def main() -> None:
    folder = Path(sys.argv[1])
    report: dict[str, Any] = {name: _compared(name, s) for name, s in SEARCHES.items()}
    processes = make_accelerator("no")
    if processes.is_main_process:
        everything = {"processes": processes.num_processes, **report}
        torch.save(everything, folder / "report.pt")
    ended = _command(folder / "run")  # and the exchange between the processes with it
    torch.save(ended, folder / f"command-{processes.process_index}.pt")


def _command(run: Path) -> list[int]:
    """The exit code of ``nas-kd pretrain``, and how many documents it printed."""
    options = [f"{name}={value}" for name, value in OPTIONS["nasbench201"].items()]
    settings = [f"{name}={value}" for name, value in SMALL.items()]
    with redirect_stdout(io.StringIO()) as printed:
        code = nas_kd(
            ["pretrain", "--space", "nasbench201", "--method", "darts", "--data", SOURCE, "--json"]
            + [word for option in options for word in ("--space-option", option)]
            + [word for setting in settings for word in ("--set", setting)]
            + ["--run-dir", str(run)]
        )
    return [int(code), printed.getvalue().count('"schema"')]


def _compared(method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    job = _job(method, settings)
    whole = SearchSession(job)
    metrics = whole.run_unit()
    kept = io.BytesIO()
    torch.save(whole.state(), kept)
    (first,) = gather_object([kept.getvalue()])[:1]  # what a run directory holds
    whole.run_unit()
    resumed = SearchSession(job)
    resumed.load(torch.load(io.BytesIO(first), weights_only=True))
    resumed.run_unit()
    everyone = gather(_flat(whole.state()["network"])[None])
    teachers = gather(_flat(whole.teachers.state())[None])
    return {
        "alike": bool((everyone == everyone[0]).all()),
        "teachers_alike": bool(torch.equal(teachers[0].nan_to_num(), teachers[1].nan_to_num())),
        "resumed": all(gather_object([alike(whole.state(), resumed.state())])),
        "alphas_moved": float(whole.network.alphas.operations["cell"].detach().abs().max()),
        "archs": gather_object([whole.arch.to_json()]),
        "losses": gather_object([metrics["train_loss"]]),
        "expected": gather_object([metrics.get("expected_cost", 0.0)]),
    }


def _job(method: str, settings: Mapping[str, Any]) -> Job:
    accelerator = make_accelerator("no")

    def stopwatch(modules: Mapping[str, Timed], profile: DeviceProfile) -> dict[str, float]:
        """Other processes would measure something else."""
        slowness = 1.0 + accelerator.process_index
        return {name: len(name) ** slowness for name in modules}

    job = Job(
        space=create_space("nasbench201", **OPTIONS["nasbench201"]),
        settings=METHODS.get(method).settings(**{**SMALL, **settings}),
        data=SOURCE,
        teacher=None,
        checkpoint=None,
        image_size=None,
        seed=0,
        accelerator=accelerator,
    )
    return replace(job, stopwatch=stopwatch)


def _flat(state: Any) -> Tensor:
    return torch.cat([tensor.flatten().double() for tensor in _tensors(state)] or [torch.zeros(1)])


def _tensors(state: Any) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, Mapping):
        for part in state.values():
            yield from _tensors(part)
    elif isinstance(state, list | tuple):
        for part in state:
            yield from _tensors(part)


if __name__ == "__main__":
    main()
