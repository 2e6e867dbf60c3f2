"""The dominant eigenvalue of the validation loss's Hessian with respect to alpha."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""A symmetric matrix times a vector ``(size,)``, in float64."""


def largest_eigenvalue(
    product: Product, size: int, generator: torch.Generator, *, tolerance: float = 1e-4
) -> float:
    """The algebraically largest eigenvalue of a symmetric matrix, by Lanczos's method.

    Power iteration finds the largest in magnitude, which may be a negative one. Here the residual
    bounds the error, and with full reorthogonalisation the value is exact after ``size`` products.

    Args:
        product: The matrix.
        size: Its rows.
        generator: Draws the first vector.
        tolerance: Largest residual, as a share of the value.
    """
    basis = [_unit(torch.randn(size, generator=generator, dtype=torch.float64))]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        image = product(basis[-1])
        diagonal.append(float(image @ basis[-1]))
        known = torch.stack(basis)  # (step, size)
        for _ in range(2):  # once leaves rounding errors that grow
            image = image - known.T @ (known @ image)
        values, vectors = torch.linalg.eigh(_tridiagonal(diagonal, beside))
        length = float(image.norm())
        value, residual = float(values[-1]), length * abs(float(vectors[-1, -1]))
        if residual <= tolerance * abs(value) or len(basis) == size:
            return value
        beside.append(length)
        basis.append(image / length)


def hessian_product(loss: Tensor, alphas: Sequence[Tensor]) -> Product:
    """The Hessian of a scalar with respect to ``alphas`` as one vector.

    Its rows are zero for those that the scalar does not depend on.
    """
    slope = _flat(
        torch.autograd.grad(loss, list(alphas), create_graph=True, materialize_grads=True)
    )

    def product(vector: Tensor) -> Tensor:
        if not slope.requires_grad:
            return torch.zeros_like(vector)
        along = slope @ vector.to(slope)
        rows = torch.autograd.grad(along, list(alphas), retain_graph=True, materialize_grads=True)
        return _flat(rows).double().cpu()

    return product


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.flatten() for part in parts])


def _unit(vector: Tensor) -> Tensor:
    unit: Tensor = vector / vector.norm()
    return unit


def _tridiagonal(diagonal: Sequence[float], beside: Sequence[float]) -> Tensor:
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    if beside:
        off = torch.diag(torch.tensor(beside, dtype=torch.float64), 1)
        matrix = matrix + off + off.T
    return matrix
