"""A SuperLM's training in two processes: ``python -m torch.distributed.run ... this FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from nas_kd.training.language import LanguageLoop, LoopSettings, StateObjective
from nas_kd.training.processes import end_together, make_accelerator
from nas_kd.training.superlm import STRATEGIES, Chooser
from nas_kd.training.superlm.losses import StudentLosses
from search_spaces.supernets import SuperLM
from tests.training.language_models import sequences, small_bert, small_space

CALM = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
SETTINGS = LoopSettings(epochs=1, batch_size=8, max_tokens=12, learning_rate=1e-3)


def run() -> tuple[Tensor, Mapping[str, float]]:
    """Weights and losses after one epoch."""
    accelerator = make_accelerator("no")
    superlm = SuperLM(small_bert(**CALM), small_space())
    objective = StateObjective("autodistil_kl", small_bert(**CALM), accelerator)
    chooser = Chooser(STRATEGIES[0], superlm.space, count=2, seed=0)
    loop = LanguageLoop(
        superlm,
        sequences(40),
        StudentLosses(superlm, None, objective, chooser),
        settings=SETTINGS,
        seed=0,
        accelerator=accelerator,
    )
    losses = loop.run_unit()
    return torch.cat([value.flatten() for value in superlm.state_dict().values()]), losses


if __name__ == "__main__":
    accelerator = make_accelerator("no")
    weights, losses = run()
    everywhere = accelerator.gather(weights[None])
    if accelerator.is_main_process:
        report = {
            "processes": accelerator.num_processes,
            "alike": bool((everywhere[0] == everywhere[1]).all()),
            "weights": weights,
            "losses": dict(losses),
        }
        torch.save(report, Path(sys.argv[1]) / "report.pt")
    end_together(accelerator)
