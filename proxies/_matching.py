"""What student and teacher show on the same batch, brought into forms that can be compared."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.errors import UsageError
from proxies._probe import Probe

_MOST_PREFIX_TOKENS = 5
"""Tokens that may stand before the patches: a class token and four registers."""


def require_same_batch(student: Tensor, teacher: Tensor) -> None:
    """Raises `UsageError` unless both facts, ``(batch, ...)``, are of as many images."""
    if len(student) != len(teacher):
        raise UsageError(
            f"the student saw {len(student)} images and the teacher {len(teacher)}; "
            "probe both on the same batch."
        )


_ROUNDING = 1e-5
"""Of a forward pass in float32, as a share of the largest value: with several threads, equal images
do not come out equal to the last bit."""


def tells_apart(fact: Tensor) -> bool:
    """Whether ``fact``, ``(batch, ...)``, differs between images by more than rounding.

    NaN differs from everything.
    """
    finite = fact[fact.isfinite()]
    tolerance = _ROUNDING * float(finite.abs().max()) if len(finite) else 0.0
    return not torch.allclose(fact, fact[:1].expand_as(fact), rtol=0, atol=tolerance)


def matched_embeddings(student: Probe, teacher: Probe) -> tuple[Tensor, Tensor]:
    """The classifiers' inputs, ``(batch, channel)`` each, float64; widths may differ."""
    ours, theirs = student.pooled.double(), teacher.pooled.double()
    require_same_batch(ours, theirs)
    return ours, theirs.to(ours.device)


def matched_maps(student: Probe, teacher: Probe) -> list[tuple[Tensor, Tensor]]:
    """Pairs of feature maps of student and teacher, the deepest pair first.

    The last map goes with the last, the one before it with the one before it, and so on; of the
    network with more maps, the shallowest ones are left out.

    Returns:
        Maps ``(batch, channel, height, width)``, float64, in which all sizes but the batch may
        differ; see `as_map` for tokens.
    """
    ours, theirs = (
        [as_map(feature).double() for feature in probe.features.values()][::-1]
        for probe in (student, teacher)
    )
    if not ours or not theirs:
        raise UsageError(
            "student and teacher are compared at their feature maps, and none is named for one of "
            "the two; name them, or choose proxies that read logits or the classifier's input."
        )
    require_same_batch(ours[0], theirs[0])
    pairs = zip(ours, theirs, strict=False)
    return [(our_map, their_map.to(our_map.device)) for our_map, their_map in pairs]


def as_map(feature: Tensor) -> Tensor:
    """``feature`` as ``(batch, channel, height, width)``.

    Tokens, ``(batch, token, channel)``, are laid out row by row in the largest square that they
    fill; up to five tokens before it (class tokens, registers) are left out. Where more would be
    left over, the tokens are no image, and stay one column of full length. Vectors,
    ``(batch, channel)``, are maps of one pixel.
    """
    if feature.ndim == 2:
        return feature[:, :, None, None]
    if feature.ndim != 3:
        return feature
    channels = feature.transpose(1, 2)  # (batch, channel, token)
    side = math.isqrt(feature.shape[1])
    prefix = feature.shape[1] - side**2
    if prefix > _MOST_PREFIX_TOKENS:
        return channels[..., None]
    return channels[..., prefix:].reshape(*channels.shape[:2], side, side)


def pooled_alike(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps average-pooled to the smaller height and the smaller width of the two."""
    height, width = (min(ours.shape[axis], theirs.shape[axis]) for axis in (2, 3))
    return (
        F.adaptive_avg_pool2d(ours, (height, width)),
        F.adaptive_avg_pool2d(theirs, (height, width)),
    )
