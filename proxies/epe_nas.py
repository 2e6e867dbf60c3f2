"""EPE-NAS: how independent of each other the input gradients are within each class."""

from __future__ import annotations

import math
from itertools import combinations

from torch import Tensor

from nas_kd.errors import UsageError
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import unit_rows

_EPSILON = 1e-5
_MANY_CLASSES = 100


def epe_nas_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over classes of |s|, s the sum over a class's correlations c of log(|c| + 1e-5).

    The matrix of a class correlates its images' rows of the Jacobian of the summed logits by the
    input, ``(image, channel * height * width)``. For a network of more than 100 classes, s is
    divided by the images of the class, and the score is the sum over ordered pairs of classes of
    |s_a - s_b|, divided by the classes.

    A constant row has no correlation: the score is NaN, also where batch normalisation cancels the
    gradient (`CancellationFilter`).

    Raises:
        UsageError: No class has two images in the batch.

    Source: Lopes, Alirezazadeh and Alexandre, EPE-NAS, ICANN 2021, and its public code.
    """
    labels = student.targets.cpu()
    classes, counts = labels.unique(return_counts=True)
    if int(counts.max()) < 2:
        raise UsageError(
            f"epe_nas compares images of one class, and the {len(labels)} images of the batch "
            "are of as many classes; take more with --images, or leave it out."
        )
    rows = student.input_jacobian.cpu().double()
    centred = rows - rows.mean(1, keepdim=True)
    if not bool((centred.any(1) & centred.isfinite().all(1)).all()):
        return math.nan
    unit = unit_rows(centred)
    of_class = [unit[labels == label] for label in classes]
    sums = {index: _log_sum(rows) for index, rows in enumerate(of_class) if len(rows) > 1}
    if student.logits.shape[1] <= _MANY_CLASSES:
        return sum(abs(value) for value in sums.values())
    means = [value / len(of_class[index]) for index, value in sums.items()]
    return 2 * sum(abs(one - other) for one, other in combinations(means, 2)) / len(means)


def _log_sum(unit: Tensor) -> float:
    return float(((unit @ unit.T).abs() + _EPSILON).log().sum())


PROXY = Proxy(
    name="epe_nas",
    function=epe_nas_score,
    needs=frozenset({"input_jacobian", "labels"}),
    initialisation="default",
    source="EPE-NAS, Lopes et al., ICANN 2021, arXiv 2102.08099",
    cost="backward",
    batch="images and labels",
    deviation=(
        "float64; classes with a single image in the batch are left out; gradients that batch "
        "normalisation cancels are zero, without what rounding leaves"
    ),
)
