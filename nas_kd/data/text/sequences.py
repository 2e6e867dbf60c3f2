"""Texts as sequences of tokens, kept compactly and padded batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nas_kd.data.text.labelled import TextExamples
from nas_kd.errors import UsageError

_CHUNK = 1000
"""Texts that go to the tokenizer at once."""


class TokenSequences:
    """Sequences of token numbers.

    Args:
        sequences: The tokens of each, special ones included.
        pad: The token that batches are filled up with.
        types: For pairs, which of the two texts each token belongs to (0 or 1).

    Raises:
        UsageError: There are none.
    """

    def __init__(
        self,
        sequences: Iterable[Sequence[int]],
        pad: int,
        types: Iterable[Sequence[int]] | None = None,
    ) -> None:
        self._ids = [_compact(sequence) for sequence in sequences]
        self._types = None if types is None else [_compact(sequence) for sequence in types]
        self._pad = pad
        if not self._ids:
            raise UsageError("text: there is not a single sequence of tokens; give more text.")

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def lengths(self) -> Tensor:
        """Tokens of each sequence, ``(N,)``."""
        return torch.tensor([len(ids) for ids in self._ids])

    @property
    def tokens(self) -> int:
        """Tokens of all sequences together."""
        return int(self.lengths.sum())

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return int(self.lengths.max())

    def by_length(self) -> Tensor:
        """Places of the sequences ``(N,)``, the longest first."""
        return self.lengths.argsort(descending=True, stable=True)

    def subset(self, indices: Sequence[int] | Tensor) -> TokenSequences:
        """The sequences at ``indices``, in that order."""
        places = torch.as_tensor(indices).tolist()
        types = self._types
        return TokenSequences(
            [self._ids[place] for place in places],
            self._pad,
            None if types is None else [types[place] for place in places],
        )

    def split(self, share: float, seed: int) -> tuple[TokenSequences, TokenSequences]:
        """The sequences in a random order and two parts, the second with about ``share`` of them.

        Raises:
            UsageError: There are fewer than two sequences.
        """
        if len(self) < 2:
            raise UsageError("text: a single sequence cannot be split in two; give more text.")
        count = min(max(1, round(share * len(self))), len(self) - 1)
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        return self.subset(order[count:]), self.subset(order[:count])

    def digest(self) -> str:
        """The SHA-256 of the sequences: other tokens, or another order, give another one."""
        found = hashlib.sha256()
        for sequence in (*self._ids, *(self._types or ())):
            found.update(len(sequence).to_bytes(8, "little"))
            found.update(sequence.numpy().tobytes())
        return found.hexdigest()

    def batch(self, indices: Sequence[int] | Tensor) -> dict[str, Tensor]:
        """What a model of transformers takes, each ``(batch, token)``, int64, padded at the end.

        ``input_ids`` and ``attention_mask`` (1: real), and ``token_type_ids`` for pairs.
        """
        places = torch.as_tensor(indices).tolist()
        lengths = torch.tensor([len(self._ids[place]) for place in places])
        tokens = int(lengths.max())
        batch = {
            "input_ids": _padded([self._ids[place] for place in places], self._pad),
            "attention_mask": (torch.arange(tokens) < lengths[:, None]).to(torch.int64),
        }
        if self._types is not None:
            batch["token_type_ids"] = _padded([self._types[place] for place in places], 0)
        return batch


def packed(texts: Iterable[str], tokenizer: Any, max_tokens: int) -> TokenSequences:
    """Texts joined and cut into sequences of ``max_tokens``, as language models are pre-trained.

    Every sequence is framed by the tokenizer's special tokens; the last one may be shorter.

    Args:
        texts: The texts in order.
        tokenizer: A tokenizer of transformers.
        max_tokens: Length of a sequence, special tokens included.

    Raises:
        UsageError: ``max_tokens`` leaves no room for text, or there is none.
    """
    first, last = _frame(tokenizer)
    room = max_tokens - len(first) - len(last)
    if room < 1:
        raise UsageError(
            f"text: sequences of {max_tokens} tokens hold nothing but special tokens; set "
            "max_tokens to at least 8, usually 128."
        )
    stream = np.fromiter(chain.from_iterable(_encoded(texts, tokenizer)), dtype=np.int32)
    pieces = [stream[start : start + room] for start in range(0, len(stream), room)]
    return TokenSequences(([*first, *piece, *last] for piece in pieces), pad_token(tokenizer))


def encoded(examples: TextExamples, tokenizer: Any, max_tokens: int) -> TokenSequences:
    """Every text, or pair of texts, as one sequence, cut off at ``max_tokens``."""
    seconds = None if examples.seconds is None else list(examples.seconds)
    found = tokenizer(
        list(examples.texts), seconds, truncation=True, max_length=max_tokens, verbose=False
    )
    types = found.get("token_type_ids") if seconds is not None else None
    return TokenSequences(found["input_ids"], pad_token(tokenizer), types)


def token_counts(examples: TextExamples, tokenizer: Any) -> Tensor:
    """Tokens of every whole text, or pair of texts, special ones included, ``(N,)``."""
    counts: list[int] = []
    for start in range(0, len(examples), _CHUNK):
        part = slice(start, start + _CHUNK)
        seconds = None if examples.seconds is None else list(examples.seconds[part])
        found = tokenizer(list(examples.texts[part]), seconds, verbose=False)["input_ids"]
        counts += map(len, found)
    return torch.tensor(counts)


def pad_token(tokenizer: Any) -> int:
    """What batches are filled up with: the tokenizer's token for it, or that of the end."""
    pad = tokenizer.pad_token_id
    return int(pad if pad is not None else tokenizer.eos_token_id or 0)


def _encoded(texts: Iterable[str], tokenizer: Any) -> Iterable[list[int]]:
    remaining = iter(texts)
    while chunk := list(islice(remaining, _CHUNK)):
        yield from tokenizer(chunk, add_special_tokens=False, verbose=False)["input_ids"]


def _frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special tokens before and behind a text."""
    inner = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    starts = range(len(whole) - len(inner) + 1)
    start = next(place for place in starts if whole[place : place + len(inner)] == inner)
    return whole[:start], whole[start + len(inner) :]


def _compact(sequence: Sequence[int]) -> Tensor:
    return torch.as_tensor(np.asarray(sequence, dtype=np.int32))


def _padded(sequences: list[Tensor], value: int) -> Tensor:
    return pad_sequence(sequences, batch_first=True, padding_value=value).to(torch.int64)
