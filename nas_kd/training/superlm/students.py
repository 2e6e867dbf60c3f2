"""The students of one teacher: spaces that are cut from it, and their sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nas_kd.errors import UsageError
from search_spaces import (
    Arch,
    SearchSpace,
    Sizes,
    TextTask,
    TransformerSpace,
    sizes_of_all,
    teacher_options,
)
from search_spaces.autodistil import AutoDistil
from search_spaces.language_models import Head, family_of


def cut_from(space: SearchSpace, config: Any) -> TransformerSpace:
    """The space with the sizes of a teacher.

    Args:
        space: A space of language models, of any teacher if it is one of AutoDistil's.
        config: The teacher's configuration of transformers.

    Raises:
        UsageError: It is no space of language models, or not cut from this teacher.
    """
    if not isinstance(space, TransformerSpace):
        raise UsageError(f"superlm: the students of {space.name} are no language models.")
    if isinstance(space, AutoDistil) and space.teacher != family_of(config).shape(config):
        return space.recut(config)
    return space


def refuse_other_sizes(options: Mapping[str, Any], config: Any) -> None:
    """Whether the options of a space fit the teacher that it is cut from.

    Args:
        options: Those that were given.
        config: The teacher's configuration of transformers.

    Raises:
        UsageError: One of them states another size than the teacher's.
    """
    sizes = teacher_options(config)
    wrong = [n for n, value in options.items() if value and sizes.get(n, value) != value]
    if wrong:
        raise UsageError(
            f"superlm: the space is to be cut from {_listed(options, wrong)}, and the teacher has "
            f"{_listed(sizes, wrong)}. Leave these options of the space out: its sizes are the "
            "teacher's."
        )


def _listed(sizes: Mapping[str, Any], names: Sequence[str]) -> str:
    return ", ".join(f"{name}={sizes[name]}" for name in names)


def text_task_of(config: Any, length: int, head: Head = "none") -> TextTask:
    """What students of a teacher are built for.

    Args:
        config: The teacher's configuration of transformers.
        length: Tokens of the sequences for which MACs are counted.
        head: The teacher's, see `search_spaces.language_models.head_of`.
    """
    return TextTask(
        vocabulary=config.vocab_size,
        length=length,
        positions=config.max_position_embeddings,
        segments=getattr(config, "type_vocab_size", 1),
        head=head,
        attention_bias=getattr(config, "attention_bias", False),
        mlp_bias=getattr(config, "mlp_bias", False),
    )


def teacher_sizes(space: TransformerSpace, task: TextTask) -> Sizes:
    """Sizes of the teacher that the space is cut from."""
    return space.family.sizes(space.teacher, task)


def spread(space: TransformerSpace, task: TextTask) -> dict[str, Arch]:
    """The largest, the middle and the smallest student by parameters."""
    ordered = list(sizes_of_all(space, task, "params"))
    return {
        "largest": ordered[-1],
        "middle": ordered[len(ordered) // 2],
        "smallest": ordered[0],
    }
