"""Run by ``torchrun``: trains one step in every process, whole and in parts, and compares them."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from accelerate.utils import gather
from torch import Tensor

from nas_kd.training.processes import end_together, make_accelerator
from nas_kd.training.sandwich.session import SandwichSession
from nas_kd.training.sandwich.settings import SandwichSettings
from tests.training.elastic.jobs import make_job


def gradients(images_at_once: int | None) -> tuple[Tensor, int]:
    """Those of the first step, and the number of processes."""
    settings = SandwichSettings(
        epochs=1, batch_size=32, epoch_images=32, drop_path=0.0, images_at_once=images_at_once
    )
    training = SandwichSession(make_job(settings))
    training.run_unit()
    found = [part.grad.flatten() for part in training._raw.parameters() if part.grad is not None]
    return torch.cat(found), training.job.accelerator.num_processes


def main() -> None:
    (whole, processes), (parts, _) = gradients(None), gradients(6)
    everyone = gather(parts[None])
    if torch.distributed.get_rank() == 0:
        report = {
            "processes": processes,
            "whole": whole,
            "parts": parts,
            "alike": bool((everyone == everyone[0]).all()),
        }
        torch.save(report, Path(sys.argv[1]) / "report.pt")
    end_together(make_accelerator("no"))


if __name__ == "__main__":
    main()
