"""Cutting a part out of labelled examples, class by class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nas_kd.errors import UsageError


def stratified_split(
    labels: Tensor,
    share: float,
    seed: int,
    where: str = "data",
    names: Sequence[str] | None = None,
) -> tuple[Tensor, Tensor]:
    """Splits indices in two so that every class keeps its share in both parts.

    Args:
        labels: ``(N,)`` class numbers.
        share: Share of the second part, above 0 and below 1.
        seed: Decides who goes where.
        where: What is split, for messages.
        names: Of the classes by number, likewise.

    Returns:
        Indices of the first and of the second part, each ascending.

    Raises:
        UsageError: The share is out of range or a class has too few examples.
    """
    from sklearn.model_selection import train_test_split

    if not 0 < share < 1:
        raise UsageError(f"{where}: validation_share is {share}; give a share between 0 and 1.")
    counts = torch.bincount(labels)
    if int(counts[counts > 0].min()) < 2:
        scarce = int(torch.where(counts > 0, counts, len(labels)).argmin())
        name = scarce if names is None else names[scarce]
        raise UsageError(
            f"{where}: class {name} has one example, and a split needs two of every class. Add "
            "examples or give a validation set."
        )
    try:
        first, second = train_test_split(
            range(len(labels)), test_size=share, random_state=seed, stratify=labels.numpy()
        )
    except ValueError as error:
        raise UsageError(
            f"{where}: {len(labels)} examples cannot be split with validation_share={share} "
            f"({error}). Add examples, change the share, or give a validation set."
        ) from error
    return torch.tensor(sorted(first)), torch.tensor(sorted(second))
