"""DisWOT's semantic distance M_s as a training loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill.distiller import Distiller
from nas_kd.distill.outputs import Outputs

_DEAD = 1e-12


@dataclass(frozen=True)
class SemanticDistillation(Distiller):
    """Distance of the channel relations in the classifiers' weight gradients, class by class.

    The gradient of the cross-entropy by the classifier's weight needs no backward pass:
    g = (softmax(z) - onehot(y))^T h / batch, ``(class, channel)``, with h the classifier's input.
    For every class, the outer product of its row with itself, ``(channel, channel)``, gets unit
    rows; the loss is the squared difference of the two networks' products, averaged over classes
    and channels. Row i of such a product is sign(g_i) g / |g|, which gives, per class,

        mean_i (sign(s_i)^2 + sign(t_i)^2) - 2 mean_i (sign(s_i) sign(t_i)) cos(s, t)

    for the rows s and t of student and teacher. Signs are constant almost everywhere, so the
    gradient of this form is also that of the paper's.

    The weights of the published trainings with this loss are not known; the default makes it about
    as large as a cross-entropy at the start and is ours.
    """

    name: ClassVar[str] = "diswot_ms"
    needs: ClassVar[frozenset[str]] = frozenset({"logits", "pooled"})
    source: ClassVar[str] = "M_s of DisWOT, Dong, Li and Wei, CVPR 2023 (ICKD on head gradients)"
    deviation: ClassVar[str] = (
        "where the widths of student and teacher differ, the rows of the class Gram matrices "
        "g g^T are compared instead (2 - 2 cos each); classes without a gradient in either "
        "network are left out instead of being compared as zeros"
    )
    default_weight: ClassVar[float] = 1.0

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        s, t = scaled_head_gradient(student, targets), scaled_head_gradient(teacher, targets)
        if s.shape[1] != t.shape[1]:
            return {self.name: _class_distance(s @ s.T, t @ t.T)}
        return {self.name: _channel_distance(s, t)}


def scaled_head_gradient(outputs: Outputs, targets: Tensor) -> Tensor:
    """Gradient of the mean cross-entropy by the classifier's weight, ``(class, channel)``.

    Two things are done for the sake of confident networks, whose gradients are tiny: the error of
    the labelled class is summed from the other classes', so that 1 - p does not round to zero, and
    the gradient is divided by its largest magnitude, which no distance here depends on.
    """
    labelled = F.one_hot(targets, outputs.logits.shape[1])  # batch, class
    others = torch.softmax(outputs.logits, dim=1) * (1 - labelled)
    errors = others - labelled * others.sum(1, keepdim=True)
    gradient = errors.T @ outputs.classifier_input()  # class, channel
    return gradient / gradient.abs().amax().detach().clamp_min(1e-38)


def _channel_distance(s: Tensor, t: Tensor) -> Tensor:
    signs_s, signs_t = s.sign(), t.sign()
    alive = (signs_s.square() + signs_t.square()).mean(1)  # class
    agreement = (signs_s * signs_t).mean(1)  # class
    return _mean_over_live_classes(alive - 2 * agreement * _cosines(s, t), s, t)


def _class_distance(s: Tensor, t: Tensor) -> Tensor:
    return _mean_over_live_classes(2 - 2 * _cosines(s, t), s, t)


def _cosines(s: Tensor, t: Tensor) -> Tensor:
    return (F.normalize(s, dim=1, eps=_DEAD) * F.normalize(t, dim=1, eps=_DEAD)).sum(1)  # class


def _mean_over_live_classes(distances: Tensor, s: Tensor, t: Tensor) -> Tensor:
    live: Tensor = (s.detach().norm(dim=1) > _DEAD) & (t.detach().norm(dim=1) > _DEAD)
    return torch.where(live, distances, 0).sum() / live.sum().clamp_min(1)
