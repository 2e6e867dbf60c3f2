"""The text of a SuperLM's training: what it learns from and what is held out."""

from __future__ import annotations

import hashlib
from typing import Any

from nas_kd.data.text import TokenSequences, load_corpus, packed
from nas_kd.training.batches import mixed_seed
from nas_kd.training.superlm.settings import SuperLMSettings


def training_text(
    source: str, tokenizer: Any, settings: SuperLMSettings, seed: int
) -> tuple[TokenSequences, TokenSequences]:
    """Sequences to train on, and at most ``held_out_limit`` others to compare students on.

    Args:
        source: Unlabelled text, see `nas_kd.data.text.load_corpus`.
        tokenizer: The teacher's.
        settings: Length of the sequences and the share that is held out.
        seed: That of the training.

    Raises:
        UsageError: There is no such text, or too little of it.
    """
    corpus = load_corpus(source)
    sequences = packed(corpus.texts, tokenizer, settings.max_tokens)
    train, held_out = sequences.split(settings.held_out, mixed_seed(seed, 1))
    return train, held_out.subset(range(min(len(held_out), settings.held_out_limit)))


def text_digest(train: TokenSequences, held_out: TokenSequences) -> str:
    """Tells what `training_text` gave from what it gives of other text, or by another tokenizer."""
    return hashlib.sha256(f"{train.digest()} {held_out.digest()}".encode()).hexdigest()
