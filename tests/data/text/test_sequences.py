"""Tokens: packed into sequences of one length, or one sequence a text; padded batch by batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_kd.data.text import TextExamples, encoded, packed, token_counts
from nas_kd.errors import UsageError
from tests.data.text.words import word_tokenizer

TOKENIZER = word_tokenizer()
texts = st.lists(st.lists(st.integers(0, 35), max_size=9), min_size=1, max_size=6)


@given(texts=texts, max_tokens=st.integers(3, 12))
@settings(max_examples=40, deadline=None)
def test_packing_keeps_every_token_in_order(texts: list[list[int]], max_tokens: int) -> None:
    lines = [" ".join(f"w{word}" for word in line) for line in texts]
    stream = [word + 4 for line in texts for word in line]
    if not stream:
        with pytest.raises(UsageError, match="not a single sequence"):
            packed(lines, TOKENIZER, max_tokens)
        return
    sequences = packed(lines, TOKENIZER, max_tokens)
    batch = sequences.batch(range(len(sequences)))
    rows = [
        ids[mask.bool()].tolist()
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]
    assert [token for row in rows for token in row[1:-1]] == stream
    assert all((row[0], row[-1]) == (2, 3) for row in rows)
    assert all(len(row) == max_tokens for row in rows[:-1])
    assert sequences.longest <= max_tokens
    assert sequences.tokens == sum(map(len, rows))


def test_texts_are_cut_off_and_batches_padded_to_their_longest() -> None:
    examples = TextExamples(("w0", "w1 w2 w3 w4 w5", "w6 w7"), None, torch.zeros(3))
    sequences = encoded(examples, TOKENIZER, 5)
    batch = sequences.batch([2, 0])
    assert batch["input_ids"].tolist() == [[2, 10, 11, 3], [2, 4, 3, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert set(batch) == {"input_ids", "attention_mask"}
    assert sequences.batch([1])["input_ids"].tolist() == [[2, 5, 6, 7, 3]]
    assert sequences.by_length().tolist() == [1, 2, 0]
    assert token_counts(examples, TOKENIZER).tolist() == [3, 7, 4]


def test_pairs_say_which_text_a_token_belongs_to() -> None:
    examples = TextExamples(("w0", "w1"), ("w2 w3", "w4"), torch.zeros(2))
    batch = encoded(examples, TOKENIZER, 16).batch([0, 1])
    assert token_counts(examples, TOKENIZER).tolist() == [6, 5]
    assert batch["input_ids"].tolist() == [[2, 4, 3, 6, 7, 3], [2, 5, 3, 8, 3, 0]]
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0]]


def test_a_digest_tells_sequences_apart() -> None:
    texts = [["w1 w2 w3 w4"], ["w1 w2 w4 w3"], ["w1 w2 w3 w4 w5"]]
    found = [packed(lines, TOKENIZER, tokens).digest() for lines in texts for tokens in (4, 6)]
    pairs = TextExamples(("w1",), ("w2",), torch.zeros(1))
    single = TextExamples(("w1 w2",), None, torch.zeros(1))
    found += [encoded(examples, TOKENIZER, 8).digest() for examples in (pairs, single)]
    assert len(set(found)) == len(found)
    assert packed(texts[0], TOKENIZER, 4).digest() == found[0]


def test_a_split_takes_every_sequence_once_and_the_same_for_a_seed() -> None:
    sequences = packed(["w1 w2 w3 w4"] * 10, TOKENIZER, 4)
    first, second = sequences.split(0.25, seed=3)
    assert (len(first), len(second)) == (15, 5)
    again = sequences.split(0.25, seed=3)[1]
    for part in (second, again):
        assert torch.equal(part.batch(range(5))["input_ids"], second.batch(range(5))["input_ids"])
    assert first.tokens + second.tokens == sequences.tokens


def test_there_has_to_be_room_for_text() -> None:
    with pytest.raises(UsageError, match="nothing but special tokens"):
        packed(["w0"], TOKENIZER, 2)
