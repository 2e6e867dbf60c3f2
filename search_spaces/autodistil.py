"""AutoDistil: compact sub-spaces of a language model, each small enough to go through.

>>> space = create_space("autodistil-tiny", layers=6, hidden=384, heads=12)  # of MiniLM-L6
>>> space = create_space("autodistil-tiny", **teacher_options(teacher.config))  # the same
"""

from __future__ import annotations

from typing import Any

from nas_kd.errors import UsageError
from search_spaces._arch import Arch
from search_spaces._autodistil_bands import BERT_BASE, POINTS, bands, scaled
from search_spaces._checks import require_positive
from search_spaces._space import Sizes, TextTask
from search_spaces._transformer_space import Choices, TransformerSpace
from search_spaces.language_models import BERT, LLAMA, Family, TransformerShape, family_of

SOURCE = "AutoDistil (Xu et al., NeurIPS 2022, arXiv 2201.12507)"
NAMES = ("autodistil-base", "autodistil-small", "autodistil-tiny")
DECODER = "autodistil-decoder"
ANY = "autodistil"
_MOST_POINTS = 16

_PICKS = [
    Arch({"layers": 12, "hidden": 544, "heads": 9, "mlp": 30}),
    Arch({"layers": 11, "hidden": 352, "heads": 8, "mlp": 40}),
    Arch({"layers": 11, "hidden": 256, "heads": 7, "mlp": 30}),
    Arch({"layers": 7, "hidden": 160, "heads": 10, "mlp": 35}),
]
"""The networks that the authors' configurations name, found with MNLI as the proxy."""


class AutoDistil(TransformerSpace):
    """A sub-space of AutoDistil's, cut from a teacher.

    Args:
        name: The space's name.
        family: Kind of language model.
        teacher: Sizes of the teacher.
        band: The choices for BERT-base; for another teacher they are scaled.
        per_head: As of `TransformerSpace`.
    """

    def __init__(
        self,
        name: str,
        family: Family,
        teacher: TransformerShape,
        band: Choices,
        per_head: bool = False,
    ) -> None:
        known = _PICKS if teacher == BERT_BASE else ()
        super().__init__(
            name,
            SOURCE,
            family,
            teacher,
            scaled(band, teacher),
            per_head=per_head,
            known=known,
        )
        self._band = band

    def recut(self, config: Any) -> AutoDistil:
        """The same sub-space of another teacher, by its configuration of transformers.

        Raises:
            UsageError: The teacher is of a family that is not known, or whose heads cannot be
                narrowed as this space does.
        """
        family = family_of(config)
        return AutoDistil(self.name, family, family.shape(config), self._band, self.per_head)


def autodistil_base(
    layers: int = 12, hidden: int = 768, heads: int = 12, inner: int = 0, per_head: int = 0
) -> AutoDistil:
    """The sub-space of the largest students of a BERT: 256 of BERT-base.

    Args:
        layers: Layers of the teacher.
        hidden: Channels of the teacher's tokens.
        heads: Heads of the teacher.
        inner: Channels inside the teacher's MLP; 0 stands for 4 x ``hidden``.
        per_head: 1 divides the channels of a student's tokens among its heads, none of them wider
            than the teacher's; 0 keeps the teacher's heads as wide as they are, as AutoDistil does.
            Transformers' own classes take those that are together as wide as the tokens.
    """
    return _of_bert(NAMES[0], 0, layers, hidden, heads, inner, per_head)


def autodistil_small(
    layers: int = 12, hidden: int = 768, heads: int = 12, inner: int = 0, per_head: int = 0
) -> AutoDistil:
    """As deep as `autodistil_base`, and narrow. Options as there."""
    return _of_bert(NAMES[1], 1, layers, hidden, heads, inner, per_head)


def autodistil_tiny(
    layers: int = 12, hidden: int = 768, heads: int = 12, inner: int = 0, per_head: int = 0
) -> AutoDistil:
    """Shallow and narrow. Options as in `autodistil_base`."""
    return _of_bert(NAMES[2], 2, layers, hidden, heads, inner, per_head)


def autodistil(
    subspaces: int = 1,
    which: int = 1,
    layers: int = 12,
    hidden: int = 768,
    heads: int = 12,
    inner: int = 0,
    per_head: int = 0,
    points: int = POINTS,
) -> AutoDistil:
    """One of any number of sub-spaces of a BERT.

    Args:
        subspaces: How many there are; AutoDistil found 3 to serve best.
        which: Which of them, 1 being that of the largest students.
        layers: As in `autodistil_base`, like the rest.
        hidden: See there.
        heads: See there.
        inner: See there.
        per_head: See there.
        points: Sizes per gene: 4 as published, more for a finer and far larger space.
    """
    teacher = _teacher(ANY, layers, hidden, heads, heads, inner)
    return _space(ANY, BERT, subspaces, which, teacher, per_head, points)


