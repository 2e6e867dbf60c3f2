"""What a training starts from: the job's space and its supernet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from nas_kd.data import DataSplits
from nas_kd.errors import UsageError
from nas_kd.training.pretraining.method import Job
from search_spaces import ElasticResNet, ElasticSwin, ElasticVit, SearchSpace, Task

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet

ElasticSpace = ElasticVit | ElasticSwin | ElasticResNet

NAMES = (ElasticVit.name, ElasticSwin.name, ElasticResNet.name)


def elastic(space: SearchSpace) -> ElasticSpace:
    """The space itself; `UsageError` where its students are no parts of one parent."""
    if not isinstance(space, ElasticSpace):
        raise UsageError(f"pretrain: {space.name} is not elastic. Use {', '.join(NAMES)}.")
    return space


def make_supernet(
    job: Job,
    data: DataSplits,
    *,
    num_classes: int,
    drop_path: float,
    scaled: bool,
    side: int | None = None,
) -> ElasticSupernet:
    """The job's supernet for the images of ``data``, initialised from the job's seed.

    Args:
        job: Names the space.
        data: Tells channels and size of the images.
        num_classes: 0 for a supernet without a classifier.
        drop_path: Rate of stochastic depth, see `ElasticSupernet`.
        scaled: Whether narrower students scale their weights, see `ElasticSupernet`.
        side: Of the images that networks take, in pixels; None takes that of the data.
    """
    channels, of_data, _ = data.input_shape
    task = Task(in_channels=channels, image_size=side or of_data, num_classes=num_classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        return elastic(job.space).supernet(task, drop_path=drop_path, scaled=scaled)
