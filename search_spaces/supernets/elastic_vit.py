"""Elastic vision transformers."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from search_spaces._arch import Arch
from search_spaces._space import Task
from search_spaces.elastic_vit import ElasticVit
from search_spaces.supernets._subnetwork import TimmModel
from search_spaces.supernets.elastic import ElasticSupernet, Embedding


class ElasticVitSupernet(ElasticSupernet):
    """The networks of `ElasticVit` in one; what is pooled is the class token.

    Attributes:
        mask_token: What stands for a hidden patch, ``(channel,)``; no part of extracted networks.
    """

    space: ElasticVit

    def __init__(
        self, space: ElasticVit, task: Task, *, drop_path: float = 0.0, scaled: bool = False
    ) -> None:
        super().__init__(space, task, drop_path=drop_path, scaled=scaled)
        self.mask_token = nn.Parameter(torch.zeros(self.embedding_dim(space.largest)))

    @property
    def image_multiple(self) -> int:
        return self.space.patch_side(self.task)

    @property
    def attended_tokens(self) -> int:
        parent: TimmModel = self.parent
        patches = (self.task.image_size // self.image_multiple) ** 2
        return patches + int(parent.num_prefix_tokens)

    def embed(self, images: Tensor, arch: Arch, mask: Tensor | None = None) -> Embedding:
        """See `ElasticSupernet.embed`.

        Args:
            images: ``(batch, channel, side, side)``.
            arch: The sub-network.
            mask: ``(batch, token)``, true where the patch is hidden.
        """

        def embed(network: TimmModel) -> Embedding:
            tokens = network.patch_embed(images)  # (batch, token, channel), or a map of them
            if mask is not None:
                hidden = self.mask_token[: tokens.shape[-1]].to(tokens.dtype)
                tokens = torch.where(mask.reshape(*tokens.shape[:-1], 1), hidden, tokens)
            tokens = network.norm_pre(network.patch_drop(network._pos_embed(tokens)))
            tokens = network.norm(network.blocks(tokens))
            pooled = network.forward_head(tokens, pre_logits=True)
            return Embedding(pooled, tokens[:, network.num_prefix_tokens :])

        return self.call(images, arch, embed)

    def encode_visible(
        self, images: Tensor, arch: Arch, visible: Tensor, after: Collection[int] = ()
    ) -> tuple[Tensor, list[Tensor]]:
        """Class token and visible patches, the hidden ones being left out of all computation.

        Args:
            images: ``(batch, channel, side, side)``.
            arch: The sub-network.
            visible: Numbers of the patches that are seen, ``(batch, token)``, int64.
            after: Numbers of the sub-network's blocks whose outputs are wanted.

        Returns:
            The tokens after the final norm, ``(batch, 1 + token, channel)``, and those after the
            blocks asked for, in the order of the blocks.
        """

        def encode(network: TimmModel) -> tuple[Tensor, list[Tensor]]:
            tokens = network._pos_embed(network.patch_embed(images))
            prefix, patches = tokens.tensor_split([network.num_prefix_tokens], dim=1)
            chosen = visible[..., None].expand(-1, -1, patches.shape[-1])
            tokens = network.norm_pre(torch.cat([prefix, patches.gather(1, chosen)], dim=1))
            seen = []
            for number, block in enumerate(network.blocks):
                tokens = block(tokens)
                if number in after:
                    seen.append(tokens)
            return network.norm(tokens), seen

        return self.call(images, arch, encode)
