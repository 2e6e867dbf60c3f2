"""How well the students of a SuperLM imitate the teacher, with the shared weights as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from nas_kd.data.text import TokenSequences
from nas_kd.distill import HiddenFit
from nas_kd.training.evaluate import eval_mode
from nas_kd.training.language.state_objective import StateObjective
from search_spaces import Arch
from search_spaces.supernets import SuperLM


@torch.inference_mode()
def held_out_losses(
    superlm: SuperLM,
    archs: Sequence[Arch],
    sequences: TokenSequences,
    objective: StateObjective,
    *,
    fit: HiddenFit | None = None,
    batch_size: int = 32,
    on_batch: Callable[[int, int], None] | None = None,
) -> dict[Arch, float]:
    """Mean loss over the sequences of every student, without dropout.

    The teacher runs once for a batch, whatever the number of students, and all of them are judged
    on the same batches.

    Args:
        superlm: The shared weights.
        archs: Students of its space.
        sequences: What they are judged on, best not seen in training.
        objective: The loss.
        fit: The map that was trained with the SuperLM, for distillers that need one.
        batch_size: Sequences that go through a network at once.
        on_batch: Told how many of how many batches are over.
    """
    device = superlm.model.device
    sums = dict.fromkeys(archs, 0.0)
    parts = torch.arange(len(sequences)).split(batch_size)
    with eval_mode(superlm):
        for number, part in enumerate(parts, start=1):
            batch = {name: value.to(device) for name, value in sequences.batch(part).items()}
            taught = objective.taught(batch)
            for arch in sums:
                loss = objective(superlm(batch, arch).states, taught, fit)
                sums[arch] += float(loss) * len(part)
            if on_batch is not None:
                on_batch(number, len(parts))
    return {arch: total / len(sequences) for arch, total in sums.items()}
