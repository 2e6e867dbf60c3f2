"""Text: where it comes from, what is said about it, and its tokens."""

from __future__ import annotations

from nas_kd.data.text.corpus import Corpus, load_corpus
from nas_kd.data.text.labelled import LabelledTexts, TextExamples
from nas_kd.data.text.load_labelled import load_labelled_texts
from nas_kd.data.text.sequences import TokenSequences, encoded, packed, pad_token, token_counts

__all__ = [
    "Corpus",
    "LabelledTexts",
    "TextExamples",
    "TokenSequences",
    "encoded",
    "load_corpus",
    "load_labelled_texts",
    "packed",
    "pad_token",
    "token_counts",
]
