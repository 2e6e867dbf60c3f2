"""Elastic Swin transformers."""

from __future__ import annotations

from torch import Tensor

from search_spaces._arch import Arch
from search_spaces.elastic_swin import ElasticSwin
from search_spaces.supernets._subnetwork import TimmModel
from search_spaces.supernets.elastic import ElasticSupernet, Embedding


class ElasticSwinSupernet(ElasticSupernet):
    """The networks of `ElasticSwin` in one; what is pooled is the mean of the last map."""

    space: ElasticSwin

    @property
    def image_multiple(self) -> int:
        return self.space.patch_side(self.task)

    @property
    def attended_tokens(self) -> int:
        return self.space.window_side(self.task) ** 2

    def embed(self, images: Tensor, arch: Arch) -> Embedding:
        def embed(network: TimmModel) -> Embedding:
            last = network.forward_features(images)  # (batch, height, width, channel)
            return Embedding(network.forward_head(last, pre_logits=True), last.flatten(1, 2))

        return self.call(images, arch, embed)
