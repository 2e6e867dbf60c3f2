"""Fine-tuning on classes, pairs and scores, with a teacher; sentence encoders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nas_kd.data.text import LabelledTexts, TextExamples, encoded
from nas_kd.errors import UsageError
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.language import (
    EmbeddingSettings,
    FinetuneSettings,
    distil_embeddings,
    embeddings_of,
    finetune,
    outputs_of,
    similarity_score,
    task_score,
    with_head,
)
from search_spaces.supernets import SuperLM
from tests.data.text.words import word_tokenizer
from tests.training.language_models import lines, on_cpu, small_bert, small_space
from tests.training.language_tasks import TOKENIZER, task_of_words

SETTINGS = FinetuneSettings(epochs=4, batch_size=16, max_tokens=16, learning_rate=2e-3)


def _encoder() -> Any:
    return small_bert(initializer_range=0.05)


def _student() -> Any:
    space = small_space("autodistil-base")
    return SuperLM(_encoder(), space).extract(space.anchors()[0])


@pytest.mark.parametrize(
    "kind", [{}, {"pairs": True}, {"scores": True}, {"scores": True, "pairs": True}]
)
def test_a_task_is_learned_and_judged_on_the_validation_examples(
    kind: dict[str, bool],
) -> None:
    task = task_of_words(**kind)
    model = with_head(_encoder(), task.outputs, seed=0)
    result = finetune(model, task, TOKENIZER, settings=SETTINGS, seed=0, accelerator=on_cpu())
    assert result.score is not None
    assert result.score > 0.75
    outputs = outputs_of(model, encoded(task.validation, TOKENIZER, 16))
    assert task_score(task, outputs, task.validation.targets) == result.score


@pytest.mark.parametrize("scores", [False, True])
def test_the_teacher_alone_teaches(scores: bool) -> None:
    """All labels of the student's examples are wrong; it looks at the teacher alone."""
    task = task_of_words(scores=scores)
    teacher = with_head(_encoder(), task.outputs, seed=0)
    finetune(teacher, task, TOKENIZER, settings=SETTINGS, seed=0, accelerator=on_cpu())
    wrong = task.train.targets.flip(0)
    blind = replace(task, train=replace(task.train, targets=wrong))
    student = with_head(_student(), task.outputs, seed=1)
    settings = replace(SETTINGS, label_weight=0.0, teacher_weight=1.0, epochs=6)
    result = finetune(
        student,
        blind,
        TOKENIZER,
        teacher=teacher,
        settings=settings,
        seed=0,
        accelerator=on_cpu(),
    )
    assert result.score is not None
    assert result.score > 0.75


def test_a_head_leaves_the_states_of_any_shape_as_they_are() -> None:
    for model in (small_bert(), _student()):
        classifier = with_head(model, 3, seed=0)
        batch = {"input_ids": torch.tensor([[2, 7, 9, 3]])}
        found = classifier.base_model.eval()(**batch).last_hidden_state
        assert torch.equal(found, model.eval()(**batch).last_hidden_state)
        assert classifier.eval()(**batch).logits.shape == (1, 3)
        same, other = (with_head(model, 3, seed=seed).classifier.weight for seed in (0, 1))
        assert torch.equal(same, classifier.classifier.weight)
        assert not torch.equal(same, other)


def test_the_last_weights_are_kept_where_the_score_is_not_to_choose(tmp_path: Path) -> None:
    task = task_of_words()
    scores = {}
    for keep_best in (True, False):
        model = with_head(_encoder(), task.outputs, seed=0)
        settings = replace(SETTINGS, keep_best=keep_best, epochs=3, learning_rate=5e-4)
        result = finetune(model, task, TOKENIZER, settings=settings, seed=0, accelerator=on_cpu())
        history = [row["score"] for row in result.history]
        assert result.score == (max(history) if keep_best else history[-1])
        outputs = outputs_of(model, encoded(task.validation, TOKENIZER, 16))
        scores[keep_best] = task_score(task, outputs, task.validation.targets)
        assert scores[keep_best] == result.score


def test_an_interrupted_fine_tuning_goes_on(tmp_path: Path) -> None:
    task = task_of_words()

    def run(checkpoint: CheckpointFile | None, stop: int | None = None) -> Any:
        def told(done: int, total: int, best: str) -> None:
            if done == stop:
                raise KeyboardInterrupt

        model = with_head(_encoder(), task.outputs, seed=0)
        return finetune(
            model,
            task,
            TOKENIZER,
            settings=SETTINGS,
            seed=0,
            accelerator=on_cpu(),
            checkpoint=checkpoint,
            on_progress=told,
        )

    kept = CheckpointFile(tmp_path, {"what": "words"})
    with pytest.raises(KeyboardInterrupt):
        run(kept, stop=2)
    resumed, whole = (
        [{**row, "seconds": 0} for row in run(checkpoint).history] for checkpoint in (kept, None)
    )
    assert resumed == whole


