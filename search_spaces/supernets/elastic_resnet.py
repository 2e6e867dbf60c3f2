"""Elastic ResNets."""

from __future__ import annotations

from torch import Tensor

from search_spaces._arch import Arch
from search_spaces.elastic_resnet import ElasticResNet
from search_spaces.supernets._subnetwork import TimmModel
from search_spaces.supernets.elastic import ElasticSupernet, Embedding


class ElasticResNetSupernet(ElasticSupernet):
    """The networks of `ElasticResNet` in one; what is pooled is the mean of the last map."""

    space: ElasticResNet

    @property
    def image_multiple(self) -> int:
        return 1

    @property
    def attended_tokens(self) -> int:
        return 0

    def embed(self, images: Tensor, arch: Arch) -> Embedding:
        def embed(network: TimmModel) -> Embedding:
            last = network.forward_features(images)  # (batch, channel, height, width)
            patches = last.flatten(2).transpose(1, 2)
            return Embedding(network.forward_head(last, pre_logits=True), patches)

        return self.call(images, arch, embed)
