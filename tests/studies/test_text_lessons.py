"""What a student of text takes from a teacher of the same task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nas_kd.errors import UsageError
from nas_kd.export.text_student import TextStudent, load_text_student, save_text_student
from nas_kd.training.language import EmbeddingSettings, TaskSettings, with_head
from search_spaces import Arch
from search_spaces.supernets import SuperLM
from studies.observer import SilentObserver
from studies.text_lessons import EmbeddingLesson, Learned, Place, TaskLesson
from tests.data.text.words import word_tokenizer
from tests.search_spaces.supernets.language import space_of
from tests.search_spaces.supernets.language import teacher as language_model
from tests.training.language_models import (
    WORDS,
    lines,
    save_teacher,
    small_bert,
    small_llama,
)

OWN_WIDTH = Arch({"layers": 3, "hidden": 48, "heads": 9, "mlp": 20})


def test_states_are_imitated_where_the_teachers_logits_have_no_weight(tmp_path: Path) -> None:
    rows = [f"{text}\t{'yes' if 'w1 ' in text else 'no'}" for text in lines(40)]
    table = tmp_path / "task.tsv"
    table.write_text("\n".join(["text\tlabel", *rows]))
    teacher = save_teacher(tmp_path / "teacher")

    def learned(state_epochs: int) -> Learned:
        settings = TaskSettings(
            epochs=1, batch_size=16, max_tokens=16, teacher_weight=0.0, state_epochs=state_epochs
        )
        lesson = TaskLesson(f"{table}?text=text&label=label", teacher, settings)
        student = TextStudent(small_bert(seed=1), word_tokenizer(WORDS), {})
        folder = tmp_path / f"work-{state_epochs}"
        return lesson.teach(student, Place(folder, {}, SilentObserver()))

    without, imitating = learned(0), learned(1)
    assert without.teacher is None
    assert imitating.teacher is not None
    assert imitating.teacher_facts["fine_tuned"]
    one, other = (found.model.base_model.get_input_embeddings() for found in (without, imitating))
    assert not torch.equal(one.weight, other.weight)


def test_states_that_cannot_be_compared_are_refused_before_the_teacher_learns(
    tmp_path: Path,
) -> None:
    rows = [f"{text}\t{'yes' if 'w1 ' in text else 'no'}" for text in lines(40)]
    table = tmp_path / "task.tsv"
    table.write_text("\n".join(["text\tlabel", *rows]))
    teacher = save_teacher(tmp_path / "teacher", small_bert(num_attention_heads=4))
    settings = TaskSettings(
        epochs=1, batch_size=16, max_tokens=16, state_epochs=1, state_distillers="tinybert"
    )
    lesson = TaskLesson(f"{table}?text=text&label=label", teacher, settings)
    student = TextStudent(small_bert(seed=1), word_tokenizer(WORDS), {})
    work = tmp_path / "work"
    with pytest.raises(UsageError, match="students with 8 and the teacher has 4"):
        lesson.teach(student, Place(work, {}, SilentObserver()))
    assert not work.exists()


class _Notes(SilentObserver):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.mark.parametrize("swapped", [False, True])
def test_the_outputs_and_the_score_of_a_teacher_are_told_before_a_student_learns(
    tmp_path: Path, swapped: bool
) -> None:
    """Those of a teacher whose outputs have no names, and which knows its texts or the contrary."""
    rows = [f"{word}\t{'pos' if word == 'w1' else 'neg'}" for word in ("w1", "w2") * 20]
    table = tmp_path / "task.tsv"
    table.write_text("\n".join(["text\tlabel", *rows]))
    knowing = _telling_words_apart(*(("w2", "w1") if swapped else ("w1", "w2")))
    lesson = TaskLesson(
        f"{table}?text=text&label=label",
        save_teacher(tmp_path / "teacher", knowing),
        TaskSettings(epochs=1, batch_size=16, max_tokens=16),
    )
    student = TextStudent(small_bert(seed=1), word_tokenizer(WORDS), {})
    observer = _Notes()
    lesson.teach(student, Place(tmp_path / "work", {}, observer))
    outputs, score = observer.notes[:2]
    assert "in the order of the classes: LABEL_0 is neg, LABEL_1 is pos." in outputs
    assert score.startswith("WARNING") == swapped
    assert f"is right on {'0.0%' if swapped else '100.0%'} of the validation texts" in score
    assert "is on 50.0%" in score
    assert ("id2label" in score) == swapped


def test_the_share_of_texts_that_are_cut_off_is_told(tmp_path: Path) -> None:
    """Half of the texts have four words, which are six tokens."""
    table = tmp_path / "task.tsv"
    table.write_text("text\tlabel\n" + "w1 w2 w3 w4\tyes\nw5\tno\n" * 20)
    student = TextStudent(small_bert(), word_tokenizer(WORDS), {})
    told = {}
    for tokens in (5, 6):
        settings = TaskSettings(epochs=1, batch_size=16, max_tokens=tokens, teacher_weight=0)
        observer = _Notes()
        lesson = TaskLesson(f"{table}?text=text&label=label", None, settings)
        lesson.teach(student, Place(tmp_path / f"work-{tokens}", {}, observer))
        told[tokens] = observer.notes
    (note,) = told[5]
    assert "50.0% of the texts are cut off at 5 tokens, and the longest has 6" in note
    assert "--set max_tokens=N" in note
    assert told[6] == []


def test_the_share_of_sentences_that_are_cut_off_is_told(tmp_path: Path) -> None:
    lesson = EmbeddingLesson(
        _pairs(tmp_path / "pairs.tsv"),
        save_teacher(tmp_path / "teacher"),
        EmbeddingSettings(epochs=1, batch_size=8, max_tokens=5),
    )
    observer = _Notes()
    student = TextStudent(small_bert(seed=1), word_tokenizer(WORDS), {})
    lesson.teach(student, Place(tmp_path / "work", {}, observer))
    score, cut = observer.notes
    assert "(Spearman)" in score
    assert "are cut off at 5 tokens" in cut


def _telling_words_apart(one: str, other: str) -> Any:
    """A classifier, which says 1 of the first word and 0 of the other one."""
    model: Any = with_head(small_bert(), 2, seed=0).eval()
    words = word_tokenizer(WORDS)([one, other], return_tensors="pt")
    with torch.no_grad():
        pooled = model.base_model(**words).pooler_output
        apart = pooled[0] - pooled[1]
        middle = (pooled[0] + pooled[1]) @ apart / 2
        model.classifier.weight.copy_(torch.stack([-apart, apart]))
        model.classifier.bias.copy_(torch.stack([middle, -middle]))
    return model


def test_padding_does_not_change_what_decoders_say_of_a_text(tmp_path: Path) -> None:
    """Whatever token their configurations name for padding: here it is one of the words."""
    rows = [f"{text}\t{'yes' if 'w1 ' in text else 'no'}" for text in lines(40)]
    table, word = tmp_path / "task.tsv", 9
    table.write_text("\n".join(["text\tlabel", *rows]))
    knowing = with_head(small_llama(pad_token_id=word).model, 2, seed=0)
    lesson = TaskLesson(
        f"{table}?text=text&label=label",
        save_teacher(tmp_path / "teacher", knowing),
        TaskSettings(epochs=1, batch_size=16, max_tokens=16),
    )
    student = TextStudent(small_llama(pad_token_id=word), word_tokenizer(WORDS), {})
    learned = lesson.teach(student, Place(tmp_path / "work", {}, SilentObserver()))
    assert learned.teacher is not None
    texts = word_tokenizer(WORDS)(["w1 w2", "w3 w4 w5 w6 w7"], padding=True, return_tensors="pt")
    for model in (learned.model, learned.teacher):
        alone = model(input_ids=texts["input_ids"][:1, :4]).logits
        torch.testing.assert_close(model(**texts).logits[:1], alone)


def _pairs(table: Path) -> str:
    """Writes pairs of texts with scores; how to name them."""
    texts = lines(20)
    rows = [f"{one}\t{two}\t{len(one)}" for one, two in zip(texts[::2], texts[1::2], strict=True)]
    table.write_text("\n".join(["one\ttwo\tscore", *rows]))
    return f"{table}?text=one&second=two&label=score&regression=true"


@pytest.mark.parametrize("kind", ["BertModel", "LlamaForCausalLM"])
@pytest.mark.parametrize("taught", [False, True])
def test_a_student_that_learned_embeddings_opens_again(
    tmp_path: Path, kind: str, taught: bool
) -> None:
    whole = language_model(kind)
    model = SuperLM(whole, space_of(whole)).extract(OWN_WIDTH)
    if taught:
        model = with_head(model.base_model, 3, seed=0)
    lesson = EmbeddingLesson(
        _pairs(tmp_path / "pairs.tsv"),
        save_teacher(tmp_path / "teacher"),
        EmbeddingSettings(epochs=1, batch_size=8, max_tokens=12),
    )
    student = TextStudent(model, word_tokenizer(WORDS), {})
    learned = lesson.teach(student, Place(tmp_path / "work", {}, SilentObserver()))
    save_text_student(tmp_path / "learned", learned.model, student.tokenizer, {})
    batch = {"input_ids": torch.tensor([[2, 4, 5, 3]])}
    expected = learned.model(**batch).last_hidden_state
    found = load_text_student(tmp_path / "learned").model
    torch.testing.assert_close(found(**batch).last_hidden_state, expected)
    config = json.loads((tmp_path / "learned" / "config.json").read_text())
    assert config["auto_map"]["AutoModel"].endswith(type(found).__name__)


def test_a_teacher_that_does_not_pool_by_the_mean_teaches_no_embeddings(tmp_path: Path) -> None:
    source = save_teacher(tmp_path / "teacher")
    (tmp_path / "teacher" / "1_Pooling").mkdir()
    (tmp_path / "teacher" / "1_Pooling" / "config.json").write_text('{"pooling_mode": "cls"}')
    lesson = EmbeddingLesson(_pairs(tmp_path / "pairs.tsv"), source, EmbeddingSettings())
    student = TextStudent(small_bert(seed=1), word_tokenizer(WORDS), {})
    with pytest.raises(UsageError, match="pools by cls"):
        lesson.teach(student, Place(tmp_path / "work", {}, SilentObserver()))
