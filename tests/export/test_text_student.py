"""Directories of students of text, read with nas_kd and without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

import nas_kd.export
from nas_kd.costs.onnx_models import onnx_precision
from nas_kd.errors import ExportError, UsageError
from nas_kd.export.manifest import write_manifest
from nas_kd.export.running import open_onnx
from nas_kd.export.text_delivery import deliver_text_student
from nas_kd.export.text_student import load_text_student, save_text_student
from nas_kd.export.token_models import export_tokens
from nas_kd.export.token_parity import check_token_parity
from search_spaces import Arch
from search_spaces.supernets import SuperLM
from tests.search_spaces.supernets.language import KINDS, batch, space_of, teacher

STOCK = Arch({"layers": 3, "hidden": 48, "heads": 6, "mlp": 20})
OWN_WIDTH = STOCK.replace(heads=9)
PROVENANCE = {"space": "autodistil", "arch": dict(STOCK), "teacher": "a test's"}
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *["the", "a", "dog", "cat", "sees", "and", "sleeps", "."],
]

READER = """
import json, sys
import numpy as np, onnxruntime, torch
from transformers import AutoModel, AutoTokenizer

def read(folder, trusted):
    model = AutoModel.from_pretrained(folder, trust_remote_code=trusted).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    session = onnxruntime.InferenceSession(folder + "/student.onnx")
    differences = []
    for texts in (["the dog sleeps"], ["the cat sees the dog and sleeps", "a dog", ""]):
        tokens = tokenizer(texts, padding=True, return_tensors="np")
        (found,) = session.run(None, dict(tokens))
        with torch.no_grad():
            wanted = model(**tokenizer(texts, padding=True, return_tensors="pt")).last_hidden_state
        real = tokens["attention_mask"].astype(bool)
        differences.append(float(np.abs(found - wanted.numpy())[real].max()))
    return type(model).__name__, max(differences)

