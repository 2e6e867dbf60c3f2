"""What is told of texts that are cut off."""

from __future__ import annotations

from typing import Any

import torch

from nas_kd.data.text import TextExamples, token_counts
from studies.observer import Observer


def tell_cut(
    examples: list[TextExamples], tokenizer: Any, max_tokens: int, observer: Observer
) -> None:
    """Says how many texts have more than ``max_tokens`` tokens; nothing where none has."""
    counts = torch.cat([token_counts(each, tokenizer) for each in examples])
    cut = float((counts > max_tokens).double().mean())
    if cut > 0:
        observer.note(
            f"{cut:.1%} of the texts are cut off at {max_tokens} tokens, and the longest has "
            f"{int(counts.max()):,}: --set max_tokens=N reads more of them."
        )
