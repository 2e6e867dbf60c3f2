"""The loop of language models: resume, accumulation, what it does to weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
import torch
from torch import Tensor

from nas_kd.data.text import TextExamples, encoded
from nas_kd.errors import NotFiniteError, UsageError
from nas_kd.training.language import LanguageLoop, LoopSettings, Moment, StateObjective
from nas_kd.training.language import loop as loop_module
from nas_kd.training.language.dropout import dropping
from nas_kd.training.language.loop import Losses
from nas_kd.training.superlm import STRATEGIES, Chooser, cut_from
from nas_kd.training.superlm.losses import StudentLosses
from search_spaces import create_space
from search_spaces.language_models import dropouts
from search_spaces.supernets import SuperLM
from tests.data.text.words import word_tokenizer
from tests.training.language_models import (
    WORDS,
    lines,
    on_cpu,
    sequences,
    small_bert,
    small_llama,
)

SETTINGS = LoopSettings(
    epochs=2, batch_size=6, max_tokens=12, learning_rate=1e-3, warmup=0.25, unit_steps=2
)


class _Norm:
    """A loss that reads everything: the size of the last hidden states."""

    def __init__(self, model: torch.nn.Module, scale: float = 1.0) -> None:
        self.model = model
        self.scale = scale
        self.moments: list[Moment] = []
        self.places: list[int] = []

    def __call__(
        self, batch: dict[str, Tensor], places: Tensor, moment: Moment
    ) -> Iterator[tuple[str, Tensor]]:
        self.moments.append(moment)
        self.places += places.tolist()
        hidden = self.model(**batch).last_hidden_state
        mask = batch["attention_mask"]
        by_sequence = (hidden[..., :3].square().sum(-1) * mask).sum(1) / mask.sum(1)
        yield "loss", self.scale * by_sequence.mean()


def _loop(settings: LoopSettings = SETTINGS, scale: float = 1.0) -> tuple[LanguageLoop, _Norm]:
    dropout = 0.1 if settings is SETTINGS else 0.0
    model = small_bert(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    losses = _Norm(model, scale)
    loop = LanguageLoop(
        model, sequences(20), losses, settings=settings, seed=3, accelerator=on_cpu()
    )
    return loop, losses


def _students(teacher: Any, distiller: str, **settings: float) -> tuple[SuperLM, Losses]:
    """A SuperLM and the losses of its students."""
    superlm = SuperLM(teacher, cut_from(create_space("autodistil"), teacher.config))
    objective = StateObjective(distiller, copy.deepcopy(teacher), on_cpu(), **settings)
    chooser = Chooser(STRATEGIES[0], superlm.space, count=2, seed=0)
    fit = objective.make_fit(teacher.config.hidden_size)
    return superlm, StudentLosses(superlm, fit, objective, chooser)


def _weights(loop: LanguageLoop) -> Tensor:
    return torch.cat([value.flatten() for value in loop.module.state_dict().values()])


def test_it_learns_reads_every_sequence_once_an_epoch_and_ends() -> None:
    loop, losses = _loop()
    rows = [loop.run_unit() for _ in range(loop.total)]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert loop.units == loop.total
    assert [moment.step for moment in losses.moments] == list(range(loop.steps))
    half = len(losses.places) // 2
    assert sorted(losses.places[:half]) == sorted(set(losses.places[:half]))
    assert losses.places[:half] != losses.places[half:]


def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit() -> None:
    whole, _ = _loop()
    rows = [whole.run_unit() for _ in range(whole.total)]
    first, _ = _loop()
    for _ in range(2):
        first.run_unit()
    kept = BytesIO()
    torch.save(first.state(), kept)
    kept.seek(0)
    second, _ = _loop()
    second.load(torch.load(kept, weights_only=True))
    assert [second.run_unit() for _ in range(second.total - 2)] == rows[2:]
    assert torch.equal(_weights(second), _weights(whole))


def test_accumulated_parts_give_the_gradient_of_the_batch() -> None:
    settings = replace(SETTINGS, epochs=1)
    whole, _ = _loop(settings)
    parts, losses = _loop(replace(settings, accumulate=4))
    assert parts.run_unit()["loss"] == pytest.approx(whole.run_unit()["loss"], rel=1e-5)
    assert len(losses.moments) == 2 * 4
    # Adam makes steps of 1e-3 even of gradients that are nothing but rounding.
    torch.testing.assert_close(_weights(parts), _weights(whole), rtol=1e-3, atol=2e-4)


OF_STATES = {
    "autodistil_mse": {},
    "autodistil_kl": {"relation_heads": 4, "interleaved": True},
    "minilm_v2": {"relation_heads": 8},
    "last_hidden": {},
    "word_kd": {},
}


@pytest.mark.parametrize("distiller", OF_STATES)
def test_parts_of_other_lengths_give_the_loss_and_the_gradient_of_the_batch(
    distiller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sequences count alike, however long they, the others of their part and the part are."""
    gradients: list[Tensor] = []

    def keep(module: torch.nn.Module, accelerator: object) -> None:
        found = [part.grad for part in module.parameters() if part.grad is not None]
        gradients.append(torch.cat([gradient.flatten() for gradient in found]))

    monkeypatch.setattr(loop_module, "mean_gradients", keep)
    teacher = small_llama() if distiller == "word_kd" else small_bert()
    texts = TextExamples(tuple(lines(20)), None, torch.zeros(20))
    read, rows = encoded(texts, word_tokenizer(WORDS), 12), []
    settings = replace(
        SETTINGS, batch_size=7, unit_steps=1, dropout=0.0, warmup=0.0, group_by_length=False
    )
    for at_once in (0, 3):
        superlm, losses = _students(teacher, distiller, **OF_STATES[distiller])
        loop = LanguageLoop(
            superlm, read, losses, settings=replace(settings, sequences_at_once=at_once),
            seed=3, accelerator=on_cpu(),
        )  # fmt: skip
        rows.append(loop.run_unit())
    assert settings.parts(7) == 1
    assert replace(settings, sequences_at_once=3).parts(7) == 3
    assert rows[1] == pytest.approx(rows[0], rel=1e-5)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-5)


