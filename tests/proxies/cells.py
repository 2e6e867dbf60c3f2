"""Tiny networks of cells, with what a space of cells brings: identities, pools, dead ends."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from proxies import Probe
from tests.proxies.networks import digits

CELLS = ("convolution", "identity", "pool", "none", "convolution of nothing", "strided", "gelu")

CLASSICAL = (
    "naswot", "swap", "swap_regularised", "te_nas_regions", "meco", "apd", "zen",
    "az_expressivity", "az_progressivity", "synflow", "grad_norm", "plain", "snip", "grasp",
    "fisher", "jacov", "epe_nas", "zico", "l_swag", "az_trainability", "intrain", "gradsign",
    "te_nas_ntk", "vkdnw", "vkdnw_single", "params", "macs", "l2_norm", "trainable_width",
)  # fmt: skip
"""All proxies that need neither a teacher nor attention."""

COSTS = {"macs": 1000.0, "params": 100.0}


class CellNet(nn.Module):
    """Stem, cells one after the other, ReLU, pooling: ``(batch, 1, 8, 8)`` to logits."""

    def __init__(self, cells: Sequence[str], *, width: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        self.cells = nn.Sequential(*(_cell(kind, width) for kind in cells))
        self.last = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU())
        self.classifier = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.last(self.cells(self.stem(images)))  # (B, C, H, W)
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


class _Cell(nn.Module):
    """Activation, convolution, batch norm, with an input of zeros if nothing reaches it."""

    def __init__(self, width: int, *, stride: int = 1, fed: bool = True, gelu: bool = False):
        super().__init__()
        self.fed = fed
        self.main = nn.Sequential(
            nn.GELU() if gelu else nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.fed:
            fed: Tensor = self.main(x)
            return fed
        return x + self.main(torch.zeros_like(x))


class _Operation(nn.Module):
    """One operation without weights, or none at all."""

    def __init__(self, operation: nn.Module | None) -> None:
        super().__init__()
        self.edges = nn.ModuleList([] if operation is None else [operation])

    def forward(self, x: Tensor) -> Tensor:
        for operation in self.edges:
            passed: Tensor = operation(x)
            return passed
        return torch.zeros_like(x)


def _cell(kind: str, width: int) -> nn.Module:
    if kind == "identity":
        return _Operation(nn.Identity())
    if kind == "pool":
        return _Operation(nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False))
    if kind == "none":
        return _Operation(None)
    return _Cell(
        width,
        stride=2 if kind == "strided" else 1,
        fed=kind != "convolution of nothing",
        gelu=kind == "gelu",
    )


def cell_features(model: nn.Module) -> list[str]:
    return ["stem", "last"]


def exact_probe(model: nn.Module, images: Tensor | None = None, **options: object) -> Probe:
    """A probe in float64, so that a definition written out differs by rounding alone."""
    pictures, labels = digits(8)
    shown = pictures if images is None else images
    return Probe(
        model.double(),
        shown.double(),
        labels,
        features=[name for name in ("stem", "blocks", "last") if hasattr(model, name)],
        head="classifier",
        costs=COSTS,
        **options,  # type: ignore[arg-type]
    )


def noise(size: int = 8) -> Tensor:
    return torch.randn(size, 1, 8, 8, generator=torch.Generator().manual_seed(3))
