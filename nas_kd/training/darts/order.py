"""The gradient of the validation loss with respect to the architecture parameters.

Source: Liu, Simonyan and Yang, DARTS, ICLR 2019 (arXiv 1806.09055), equations 6 to 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.optim import SGD

from nas_kd.training.darts.moved_weights import gradients, move, norm
from nas_kd.training.restored_tensors import restored

Loss = Callable[[], Tensor]
"""A scalar of the current weights and architecture parameters; the same at every call."""

_REACH = 0.01


@dataclass(frozen=True)
class Bilevel:
    """The two problems, as a gradient of the outer one sees them.

    Attributes:
        weights: Parameters of the supernet.
        alphas: Architecture parameters.
        validation: The outer loss.
        training: The inner loss.
        optimizer: The inner optimiser, a single group of SGD.
        buffers: What a look at either loss changes, such as batch-norm statistics.
    """

    weights: Sequence[Tensor]
    alphas: Sequence[Tensor]
    validation: Loss
    training: Loss
    optimizer: SGD
    buffers: Sequence[Tensor] = ()


def first_order(problem: Bilevel) -> tuple[Tensor, list[Tensor]]:
    """The loss and its gradient at the current weights."""
    loss = problem.validation()
    return loss.detach(), gradients(loss, problem.alphas)


def second_order(problem: Bilevel) -> tuple[Tensor, list[Tensor]]:
    """The loss and its gradient after one virtual step of the weights.

    The Hessian-vector product is a central difference over weights moved by 0.01 along the unit
    gradient. Weights and buffers are bit for bit as before afterwards. As published, the virtual
    step is neither clipped nor perturbed, and takes a draw of its own. Not as published: buffers
    forget all looks, and the virtual step is Nesterov's where the optimiser's is.
    """
    weights, alphas = problem.weights, problem.alphas
    group = problem.optimizer.param_groups[0]
    rate = group["lr"]
    with restored(problem.buffers):
        with restored(weights):
            move(weights, _update(problem), -rate)
            loss = problem.validation()
            slopes = gradients(loss, [*alphas, *weights])
        outer, inner = slopes[: len(alphas)], slopes[len(alphas) :]
        reach = _REACH / norm(inner)
        sides = []
        for sign in (1, -1):
            with restored(weights):
                move(weights, inner, sign * reach)
                sides.append(gradients(problem.training(), alphas))
    implicit = [(ahead - behind) / (2 * reach) for ahead, behind in zip(*sides, strict=True)]
    share = rate * (1 + group["momentum"] if group["nesterov"] else 1)  # of the gradient in a step
    return loss.detach(), [
        slope - share * product for slope, product in zip(outer, implicit, strict=True)
    ]


ORDERS: dict[str, Callable[[Bilevel], tuple[Tensor, list[Tensor]]]] = {
    "first": first_order,
    "second": second_order,
}


def _update(problem: Bilevel) -> list[Tensor]:
    """The direction of the inner optimiser's next step: momentum, gradient and weight decay."""
    group = problem.optimizer.param_groups[0]
    slopes = gradients(problem.training(), problem.weights)
    update = []
    for weight, slope in zip(problem.weights, slopes, strict=True):
        step = slope + group["weight_decay"] * weight.detach()
        kept = problem.optimizer.state.get(weight, {}).get("momentum_buffer")
        momentum = step if kept is None else step + group["momentum"] * kept
        update.append(step + group["momentum"] * momentum if group["nesterov"] else momentum)
    return update
