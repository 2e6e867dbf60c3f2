"""DisWOT's relation distance."""

from __future__ import annotations

import torch

from nas_kd.distill import Outputs, RelationDistillation
from tests.contracts.distiller import BATCH, outputs, targets


def _distance(student: Outputs, teacher: Outputs) -> torch.Tensor:
    return RelationDistillation()(student, teacher, targets())["diswot_mr"]


def test_it_is_the_definition_row_by_row() -> None:
    student, teacher = outputs(0), outputs(1, channels=24, side=3)
    grams = []
    for given in (student, teacher):
        flat = given.features[-1].reshape(BATCH, -1)
        gram = torch.stack([torch.stack([(a * b).sum() for b in flat]) for a in flat])
        grams.append(torch.stack([row / row.square().sum().sqrt() for row in gram]))
    expected = (grams[0] - grams[1]).square().sum() / BATCH**2
    torch.testing.assert_close(_distance(student, teacher), expected)


def test_it_is_the_closed_form_and_stays_in_its_range() -> None:
    """Rows are unit vectors and features non-negative: 2/B (1 - mean cosine), in [0, 2/B]."""
    student, teacher = outputs(0), outputs(1)
    grams = [f.flatten(1) @ f.flatten(1).T for f in (student.features[-1], teacher.features[-1])]
    cosine = torch.nn.functional.cosine_similarity(grams[0], grams[1], dim=1).mean()
    distance = _distance(student, teacher)
    torch.testing.assert_close(distance, 2 / BATCH * (1 - cosine))
    assert 0 <= distance <= 2 / BATCH


def test_only_the_last_map_counts() -> None:
    student, teacher = outputs(0), outputs(1)
    more = Outputs(student.logits, (torch.rand(BATCH, 3, 8, 8), *student.features), student.pooled)
    assert torch.equal(_distance(more, teacher), _distance(student, teacher))


def test_the_scale_of_the_features_does_not_matter() -> None:
    student, teacher = outputs(0), outputs(1)
    louder = Outputs(student.logits, (100 * student.features[-1],), student.pooled)
    torch.testing.assert_close(_distance(louder, teacher), _distance(student, teacher))


def test_token_maps_are_compared_too() -> None:
    tokens = Outputs(outputs(0).logits, (outputs(0).features[-1].flatten(2).transpose(1, 2),))
    torch.testing.assert_close(_distance(tokens, outputs(1)), _distance(outputs(0), outputs(1)))
