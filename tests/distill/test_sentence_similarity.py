"""Similarities between sentences."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from nas_kd.distill import Outputs, SentenceSimilarity
from tests.contracts.distiller import BATCH, outputs, targets


def test_it_is_the_definition_pair_by_pair() -> None:
    student, teacher = outputs(0, channels=8), outputs(1, channels=24)
    ours, theirs = student.classifier_input(), teacher.classifier_input()
    squares = [
        (
            F.cosine_similarity(ours[i], ours[j], dim=0)
            - F.cosine_similarity(theirs[i], theirs[j], dim=0)
        ).square()
        for i in range(BATCH)
        for j in range(BATCH)
        if i != j
    ]
    found = SentenceSimilarity()(student, teacher, targets())["sentence_similarity"]
    torch.testing.assert_close(found, torch.stack(squares).mean())


def test_the_length_of_an_embedding_does_not_matter() -> None:
    student, teacher = outputs(0), outputs(1)
    longer = Outputs(student.logits, pooled=3 * student.classifier_input())
    expected = SentenceSimilarity()(student, teacher, targets())["sentence_similarity"]
    found = SentenceSimilarity()(longer, teacher, targets())["sentence_similarity"]
    torch.testing.assert_close(found, expected)


def test_a_single_sentence_has_no_pair() -> None:
    one = Outputs(torch.zeros(1, 2), pooled=torch.ones(1, 3))
    assert SentenceSimilarity()(one, one, torch.zeros(1))["sentence_similarity"] == 0
