"""The operations of the DARTS cells.

Shapes are ``(B, C, H, W)``: batch, channels, height, width; a stride of 2 halves height and width,
rounding up. No activation works in place, so hooks may keep what they see. ``affine`` says whether
the batch norms have a scale and a shift: those of found networks do, those of supernets do not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_KERNELS = {"sep_conv_3x3": 3, "sep_conv_5x5": 5, "dil_conv_3x3": 3, "dil_conv_5x5": 5}


class ReluConvNorm(nn.Sequential):
    """ReLU, 1x1 convolution, batch norm: ``(B, C, H, W)`` to ``(B, K, H, W)``."""

    def __init__(self, in_channels: int, out_channels: int, *, affine: bool = True) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels, affine=affine),
        )


class FactorizedReduce(nn.Module):
    """Halves the map with two 1x1 convolutions, the second on the image moved by one pixel.

    ``(B, C, H, W)`` to ``(B, K, H/2, W/2)``. The moved image is filled up with zeros, which the
    convolution reads for odd sides only, for which nothing is published.
    """

    def __init__(self, in_channels: int, out_channels: int, *, affine: bool = True) -> None:
        super().__init__()
        half = out_channels // 2
        self.relu = nn.ReLU()
        self.convolution = nn.Conv2d(in_channels, half, 1, stride=2, bias=False)
        self.moved = nn.Conv2d(in_channels, out_channels - half, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        moved = F.pad(x[:, :, 1:, 1:], (0, 1, 0, 1))
        reduced: Tensor = self.norm(torch.cat([self.convolution(x), self.moved(moved)], dim=1))
        return reduced


def operation(
    name: str, channels: int, stride: int, *, affine: bool = True, pool_norm: bool = False
) -> nn.Module:
    """The module of one operation: ``(B, C, H, W)`` to ``(B, C, H/stride, W/stride)``.

    ``pool_norm`` puts a batch norm behind a pooling, as supernets have it.
    """
    if name.endswith("pool_3x3"):
        pool = _pool(name, stride)
        norm = nn.BatchNorm2d(channels, affine=affine)
        return nn.Sequential(pool, norm) if pool_norm else pool
    if name == "skip_connect":
        return skip(channels, stride, affine=affine)
    kernel = _KERNELS[name]
    if name.startswith("dil"):
        return nn.Sequential(*_depthwise(channels, kernel, stride, affine=affine, dilation=2))
    return nn.Sequential(
        *_depthwise(channels, kernel, stride, affine=affine),
        *_depthwise(channels, kernel, 1, affine=affine),
    )


def skip(channels: int, stride: int, *, affine: bool = True) -> nn.Module:
    """The identity, or where the map is halved a factorized reduction."""
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine=affine)


def _pool(name: str, stride: int) -> nn.Module:
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, padding=1)
    return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)


def _depthwise(
    channels: int, kernel: int, stride: int, *, affine: bool, dilation: int = 1
) -> list[nn.Module]:
    """ReLU, depthwise convolution, 1x1 convolution, batch norm."""
    return [
        nn.ReLU(),
        nn.Conv2d(
            channels,
            channels,
            kernel,
            stride,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=channels,
            bias=False,
        ),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    ]
