"""PiT: vision transformers that pool their tokens between three stages."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna.distributions import CategoricalDistribution, IntDistribution
from torch import nn

from search_spaces import _counting as count
from search_spaces import _vit_counting as vit
from search_spaces._arch import Arch
from search_spaces._checks import require_built, require_task
from search_spaces._drawing import Block, Drawing
from search_spaces._gene_space import GeneSpace
from search_spaces._patches import BY_IMAGE_SIZE, patch_side, require_patch_option
from search_spaces._space import AnyTask, IllegalArchError, Sizes, Task
from search_spaces._table_rows import read_row, require_keys, require_list

if TYPE_CHECKING:  # timm takes a second to import: only who builds a student waits for it
    from search_spaces._pit_modules import PitNetwork

_STAGES = 3
_HEADS = tuple("-".join(heads) for heads in itertools.combinations_with_replacement("248", _STAGES))
_ROW_KEYS = ("base_dim", "mlp_ratio", "depth", "num_heads")
_NOTATION = re.compile(
    r"PiT\[base (\d+), mlp (\d+), depths (\d+) (\d+) (\d+), heads (\d+) (\d+) (\d+)\]",
    re.IGNORECASE,
)
_EXAMPLE = "PiT[base 32, mlp 4, depths 2 6 4, heads 2 4 8]"


class _Shape(NamedTuple):
    base_dim: int
    mlp_ratio: int
    depths: list[int]
    heads: list[int]

    @property
    def widths(self) -> list[int]:
        """Channels of a token in each stage."""
        return [self.base_dim * number for number in self.heads]


class Pit(GeneSpace):
    """The 4,320 nets of the distillation bench's PiT space.

    Genes: ``base_dim`` in {16, 24, 32, 40}, the channels of each head; ``mlp_ratio`` in
    {2, 4, 6, 8}, how many times wider the MLPs are inside; ``depth_1`` in {1, 2, 3}, ``depth_2`` in
    {4, 6, 8}, ``depth_3`` in {2, 4, 6}, the blocks of each stage; ``heads``, the heads of the three
    stages as text such as ``2-4-8``: each is 2, 4 or 8 and none is less than the one before, since
    pooling cannot take channels away. No two archs compute the same function.

    A student is timm's `PoolingVisionTransformer`, without dropout or stochastic depth. The class
    token, which alone is classified, is its last feature map, a map of one pixel.

    Args:
        patch_size: Pixels along the side of a patch; patches overlap by half. 0 takes a fourteenth
            of the image's side: 16 for 224 x 224 images, 2 for 32 x 32.

    Source: Heo et al., PiT, ICCV 2021 (arXiv 2103.16302); the choices and trained nets: Wei et al.,
    Auto-Prox, AAAI 2024 (arXiv 2312.09059).
    """

    name = "pit"
    task_type = Task
    source = "PiT (Heo et al., ICCV 2021, arXiv 2103.16302), choices of Auto-Prox (AAAI 2024)"

    def __init__(self, patch_size: int = BY_IMAGE_SIZE) -> None:
        require_patch_option(self.name, patch_size)
        super().__init__(
            {
                "base_dim": IntDistribution(16, 40, step=8),
                "mlp_ratio": IntDistribution(2, 8, step=2),
                "depth_1": IntDistribution(1, 3),
                "depth_2": IntDistribution(4, 8, step=2),
                "depth_3": IntDistribution(2, 6, step=2),
                "heads": CategoricalDistribution(_HEADS),
            }
        )
        self.patch_size = patch_size

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """A `PitNetwork` with timm's initialisation."""
        task = require_task(self.name, task)
        shape = self._shape(arch)
        patch, stride = self._patch(task)
        return _network()(
            img_size=task.image_size,
            patch_size=patch,
            stride=stride,
            base_dims=[shape.base_dim] * _STAGES,
            depth=shape.depths,
            heads=shape.heads,
            mlp_ratio=shape.mlp_ratio,
            num_classes=task.num_classes,
            in_chans=task.in_channels,
        )

    def features(self, module: nn.Module) -> list[str]:
        """The embedded patches, the patches after each stage, and the class token as one pixel."""
        require_built(self.name, module, _network())
        return ["stem_map", *(f"stage_maps.{stage}" for stage in range(_STAGES)), "class_map"]

    def head(self, module: nn.Module) -> str:
        require_built(self.name, module, _network())
        return "head"

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes:
        """Closed form; attention's two products are counted."""
        task = require_task(self.name, task)
        shape = self._shape(arch)
        patch, stride = self._patch(task)
        side = (task.image_size - patch) // stride + 1
        width = shape.widths[0]
        parts = [
            vit.convolution(task.in_channels, width, patch, side),
            vit.embedding(width * side**2 + width),
        ]
        for stage, (depth, next_width) in enumerate(zip(shape.depths, shape.widths, strict=True)):
            if stage > 0:
                side = count.halved(side)
                parts += [
                    vit.convolution(width, next_width, 3, side, groups=width),
                    count.linear(width, next_width),
                ]
            width = next_width
            block = vit.block(
                width, attention=width, hidden=width * shape.mlp_ratio, tokens=side**2 + 1
            )
            parts.append(count.repeated(block, depth))
        return count.total([*parts, vit.layer_norm(width), count.linear(width, task.num_classes)])

    def anchors(self) -> list[Arch]:
        """The largest net, the smallest, and PiT-Tiny."""
        return [
            self._arch(_Shape(40, 8, [3, 8, 6], [8, 8, 8])),
            self._arch(_Shape(16, 2, [1, 4, 2], [2, 2, 2])),
            self._arch(_Shape(32, 4, [2, 6, 4], [2, 4, 8])),
        ]

    def parse(self, text: str) -> Arch:
        """The arch written as JSON, as `describe` writes it, or as a row of the bench.

        A row of the bench is a JSON object with ``base_dim``, ``mlp_ratio`` and, for each stage,
        ``depth`` and ``num_heads``.
        """
        row = read_row(text.strip(), marker="num_heads")
        return super().parse(text) if row is None else self._member(self._from_row(row))

    def _read(self, text: str) -> Arch:
        match = _NOTATION.fullmatch(text)
        if match is None:
            raise IllegalArchError(f"{self.name}: {text!r} is not an arch. Write it as {_EXAMPLE}.")
        base_dim, mlp_ratio, *stages = (int(number) for number in match.groups())
        return self._arch(_Shape(base_dim, mlp_ratio, stages[:_STAGES], stages[_STAGES:]))

    def describe(self, arch: Arch) -> str:
        """All sizes, ``PiT[base 32, mlp 4, depths 2 6 4, heads 2 4 8]``."""
        shape = self._shape(arch)
        depths, heads = (" ".join(map(str, part)) for part in (shape.depths, shape.heads))
        return f"PiT[base {shape.base_dim}, mlp {shape.mlp_ratio}, depths {depths}, heads {heads}]"

    def drawing(self, arch: Arch) -> Drawing:
        """Patches, three stages of transformer blocks with pooling between, classifier."""
        shape = self._shape(arch)
        blocks = [Block("patches", (f"{shape.widths[0]} channels",))]
        for stage, depth in enumerate(shape.depths):
            if stage > 0:
                blocks.append(Block("pooling", (f"{shape.widths[stage]} channels",)))
            details = (
                f"{shape.widths[stage]} channels",
                f"{shape.heads[stage]} heads of {shape.base_dim}",
                f"MLP x{shape.mlp_ratio}",
            )
            blocks.append(Block(f"stage {stage + 1}", details, repeats=depth))
        return Drawing(self.describe(arch), (*blocks, Block("classifier", fixed=True)))

    def _from_row(self, row: Mapping[str, Any]) -> Arch:
        require_keys(self.name, row, _ROW_KEYS)
        depths, heads = (
            require_list(self.name, row, key, _STAGES) for key in ("depth", "num_heads")
        )
        return self._arch(_Shape(row["base_dim"], row["mlp_ratio"], depths, heads))

    def _arch(self, shape: _Shape) -> Arch:
        heads = "-".join(map(str, shape.heads))
        return self._arch_of([shape.base_dim, shape.mlp_ratio, *shape.depths, heads])

    def _shape(self, arch: Arch) -> _Shape:
        base_dim, mlp_ratio, *depths, heads = self._member(arch).values()
        return _Shape(
            int(base_dim),
            int(mlp_ratio),
            [int(depth) for depth in depths],
            [int(number) for number in str(heads).split("-")],
        )

    def _patch(self, task: Task) -> tuple[int, int]:
        """Pixels along the side of a patch, and from one patch to the next."""
        patch = patch_side(self.name, self.patch_size, task)
        return patch, max(1, patch // 2)


def _network() -> type[PitNetwork]:
    from search_spaces._pit_modules import PitNetwork

    return PitNetwork
