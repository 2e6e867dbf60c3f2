"""Language models whose layers are alike, as sub-networks of one teacher."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from torch import nn

from nas_kd.errors import UsageError
from search_spaces._arch import Arch
from search_spaces._checks import require_text_task
from search_spaces._drawing import Block, Drawing
from search_spaces._gene_space import GeneSpace
from search_spaces._space import AnyTask, IllegalArchError, Sizes, TextTask
from search_spaces.language_models import Family, TransformerShape

if TYPE_CHECKING:  # transformers takes a second to import: only who builds a student waits for it
    from transformers import PreTrainedModel

_MLP_OF_TEACHER = 40
"""Tenths that stand for the teacher's own ratio of the MLP to the tokens: BERT's 4."""
_RATIO = r"(\d+(?:\.\d)?)"
_NOTATION = re.compile(
    rf"Transformer\[layers (\d+), hidden (\d+), heads (\d+), mlp {_RATIO}\]", re.IGNORECASE
)
_EXAMPLE = "Transformer[layers 7, hidden 160, heads 10, mlp 3.5]"


@dataclass(frozen=True)
class Choices:
    """The sizes to choose from, each in ascending order; ``mlp`` in tenths."""

    layers: Sequence[int]
    hidden: Sequence[int]
    heads: Sequence[int]
    mlp: Sequence[int]


class TransformerSpace(GeneSpace):
    """Transformers of one family, one width, one number of heads and one MLP for all layers.

    Genes: ``layers``; ``hidden``, the channels of a token; ``heads``, those of the queries (fewer
    keys and values in the teacher's proportion); ``mlp``, the channels inside the MLP in tenths of
    ``hidden`` where the teacher's MLP is 4 times as wide as its tokens, and in proportion
    elsewhere. Archs are enumerated with the last gene fastest.

    Args:
        name: The space's name.
        source: Who defined it.
        family: Kind of language model.
        teacher: Sizes of the teacher, which no student exceeds.
        choices: The values of the genes.
        per_head: Whether the channels of a student's tokens are divided among its heads, each the
            leading channels of one of the teacher's, and no wider than that. If not, heads keep the
            teacher's width.
        known: Archs of interest; those that are in the space are among the anchors.

    Raises:
        UsageError: A choice exceeds the teacher, or heads of the family cannot be narrowed.
    """

    task_type = TextTask

    def __init__(
        self,
        name: str,
        source: str,
        family: Family,
        teacher: TransformerShape,
        choices: Choices,
        *,
        per_head: bool = False,
        known: Sequence[Arch] = (),
    ) -> None:
        self._values = {gene: tuple(values) for gene, values in vars(choices).items()}
        super().__init__({gene: _distribution(values) for gene, values in self._values.items()})
        self.name = name
        self.source = source
        self.family = family
        self.teacher = teacher
        self.per_head = per_head
        self._known = [arch for arch in known if self._has(arch)]
        if per_head and not family.narrows_heads:
            raise UsageError(
                f"{name}: the heads of {family.model_type} cannot be narrowed, since their "
                "positions are rotated; leave per_head at 0."
            )
        largest = self.shape(self._end(-1))
        if not largest.within(teacher):
            raise UsageError(
                f"{name}: students of {largest} exceed the teacher, {teacher}. Give the sizes of "
                "the teacher that they are cut from."
            )

    def shape(self, arch: Arch) -> TransformerShape:
        """All sizes of a student."""
        layers, hidden, heads, mlp = (int(gene) for gene in self._member(arch).values())
        whole_head = self.teacher.head_dim
        return TransformerShape(
            layers=layers,
            hidden=hidden,
            heads=heads,
            key_value_heads=heads * self.teacher.key_value_heads // self.teacher.heads,
            head_dim=min(hidden // heads, whole_head) if self.per_head else whole_head,
            inner=hidden * mlp * self.teacher.inner // (_MLP_OF_TEACHER * self.teacher.hidden),
        )

    def is_stock(self, arch: Arch) -> bool:
        """Whether transformers' own classes can be of this shape.

        The others are of a class of ours beside them, with their own width of queries, keys and
        values: see `search_spaces.language_models`.
        """
        return self.family.is_stock(self.shape(arch))

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """A model of transformers with its initialisation; with classes, a classifier."""
        model: nn.Module = self.family.build(self.shape(arch), require_text_task(self.name, task))
        return model

    def features(self, module: nn.Module) -> list[str]:
        """The layers; each gives ``(batch, token, channel)``."""
        model = self._own(module)
        base = model.base_model
        prefix = "" if base is model else f"{model.base_model_prefix}."
        path = f"{prefix}{self.family.layers}"
        return [f"{path}.{layer}" for layer in range(len(base.get_submodule(self.family.layers)))]

    def head(self, module: nn.Module) -> str:
        """The last linear layer: the head where there is one, else one of the last layer's."""
        model = self._own(module)
        *_, last = (name for name, part in model.named_modules() if isinstance(part, nn.Linear))
        return str(last)

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes:
        """Closed form; embeddings have no MACs, and attention's two products are counted whole."""
        return self.family.sizes(self.shape(arch), require_text_task(self.name, task))

    def anchors(self) -> list[Arch]:
        """The largest net, the smallest, and known ones."""
        return [self._end(-1), self._end(0), *self._known]

    def _read(self, text: str) -> Arch:
        match = _NOTATION.fullmatch(text)
        if match is None:
            raise IllegalArchError(f"{self.name}: {text!r} is not an arch. Write it as {_EXAMPLE}.")
        *sizes, ratio = match.groups()
        return self._arch_of([*map(int, sizes), round(float(ratio) * 10)])

    def describe(self, arch: Arch) -> str:
        """All genes, ``Transformer[layers 7, hidden 160, heads 10, mlp 3.5]``."""
        layers, hidden, heads, mlp = self._member(arch).values()
        return (
            f"Transformer[layers {layers}, hidden {hidden}, heads {heads}, mlp {int(mlp) / 10:g}]"
        )

    def drawing(self, arch: Arch) -> Drawing:
        """Embeddings, the layers as one block, the head."""
        shape = self.shape(arch)
        layers = Block(
            "layer",
            (f"{shape.heads} heads of {shape.head_dim}", f"MLP of {shape.inner}"),
            repeats=shape.layers,
        )
        embeddings = Block("embeddings", (f"{shape.hidden} channels",))
        return Drawing(self.describe(arch), (embeddings, layers, Block("head", fixed=True)))

    def _end(self, which: int) -> Arch:
        return self._arch_of(values[which] for values in self._values.values())

    def _has(self, arch: Arch) -> bool:
        return all(arch[gene] in values for gene, values in self._values.items())

    def _own(self, module: nn.Module) -> PreTrainedModel:
        from transformers import PreTrainedModel

        kind = getattr(getattr(module, "config", None), "model_type", "")
        ours = (self.family.model_type, f"own-width-{self.family.model_type}")
        if not isinstance(module, PreTrainedModel) or kind not in ours:
            raise UsageError(
                f"{self.name}: {type(module).__name__} was not built by this space; "
                "pass a module that `build` returned."
            )
        return module


def _distribution(values: Sequence[int]) -> BaseDistribution:
    """Integers where the values are evenly spaced, else choices."""
    steps = {after - before for before, after in itertools.pairwise(values)}
    if len(steps) > 1:
        return CategoricalDistribution(values)
    return IntDistribution(values[0], values[-1], step=steps.pop() if steps else 1)
