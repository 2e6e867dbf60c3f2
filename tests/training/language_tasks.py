"""Tasks on texts of words."""

from __future__ import annotations

import torch

from nas_kd.data.text import LabelledTexts, TextExamples
from tests.data.text.words import word_tokenizer
from tests.training.language_models import lines

TOKENIZER = word_tokenizer()


def examples_of_words(
    count: int, seed: int, *, scores: bool = False, pairs: bool = False
) -> TextExamples:
    """Texts of low words and of high words in turn; of pairs, the first one decides."""
    high = torch.arange(count) % 2
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(0, 18, (count, 6), generator=generator) + 18 * high[:, None]
    texts = tuple(" ".join(f"w{word}" for word in row) for row in words.tolist())
    targets = high.float() + 0.5 if scores else high
    return TextExamples(texts, tuple(lines(count, seed + 1)) if pairs else None, targets)


def task_of_words(**kind: bool) -> LabelledTexts:
    classes = () if kind.get("scores") else ("low", "high")
    return LabelledTexts(
        "words", examples_of_words(80, 0, **kind), examples_of_words(40, 7, **kind), classes
    )
