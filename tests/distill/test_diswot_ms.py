"""DisWOT's semantic distance."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.distill import Outputs, SemanticDistillation
from nas_kd.distill.diswot_ms import head_gradient
from tests.contracts.distiller import CLASSES, outputs, targets


def _distance(student: Outputs, teacher: Outputs) -> Tensor:
    return SemanticDistillation()(student, teacher, targets())["diswot_ms"]


def _gradient(given: Outputs) -> Tensor:
    """Gradient of the cross-entropy by a classifier's weight, by autograd."""
    assert given.pooled is not None
    head = nn.Linear(given.pooled.shape[1], CLASSES, bias=False).double()
    logits = head(given.pooled)
    logits = logits + (given.logits - logits).detach()
    F.cross_entropy(logits, targets()).backward()
    assert head.weight.grad is not None
    return head.weight.grad


def test_the_closed_form_is_the_gradient_of_the_classifier() -> None:
    torch.testing.assert_close(head_gradient(outputs(0), targets()), _gradient(outputs(0)))


def test_it_is_the_paper_s_loss_entry_by_entry() -> None:
    student, teacher = outputs(0), outputs(1)
    channels = student.features[-1].shape[1]
    products = []
    for given in (student, teacher):
        g = _gradient(given)  # class, channel
        outer = g[:, :, None] * g[:, None, :]  # class, channel, channel
        products.append(outer / outer.norm(dim=2, keepdim=True))
    expected = (products[0] - products[1]).square().sum() / (channels * CLASSES)
    torch.testing.assert_close(_distance(student, teacher), expected)


def test_it_is_the_paper_s_loss_where_channels_are_dead() -> None:
    """After a ReLU some channels are zero in the whole batch; a row of zeros stays one."""

    def with_dead(given: Outputs, dead: list[int]) -> Outputs:
        assert given.pooled is not None
        pooled = given.pooled.clone()
        pooled[:, dead] = 0
        return Outputs(given.logits, given.features, pooled)

    student, teacher = with_dead(outputs(0), [0, 1, 2]), with_dead(outputs(1), [2, 3])
    products = []
    for given in (student, teacher):
        g = _gradient(given)
        outer = g[:, :, None] * g[:, None, :]
        norm = outer.norm(dim=2, keepdim=True)
        products.append(torch.where(norm > 0, outer / norm.clamp_min(1e-300), 0))
    expected = (products[0] - products[1]).square().sum() / products[0].shape[1] / CLASSES
    torch.testing.assert_close(_distance(student, teacher), expected)


def test_its_gradient_is_the_gradient_of_the_paper_s_loss() -> None:
    teacher = _gradient(outputs(1))

    def by_hand(logits: Tensor) -> Tensor:
        pooled = outputs(0).pooled
        assert pooled is not None
        g = (logits.softmax(1) - F.one_hot(targets(), CLASSES)).T @ pooled / len(logits)
        losses = []
        for mine, theirs in zip(g, teacher, strict=True):
            products = [F.normalize(torch.outer(row, row), dim=1) for row in (mine, theirs)]
            losses.append((products[0] - products[1]).square().sum() / len(mine))
        return torch.stack(losses).mean()

    gradients = []
    for loss in (by_hand, lambda z: _distance(Outputs(z, (), outputs(0).pooled), outputs(1))):
        logits = outputs(0).logits.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(logits), logits)
        gradients.append(gradient)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_other_widths_are_compared_by_their_class_grams() -> None:
    student, teacher = outputs(0, channels=8), outputs(1, channels=24)
    grams = [g @ g.T for g in (_gradient(student), _gradient(teacher))]
    expected = (2 - 2 * F.cosine_similarity(grams[0], grams[1], dim=1)).mean()
    torch.testing.assert_close(_distance(student, teacher), expected)


def test_confident_teachers_still_teach() -> None:
    """Where p of the label rounds to 1 in float32, the relations are still those of float64."""
    for channels in (16, 24):
        sure = outputs(1, channels=channels)
        labelled = F.one_hot(targets(), CLASSES)
        sure = Outputs(sure.logits + 60 * labelled, sure.features, sure.pooled)
        single = _single(sure)
        assert (single.logits.softmax(1).amax(1) == 1).all()
        exact = _distance(outputs(0), sure)
        found = _distance(_single(outputs(0)), single)
        torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=1e-4)


def _single(given: Outputs) -> Outputs:
    assert given.pooled is not None
    return Outputs(given.logits.float(), given.features, given.pooled.float())
