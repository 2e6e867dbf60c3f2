"""NAS-Bench-Macro: eight layers, each an identity or one of two MobileNet blocks."""

from __future__ import annotations

import itertools

from optuna.distributions import CategoricalDistribution
from torch import nn

from search_spaces import _counting as count
from search_spaces._arch import Arch
from search_spaces._checks import require_built, require_positive, require_task
from search_spaces._drawing import Block, Drawing
from search_spaces._gene_space import GeneSpace
from search_spaces._nasbench_macro_modules import (
    EXPANSIONS,
    LAYERS_PER_STAGE,
    NasBenchMacroNetwork,
)
from search_spaces._space import AnyTask, IllegalArchError, Sizes, Task
from search_spaces._stem import (
    require_stem_stride,
    stem_block,
    stem_side,
    stem_sizes,
    stem_widths,
)

OPERATIONS = ("identity", "mb3_k3", "mb6_k5")
"""In the order of the benchmark's digits 0, 1, 2."""

_GENES = tuple(f"layer_{number}" for number in range(1, sum(LAYERS_PER_STAGE) + 1))
_DIGITS = {str(digit): operation for digit, operation in enumerate(OPERATIONS)}

_Layers = tuple[str, ...]


class NasBenchMacro(GeneSpace):
    """The 6,561 networks of NAS-Bench-Macro, in the benchmark's skeleton or a smaller one.

    With the default options, 32 x 32 images and ten classes a student is the network that the
    benchmark trained, and `sizes` equals its table. The layers are in stages of two, three and
    three; the first layer of a stage halves the map and doubles the channels. Archs are enumerated
    in the order of their digits, as in the benchmark's table.

    Args:
        width: Channels of the stem; the stages have two, four and eight times as many.
        last_width: Channels of the 1x1 convolution before pooling.
        stem_stride: By how much the stem shrinks the images, 1, 2, 4 or 8: 4 for images of 224
            pixels, of which the last stage then sees a map of 7 pixels, as in a MobileNet.
            Published is 1; the others are ours, with a convolution of stride 2 for every halving.

    Source: Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021
    (arXiv 2103.11922).
    """

    name = "nasbench-macro"
    task_type = Task
    source = "NAS-Bench-Macro (Su et al., CVPR 2021, arXiv 2103.11922)"

    def __init__(self, width: int = 32, last_width: int = 1280, stem_stride: int = 1) -> None:
        require_positive(self.name, width=width, last_width=last_width)
        require_stem_stride(self.name, stem_stride)
        super().__init__({gene: CategoricalDistribution(OPERATIONS) for gene in _GENES})
        self.width = width
        self.last_width = last_width
        self.stem_stride = stem_stride

    def canonical(self, arch: Arch) -> Arch:
        """The arch with the identities of each stage moved before its blocks: 3,969 classes.

        Behind the first layer of a stage an identity changes nothing, wherever it stands. The
        benchmark's table gives all members of a class the same accuracies.
        """
        canonical: list[str] = []
        for first, *others in _stages(self._layers(arch)):
            canonical += [first, *sorted(others, key=lambda name: name != "identity")]
        return self._arch_of(canonical)

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """A `NasBenchMacroNetwork` with PyTorch's default initialisation."""
        task = require_task(self.name, task)
        return NasBenchMacroNetwork(
            self._layers(arch),
            width=self.width,
            last_width=self.last_width,
            in_channels=task.in_channels,
            num_classes=task.num_classes,
            stem_stride=self.stem_stride,
        )

    def features(self, module: nn.Module) -> list[str]:
        """The stem, the ends of the three stages, and the last convolution after its ReLU."""
        require_built(self.name, module, NasBenchMacroNetwork)
        return ["stem", "stage_1", "stage_2", "stage_3", "last_convolution"]

    def head(self, module: nn.Module) -> str:
        require_built(self.name, module, NasBenchMacroNetwork)
        return "classifier"

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes:
        """Closed form; equals the benchmark's parameters and FLOPs (which are MACs)."""
        task = require_task(self.name, task)
        stride, width = self.stem_stride, self.width
        side = stem_side(task.image_size, stride)
        parts = [stem_sizes(task, stem_widths(width, stride), stride)]
        for operations in _stages(self._layers(arch)):
            halved = count.halved(side)
            parts.append(_layer_sizes(operations[0], width, 2 * width, side, halved))
            side, width = halved, 2 * width
            parts += [_layer_sizes(name, width, width, side, side) for name in operations[1:]]
        parts += [
            count.conv_norm(width, self.last_width, 1, side),
            count.linear(self.last_width, task.num_classes),
        ]
        return count.total(parts)

    def anchors(self) -> list[Arch]:
        """The largest network, the smallest, and the one of small blocks only."""
        return [self.parse(digit * len(_GENES)) for digit in "201"]

    def _read(self, text: str) -> Arch:
        """The benchmark's eight digits."""
        if len(text) != len(_GENES) or not set(text) <= set(_DIGITS):
            raise IllegalArchError(
                f"{self.name}: {text!r} is not an arch. Write eight digits, 0 for an identity, 1 "
                "for MB3_K3, 2 for MB6_K5, such as 00112012, leading zeros included (tables must "
                "be read with this column as text)."
            )
        return self._arch_of(_DIGITS[digit] for digit in text)

    def describe(self, arch: Arch) -> str:
        """The benchmark's notation, one digit for each layer."""
        return "".join(str(OPERATIONS.index(operation)) for operation in self._layers(arch))

    def drawing(self, arch: Arch) -> Drawing:
        """Stem, the eight layers, last convolution, classifier.

        An identity that changes nothing is faint; the first one of a stage is a 1x1 convolution.
        """
        blocks: list[Block] = []
        width = self.width
        for operations in _stages(self._layers(arch)):
            width *= 2
            for place, operation in enumerate(operations):
                faint = place > 0 and operation == "identity"
                details = (operation, f"{width} channels")
                blocks.append(Block(f"layer {len(blocks) + 1}", details, faint=faint))
        return Drawing(
            caption=self.describe(arch),
            blocks=(
                stem_block(self.width, self.stem_stride),
                *blocks,
                Block("last conv", ("1x1 conv", f"{self.last_width} channels"), fixed=True),
                Block("classifier", fixed=True),
            ),
        )

    def _layers(self, arch: Arch) -> _Layers:
        return tuple(str(operation) for operation in self._member(arch).values())


def _stages(layers: _Layers) -> list[_Layers]:
    ends = list(itertools.accumulate(LAYERS_PER_STAGE, initial=0))
    return [layers[start:end] for start, end in itertools.pairwise(ends)]


def _layer_sizes(
    operation: str, in_channels: int, out_channels: int, in_side: int, out_side: int
) -> Sizes:
    if operation in EXPANSIONS:
        expansion, kernel = EXPANSIONS[operation]
        hidden = expansion * in_channels
        return count.total(
            [
                count.conv_norm(in_channels, hidden, 1, in_side),
                _depthwise_norm(hidden, kernel, out_side),
                count.conv_norm(hidden, out_channels, 1, out_side),
            ]
        )
    if in_channels == out_channels:
        return Sizes(macs=0, params=0)
    return count.conv_norm(in_channels, out_channels, 1, out_side)


def _depthwise_norm(channels: int, kernel: int, out_side: int) -> Sizes:
    filters = count.repeated(count.convolution(1, 1, kernel, out_side), channels)
    return count.total([filters, count.batch_norm(channels)])
