"""A student imitates the states of a teacher that knows the task."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from nas_kd.errors import UsageError
from nas_kd.training.language import TaskSettings, imitate_states, with_head
from search_spaces.supernets import SuperLM
from tests.data.text.words import word_tokenizer
from tests.training.language_models import on_cpu, small_bert, small_space
from tests.training.language_tasks import TOKENIZER, task_of_words

SETTINGS = TaskSettings(
    batch_size=16, max_tokens=16, state_epochs=4, state_learning_rate=2e-3, epochs=1
)


@pytest.mark.parametrize("pairs", [False, True])
def test_it_comes_nearer_to_the_teacher_and_keeps_its_head(pairs: bool) -> None:
    space = small_space()
    student = SuperLM(small_bert(), space).extract(space.anchors()[0])
    model = with_head(student, 2, seed=0).requires_grad_()
    head = copy.deepcopy(model.classifier.state_dict())
    teacher = with_head(small_bert(seed=1), 2, seed=1).eval().requires_grad_(False)
    before = {name: weight.clone() for name, weight in teacher.named_parameters()}
    told: list[int] = []
    losses = [
        imitate_states(
            model,
            task_of_words(pairs=pairs),
            TOKENIZER,
            teacher=teacher,
            settings=SETTINGS,
            seed=0,
            accelerator=on_cpu(),
            on_progress=lambda done, total, best: told.append(done),
        )
        for _ in range(2)
    ]
    assert losses[1] < losses[0]
    assert max(told) == 4
    assert all(torch.equal(model.classifier.state_dict()[name], head[name]) for name in head)
    assert all(torch.equal(weight, before[name]) for name, weight in teacher.named_parameters())


def test_states_of_other_tokens_are_not_compared() -> None:
    model, teacher = (with_head(small_bert(seed), 2, seed=0) for seed in (0, 1))
    with pytest.raises(UsageError, match="read other tokens"):
        imitate_states(
            model,
            task_of_words(),
            TOKENIZER,
            teacher=teacher,
            teacher_tokenizer=word_tokenizer(12),
            settings=SETTINGS,
            seed=0,
            accelerator=on_cpu(),
        )


def test_validation_texts_are_no_longer_than_what_is_read() -> None:
    task = task_of_words()
    long = replace(task.validation, texts=("w1 " * 40, *task.validation.texts[1:]))
    model, teacher = (with_head(small_bert(seed), 2, seed=0) for seed in (0, 1))
    with pytest.raises(UsageError, match="the model reads at most 32 tokens"):
        imitate_states(
            model,
            replace(task, validation=long),
            TOKENIZER,
            teacher=teacher,
            settings=replace(SETTINGS, max_tokens=40),
            seed=0,
            accelerator=on_cpu(),
        )


@pytest.mark.parametrize(
    "wrong", [{"state_epochs": -1}, {"state_learning_rate": 0.0}, {"state_interleaved": True}]
)
def test_settings_are_in_range(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong)).removeprefix("state_")):
        TaskSettings(**{"state_epochs": 1, **wrong})


@pytest.mark.parametrize(
    "idle",
    [
        {"state_learning_rate": 1e-3},
        {"state_distillers": "tinybert"},
        {"state_interleaved": True},
        {"teacher_weight": 0.0, "temperature": 3.0},
    ],
)
def test_settings_without_effect_are_refused(idle: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"training: .* would have no effect"):
        TaskSettings(**idle)