def test_what_does_not_fit_is_refused() -> None:
    task = task_of_words()
    model = with_head(_encoder(), 3, seed=0)
    with pytest.raises(UsageError, match="the model has 3 outputs and words takes 2"):
        finetune(model, task, TOKENIZER, settings=SETTINGS, seed=0, accelerator=on_cpu())
    settings = replace(SETTINGS, label_weight=0.0)
    with pytest.raises(UsageError, match="there is no teacher"):
        finetune(
            with_head(_encoder(), 2, seed=0),
            task,
            TOKENIZER,
            settings=settings,
            seed=0,
            accelerator=on_cpu(),
        )
    with pytest.raises(UsageError, match="neither the labels nor the teacher"):
        FinetuneSettings(label_weight=0.0, teacher_weight=0.0)
    with pytest.raises(UsageError, match="pairs of texts with scores"):
        similarity_score(small_bert(), task, TOKENIZER)


def test_the_teacher_reads_with_its_own_tokenizer() -> None:
    task = task_of_words()
    teacher = with_head(_encoder(), 2, seed=0)
    losses = []
    for own in (None, TOKENIZER, word_tokenizer(4)):  # the last one knows next to no word
        result = finetune(
            with_head(_student(), 2, seed=1),
            task,
            TOKENIZER,
            teacher=teacher,
            teacher_tokenizer=own,
            settings=replace(SETTINGS, epochs=1),
            seed=0,
            accelerator=on_cpu(),
        )
        losses.append(result.history[0]["loss"])
    assert losses[0] == losses[1] != losses[2]


LONG = TextExamples(("w1 " * 40, "w2"), None, torch.tensor([0, 1]))
SHORT = TextExamples(("w1", "w2"), None, torch.tensor([0, 1]))


@pytest.mark.parametrize("texts", [(LONG, SHORT), (SHORT, LONG)])
def test_texts_that_are_longer_than_a_model_reads_are_told_before_the_training(
    texts: tuple[TextExamples, TextExamples],
) -> None:
    told: list[int] = []
    with pytest.raises(UsageError, match=r"the model reads at most 32 tokens.*has 40"):
        finetune(
            with_head(_encoder(), 2, seed=0),
            LabelledTexts("long", *texts, ("low", "high")),
            TOKENIZER,
            settings=replace(SETTINGS, max_tokens=40),
            seed=0,
            accelerator=on_cpu(),
            on_progress=lambda done, total, best: told.append(done),
        )
    assert not told


def test_texts_that_are_longer_than_a_judged_model_reads_are_told() -> None:
    read = encoded(LONG, TOKENIZER, 40)
    with pytest.raises(UsageError, match="the teacher reads at most 32 tokens"):
        outputs_of(with_head(_encoder(), 2, seed=0), read, role="teacher")
    pairs = replace(LONG, seconds=SHORT.texts, targets=torch.tensor([0.0, 1.0]))
    with pytest.raises(UsageError, match="the model reads at most 32 tokens"):
        similarity_score(small_bert(), LabelledTexts("pairs", pairs, pairs, ()), TOKENIZER)


def test_a_student_puts_sentences_where_its_teacher_has_them() -> None:
    teacher, student = small_bert(), _student()
    texts = lines(120)
    firsts, seconds = tuple(lines(60, 8)), tuple(lines(60, 9))

    def embedded(texts: tuple[str, ...]) -> torch.Tensor:
        examples = TextExamples(texts, None, torch.zeros(len(texts)))
        return embeddings_of(teacher, encoded(examples, TOKENIZER, 16))

    scores = (embedded(firsts) * embedded(seconds)).sum(1)
    pairs = TextExamples(firsts, seconds, scores)
    task = LabelledTexts("pairs", pairs, pairs, ())
    assert similarity_score(teacher, task, TOKENIZER) == pytest.approx(1.0)
    before = similarity_score(student, task, TOKENIZER)
    settings = EmbeddingSettings(epochs=8, batch_size=24, max_tokens=16, learning_rate=3e-3)
    result = distil_embeddings(
        student,
        texts,
        TOKENIZER,
        teacher=teacher,
        settings=settings,
        seed=0,
        accelerator=on_cpu(),
    )
    losses = [row["sentence_similarity"] for row in result.history]
    assert losses[-1] < 0.75 * losses[0]
    assert similarity_score(student, task, TOKENIZER) > before


@pytest.mark.parametrize("split", [{"accumulate": 2}, {"sequences_at_once": 32}])
def test_sentences_of_a_batch_are_not_parted(split: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="Leave accumulate and sequences_at_once out"):
        EmbeddingSettings(**split)  # type: ignore[arg-type]


@pytest.mark.parametrize(("texts", "batch_size"), [(40, 1), (1, 24)])
def test_a_single_sentence_is_not_compared(texts: int, batch_size: int) -> None:
    with pytest.raises(UsageError, match="needs two to compare"):
        distil_embeddings(
            _student(),
            lines(texts),
            TOKENIZER,
            teacher=small_bert(),
            settings=EmbeddingSettings(batch_size=batch_size, max_tokens=16),
            seed=0,
            accelerator=on_cpu(),
        )