def autodistil_decoder(
    subspaces: int = 1,
    which: int = 1,
    layers: int = 30,
    hidden: int = 576,
    heads: int = 9,
    key_value_heads: int = 3,
    inner: int = 1536,
    points: int = POINTS,
) -> AutoDistil:
    """One of any number of sub-spaces of a Llama, by default of SmolLM2-135M.

    Args:
        subspaces: How many there are.
        which: Which of them, 1 being that of the largest students.
        layers: Layers of the teacher.
        hidden: Channels of the teacher's tokens.
        heads: Heads of the teacher's queries.
        key_value_heads: Heads of the teacher's keys and values.
        inner: Channels inside the teacher's MLP; 0 stands for 4 x ``hidden``.
        points: Sizes per gene, see `autodistil`.
    """
    teacher = _teacher(DECODER, layers, hidden, heads, key_value_heads, inner)
    return _space(DECODER, LLAMA, subspaces, which, teacher, per_head=0, points=points)


def teacher_options(config: Any) -> dict[str, int]:
    """The options that cut the spaces from a teacher, by its configuration of transformers."""
    family = family_of(config)
    shape = family.shape(config)
    options = {
        "layers": shape.layers,
        "hidden": shape.hidden,
        "heads": shape.heads,
        "inner": shape.inner,
    }
    if family is LLAMA:
        options["key_value_heads"] = shape.key_value_heads
    return options


def formula_sizes(space: TransformerSpace, arch: Arch, task: TextTask) -> Sizes:
    """What AutoDistil's own formula gives for a BERT: smaller than what is really computed.

    It takes queries, keys and values for ``hidden * heads / 12`` wide, the share of the teacher's
    heads of the student's width, while the published networks keep heads of 64 channels. It counts
    no biases of queries, keys and values, and calls its multiply-accumulates FLOPs.
    """
    shape, length = space.shape(arch), task.length
    width, inner, of = shape.hidden, shape.inner, space.teacher.heads
    rows = task.vocabulary + task.positions + task.segments
    layer = 3 * width**2 * shape.heads // of + width**2 + 2 * width * inner
    products = 2 * length**2 * width * shape.heads // of
    pooler = width**2
    return Sizes(
        macs=shape.layers * (length * layer + products) + length * pooler + 2 * width,
        params=(rows + 2) * width + shape.layers * (layer + inner + 9 * width) + pooler + 2 * width,
    )


def _of_bert(
    name: str, band: int, layers: int, hidden: int, heads: int, inner: int, per_head: int
) -> AutoDistil:
    teacher = _teacher(name, layers, hidden, heads, heads, inner)
    return _space(name, BERT, len(NAMES), band + 1, teacher, per_head)


def _teacher(
    name: str, layers: int, hidden: int, heads: int, key_value_heads: int, inner: int
) -> TransformerShape:
    require_positive(
        name, layers=layers, hidden=hidden, heads=heads, key_value_heads=key_value_heads
    )
    inner = inner or 4 * hidden
    require_positive(name, inner=inner)
    if hidden % heads or heads % key_value_heads:
        raise UsageError(
            f"{name}: a teacher with {hidden} channels, {heads} heads and {key_value_heads} heads "
            "of keys and values is none that transformers has; each must divide the one before."
        )
    return TransformerShape(layers, hidden, heads, key_value_heads, hidden // heads, inner)


def _space(
    name: str,
    family: Family,
    subspaces: int,
    which: int,
    teacher: TransformerShape,
    per_head: int,
    points: int = POINTS,
) -> AutoDistil:
    require_positive(name, subspaces=subspaces, which=which)
    if which > subspaces or per_head not in (0, 1) or not 2 <= points <= _MOST_POINTS:
        raise UsageError(
            f"{name}: sub-space {which} of {subspaces} with per_head {per_head!r} and {points!r} "
            "sizes per gene does not exist; `which` is at most `subspaces`, per_head is 0 or 1, "
            f"and points is from 2 to {_MOST_POINTS}."
        )
    return AutoDistil(name, family, teacher, bands(subspaces, points)[which - 1], bool(per_head))
