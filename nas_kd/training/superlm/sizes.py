"""Sizes of the students of a language model."""

from __future__ import annotations

from typing import Any

from search_spaces import Arch, TextTask, TransformerSpace, sizes_of_all


def text_task_of(config: Any, length: int) -> TextTask:
    """What students of a teacher are built for.

    Args:
        config: The teacher's configuration of transformers.
        length: Tokens of the sequences for which MACs are counted.
    """
    return TextTask(
        vocabulary=config.vocab_size,
        length=length,
        positions=config.max_position_embeddings,
        segments=getattr(config, "type_vocab_size", 1),
    )


def spread(space: TransformerSpace, task: TextTask) -> dict[str, Arch]:
    """The largest, the middle and the smallest student by parameters."""
    ordered = list(sizes_of_all(space, task, "params"))
    return {
        "largest": ordered[-1],
        "middle": ordered[len(ordered) // 2],
        "smallest": ordered[0],
    }
