"""What a search starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from nas_kd.training.batches import mixed_seed
from nas_kd.training.darts.alphas import Alphas
from nas_kd.training.darts.decisions import Decisions
from nas_kd.training.darts.network import SearchNetwork
from nas_kd.training.darts.relaxation import RELAXATIONS
from nas_kd.training.darts.settings import SearchSettings
from nas_kd.training.darts.supernets import make_supernet
from search_spaces import Task

if TYPE_CHECKING:  # the registry of methods imports this package
    from nas_kd.training.pretraining import Job


def initial_network(job: Job, settings: SearchSettings, task: Task) -> SearchNetwork:
    """The network of the job's space on its device, drawn from its seed.

    Raises:
        UsageError: The settings do not fit the space.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed_seed(job.seed))
        supernet = make_supernet(
            job.space,
            task,
            partial=settings.partial,
            auxiliary_skip=settings.auxiliary_skip > 0,
            keep_none=settings.keep_none,
        )
    alphas = Alphas(
        supernet.kinds,
        edge_weights=settings.partial > 1,
        generator=torch.Generator().manual_seed(mixed_seed(job.seed, 1)),
    )
    network = SearchNetwork(
        supernet,
        alphas,
        RELAXATIONS[settings.relaxation](),
        settings.auxiliary_skip,
        Decisions(supernet.kinds) if settings.selection == "perturbation" else None,
    )
    return network.to(job.accelerator.device)
