"""What student and teacher show on the same batch, brought into forms that can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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


def embedding(probe: Probe) -> Tensor:
    """The classifier's input, ``(batch, channel)``, float64."""
    return probe.pooled.double()


def both(
    student: Probe, teacher: Probe, key: str, compute: Callable[[Probe], Tensor]
) -> tuple[Tensor, Tensor]:
    """``compute``, ``(batch, ...)``, of student and teacher, kept under ``key``.

    What is computed of the teacher serves all students.
    """
    ours, theirs = (probe.derived(key, compute) for probe in (student, teacher))
    require_same_batch(ours, theirs)
    return ours, theirs.to(ours.device)


@dataclass(frozen=True)
class Stage:
    """One feature map of a network; what is computed of it is kept in the probe."""

    probe: Probe
    name: str

    @property
    def map(self) -> Tensor:
        """``(batch, channel, height, width)``, float64; see `as_map` for tokens."""
        return self.probe.derived(
            f"map of {self.name}", lambda probe: as_map(probe.features[self.name]).double()
        )

    def derived(self, key: str, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """``compute(self.map)``, kept under ``key``."""
        return self.probe.derived(f"{key} of {self.name}", lambda _: compute(self.map))


@dataclass(frozen=True)
class StagePair:
    """Feature maps of student and teacher that are compared; all sizes but the batch may differ."""

    ours: Stage
    theirs: Stage

    def both(self, key: str, compute: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """``compute`` of both maps, kept under ``key``."""
        ours = self.ours.derived(key, compute)
        return ours, self.theirs.derived(key, compute).to(ours.device)

    def both_pooled(self, key: str, compute: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """``compute`` of both maps, average-pooled to the smaller height and width of the two."""
        height, width = self.common_size
        return self.both(f"{key} at {height} x {width}", lambda one: compute(self.pooled(one)))

    @property
    def common_size(self) -> tuple[int, int]:
        """The smaller height and the smaller width of the two."""
        sizes = [stage.map.shape[2:] for stage in (self.ours, self.theirs)]
        height, width = map(min, *sizes)
        return height, width

    def pooled(self, feature: Tensor) -> Tensor:
        """A map average-pooled to the common size."""
        return F.adaptive_avg_pool2d(feature, self.common_size)


def matched_stages(student: Probe, teacher: Probe) -> list[StagePair]:
    """Pairs of feature maps of student and teacher, the deepest pair first.

    The last map goes with the last, the one before it with the one before it, and so on; of the
    network with more maps, the shallowest ones are left out.
    """
    ours, theirs = (
        [Stage(probe, name) for name in probe.features][::-1] for probe in (student, teacher)
    )
    if not ours or not theirs:
        raise UsageError(
            "student and teacher are compared at their feature maps, and none is named for one of "
            "the two; name them, or choose proxies that read logits or the classifier's input."
        )
    require_same_batch(ours[0].map, theirs[0].map)
    return list(map(StagePair, ours, theirs))


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