found = [read("stock", False), read("own", True)]
strangers = [name for name in sys.modules if name.split(".")[0] in ("nas_kd", "search_spaces")]
print(json.dumps({"found": found, "strangers": strangers}))
"""


def tokenizer() -> PreTrainedTokenizerFast:
    """One that knows a dozen words."""
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def student(arch: Arch, kind: str = "BertModel") -> PreTrainedModel:
    model = teacher(kind)
    return SuperLM(model, space_of(model)).extract(arch)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arch", [STOCK, OWN_WIDTH])
def test_save_and_load(arch: Arch, kind: str, tmp_path: Path) -> None:
    saved = student(arch, kind)
    save_text_student(tmp_path, saved, tokenizer(), PROVENANCE)
    loaded = load_text_student(tmp_path)
    assert type(loaded.model) is type(saved)
    assert not loaded.model.training
    assert loaded.tokenizer is not None
    assert loaded.tokenizer("the dog")["input_ids"] == [2, 4, 6, 3]
    assert loaded.provenance["arch"] == dict(STOCK)
    for name, weight in saved.state_dict().items():
        assert torch.equal(weight, loaded.model.state_dict()[name])
    for one, other in zip(saved(**batch())[0], loaded.model(**batch())[0], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", ["LlamaForCausalLM", "LlamaForCausalLM untied"])
@pytest.mark.parametrize("arch", [STOCK, OWN_WIDTH])
def test_decoders_open_with_their_head(arch: Arch, kind: str, tmp_path: Path) -> None:
    saved = student(arch, kind)
    save_text_student(tmp_path, saved, tokenizer(), PROVENANCE)
    opened = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(opened) is type(saved)
    assert torch.equal(opened(**batch()).logits, saved(**batch()).logits)


def test_a_student_without_a_tokenizer(tmp_path: Path) -> None:
    save_text_student(tmp_path, student(STOCK), None, {})
    assert load_text_student(tmp_path).tokenizer is None


def test_the_directory_opens_without_this_package(tmp_path: Path) -> None:
    for folder, arch in (("stock", STOCK), ("own", OWN_WIDTH)):
        deliver_text_student(tmp_path / folder, student(arch), tokenizer(), {}, lengths=(5, 9))
    elsewhere = {"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", READER],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **elsewhere},
    )
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout.splitlines()[-1])
    assert [name for name, _ in read["found"]] == ["BertModel", "OwnWidthBertModel"]
    assert all(difference < 1e-4 for _, difference in read["found"])
    assert read["strangers"] == []


def test_delivery(tmp_path: Path) -> None:
    manifest_file = deliver_text_student(
        tmp_path, student(OWN_WIDTH), tokenizer(), PROVENANCE, lengths=(4, 12), int8=True
    )
    manifest = json.loads(manifest_file.read_text())
    assert onnx_precision(tmp_path / "student.int8.onnx") == "int8"
    assert manifest["provenance"]["teacher"] == "a test's"
    assert set(manifest["parity"]) == {"fp32", "int8"}
    assert set(manifest["costs"]) == {"4", "12"}
    assert manifest["costs"]["12"]["macs"] > manifest["costs"]["4"]["macs"]
    assert manifest["parity"]["fp32"]["passed"]
    assert {"model.safetensors", "tokenizer.json", "student.onnx"} <= set(manifest["files"])
    inputs = open_onnx(tmp_path / "student.onnx").get_inputs()
    assert [value.name for value in inputs] == ["input_ids", "attention_mask", "token_type_ids"]
    assert all(value.shape == ["batch", "sequence"] for value in inputs)


@pytest.mark.parametrize("kind", KINDS)
def test_any_batch_and_length(kind: str, tmp_path: Path) -> None:
    model = student(OWN_WIDTH, kind)
    file = export_tokens(model, 7, tmp_path / "model.onnx", any_length=True)
    assert check_token_parity(model, file, (1, 5, 7, 12), seed=0).passed
    output = open_onnx(file).get_outputs()[0]
    per_token = not kind.endswith("SequenceClassification")
    assert output.shape[: 1 + per_token] == ["batch", "sequence"][: 1 + per_token]


def test_files_of_other_weights_or_one_length_are_found_out(tmp_path: Path) -> None:
    model = student(STOCK)
    other = export_tokens(student(STOCK, "BertModel"), 7, tmp_path / "a.onnx", any_length=True)
    with torch.no_grad():
        model.encoder.layer[2].output.dense.weight[0, 0] += 1
    assert not check_token_parity(model, other, (5, 7), seed=0).passed
    fixed = export_tokens(model, 7, tmp_path / "b.onnx")
    with pytest.raises(ExportError, match=r"cannot be run on tokens of shape \(1, 5\)"):
        check_token_parity(model, fixed, (5,), seed=0)


def test_damaged_directories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"provenance\.json cannot be read"):
        load_text_student(tmp_path)
    save_text_student(tmp_path, student(STOCK), tokenizer(), PROVENANCE)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-10])
    with pytest.raises(UsageError, match="cannot be read or do not fit"):
        load_text_student(tmp_path)
    weights.write_bytes(whole)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "intermediate_size": 8}))
    with pytest.raises(UsageError, match="do not fit"):
        load_text_student(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["os"]}))
    with pytest.raises(UsageError, match="has 'os'"):
        load_text_student(tmp_path)


def test_a_file_that_is_not_the_one_of_the_manifest_is_refused(tmp_path: Path) -> None:
    save_text_student(tmp_path, student(STOCK), tokenizer(), PROVENANCE)
    write_manifest(tmp_path, costs={}, latency=None, parity={}, accuracy={}, seeds={})
    load_text_student(tmp_path)
    weights = tmp_path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UsageError, match=r"safetensors differs from what manifest\.json says"):
        load_text_student(tmp_path)


def test_code_in_the_directory_is_not_run(tmp_path: Path) -> None:
    save_text_student(tmp_path, student(OWN_WIDTH), tokenizer(), PROVENANCE)
    code = tmp_path / "own_width_bert.py"
    assert code.is_file()
    code.write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    load_text_student(tmp_path)
    assert not (tmp_path / "run").exists()


def test_a_student_of_text_is_opened_by_the_public_name_that_load_student_tells(
    tmp_path: Path,
) -> None:
    save_text_student(tmp_path, teacher("BertModel"), None, PROVENANCE)
    with pytest.raises(UsageError, match=r"student of text.*nas_kd\.export\.load_text_student"):
        nas_kd.export.load_student(tmp_path)
    assert "load_text_student" in nas_kd.export.__all__
    found = nas_kd.export.load_text_student(tmp_path)
    assert isinstance(found, nas_kd.export.TextStudent)
    assert found.provenance["space"] == PROVENANCE["space"]
