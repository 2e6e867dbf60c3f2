"""A student that borrows the shared weights gives them the gradients that `forward` gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from search_spaces import Arch, TokenStates
from search_spaces.supernets import Observation, SuperLM
from tests.contracts.search_space import draw
from tests.search_spaces.supernets.language import KINDS, batch, space_of, teacher

Step = Callable[[SuperLM, Arch], Tensor]


def loss_of(seen: Observation) -> Tensor:
    states = seen.states
    parts = [states.hidden[-1], states.queries[-1], states.keys[-1], states.values[-1]]
    if "logits" in seen.output:
        parts.append(seen.output.logits)
    return torch.stack([part.square().mean() for part in parts]).sum()


def through_slices(superlm: SuperLM, arch: Arch) -> Tensor:
    loss = loss_of(superlm(batch(True), arch))
    loss.backward()
    return loss


def borrowed(superlm: SuperLM, arch: Arch) -> Tensor:
    student = superlm.borrow(arch)
    loss = loss_of(student(batch(True)))
    loss.backward()
    student.give_back()
    return loss


def trained(step: Step, kind: str, *, per_head: bool) -> tuple[list[Tensor], SuperLM]:
    """Losses of one step over several students, and their gradients in the SuperLM."""
    model = teacher(kind)
    options = {"per_head": 1} if per_head else {}
    superlm = SuperLM(model, space_of(model, **options)).eval()
    largest, smallest = superlm.space.anchors()[:2]
    return [step(superlm, arch) for arch in (smallest, *draw(superlm.space, 2), largest)], superlm


@pytest.mark.parametrize(
    ("kind", "per_head"), [*((kind, False) for kind in KINDS), ("BertModel", True)]
)
def test_losses_and_gradients_are_those_of_the_forward(kind: str, per_head: bool) -> None:
    wanted_losses, wanted = trained(through_slices, kind, per_head=per_head)
    losses, found = trained(borrowed, kind, per_head=per_head)
    assert all(map(torch.equal, losses, wanted_losses))
    expected = dict(wanted.named_parameters())
    for name, weight in found.named_parameters():
        torch.testing.assert_close(weight.grad, expected[name].grad, rtol=1e-5, atol=1e-7)
        assert weight.grad is None or not weight.grad.is_sparse


@pytest.mark.parametrize("kind", ["LlamaForCausalLM", "LlamaForCausalLM untied"])
def test_states_alone_train_all_but_the_head(kind: str) -> None:
    def states_loss(seen: TokenStates) -> Tensor:
        return seen.hidden[-1].square().mean() + seen.queries[-1].square().mean()

    def alone(superlm: SuperLM, arch: Arch) -> Tensor:
        student = superlm.borrow(arch)
        loss = states_loss(student.states(batch(True)))
        loss.backward()
        student.give_back()
        return loss

    def whole(superlm: SuperLM, arch: Arch) -> Tensor:
        loss = states_loss(superlm(batch(True), arch).states)
        loss.backward()
        return loss

    (losses, found), (wanted_losses, wanted) = (
        trained(step, kind, per_head=False) for step in (alone, whole)
    )
    assert all(map(torch.equal, losses, wanted_losses))
    expected = dict(wanted.named_parameters())
    for name, weight in found.named_parameters():
        torch.testing.assert_close(weight.grad, expected[name].grad, rtol=1e-5, atol=1e-7)
    head = found.model.get_output_embeddings().weight
    assert (head.grad is None) == kind.endswith("untied")


def test_what_no_student_uses_has_no_gradient() -> None:
    _, superlm = trained(borrowed, "BertModel", per_head=False)
    assert all(weight.grad is None for weight in superlm.model.pooler.parameters())
    superlm.zero_grad()
    borrowed(superlm, Arch({"layers": 3, "hidden": 48, "heads": 6, "mlp": 20}))
    dropped = superlm.model.encoder.layer[superlm.space.teacher.layers - 1]
    assert all(weight.grad is None for weight in dropped.parameters())


def test_embeddings_that_are_read_have_gradients() -> None:
    _, superlm = trained(borrowed, "BertModel", per_head=False)
    embeddings = superlm.model.embeddings.word_embeddings
    read = torch.zeros(embeddings.num_embeddings, dtype=torch.bool)
    read[batch(True)["input_ids"].unique()] = True
    read[embeddings.padding_idx] = False
    assert torch.equal((embeddings.weight.grad != 0).any(1), read)
    through_slices(superlm, superlm.space.anchors()[0])  # slices of the weights take no sparse rows


def test_frozen_weights_stay_without() -> None:
    model = teacher()
    superlm = SuperLM(model, space_of(model)).eval()
    superlm.model.embeddings.requires_grad_(False)
    borrowed(superlm, superlm.space.anchors()[0])
    assert all(weight.grad is None for weight in superlm.model.embeddings.parameters())
    assert superlm.model.encoder.layer[0].attention.self.query.weight.grad is not None
