"""DisWOT's semantic distance M_s as a training loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill.distiller import Distiller
from nas_kd.distill.outputs import Outputs

_SMALLEST = 1e-30
"""Magnitude below which a class is taken to have no gradient."""


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

    The weights of the published trainings with this loss are not known. The default is ours: the
    loss stays near 1 where the cross-entropy goes to zero, and must not outweigh it.
    """

    name: ClassVar[str] = "diswot_ms"
    needs: ClassVar[frozenset[str]] = frozenset({"logits", "pooled"})
    source: ClassVar[str] = "M_s of DisWOT, Dong, Li and Wei, CVPR 2023 (ICKD on head gradients)"
    deviation: ClassVar[str] = (
        "where the widths of student and teacher differ, the rows of the class Gram matrices "
        "g g^T are compared instead (2 - 2 cos each); classes without a gradient in either "
        "network are left out instead of being compared as zeros"
    )
    default_weight: ClassVar[float] = 0.1

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        s, t = head_gradient(student, targets), head_gradient(teacher, targets)
        live = _is_live(s) & _is_live(t)  # class
        distances = _channel_distances if s.shape[1] == t.shape[1] else _class_distances
        mean = torch.where(live, distances(s, t), 0).sum() / live.sum().clamp_min(1)
        return {self.name: mean}


def head_gradient(outputs: Outputs, targets: Tensor) -> Tensor:
    """Gradient of the mean cross-entropy by the classifier's weight, ``(class, channel)``.

    The error of the labelled class, p - 1, is summed from the other classes': it would round to
    zero for confident networks.
    """
    labelled = F.one_hot(targets, outputs.logits.shape[1])  # batch, class
    others = torch.softmax(outputs.logits, dim=1) * (1 - labelled)
    errors = others - labelled * others.sum(1, keepdim=True)
    return errors.T @ outputs.classifier_input() / len(targets)


def _channel_distances(s: Tensor, t: Tensor) -> Tensor:
    signs_s, signs_t = s.sign(), t.sign()
    alive = (signs_s.square() + signs_t.square()).mean(1)  # class
    agreement = (signs_s * signs_t).mean(1)  # class
    return alive - 2 * agreement * (_unit_rows(s) * _unit_rows(t)).sum(1)


def _class_distances(s: Tensor, t: Tensor) -> Tensor:
    return 2 - 2 * (_unit_rows(_class_gram(s)) * _unit_rows(_class_gram(t))).sum(1)


def _class_gram(gradient: Tensor) -> Tensor:
    """g g^T with each row scaled to a fitting size, which its direction does not depend on."""
    largest = gradient.abs().amax().detach().clamp_min(_SMALLEST)
    return _unit_rows(gradient) @ (gradient / largest).T  # class, class


def _unit_rows(matrix: Tensor) -> Tensor:
    """Rows of length one. They are scaled first: squares of tiny gradients leave float32."""
    largest = matrix.abs().amax(1, keepdim=True).detach().clamp_min(_SMALLEST)
    return F.normalize(matrix / largest, dim=1)


def _is_live(gradient: Tensor) -> Tensor:
    return gradient.detach().abs().amax(1) > _SMALLEST  # class
