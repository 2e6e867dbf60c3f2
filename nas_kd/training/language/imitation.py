"""How well networks imitate their teacher, on sequences that they were not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor

from nas_kd.data.text import TokenSequences
from nas_kd.distill import HiddenFit
from nas_kd.training.language.state_objective import StateObjective
from search_spaces import TokenStates

Name = TypeVar("Name")
Network = Callable[[dict[str, Tensor]], TokenStates]
"""A batch ``(batch, token)`` to the states of a network in eval mode."""


@torch.no_grad()
def imitation_losses(
    networks: Mapping[Name, Network],
    sequences: TokenSequences,
    objective: StateObjective,
    *,
    fit: HiddenFit | None = None,
    batch_size: int = 32,
    on_batch: Callable[[int, int], None] | None = None,
) -> dict[Name, float]:
    """Mean loss of every network over the sequences.

    The teacher runs once for a batch, whatever the number of networks, and all of them are judged
    on the same batches.

    Args:
        networks: What is judged, by name.
        sequences: On what.
        objective: The loss.
        fit: The map that was trained with the networks, for distillers that need one.
        batch_size: Sequences that go through a network at once.
        on_batch: Told how many of how many batches are over.
    """
    sums = dict.fromkeys(networks, 0.0)
    parts = torch.arange(len(sequences)).split(batch_size)
    for number, part in enumerate(parts, start=1):
        batch = objective.on_device(sequences.batch(part))
        taught = objective.taught(batch)
        for name, network in networks.items():
            with objective.autocast():
                states = network(batch)
            sums[name] += float(objective(states, taught, fit)) * len(part)
        if on_batch is not None:
            on_batch(number, len(parts))
    return {name: total / len(sequences) for name, total in sums.items()}
