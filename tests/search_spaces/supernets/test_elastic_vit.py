"""What elastic vision transformers offer to methods that hide patches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from search_spaces.supernets.elastic_vit import ElasticVitSupernet
from tests.contracts.search_space import images
from tests.search_spaces.elastic import TASK, supernet

TOKENS = 64
UPPER_HALF = (torch.arange(TOKENS) < TOKENS // 2).expand(2, -1)


@pytest.fixture
def made() -> ElasticVitSupernet:
    made = supernet("elastic-vit").requires_grad_(False)
    assert isinstance(made, ElasticVitSupernet)
    nn.init.normal_(made.mask_token)
    return made


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    """Images, and the same without their upper halves."""
    whole = images(TASK)
    half = whole.clone()
    half[:, :, : TASK.image_size // 2] = 0
    return whole, half


def test_what_is_hidden_is_not_seen(made: ElasticVitSupernet, pair: tuple[Tensor, Tensor]) -> None:
    arch = made.space.smallest
    hidden = [made.embed(x, arch, UPPER_HALF) for x in pair]
    open_eyed = [made.embed(x, arch) for x in pair]
    assert torch.equal(hidden[0].patches, hidden[1].patches)
    assert not torch.allclose(open_eyed[0].patches, open_eyed[1].patches)
    assert not torch.allclose(open_eyed[0].patches, hidden[0].patches)


def test_hidden_patches_show_the_mask_token(made: ElasticVitSupernet) -> None:
    arch = made.space.smallest
    before = made.embed(images(TASK), arch, UPPER_HALF).patches
    made.mask_token.add_(1)
    assert not torch.allclose(made.embed(images(TASK), arch, UPPER_HALF).patches, before)
    assert "mask_token" not in made.extract(arch).state_dict()


def test_masks_of_smaller_images(made: ElasticVitSupernet) -> None:
    x = images(TASK)[:, :, :16, :16]
    arch = made.space.smallest
    mask = torch.zeros(2, 16, dtype=torch.bool)
    assert torch.equal(made.embed(x, arch, mask).patches, made.embed(x, arch).patches)
    assert not torch.equal(made.embed(x, arch, ~mask).patches, made.embed(x, arch).patches)


def test_all_patches_in_view_are_the_whole_image(made: ElasticVitSupernet) -> None:
    arch = made.space.parse("ElasticViT[width 24, depth 3]")
    every = torch.arange(TOKENS).expand(2, -1)
    tokens, after = made.encode_visible(images(TASK), arch, every, after=[0, 2])
    whole = made.embed(images(TASK), arch)
    torch.testing.assert_close(tokens[:, 0], whole.pooled)
    torch.testing.assert_close(tokens[:, 1:], whole.patches)
    assert [seen.shape for seen in after] == [(2, 1 + TOKENS, 24)] * 2
    assert not torch.equal(after[0], after[1])


def test_patches_out_of_view_are_not_computed(
    made: ElasticVitSupernet, pair: tuple[Tensor, Tensor]
) -> None:
    arch = made.space.smallest
    lower = torch.arange(TOKENS // 2, TOKENS).expand(2, -1)
    first, second = (made.encode_visible(x, arch, lower)[0] for x in pair)
    assert first.shape == (2, 1 + TOKENS // 2, 16)
    assert torch.equal(first, second)
    turned, _ = made.encode_visible(pair[0], arch, lower.flip(1))
    torch.testing.assert_close(turned[:, 1:].flip(1), first[:, 1:])
