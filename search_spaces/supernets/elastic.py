"""Elastic networks: one parent of timm's whose parts are networks of timm's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from search_spaces._arch import Arch
from search_spaces._elastic_space import ElasticSpace
from search_spaces._space import Task
from search_spaces.supernets._subnetwork import Subnetwork, TimmModel, subnetwork

Result = TypeVar("Result")


class Embedding(NamedTuple):
    """What a network sees in images, after its final norm.

    Attributes:
        pooled: What the classifier reads, ``(batch, channel)``.
        patches: The last map, row by row, ``(batch, token, channel)``.
    """

    pooled: Tensor
    patches: Tensor


class ElasticSupernet(nn.Module, ABC):
    """A model of timm's that computes every network of an elastic space with parts of its weights.

    A sub-network is timm's own model of its arch, run with cut weights in place of its own: every
    layer, stochastic depth and all buffers are timm's code. Gradients reach the parent's weights.

    Batch-norm statistics in ``parent`` are those of the largest network: when a smaller one is
    trained, it updates a copy that is thrown away. In eval mode a smaller one cuts them, which
    says little about its accuracy: re-estimate them on what `extract` gives.

    Args:
        space: Whose largest network becomes the parent.
        task: Images and classes; no classes make networks without classifier.
        drop_path: Rate of stochastic depth at the last block, rising linearly from the first; a
            network that was extracted has none.
        scaled: Multiplies weights of linear layers and convolutions by alpha = D / d where d of D
            inputs are left, so that sums over inputs keep their size; biases, norms and embeddings
            stay. The factor is folded into weights that are extracted. Where a group norm follows,
            it changes nothing.

    Attributes:
        parent: The largest network; its weights are the supernet's.

    Source: POA (Chen et al., ECCV 2024, arXiv 2408.01031), sections 3.2 and 4.1. Deviation: the
    classifier is scaled, too, as POA scales the first layer of its projection heads.
    """

    def __init__(
        self, space: ElasticSpace, task: Task, *, drop_path: float = 0.0, scaled: bool = False
    ) -> None:
        super().__init__()
        self.space = space
        self.task = task
        self.drop_path = drop_path
        self.scaled = scaled
        self.parent = space.host(space.largest, task).create()

    @property
    @abstractmethod
    def image_multiple(self) -> int:
        """What the sides of images have to be multiples of, in pixels."""

    @property
    @abstractmethod
    def attended_tokens(self) -> int:
        """Most tokens of an image of the task's size that attend to each other; 0 if none do."""

    @abstractmethod
    def embed(self, images: Tensor, arch: Arch) -> Embedding:
        """What the sub-network ``arch`` sees in ``images``, ``(batch, channel, side, side)``.

        Images may be of another size than the task's.
        """

    def forward(self, images: Tensor, arch: Arch) -> Tensor:
        """Logits ``(batch, class)`` of the sub-network ``arch``.

        Raises:
            IllegalArchError: ``arch`` is not a member of the space.
        """
        logits: Tensor = self.call(images, arch, lambda network: network(images))
        return logits

    def call(self, images: Tensor, arch: Arch, use: Callable[[TimmModel], Result]) -> Result:
        """What ``use`` makes of the sub-network ``arch``, a model of timm's that has the shared
        weights for as long as ``use`` runs and takes images of the size of ``images``."""
        arch = self.space.canonical(arch)
        other_size = images.shape[-1] != self.task.image_size
        part = self._part(arch, any_size=other_size and bool(self.space.any_size))
        tensors = part.tensors(self.parent)
        if self.training and arch != self.space.largest:
            tensors |= {name: tensors[name].clone() for name in part.statistics}
        return part.call(tensors, use, training=self.training)

    def embedding_dim(self, arch: Arch) -> int:
        """Channels of what `embed` returns."""
        part = self._part(self.space.canonical(arch), any_size=False)
        return int(part.network.head_hidden_size)

    def extract(self, arch: Arch) -> nn.Module:
        """A model of timm's, in eval mode, with copies of its weights.

        ``space.host(arch, task)`` says how timm builds it.
        """
        arch = self.space.canonical(arch)
        tensors = self._part(arch, any_size=False).tensors(self.parent)
        device = next(self.parent.parameters()).device
        student = self.space.host(arch, self.task).create(device="meta").to_empty(device=device)
        with torch.no_grad():
            for name, tensor in [*student.named_parameters(), *student.named_buffers()]:
                tensor.copy_(tensors[name])
        return student.eval()

    def _part(self, arch: Arch, *, any_size: bool) -> Subnetwork:
        return subnetwork(
            self.space,
            arch,
            self.task,
            any_size=any_size,
            drop_path=self.drop_path,
            scaled=self.scaled,
        )
