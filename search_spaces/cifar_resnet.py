"""DisWOT's space S0: CIFAR ResNets that differ in the depths of their three stages."""

from __future__ import annotations

import re

from optuna.distributions import IntDistribution
from torch import nn

from search_spaces import _counting as count
from search_spaces._arch import Arch
from search_spaces._checks import require_built, require_positive, require_task
from search_spaces._cifar_resnet_modules import CifarResNetNetwork
from search_spaces._drawing import Block, Drawing
from search_spaces._gene_space import GeneSpace
from search_spaces._space import AnyTask, IllegalArchError, Sizes, Task
from search_spaces._stem import (
    require_stem_stride,
    stem_block,
    stem_side,
    stem_sizes,
    stem_widths,
)

_GENES = ("depth_1", "depth_2", "depth_3")
_DEPTHS = range(1, 8, 2)
_NOTATION = re.compile(r"(?:ResNet)?\[(\d+)[ ,]+(\d+)[ ,]+(\d+)\]", re.IGNORECASE)


class CifarResNet(GeneSpace):
    """64 ResNets: depths ``depth_1`` to ``depth_3`` in {1, 3, 5, 7} basic blocks per stage.

    Archs are enumerated with the last depth fastest. No two compute the same function, so every
    arch is its own canonical form.

    Args:
        width: Channels of the stem and the first stage; the second and third stages have two and
            four times as many.
        stem_stride: By how much the stem shrinks the images, 1, 2, 4 or 8: 4 for images of 224
            pixels, whose first stage is then as large as that of a ResNet for them. In the source
            it is 1; the others are ours, with a convolution of stride 2 for every halving.

    Source: space S0 of DisWOT (Dong, Li and Wei, CVPR 2023, arXiv 2303.15678); shortcuts are 1x1
    convolutions with batch normalisation.
    """

    name = "cifar-resnet"
    task_type = Task
    source = "DisWOT, space S0 (Dong, Li & Wei, CVPR 2023, arXiv 2303.15678)"

    def __init__(self, width: int = 16, stem_stride: int = 1) -> None:
        require_positive(self.name, width=width)
        require_stem_stride(self.name, stem_stride)
        depth = IntDistribution(_DEPTHS[0], _DEPTHS[-1], step=_DEPTHS.step)
        super().__init__(dict.fromkeys(_GENES, depth))
        self.width = width
        self.stem_stride = stem_stride

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """A `CifarResNetNetwork` with PyTorch's default initialisation."""
        task = require_task(self.name, task)
        return CifarResNetNetwork(
            self._depths(arch),
            width=self.width,
            in_channels=task.in_channels,
            num_classes=task.num_classes,
            stem_stride=self.stem_stride,
        )

    def features(self, module: nn.Module) -> list[str]:
        """The stem and the ends of the three stages, each after its ReLU."""
        require_built(self.name, module, CifarResNetNetwork)
        return ["stem", "stage_1", "stage_2", "stage_3"]

    def head(self, module: nn.Module) -> str:
        require_built(self.name, module, CifarResNetNetwork)
        return "classifier"

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes:
        task = require_task(self.name, task)
        depth_1, depth_2, depth_3 = self._depths(arch)
        stride, width = self.stem_stride, self.width
        side = stem_side(task.image_size, stride)
        parts = [
            stem_sizes(task, stem_widths(width, stride), stride),
            count.repeated(_block_sizes(width, width, side), depth_1),
        ]
        for depth in (depth_2, depth_3):
            side, width = count.halved(side), 2 * width
            parts += [
                _block_sizes(width // 2, width, side),
                count.conv_norm(width // 2, width, 1, side),
                count.repeated(_block_sizes(width, width, side), depth - 1),
            ]
        return count.total([*parts, count.linear(width, task.num_classes)])

    def anchors(self) -> list[Arch]:
        """The deepest net, the shallowest, and ResNet-20."""
        return [self._arch_of([depth] * len(_GENES)) for depth in (7, 1, 3)]

    def _read(self, text: str) -> Arch:
        """As `describe` writes it; the name may be left out."""
        match = _NOTATION.fullmatch(text)
        if match is None:
            raise IllegalArchError(
                f"{self.name}: {text!r} is not an arch. Write the three depths as ResNet[5 5 7]."
            )
        return self._arch_of(map(int, match.groups()))

    def describe(self, arch: Arch) -> str:
        """Depths of the three stages, ``ResNet[5 5 7]``."""
        return "ResNet[{} {} {}]".format(*self._depths(arch))

    def drawing(self, arch: Arch) -> Drawing:
        """Stem, three stages of basic blocks, classifier."""
        stages = [
            Block(f"stage {stage}", ("basic block", f"{self.width * 2 ** (stage - 1)} channels"), n)
            for stage, n in enumerate(self._depths(arch), start=1)
        ]
        stem = stem_block(self.width, self.stem_stride)
        return Drawing(self.describe(arch), (stem, *stages, Block("classifier", fixed=True)))

    def _depths(self, arch: Arch) -> tuple[int, ...]:
        return tuple(int(depth) for depth in self._member(arch).values())


def _block_sizes(in_width: int, width: int, side: int) -> Sizes:
    return count.total(
        [
            count.convolution(in_width, width, 3, side),
            count.convolution(width, width, 3, side),
            count.repeated(count.batch_norm(width), 2),
        ]
    )
