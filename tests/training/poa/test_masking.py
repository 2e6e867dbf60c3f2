"""Block masks: how many images, how many patches, and what they look like."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from nas_kd.training.poa.masking import block_mask, draw_masks, hide_block

GRID = (14, 14)


def _draw(seed: int, images: int = 64, **changes: float) -> torch.Tensor:
    settings = {"probability": 0.5, "least": 0.1, "most": 0.5} | changes
    return draw_masks(
        images,
        GRID,
        probability=settings["probability"],
        ratio=(settings["least"], settings["most"]),
        generator=Generator().manual_seed(seed),
    )


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_the_share_of_images_is_exact(probability: float) -> None:
    masks = _draw(0, images=33, probability=probability)

    assert int(masks.any(1).sum()) == int(33 * probability)


def test_the_hidden_shares_are_spread_evenly_over_their_range() -> None:
    """Image n of N is hidden to a share in [low + n/N, low + (n + 1)/N] of the range, or nearly."""
    masks = _draw(1, images=128)
    shares = sorted((masks.float().mean(1)[masks.any(1)]).tolist())
    count = len(shares)

    for number, share in enumerate(shares):
        low, high = (0.1 + 0.4 * (number + end) / count for end in (-4, 1))
        assert low - 1 / 196 <= share <= high


def test_a_mask_never_hides_more_than_asked() -> None:
    generator = Generator().manual_seed(2)
    for patches in range(0, 150, 7):
        hidden = int(block_mask(GRID, patches, generator).sum())
        assert hidden <= patches
        assert hidden >= 0.8 * patches - 4


@pytest.mark.parametrize("seed", range(5))
def test_a_block_is_a_rectangle(seed: int) -> None:
    mask = torch.zeros(GRID, dtype=torch.bool)
    more = hide_block(mask, 20, Generator().manual_seed(seed))
    rows, columns = mask.any(1), mask.any(0)

    assert 0 < more == int(mask.sum()) <= 20
    assert torch.equal(mask, rows[:, None] & columns[None])
    for line in (rows, columns):
        places = line.nonzero().flatten()
        assert int(places[-1] - places[0]) + 1 == len(places)


def test_the_generator_decides() -> None:
    assert torch.equal(_draw(5), _draw(5))
    assert not torch.equal(_draw(5), _draw(6))


def test_grids_too_small_for_blocks_are_no_trouble() -> None:
    masks = draw_masks(
        8, (2, 2), probability=1.0, ratio=(0.5, 0.5), generator=Generator().manual_seed(0)
    )

    assert masks.shape == (8, 4)
    assert int(masks.sum(1).max()) <= 2
