"""NASWOT: how differently a batch switches the ReLUs."""

from __future__ import annotations

import torch

from proxies._probe import Probe
from proxies._proxy import Proxy


def naswot_score(student: Probe, teacher: Probe | None) -> float:
    """log |det K| of the kernel that counts ReLU units in equal states for each pair of images.

    K grows with the number of units, so deeper and wider nets score higher by size alone. A
    singular kernel (two images that switch every unit alike) scores -inf.

    Source: Mellor et al., Neural Architecture Search without Training, ICML 2021, equation 2.
    """
    sign, log_determinant = torch.linalg.slogdet(student.activation_kernel)
    return float(log_determinant) if sign != 0 else float("-inf")


NASWOT = Proxy(
    name="naswot",
    score=naswot_score,
    needs=frozenset({"activation_kernel"}),
    initialisation="default",
    cost="forward",
    batch="real images, no labels",
    source="NASWOT, Mellor et al., ICML 2021",
)
