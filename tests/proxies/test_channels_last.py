"""Networks that keep channels last and attend within windows, against the definitions by image."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from timm.layers import LayerNorm2d
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from proxies import Probe, initialise
from proxies._blocks import SIGNS
from proxies._channel_correlations import least_correlations
from proxies._independence import independent_rows
from proxies._layout import channels_first
from proxies._randomness import apart
from tests.proxies.networks import digits, seeded
from tests.proxies.token_networks import tiny_swin

IMAGES = 6
BLOCKS = ("patch_embed", "layers.0.blocks.0", "layers.0.blocks.1", "layers.1.downsample")
BLOCKS += ("layers.1.blocks.0",)
WINDOWED = "layers.0.blocks.1.attn.qkv"  # shifted windows, four to an image


def swin() -> SwinTransformer:
    """Its first maps are 8 x 8 pixels of 8 channels: the shape alone does not tell the axes."""
    return tiny_swin(drop_path=0.0).double()


@pytest.fixture(scope="module")
def model() -> SwinTransformer:
    model = seeded(swin)
    initialise(model, "kaiming", 0)  # timm's small weights leave the blocks next to identities
    return model


def _probe(model: nn.Module, *needs: str) -> Probe:
    images, labels = digits(IMAGES)
    return Probe(model, images.double(), labels, features=(), head="head.fc", needs=needs)


def _outputs(model: nn.Module, *names: str) -> tuple[list[Tensor], Tensor]:
    """The outputs of the named modules in train mode, whose gradients are kept, and the logits."""
    seen: dict[str, Tensor] = {}
    model = copy.deepcopy(model).train()

    def keep(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            output.retain_grad()
            seen[name] = output

        return hook

    for name in names:
        model.get_submodule(name).register_forward_hook(keep(name))
    logits = model(digits(IMAGES)[0].double())
    return [seen[name] for name in names], logits


def _per_image(windows: Tensor) -> Tensor:
    """``(image * window, token, channel)`` as ``(image, window * token, channel)``."""
    return windows.reshape(IMAGES, -1, windows.shape[-1])


def test_blocks_are_those_of_the_stages_and_have_their_own_channels(
    model: SwinTransformer,
) -> None:
    outputs, _ = _outputs(model, *BLOCKS)
    moments = _probe(model, "block_moments").block_moments
    assert len(moments) == len(BLOCKS)
    for moment, output in zip(moments, outputs, strict=True):
        rows = output.detach().flatten(0, -2).numpy()
        np.testing.assert_allclose(moment.mean, rows.mean(0), atol=1e-12)
        np.testing.assert_allclose(moment.covariance, np.cov(rows.T, bias=True), atol=1e-12)


def test_gradients_go_back_through_blocks_pixel_by_pixel(model: SwinTransformer) -> None:
    outputs, _ = _outputs(model, *BLOCKS)
    responses = _probe(model, "block_responses").block_responses
    generator = apart(0, SIGNS)
    for response, (before, after) in zip(responses, pairwise(outputs), strict=True):
        mapped = after.permute(0, 3, 1, 2)
        signs = (torch.randint(0, 2, mapped.shape, generator=generator) * 2 - 1).double()
        (inward,) = torch.autograd.grad(mapped, [before], signs, retain_graph=True)
        stride = before.shape[1] // after.shape[1]
        source = F.pixel_unshuffle(inward.permute(0, 3, 1, 2), stride)
        rows, columns = (side.permute(1, 0, 2, 3).flatten(1) for side in (source, signs))
        gain = torch.linalg.svdvals(rows @ columns.T / columns.shape[1])[0]
        assert response.gain == pytest.approx(float(gain), rel=1e-8)


def test_layers_within_windows_have_slopes_of_images(model: SwinTransformer) -> None:
    (output,), logits = _outputs(model, WINDOWED)
    logits.sum().backward()
    assert output.grad is not None
    assert len(output) == 4 * IMAGES
    gradient = _per_image(output.grad)
    slopes = _probe(model, "layer_slopes").layer_slopes
    (slope,) = (
        slope
        for slope in slopes
        if slope.channels == pytest.approx(independent_rows(gradient.flatten(0, 1).T))
    )
    assert slope.images == pytest.approx(independent_rows(gradient.flatten(1)))
    assert all(1 - 1e-9 <= slope.images <= IMAGES + 1e-9 for slope in slopes)
    assert slope.weights == model.get_submodule(WINDOWED).weight.numel()


def test_layers_within_windows_have_saliency_by_image(model: SwinTransformer) -> None:
    (output,), logits = _outputs(model, WINDOWED)
    F.cross_entropy(logits, digits(IMAGES)[1]).backward()
    assert output.grad is not None
    pulls = _per_image(output.detach() * output.grad).sum(1)  # (image, channel)
    saliency = _probe(model, "channel_saliency").channel_saliency[f"{WINDOWED}.weight"]
    torch.testing.assert_close(saliency, 0.5 * pulls.square().mean(0))


def test_correlations_are_those_of_the_channels_of_the_first_image(model: SwinTransformer) -> None:
    whole = ["layers.0.blocks.0", "layers.0.blocks.1", "layers.0"]
    outputs, _ = _outputs(model, *whole, "layers.0.blocks.1.attn.proj")  # the last in windows
    found = np.array(_probe(model, "channel_correlations").channel_correlations)
    for output in outputs:
        first = output.detach()[: len(output) // IMAGES].flatten(0, -2)  # (position, channel)
        expected = float(least_correlations(first.T[None])[0])
        assert expected > 0
        assert np.isclose(found, expected, rtol=1e-6).any()


def test_norms_for_maps_keep_their_channels_second() -> None:
    square = torch.arange(2 * 4 * 4 * 4.0).reshape(2, 4, 4, 4)
    assert torch.equal(channels_first(square, LayerNorm2d(4)), square.flatten(2))
    last = channels_first(square, nn.LayerNorm(4))
    assert torch.equal(last, square.permute(0, 3, 1, 2).flatten(2))
