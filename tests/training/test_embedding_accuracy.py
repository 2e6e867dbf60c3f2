"""k-NN and linear probe of a network on real digits."""

from __future__ import annotations

import pytest
import torch

from nas_kd.data import DataSplits
from nas_kd.training.embedding_accuracy import embedding_accuracy
from nas_kd.training.knn import knn_accuracy
from search_spaces import Task
from tests.search_spaces.elastic import supernet

DIGITS = Task(1, 8, 10)


def test_it_is_that_of_the_supernets_own_embedding(digits: DataSplits) -> None:
    made = supernet("elastic-vit", DIGITS, patch_size=2)
    for arch in (made.space.smallest, made.space.largest):
        found = embedding_accuracy(made.extract(arch), digits)
        with torch.no_grad():
            known, asked = (
                made.embed(part.batch(range(len(part)))[0], arch).pooled
                for part in (digits.train, digits.validation)
            )
        labels = digits.train.labels, digits.validation.labels
        assert found.knn == pytest.approx(
            knn_accuracy(known, labels[0], asked, labels[1]), abs=0.02
        )
        assert 0.2 < found.knn <= 1  # untrained, but better than chance
        assert 0.2 < found.linear <= 1


def test_other_images_can_be_asked(digits: DataSplits) -> None:
    made = supernet("elastic-vit", DIGITS, patch_size=2)
    student = made.extract(made.space.smallest)
    seen = embedding_accuracy(student, digits, digits.train)
    assert seen.knn > embedding_accuracy(student, digits).knn
