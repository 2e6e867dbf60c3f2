"""AutoFormer-Tiny: vision transformers whose layers have their own heads and MLP widths."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.distributions import IntDistribution
from torch import nn

from nas_kd.errors import UsageError
from search_spaces import _counting as count
from search_spaces import _vit_counting as vit
from search_spaces._arch import Arch
from search_spaces._checks import require_built, require_task
from search_spaces._drawing import Block, Drawing
from search_spaces._gene_space import GeneSpace, one_gene_neighbours
from search_spaces._patches import BY_IMAGE_SIZE, patch_side, require_patch_option
from search_spaces._space import AnyTask, IllegalArchError, Sizes, Task
from search_spaces._table_rows import read_row, require_keys, require_list

if TYPE_CHECKING:  # timm takes a second to import: only who builds a student waits for it
    from search_spaces._autoformer_modules import AutoFormerNetwork, Layer

_DIMS = range(192, 241, 24)
_DEPTHS = range(12, 15)
_HEADS = range(3, 5)
_MLP_TENTHS = range(35, 41, 5)
_ROW_KEYS = ("hidden_dim", "depth", "num_heads", "mlp_ratio")
_RATIO = r"\d(?:\.\d)?"
_NOTATION = re.compile(
    rf"AutoFormer\[dim (\d+), heads (\d(?: \d)*), mlp ({_RATIO}(?: {_RATIO})*)\]", re.IGNORECASE
)
_EXAMPLE = "AutoFormer[dim 192, heads 3 3 4 ..., mlp 3.5 4 4 ...]"


class AutoFormerTiny(GeneSpace):
    """The subnets of AutoFormer-Tiny, and of the distillation bench that samples them.

    Genes: ``dim`` in {192, 216, 240}, the channels of a token; ``depth`` in {12, 13, 14};
    ``heads_1`` to ``heads_14`` in {3, 4}; ``mlp_1`` to ``mlp_14`` in {35, 40}, the channels inside
    the MLP in tenths of ``dim``. Layers beyond the depth are not built.

    A student is timm's `VisionTransformer` with AutoFormer's class token, absolute positions and
    mean over the patches after the final norm. Deviations: AutoFormer's relative positions on keys
    and values are left out, as the distillation bench does; no dropout or stochastic depth.

    Args:
        patch_size: Pixels along the side of a patch; 0 takes a fourteenth of the image's side:
            16 for 224 x 224 images, 2 for 32 x 32.
        head_dim: Channels of each head, AutoFormer's 64, whatever ``dim``; 0 divides ``dim`` among
            the heads, as the nets of the distillation bench were trained.

    Source: Chen et al., AutoFormer, ICCV 2021 (arXiv 2107.00651), space Tiny; trained nets with
    and without distillation: Wei et al., Auto-Prox, AAAI 2024 (arXiv 2312.09059).
    """

    name = "autoformer-tiny"
    task_type = Task
    source = "AutoFormer, space Tiny (Chen et al., ICCV 2021, arXiv 2107.00651)"

    def __init__(self, patch_size: int = BY_IMAGE_SIZE, head_dim: int = 64) -> None:
        require_patch_option(self.name, patch_size)
        if not isinstance(head_dim, int) or isinstance(head_dim, bool) or head_dim < 0:
            raise UsageError(
                f"{self.name}: head_dim is {head_dim!r}; give a positive integer, or 0 to divide "
                "the token's channels among the heads."
            )
        super().__init__(
            {
                "dim": _distribution(_DIMS),
                "depth": _distribution(_DEPTHS),
                **dict.fromkeys(_layer_names("heads", _DEPTHS[-1]), _distribution(_HEADS)),
                **dict.fromkeys(_layer_names("mlp", _DEPTHS[-1]), _distribution(_MLP_TENTHS)),
            }
        )
        self.patch_size = patch_size
        self.head_dim = head_dim

    def canonical(self, arch: Arch) -> Arch:
        """The arch with the smallest choices in all layers beyond its depth."""
        return self._arch(*self._layer_genes(arch))

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """An `AutoFormerNetwork` with timm's initialisation of vision transformers."""
        task = require_task(self.name, task)
        dim, heads, _ = self._layer_genes(arch)
        hidden = self._hidden(arch)
        network, layer = _modules()
        return network(
            dim=dim,
            layers=[
                layer(heads=number, head_width=self._attention(dim, number) // number, hidden=width)
                for number, width in zip(heads, hidden, strict=True)
            ],
            patch=patch_side(self.name, self.patch_size, task),
            image_size=task.image_size,
            in_channels=task.in_channels,
            num_classes=task.num_classes,
        )

    def features(self, module: nn.Module) -> list[str]:
        """The patches as maps: after the first and the middle block, and after the final norm.

        The bench distils from the same depths: the first, the middle and the last block.
        """
        blocks = require_built(self.name, module, _modules()[0]).blocks
        return ["blocks.0.token_map", f"blocks.{len(blocks) // 2}.token_map", "last_map"]

    def head(self, module: nn.Module) -> str:
        require_built(self.name, module, _modules()[0])
        return "head"

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """All archs that differ from ``arch`` in one gene that it uses.

        A change of a layer beyond the depth would give the same student.
        """
        member = self._member(arch)
        depth = int(member["depth"])
        used = {"dim", "depth", *_layer_names("heads", depth), *_layer_names("mlp", depth)}
        genes = {gene: kind for gene, kind in self.distributions.items() if gene in used}
        return one_gene_neighbours(genes, member)

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes:
        """Closed form; attention's two products are counted."""
        task = require_task(self.name, task)
        dim, heads, _ = self._layer_genes(arch)
        patch = patch_side(self.name, self.patch_size, task)
        side = task.image_size // patch
        tokens = side**2 + 1
        parts = [
            vit.convolution(task.in_channels, dim, patch, side),
            vit.embedding(dim + tokens * dim),
            *(
                vit.block(dim, attention=self._attention(dim, number), hidden=width, tokens=tokens)
                for number, width in zip(heads, self._hidden(arch), strict=True)
            ),
            vit.layer_norm(dim),
            count.linear(dim, task.num_classes),
        ]
        return count.total(parts)

    def anchors(self) -> list[Arch]:
        """The largest net, the smallest, and DeiT-Tiny, which is in the space."""
        shapes = [(240, 14, 4, 40), (192, 12, 3, 35), (192, 12, 3, 40)]
        return [
            self._arch(dim, [heads] * depth, [mlp] * depth) for dim, depth, heads, mlp in shapes
        ]

    def parse(self, text: str) -> Arch:
        """The arch written as JSON, as `describe` writes it, or as a row of the bench.

        A row of the bench is a JSON object with ``hidden_dim``, ``depth`` and, for each layer,
        ``num_heads`` and ``mlp_ratio``.
        """
        row = read_row(text.strip(), marker="num_heads")
        return super().parse(text) if row is None else self._member(self._from_row(row))

    def _read(self, text: str) -> Arch:
        match = _NOTATION.fullmatch(text)
        if match is None:
            raise IllegalArchError(f"{self.name}: {text!r} is not an arch. Write it as {_EXAMPLE}.")
        dim, heads, ratios = match.groups()
        tenths = [self._tenths(float(ratio)) for ratio in ratios.split()]
        return self._checked(int(dim), [int(number) for number in heads.split()], tenths)

    def describe(self, arch: Arch) -> str:
        """Sizes of the layers that are built, ``AutoFormer[dim 192, heads 3 ..., mlp 3.5 ...]``."""
        dim, heads, tenths = self._layer_genes(arch)
        ratios = " ".join(f"{tenth / 10:g}" for tenth in tenths)
        return f"AutoFormer[dim {dim}, heads {' '.join(map(str, heads))}, mlp {ratios}]"

    def drawing(self, arch: Arch) -> Drawing:
        """Patches, the layers that are built, classifier; equal layers in a row are one block."""
        dim, heads, tenths = self._layer_genes(arch)
        blocks: list[Block] = []
        first = 1
        for (number, tenth), equal in itertools.groupby(zip(heads, tenths, strict=True)):
            last = first + len(list(equal)) - 1
            title = f"layer {first}" if first == last else f"layers {first}-{last}"
            details = (f"{number} heads", f"MLP x{tenth / 10:g}")
            blocks.append(Block(title, details, repeats=last - first + 1))
            first = last + 1
        patches = Block("patches", (f"{dim} channels",))
        return Drawing(self.describe(arch), (patches, *blocks, Block("classifier", fixed=True)))

    def _from_row(self, row: Mapping[str, Any]) -> Arch:
        require_keys(self.name, row, _ROW_KEYS)
        depth = row["depth"]
        if depth not in _DEPTHS:
            raise IllegalArchError(self._wrong_depth(depth))
        heads = require_list(self.name, row, "num_heads", depth)
        ratios = require_list(self.name, row, "mlp_ratio", depth)
        return self._checked(row["hidden_dim"], heads, [self._tenths(ratio) for ratio in ratios])

    def _tenths(self, ratio: object) -> int:
        tenths = ratio * 10 if isinstance(ratio, int | float) else -1
        if tenths not in _MLP_TENTHS:
            choices = " or ".join(f"{tenth / 10:g}" for tenth in _MLP_TENTHS)
            raise IllegalArchError(f"{self.name}: an MLP ratio is {ratio!r}; it is {choices}.")
        return int(tenths)

    def _checked(self, dim: int, heads: Sequence[int], tenths: Sequence[int]) -> Arch:
        """The arch of layers that come from outside."""
        if len(heads) != len(tenths):
            raise IllegalArchError(
                f"{self.name}: {len(heads)} numbers of heads and {len(tenths)} MLP ratios; "
                "give one of each for every layer."
            )
        if len(heads) not in _DEPTHS:
            raise IllegalArchError(self._wrong_depth(len(heads)))
        return self._arch(dim, heads, tenths)

    def _wrong_depth(self, depth: object) -> str:
        return f"{self.name}: the depth is {depth!r}; it is {_DEPTHS[0]} to {_DEPTHS[-1]}."

    def _arch(self, dim: int, heads: Sequence[int], tenths: Sequence[int]) -> Arch:
        missing = _DEPTHS[-1] - len(heads)
        all_heads = [*heads, *[_HEADS[0]] * missing]
        all_tenths = [*tenths, *[_MLP_TENTHS[0]] * missing]
        return self._arch_of([dim, len(heads), *all_heads, *all_tenths])

    def _layer_genes(self, arch: Arch) -> tuple[int, list[int], list[int]]:
        """Channels of a token; heads and tenths of the MLP of the layers that are built."""
        member = self._member(arch)
        depth = int(member["depth"])
        heads = [int(member[gene]) for gene in _layer_names("heads", depth)]
        tenths = [int(member[gene]) for gene in _layer_names("mlp", depth)]
        return int(member["dim"]), heads, tenths

    def _hidden(self, arch: Arch) -> list[int]:
        """Channels inside the MLP of each layer; whole numbers for all genes."""
        dim, _, tenths = self._layer_genes(arch)
        return [dim * tenth // 10 for tenth in tenths]

    def _attention(self, dim: int, heads: int) -> int:
        """Channels of queries, keys and values of a layer."""
        return heads * self.head_dim if self.head_dim else dim


def _modules() -> tuple[type[AutoFormerNetwork], type[Layer]]:
    from search_spaces._autoformer_modules import AutoFormerNetwork, Layer

    return AutoFormerNetwork, Layer


def _distribution(values: range) -> IntDistribution:
    return IntDistribution(values[0], values[-1], step=values.step)


def _layer_names(part: str, depth: int) -> list[str]:
    return [f"{part}_{layer}" for layer in range(1, depth + 1)]
