"""Teachers with a head: their outputs in the order of the task's classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file, save_model
from transformers import BertForSequenceClassification

from nas_kd.errors import UsageError
from nas_kd.teachers.task_teacher import load_task_teacher
from tests.data.text.words import word_tokenizer
from tests.training.language_models import WORDS, save_teacher, small_bert, small_llama


def _saved(folder: Path, names: list[str]) -> tuple[str, Any]:
    config = small_bert().config
    config.num_labels = len(names)
    config.id2label = dict(enumerate(names))
    torch.manual_seed(0)
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    word_tokenizer(WORDS).save_pretrained(folder)
    return f"hf:{folder}", model


def _logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=torch.tensor([[2, 8, 9, 3]])).logits
    return logits


def test_outputs_follow_the_names_of_the_classes(tmp_path: Path) -> None:
    source, model = _saved(tmp_path, ["b", "C", "a"])
    teacher = load_task_teacher(source, ("a", "b", "c"), seed=0)
    assert teacher.knows_task
    torch.testing.assert_close(_logits(teacher.model), _logits(model)[:, [2, 0, 1]])
    assert teacher.model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert (teacher.outputs, teacher.ordered_by_name) == (("a", "b", "C"), True)


@pytest.mark.parametrize("names", [["LABEL_0", "LABEL_1"], ["negative", "positive"]])
def test_numbered_classes_stay_where_they_are(tmp_path: Path, names: list[str]) -> None:
    source, model = _saved(tmp_path, names)
    teacher = load_task_teacher(source, ("0", "1"), seed=0)
    assert (teacher.outputs, teacher.ordered_by_name) == (tuple(names), False)
    torch.testing.assert_close(_logits(teacher.model), _logits(model))


def test_a_model_without_a_head_gets_one(tmp_path: Path) -> None:
    source = save_teacher(tmp_path)
    one, same, other = (load_task_teacher(source, ("a", "b", "c"), seed=s) for s in (0, 0, 1))
    assert not one.knows_task
    assert _logits(one.model).shape == (1, 3)
    assert torch.equal(_logits(one.model), _logits(same.model))
    assert not torch.equal(_logits(one.model), _logits(other.model))
    assert load_task_teacher(source, (), seed=0).model.config.num_labels == 1


def test_other_weights_replace_its_own_and_do_not_know_the_task(tmp_path: Path) -> None:
    batch = {"input_ids": torch.tensor([[2, 8, 9, 3]])}
    encoder, decoder = small_bert(seed=1), small_llama()
    classifier, _ = _saved(tmp_path / "classifier", ["a", "b"])
    writer = save_teacher(tmp_path / "writer", decoder)
    for source, model in ((classifier, encoder), (writer, decoder)):
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(1.1)
        save_model(model, tmp_path / "weights.safetensors")
        teacher = load_task_teacher(
            source, ("a", "b"), seed=0, checkpoint=tmp_path / "weights.safetensors"
        )
        assert not teacher.knows_task
        expected = model.base_model(**batch).last_hidden_state
        torch.testing.assert_close(teacher.model.base_model(**batch).last_hidden_state, expected)


def test_beside_other_weights_the_head_is_new(tmp_path: Path) -> None:
    source, model = _saved(tmp_path, ["a", "b"])
    weights = tmp_path / "weights.safetensors"
    save_model(small_bert(seed=1), weights)
    one, same, other = (
        load_task_teacher(source, ("a", "b"), seed=seed, checkpoint=weights).model.classifier.weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one, model.classifier.weight)


@pytest.mark.parametrize("lost", ["classifier", "pooler"])
def test_a_teacher_that_lost_what_knows_the_task_is_refused(tmp_path: Path, lost: str) -> None:
    source, model = _saved(tmp_path, ["a", "b", "c"])
    kept = {name: weight for name, weight in model.state_dict().items() if lost not in name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=f"lacks 2 of its weights.*{lost}"):
        load_task_teacher(source, ("a", "b", "c"), seed=0)


@pytest.mark.parametrize(
    ("classes", "message"),
    [(("a", "b"), "3 outputs and the task takes 2"), (("x", "y", "z"), "Name the classes alike")],
)
def test_a_teacher_of_another_task_is_refused(
    tmp_path: Path, classes: tuple[str, ...], message: str
) -> None:
    source, _ = _saved(tmp_path, ["b", "c", "a"])
    with pytest.raises(UsageError, match=message):
        load_task_teacher(source, classes, seed=0)
