"""Eigenvalues and singular values, by whichever method finds them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from proxies._spectra import eigenvalues, largest_eigenvalue, largest_singular_value


def _gram(size: int, rank: int) -> torch.Tensor:
    factor = torch.randn(size, rank, generator=torch.Generator().manual_seed(size)).double()
    return factor @ factor.T


@pytest.mark.parametrize(("size", "rank"), [(5, 5), (128, 64), (129, 200), (300, 2), (300, 900)])
def test_the_largest_eigenvalue_is_the_same_by_both_methods(size: int, rank: int) -> None:
    matrix = _gram(size, rank)
    expected = float(np.linalg.eigvalsh(matrix.numpy())[-1])
    assert largest_eigenvalue(matrix) == pytest.approx(expected, rel=1e-9)
    assert largest_eigenvalue(matrix.float()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (200, 150)])
def test_the_largest_singular_value(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)).double()
    expected = float(np.linalg.svd(matrix.numpy())[1][0])
    assert largest_singular_value(matrix) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("size", [3, 200])
def test_matrices_without_a_spectrum(size: int) -> None:
    assert largest_eigenvalue(torch.zeros(size, size)) == 0
    broken = torch.eye(size)
    broken[1, 1] = math.nan
    assert math.isnan(largest_eigenvalue(broken))
    found = eigenvalues(torch.stack([torch.eye(size), broken, -torch.eye(size)]))
    assert torch.equal(found[0], torch.ones(size).double())
    assert found[1].isnan().all()
    assert not found[2].any()
