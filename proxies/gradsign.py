"""GradSign: whether different images pull a weight in the same direction."""

from __future__ import annotations

import torch

from proxies._probe import Probe
from proxies._proxy import Proxy


def gradsign_score(student: Probe, teacher: Probe | None) -> float:
    """Mean over convolution and linear weights of |sum over images of sign(dl / dtheta)|.

    l is the cross-entropy of a single image. Batch normalisation uses the statistics of the batch
    as constants, so that the gradient of an image depends on this image alone. The score lies in
    [0, batch]: batches of different sizes do not compare.

    Source: Zhang and Jia, GradSign, ICLR 2022; the mean over weights is that of the
    re-implementation in AZ-NAS (Lee and Ham, CVPR 2024).
    """
    parts = student.of_images("image_loss_signs")
    agreement = torch.stack(parts).sum(0).abs()  # (weight,)
    return float(agreement.mean())


PROXY = Proxy(
    name="gradsign",
    function=gradsign_score,
    needs=frozenset({"image_loss_signs", "labels"}),
    initialisation="default",
    source="GradSign, Zhang & Jia, ICLR 2022, arXiv 2110.08616",
    cost="per-sample",
    batch="images and labels",
    deviation=(
        "mean in place of the sum over weights; batch normalisation with constant batch statistics"
    ),
)
