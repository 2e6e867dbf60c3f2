"""What counts as a block."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from proxies._blocks import block_names
from tests.proxies.cells import CellNet
from tests.proxies.networks import TinyResNet


class _Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = TinyResNet()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        return logits


class _Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = CellNet(["convolution"])
        self.head = nn.Linear(4, 10)


class _Staged(nn.Module):
    """Stages within a stage, a reduction beside them, a head in a sequence of its own."""

    def __init__(self) -> None:
        super().__init__()
        cells = [CellNet([]).stem, nn.Identity()]
        self.stem = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.stages = nn.Sequential(nn.Sequential(*cells), nn.Sequential(nn.Conv2d(4, 4, 3)))
        self.reduction = CellNet(["convolution"]).cells[0]
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(4, 10))


@pytest.mark.parametrize(
    ("model", "head", "names"),
    [
        (TinyResNet(depth=3), "classifier", ["stem", "blocks.0", "blocks.1", "blocks.2"]),
        (
            CellNet(["convolution", "identity", "pool"]),
            "classifier",
            ["stem", "cells.0", "cells.1", "cells.2"],
        ),
        (CellNet(["identity", "none"]), "classifier", ["stem", "cells.0", "cells.1"]),
        (_Wrapped(), "model.classifier", ["model.stem", "model.blocks.0", "model.blocks.1"]),
        (
            _Backbone(),
            "head",
            ["backbone.stem", "backbone.cells.0", "backbone.classifier"],
        ),
        (
            _Staged(),
            "classifier.1",
            ["stem", "stages.0.0", "stages.0.1", "stages.1", "reduction"],
        ),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), "1", []),
    ],
)
def test_stages_are_opened_and_heads_left_out(
    model: nn.Module, head: str, names: list[str]
) -> None:
    assert block_names(model, head) == names