def test_the_global_generator_is_left_alone() -> None:
    loop, _ = _loop()
    before = torch.get_rng_state()
    loop.run_unit()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loss_that_is_no_longer_finite_is_told() -> None:
    loop, _ = _loop(scale=float("nan"))
    with pytest.raises(NotFiniteError, match="loss is no longer finite") as told:
        loop.run_unit()
    assert told.value.losses == ("loss",)


def test_what_cannot_be_trained_is_refused() -> None:
    model = small_bert().requires_grad_(False)
    with pytest.raises(UsageError, match="no parameter to train"):
        LanguageLoop(
            model,
            sequences(20),
            _Norm(model),
            settings=SETTINGS,
            seed=0,
            accelerator=on_cpu(),
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"accumulate": 0},
        {"sequences_at_once": -1},
        {"max_tokens": 2},
        {"learning_rate": 0.0},
        {"warmup": 1.0},
        {"gradient_clip": 0.0},
        {"precision": "int8"},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        LoopSettings(**wrong)  # type: ignore[arg-type]


def _encoder(dropout: float) -> tuple[Any, Losses]:
    model = small_bert(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    return model, _Norm(model)


def _students_of_an_encoder(dropout: float) -> tuple[Any, Losses]:
    model = small_bert(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    return _students(model, "autodistil_mse")


def _students_of_a_decoder(dropout: float) -> tuple[Any, Losses]:
    return _students(small_llama(attention_dropout=dropout), "autodistil_mse")


@pytest.mark.parametrize("made", [_encoder, _students_of_an_encoder, _students_of_a_decoder])
@pytest.mark.parametrize("share", [0.0, 0.1])
def test_dropout_is_as_if_the_network_had_been_made_with_it(
    made: Callable[[float], tuple[Any, Losses]], share: float
) -> None:
    def trained(made_with: float, dropout: float | None) -> tuple[Tensor, set[float]]:
        module, losses = made(made_with)
        settings = replace(SETTINGS, dropout=dropout)
        loop = LanguageLoop(
            module, sequences(20), losses, settings=settings, seed=3, accelerator=on_cpu()
        )
        loop.run_unit()
        return _weights(loop), {getattr(part, name) for part, name in dropouts(module).values()}

    set_to, left = trained(0.3, share)
    made_so, _ = trained(share, None)
    assert torch.equal(set_to, made_so)
    assert left == {0.3}
    assert not torch.equal(set_to, trained(0.3, None)[0])


def test_dropout_reaches_the_attention_of_a_decoder() -> None:
    from transformers import LlamaConfig, LlamaModel

    model = LlamaModel(
        LlamaConfig(
            vocab_size=8,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
        )
    )
    batch = {"input_ids": torch.arange(8)[None], "attention_mask": torch.ones(1, 8).long()}
    model.train()

    def said() -> Tensor:
        hidden: Tensor = model(**batch).last_hidden_state
        return hidden.detach()

    assert torch.equal(said(), said())
    with dropping(model, 0.5):
        assert not torch.equal(said(), said())
    assert torch.equal(said(), said())
