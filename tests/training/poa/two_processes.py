"""Run by ``torchrun``: pre-trains by POA in every process, and compares them."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from accelerate.utils import gather, gather_object

from nas_kd.training.poa.sinkhorn import sinkhorn
from nas_kd.training.processes import end_together
from tests.training.poa.jobs import session


def main() -> None:
    training = session(epochs=1)
    processes = training.job.accelerator
    started = torch.nn.utils.parameters_to_vector(training._students.parameters()).detach().clone()
    metrics = training.run_unit()
    networks = (training._students, training._teacher.model)
    weights = [torch.nn.utils.parameters_to_vector(n.parameters()).detach() for n in networks]
    everyone = [gather(vector[None]) for vector in weights]
    archs = [arch.key for step in range(3) for arch in training._deck.draw(step, 1)]

    scores = torch.rand(32, 8, generator=torch.Generator().manual_seed(0))
    share = scores[processes.process_index :: processes.num_processes]
    balanced = gather(sinkhorn(share, 0.05, processes)[None])

    report = {
        "processes": processes.num_processes,
        "alike": all(bool((vectors == vectors[0]).all()) for vectors in everyone),
        "moved": bool((weights[0] != started).any()),
        "loss": gather_object([metrics["loss"]]),
        "archs": gather_object([archs]),
        "balanced": balanced.transpose(0, 1).flatten(0, 1),
    }
    if processes.is_main_process:
        torch.save(report, Path(sys.argv[1]) / "report.pt")
    end_together(processes)


if __name__ == "__main__":
    main()
