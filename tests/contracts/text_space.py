"""What every registered space of language models must do; provide the fixture ``space``."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas_kd.costs import count_macs
from nas_kd.costs.tokens import example_tokens
from nas_kd.errors import UsageError
from search_spaces import SearchSpace, Sizes, TextTask
from tests.contracts.search_space import TEXT_TASKS, SearchSpaceContract, build, draw, outputs_of


def sequences(task: TextTask, batch: int = 2) -> Tensor:
    """Random tokens without the padding token, ``(batch, token)``."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(1, task.vocabulary, (batch, task.length), generator=generator)


def answers(module: nn.Module, **inputs: Tensor) -> Tensor:
    """Logits of sequences or tokens, or the last hidden states of a model without a head."""
    output: Any = module(**inputs)
    answer: Tensor = output.logits if hasattr(output, "logits") else output.last_hidden_state
    return answer


class TextSpaceContract(SearchSpaceContract):
    """Students of text are what the space says of them."""

    @pytest.mark.parametrize(
        "task",
        [
            TextTask(vocabulary=0),
            TextTask(length=0),
            TextTask(positions=-1),
            TextTask(segments=0),
            TextTask(num_classes=-1),
        ],
    )
    def test_illegal_tasks_are_refused(self, space: SearchSpace, task: TextTask) -> None:
        for use in (space.build, space.sizes):
            with pytest.raises(UsageError, match="positive integer"):
                use(space.anchors()[0], task)

    def test_sequences_longer_than_the_positions_are_refused(self, space: SearchSpace) -> None:
        with pytest.raises(UsageError, match="do not fit into 8 positions"):
            space.sizes(space.anchors()[0], TextTask(length=9, positions=8))

    @pytest.mark.parametrize("task", TEXT_TASKS)
    def test_sizes_equal_the_counted_ones(self, space: SearchSpace, task: TextTask) -> None:
        for arch in [*draw(space, 2), *space.anchors()]:
            module = build(space, arch, task)
            counted = count_macs(module, example_tokens(module, 1, task.length))
            assert space.sizes(arch, task) == Sizes(counted.macs, counted.params)
            assert not counted.unsupported

    @pytest.mark.parametrize("task", TEXT_TASKS)
    def test_students_answer(self, space: SearchSpace, task: TextTask) -> None:
        for arch in space.anchors():
            answer = answers(build(space, arch, task), input_ids=sequences(task))
            assert answer.isfinite().all()
            if task.num_classes:
                assert answer.shape == (2, task.num_classes)
            else:
                assert answer.shape[:2] == (2, task.length)

    def test_padding_changes_nothing(self, space: SearchSpace) -> None:
        task = TEXT_TASKS[0]
        module = build(space, draw(space, 1)[0], task)
        tokens = sequences(task)
        mask = torch.ones_like(tokens)
        tokens[:, 8:], mask[:, 8:] = 0, 0
        padded = answers(module, input_ids=tokens, attention_mask=mask)
        whole = answers(module, input_ids=tokens[:, :8], attention_mask=mask[:, :8])
        torch.testing.assert_close(padded, whole)

    def test_features_are_the_layers(self, space: SearchSpace) -> None:
        task = TEXT_TASKS[0]
        for arch in space.anchors():
            module = build(space, arch, task)
            names = space.features(module)
            assert len(names) == arch["layers"]
            for output in outputs_of(module, names, sequences(task)):
                assert output.shape == (2, task.length, arch["hidden"])

    @pytest.mark.parametrize("task", TEXT_TASKS)
    def test_the_head_is_the_last_linear_layer(self, space: SearchSpace, task: TextTask) -> None:
        module = build(space, space.anchors()[-1], task)
        head = module.get_submodule(space.head(module))
        assert head is [m for m in module.modules() if isinstance(m, nn.Linear)][-1]
        if task.num_classes:
            assert head.out_features == task.num_classes
