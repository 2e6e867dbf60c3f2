"""The losses of masked autoencoders against transformers' and against their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator, Tensor

from nas_kd.training.masked import terms
from nas_kd.training.masked.hiding import hide_patches
from tests.training.masked.autoencoder import tiny_autoencoder


def _drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(sum(shape)))


def test_the_patches_that_are_hidden_are_those_of_transformers() -> None:
    model, images, noise = tiny_autoencoder(), _drawn(5, 1, 8, 8), torch.rand(5, 16)
    for ratio in (0.5, 0.75):
        model.config.mask_ratio = ratio
        theirs = model.vit(images, noise=noise).mask.bool()
        hiding = hide_patches(noise, ratio)

        assert torch.equal(hiding.mask, theirs)
        assert hiding.visible.shape == (5, int(16 * (1 - ratio)))
        assert not hiding.mask.gather(1, hiding.visible).any()


@pytest.mark.parametrize("normalised", [False, True])
def test_the_pixel_loss_is_that_of_transformers(normalised: bool) -> None:
    model, images, noise = tiny_autoencoder(), _drawn(5, 1, 8, 8), torch.rand(5, 16)
    model.config.norm_pix_loss = normalised
    theirs = model(images, noise=noise)
    hiding = hide_patches(noise, 0.75)

    ours = terms.pixel_loss(
        theirs.logits, terms.patches_of(images, 2), hiding.mask, normalised=normalised
    )

    torch.testing.assert_close(ours, theirs.loss)


def test_visible_features_are_compared_at_length_one() -> None:
    mine, theirs = _drawn(2, 3, 4), _drawn(2, 3, 5)[..., :4]
    unit = [part / part.norm(dim=-1, keepdim=True) for part in (mine, theirs)]
    expected = (unit[0] - unit[1]).abs().sum() / (2 * 3 * 4)

    torch.testing.assert_close(terms.visible_feature_loss(mine, theirs), expected)


def test_hidden_features_are_compared_by_smooth_l1_where_hidden() -> None:
    predicted, teacher = 4 * _drawn(2, 3, 4), _drawn(2, 3, 5)[..., :4]
    mask = torch.tensor([[True, False, True], [False, True, False]])
    total = 0.0
    for image, patch in mask.nonzero().tolist():
        target = teacher[image, patch].double()
        target = (target - target.mean()) / (target.var(correction=0) + 1e-5).sqrt()
        for error in (predicted[image, patch].double() - target).abs().tolist():
            total += error**2 / 4 if error < 2 else error - 1
    expected = total / (3 * 4)

    loss = float(terms.hidden_feature_loss(predicted, teacher, mask))

    assert math.isclose(loss, expected, rel_tol=1e-5)
