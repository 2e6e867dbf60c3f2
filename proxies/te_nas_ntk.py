"""TE-NAS, first part: how evenly a network can be trained on all images."""

from __future__ import annotations

import math

import torch

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._spectra import eigenvalues, is_singular


def te_nas_ntk_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the condition number of the neural tangent kernel, largest by smallest eigenvalue.

    Entry (i, j) is the inner product of the gradients of the summed logits of images i and j by the
    weights of convolutions and linear layers. Batch normalisation uses the statistics of the batch
    as constants, so that the gradient of an image depends on this image alone. A singular kernel
    scores -inf. Float64 beyond the gradients, which are in memory for all images at once.

    TE-NAS ranks students by the sum of their ranks by this score and by ``te_nas_regions``.

    Source: Chen, Gong and Wang, TE-NAS, ICLR 2021.
    """
    parts = student.of_images("image_logit_gradients")
    kernel = torch.zeros(len(student.inputs), len(student.inputs), dtype=torch.float64)
    for layer in zip(*parts, strict=True):
        rows = torch.cat(layer).double()  # (image, weight)
        kernel += (rows @ rows.T).cpu()
    spectrum = eigenvalues(kernel)
    of_gradients, of_sums = (torch.finfo(d).eps for d in (student.inputs.dtype, kernel.dtype))
    if is_singular(spectrum, max(of_gradients**2, of_sums)):
        return -math.inf
    return -float(spectrum[-1] / spectrum[0])


PROXY = Proxy(
    name="te_nas_ntk",
    function=te_nas_ntk_score,
    needs=frozenset({"image_logit_gradients"}),
    initialisation="default",
    source="TE-NAS, Chen, Gong & Wang, ICLR 2021, arXiv 2102.11535, trainability",
    cost="per-sample",
    batch="images",
    deviation=(
        "weights of convolutions and linear layers only; batch normalisation with constant batch "
        "statistics"
    ),
)
