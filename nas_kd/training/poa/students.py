"""The networks of POA: intact and elastic students in one supernet, with their heads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas_kd.training.poa.heads import PrototypeHeads
from nas_kd.training.poa.views import OfViews
from search_spaces import Arch
from search_spaces.supernets.elastic import ElasticSupernet, Embedding


@dataclass(frozen=True)
class Scored:
    """What one network makes of the views of a batch.

    Attributes:
        pooled: Embeddings of the global views, ``(global view, sample, channel)``.
        views: For each head the scores of the views, ``(view, sample, prototype)``.
        patches: For each head the scores of the hidden patches, ``(hidden patch, prototype)``;
            empty where nothing is hidden.
    """

    pooled: Tensor
    views: list[OfViews]
    patches: list[Tensor]


class Students(nn.Module):
    """A supernet and the projection heads that all its students share.

    Args:
        backbone: The supernet.
        heads: For its largest width.
    """

    def __init__(self, backbone: ElasticSupernet, heads: PrototypeHeads) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = heads

    def forward(
        self, views: OfViews, masks: Tensor | None, arch: Arch, *, hide: bool = True
    ) -> Scored:
        """Scores of the student ``arch``.

        Args:
            views: Images ``(view, sample, C, H, W)``; local ones may be left out.
            masks: Of the global views, ``(global view * sample, patch)``; None hides nothing.
            arch: Which student.
            hide: Whether masked patches are hidden from it; the teacher sees them.
        """
        count, batch = views.whole.shape[:2]
        whole = self._embed(views.whole.flatten(0, 1), arch, masks if hide else None)
        embeddings = [whole.pooled]
        if views.has_local:
            embeddings.append(self.backbone.embed(views.local.flatten(0, 1), arch).pooled)
        images = torch.cat(embeddings).unflatten(0, (-1, batch))  # view, sample, channel
        scores = [head(images) for head in self.heads]
        hidden = []
        if masks is not None:
            patches = whole.patches[masks]  # hidden patch, channel
            hidden = [head(patches) for head in self.heads]
        return Scored(
            pooled=images[:count],
            views=[OfViews(score[:count], score[count:]) for score in scores],
            patches=hidden,
        )

    def _embed(self, images: Tensor, arch: Arch, masks: Tensor | None) -> Embedding:
        if masks is None:
            return self.backbone.embed(images, arch)
        return self.backbone.embed(images, arch, masks)  # type: ignore[call-arg]
