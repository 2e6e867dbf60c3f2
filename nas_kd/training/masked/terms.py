"""The losses of masked autoencoders and of their students."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

BETA = 2.0

_SMALLEST = 1e-6


def patches_of(images: Tensor, side: int) -> Tensor:
    """Images ``(image, C, H, W)`` as patches ``(image, patch, C side^2)``."""
    return F.unfold(images, side, stride=side).transpose(1, 2)


def pixel_loss(predicted: Tensor, patches: Tensor, mask: Tensor, *, normalised: bool) -> Tensor:
    """Mean squared error over the pixels of hidden patches.

    Args:
        predicted: ``(image, patch, pixel)``.
        patches: What they are, likewise.
        mask: ``(image, patch)``, true where a patch is hidden.
        normalised: Whether each patch is first brought to mean 0 and variance 1.

    Source: He et al., MAE, CVPR 2022 (arXiv 2111.06377), section 3.
    """
    if normalised:
        spread = (patches.var(-1, keepdim=True) + _SMALLEST).sqrt()
        patches = (patches - patches.mean(-1, keepdim=True)) / spread
    errors = (predicted.float() - patches).square().mean(-1)  # image, patch
    return errors[mask].mean()


def visible_feature_loss(projected: Tensor, teacher: Tensor) -> Tensor:
    """Mean absolute difference of the tokens of both networks, each of length one.

    Args:
        projected: The student's, brought to the teacher's width, ``(image, token, channel)``.
        teacher: The teacher's, likewise.

    Source: DMAE (Bai et al., CVPR 2023, arXiv 2208.12256), equation 2, as in the released code.
    """
    return F.l1_loss(F.normalize(projected.float(), dim=-1), F.normalize(teacher.float(), dim=-1))


def hidden_feature_loss(predicted: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Smooth L1 (beta 2) between predictions and the teacher's normalised features, where hidden.

    Args:
        predicted: ``(image, patch, channel)``.
        teacher: The teacher's decoder features, likewise; brought to mean 0 and variance 1 here.
        mask: ``(image, patch)``, true where a patch is hidden.

    Source: G2SD (Huang et al., CVPR 2023, arXiv 2302.14771), equation 3, as in the released code.
    """
    targets = F.layer_norm(teacher.float(), teacher.shape[-1:])
    return F.smooth_l1_loss(predicted.float()[mask], targets[mask], beta=BETA)
