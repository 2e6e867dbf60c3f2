"""What every distiller keeps to: inherit `DistillerContract`, give the fixture ``distiller``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill import DISTILLERS, NEEDS, Distiller, HiddenFit, Outputs
from nas_kd.errors import UsageError
from search_spaces import TokenStates

BATCH, CLASSES, TOKENS, HEADS, LAYERS = 12, 10, 6, 4, 2


def outputs(
    seed: int, *, channels: int = 16, side: int = 4, dtype: torch.dtype = torch.float64
) -> Outputs:
    """A network's outputs for a batch; features and logits belong together as in a real one."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    maps = draw(BATCH, channels, side, side).relu()  # batch, channel, height, width
    pooled = maps.mean((2, 3))
    logits = 5 * pooled @ draw(channels, CLASSES)
    given = Outputs(logits, (maps,), pooled, _states(draw, channels))
    return given.mapped(lambda tensor: tensor.to(dtype))


def _states(draw: Callable[..., Tensor], width: int) -> TokenStates:
    """States of sequences of two to six tokens, padded to six."""

    def of_layers() -> tuple[Tensor, ...]:
        return tuple(draw(BATCH, HEADS, TOKENS, width // HEADS) for _ in range(LAYERS))

    hidden = tuple(draw(BATCH, TOKENS, width) for _ in range(LAYERS + 1))
    lengths = 2 + torch.arange(BATCH) % (TOKENS - 1)
    mask = torch.arange(TOKENS) < lengths[:, None]  # batch, token
    heads = (of_layers() for _ in range(3))
    return TokenStates(hidden, *heads, mask, logits=draw(BATCH, TOKENS, CLASSES))


def targets() -> Tensor:
    return torch.arange(BATCH) % CLASSES


def trainable(given: Outputs) -> Outputs:
    """A copy whose tensors collect gradients."""
    return given.mapped(lambda tensor: tensor.clone().requires_grad_())


def tensors(given: Outputs) -> list[Tensor]:
    found: list[Tensor] = []

    def collect(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    given.mapped(collect)
    return found


def loss_of(distiller: Distiller, student: Outputs, teacher: Outputs) -> Tensor:
    return torch.stack(list(distiller(student, teacher, targets()).values())).sum()


class DistillerContract:
    @pytest.fixture
    def distiller(self) -> Distiller:
        raise NotImplementedError

    def test_it_says_what_it_is(self, distiller: Distiller) -> None:
        assert DISTILLERS.get(distiller.name) is type(distiller)
        assert distiller.needs
        assert distiller.needs <= NEEDS
        assert distiller.source
        assert distiller.default_weight > 0
        assert dataclasses.is_dataclass(distiller)

    def test_it_gives_named_finite_scalars_of_at_least_zero(self, distiller: Distiller) -> None:
        parts = distiller(outputs(0), outputs(1), targets())
        assert parts
        for value in parts.values():
            assert value.ndim == 0
            assert torch.isfinite(value)
            assert value > 0

    def test_a_student_that_equals_its_teacher_has_nothing_to_learn(
        self, distiller: Distiller
    ) -> None:
        student = trainable(outputs(0))
        loss = loss_of(distiller, student, outputs(0))
        assert loss.abs() < 1e-12
        loss.backward()
        gradients = [t.grad.abs().max() for t in tensors(student) if t.grad is not None]
        assert max(gradients) < 1e-7

    def test_gradients_reach_the_student_and_not_the_teacher(self, distiller: Distiller) -> None:
        student, teacher = trainable(outputs(0)), trainable(outputs(1))
        loss_of(distiller, student, teacher).backward()
        assert all(tensor.grad is None for tensor in tensors(teacher))
        gradients = [tensor.grad for tensor in tensors(student) if tensor.grad is not None]
        assert gradients
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert any(gradient.abs().max() > 0 for gradient in gradients)

    def test_a_step_against_the_gradient_lowers_it(self, distiller: Distiller) -> None:
        student, teacher = trainable(outputs(0)), outputs(1)
        before = loss_of(distiller, student, teacher)
        before.backward()
        moved = [
            tensor.detach() if tensor.grad is None else tensor.detach() - 1e-4 * tensor.grad
            for tensor in tensors(student)
        ]
        steps = iter(moved)
        after = loss_of(distiller, student.mapped(lambda _: next(steps)), teacher)
        assert after < before

    def test_widths_and_resolutions_may_differ(self, distiller: Distiller) -> None:
        student = trainable(outputs(0, channels=8, side=2))
        if distiller.fits:
            student = dataclasses.replace(student, fit=HiddenFit(8, 24))
        loss = loss_of(distiller, student, outputs(1, channels=24, side=5))
        loss.backward()
        assert torch.isfinite(loss)

    def test_the_order_of_the_images_does_not_matter(self, distiller: Distiller) -> None:
        order = torch.randperm(BATCH, generator=torch.Generator().manual_seed(3))

        def shuffled(given: Outputs) -> Outputs:
            moved = given.mapped(lambda tensor: tensor[order])
            states = moved.token_states()
            return dataclasses.replace(
                moved, states=dataclasses.replace(states, mask=states.mask[order])
            )

        student, teacher = outputs(0), outputs(1)
        expected = distiller(student, teacher, targets())
        found = distiller(shuffled(student), shuffled(teacher), targets()[order])
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value)

    def test_it_computes_in_float32_whatever_it_is_given(self, distiller: Distiller) -> None:
        student, teacher = (outputs(seed, dtype=torch.bfloat16) for seed in (0, 1))
        expected = distiller(student.in_float32(), teacher.in_float32(), targets())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = distiller(student, teacher, targets())
        for name, value in expected.items():
            assert found[name].dtype == torch.float32
            assert torch.equal(found[name], value)

    def test_it_is_pure(self, distiller: Distiller) -> None:
        student, teacher = outputs(0), outputs(1)
        copies = [tensor.clone() for tensor in (*tensors(student), *tensors(teacher))]
        state = torch.get_rng_state()
        first, second = (distiller(student, teacher, targets()) for _ in range(2))
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert torch.equal(torch.get_rng_state(), state)
        for tensor, copy in zip((*tensors(student), *tensors(teacher)), copies, strict=True):
            assert torch.equal(tensor, copy)

    def test_confident_networks_give_finite_gradients(self, distiller: Distiller) -> None:
        labels = 80 * F.one_hot(targets(), CLASSES).double()
        sure = dataclasses.replace(outputs(1), logits=outputs(1).logits + labels)
        student = trainable(dataclasses.replace(outputs(0), logits=outputs(0).logits + labels))
        loss = loss_of(distiller, student.in_float32(), sure.in_float32())
        loss.backward()
        assert torch.isfinite(loss)
        for tensor in tensors(student):
            assert tensor.grad is None or torch.isfinite(tensor.grad).all()

    def test_what_was_not_captured_is_named(self, distiller: Distiller) -> None:
        beyond_logits = sorted(distiller.needs - {"logits"})
        if not beyond_logits:
            pytest.skip("needs nothing but logits")
        with pytest.raises(UsageError, match=beyond_logits[0]):
            distiller(outputs(0), Outputs(outputs(1).logits), targets())
