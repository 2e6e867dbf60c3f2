"""Gradients of architecture parameters, sharpness and eigenvalues, against what they stand for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.optim import SGD

from nas_kd.training.darts.eigenvalue import hessian_product, largest_eigenvalue
from nas_kd.training.darts.order import Bilevel, _update, first_order, second_order
from nas_kd.training.darts.sharpness import loss_rise

RATE, DECAY, MOMENTUM = 0.1, 0.01, 0.9


class Toy:
    """Losses of two weights and two architecture parameters, with mixed third derivatives."""

    def __init__(self, momentum: bool, nesterov: bool = False) -> None:
        generator = torch.Generator().manual_seed(0)
        draw = [torch.randn(2, generator=generator, dtype=torch.float64) for _ in range(3)]
        self.weight, self.alpha, self.buffer = draw
        self.weight.requires_grad_()
        self.alpha.requires_grad_()
        self.looks = torch.zeros(())
        self.optimizer = SGD(
            [self.weight], lr=RATE, momentum=MOMENTUM, weight_decay=DECAY, nesterov=nesterov
        )
        if momentum:
            self.optimizer.state[self.weight]["momentum_buffer"] = self.buffer

    def training(self) -> Tensor:
        self.looks += 1
        return _training(self.weight, self.alpha)

    def validation(self) -> Tensor:
        self.looks += 1
        return _validation(self.weight, self.alpha)

    def problem(self) -> Bilevel:
        return Bilevel(
            [self.weight],
            [self.alpha],
            self.validation,
            self.training,
            self.optimizer,
            [self.looks],
        )


def _training(weight: Tensor, alpha: Tensor) -> Tensor:
    return (alpha.sin() * weight.square()).sum() + (weight * alpha.flip(0)).sum()


def _validation(weight: Tensor, alpha: Tensor) -> Tensor:
    return (weight - alpha.cos()).square().sum() + (weight * alpha).prod()


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [False, True])
def test_second_order_is_the_slope_of_the_unrolled_loss(momentum: bool, nesterov: bool) -> None:
    toy = Toy(momentum, nesterov)
    before = toy.weight.detach().clone()
    loss, (slope,) = second_order(toy.problem())
    assert torch.equal(toy.weight, before)
    assert toy.looks == 0

    alpha = toy.alpha.detach().requires_grad_()
    weight = before.clone().requires_grad_()
    inner = torch.autograd.grad(_training(weight, alpha), weight, create_graph=True)[0]
    decayed = inner + DECAY * weight
    step = decayed + (MOMENTUM * toy.buffer if momentum else 0)
    if nesterov:
        step = decayed + MOMENTUM * step
    unrolled = _validation(weight - RATE * step, alpha)
    exact = torch.autograd.grad(unrolled, alpha)[0]
    torch.testing.assert_close(loss, unrolled.detach())
    torch.testing.assert_close(slope, exact, rtol=1e-4, atol=1e-5)


def test_first_order_is_the_plain_slope() -> None:
    toy = Toy(momentum=False)
    loss, (slope,) = first_order(toy.problem())
    assert torch.equal(loss, toy.validation().detach())
    assert torch.equal(slope, torch.autograd.grad(toy.validation(), toy.alpha)[0])


@pytest.mark.parametrize("shift", [-30.0, 0.0, 30.0])
def test_the_largest_eigenvalue_is_algebraic(shift: float) -> None:
    """Also where the largest in magnitude is a negative one."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(40, 40, generator=generator, dtype=torch.float64)
    matrix = matrix + matrix.T + shift * torch.eye(40, dtype=torch.float64)
    products = 0

    def product(vector: Tensor) -> Tensor:
        nonlocal products
        products += 1
        return matrix @ vector

    found = largest_eigenvalue(product, 40, generator, tolerance=1e-6)
    assert found == pytest.approx(float(torch.linalg.eigvalsh(matrix)[-1]), rel=1e-6)
    assert products <= 40


def test_multiple_and_vanishing_eigenvalues() -> None:
    diagonal = torch.tensor([2.0, 2.0, 0.0, -5.0], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    assert largest_eigenvalue(lambda v: diagonal * v, 4, generator) == pytest.approx(2.0)
    assert largest_eigenvalue(lambda v: 0 * v, 4, generator) == 0.0


def test_the_product_is_the_hessians() -> None:
    matrix = torch.tensor([[3.0, 1.0, 0.0], [1.0, -2.0, 0.5], [0.0, 0.5, 1.0]])
    parts = [torch.randn(2, requires_grad=True), torch.randn(1, requires_grad=True)]
    point = torch.cat(parts)
    product = hessian_product(0.5 * point @ matrix @ point, parts)
    columns = torch.stack([product(row) for row in torch.eye(3, dtype=torch.float64)])
    torch.testing.assert_close(columns, matrix.double())


def test_sharpness_is_the_rise_along_the_unit_slope() -> None:
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    rise = loss_rise(lambda: weight.square().sum(), [weight], radius=0.5)
    assert rise == pytest.approx(5.5**2 - 5**2, rel=1e-5)
    assert weight.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("momentum", [False, True])
@pytest.mark.parametrize("nesterov", [False, True])
def test_the_virtual_step_is_the_one_that_the_optimiser_takes(
    momentum: bool, nesterov: bool
) -> None:
    toy = Toy(momentum, nesterov)
    foreseen = toy.weight.detach() - RATE * _update(toy.problem())[0]
    toy.training().backward()
    toy.optimizer.step()
    torch.testing.assert_close(toy.weight.detach(), foreseen)
