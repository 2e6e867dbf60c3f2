"""What ``nas-kd measure`` can be pointed at."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
import torch
import transformers

from nas_kd.cli.student_folders import best_student
from nas_kd.cli.targets import find_target
from nas_kd.costs._latency_session import TimedModel
from nas_kd.errors import NasKdError, UsageError
from nas_kd.training.pretraining import PretrainingFolder
from studies.run_directory import SUPERNET_SEARCH, RunDirectory
from tests.costs.test_macs_of_tokens import ENCODER, GPT2, T5, build
from tests.tiny_vit import TINY_VIT


def configured(folder: Path, name: str, settings: dict[str, object]) -> Path:
    """A folder with nothing but the model's configuration."""
    kind = getattr(transformers, name)
    config = kind.config_class(**settings)
    config.architectures = [name]
    config.save_pretrained(folder)
    return folder


def sizes(path: Path) -> dict[str, list[int | str]]:
    graph = onnx.load(str(path)).graph
    return {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in graph.input
    }


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("BertForSequenceClassification", ENCODER),
        ("GPT2LMHeadModel", GPT2),
        ("T5EncoderModel", T5),
    ],
)
def test_models_of_tokens(name: str, settings: dict[str, object], tmp_path: Path) -> None:
    folder = configured(tmp_path / "model", name, settings)
    target = find_target(f"hf:{folder}?seq_len=9", tmp_path)
    assert sizes(target.onnx) == {"input_ids": ["batch", 9], "attention_mask": ["batch", 9]}
    assert target.counts.params == sum(p.numel() for p in build(name, settings).parameters())
    assert target.counts.macs > 9 * 16 * 16
    assert "9 tokens" in target.name


def test_models_of_images(tmp_path: Path) -> None:
    folder = configured(tmp_path / "vit", "ViTForImageClassification", TINY_VIT)
    target = find_target(f"hf:{folder}", tmp_path)
    assert sizes(target.onnx) == {"images": ["batch", 3, 16, 16]}
    assert target.counts.by_operator["conv"] == 4 * 16 * 3 * 8 * 8


def test_a_backbone_without_a_head(tmp_path: Path) -> None:
    folder = configured(tmp_path / "vit", "ViTModel", TINY_VIT)
    assert find_target(f"hf:{folder}", tmp_path).counts.macs > 0


def test_a_configuration_that_names_no_class(tmp_path: Path) -> None:
    folder = configured(tmp_path / "model", "BertModel", ENCODER)
    config = json.loads((folder / "config.json").read_text())
    for architectures in (None, ["NoSuchModel"], ["pipeline"]):
        (folder / "config.json").write_text(json.dumps({**config, "architectures": architectures}))
        counts = find_target(f"hf:{folder}?seq_len=5", tmp_path).counts
        assert counts.params == sum(p.numel() for p in build("BertModel", ENCODER).parameters())


def test_weights_in_half_precision_are_measured_in_single(tmp_path: Path) -> None:
    settings = {**ENCODER, "torch_dtype": "bfloat16"}
    folder = configured(tmp_path / "model", "BertModel", settings)
    graph = onnx.load(str(find_target(f"hf:{folder}?seq_len=5", tmp_path).onnx)).graph
    assert onnx.TensorProto.BFLOAT16 not in {tensor.data_type for tensor in graph.initializer}


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    bert = configured(tmp_path / "bert", "BertModel", ENCODER)
    for target, message in (
        (f"hf:{bert}?seq_length=9", "seq_length"),
        (f"hf:{bert}?seq_len=0", "positive integer"),
        (f"hf:{bert}?image_size=9", "leave out image_size"),
        (f"hf:{bert}?seq_len=99", "cannot be traced"),
        (f"hf:{tmp_path / 'nowhere'}", "cannot be built"),
        ("hf:", "names no model"),
    ):
        with pytest.raises(UsageError, match=message):
            find_target(target, tmp_path)


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    folder = configured(tmp_path / "model", "BertModel", ENCODER)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n")
    with pytest.raises(UsageError, match="never run"):
        find_target(f"hf:{folder}", tmp_path)
    assert not mark.exists()


def test_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("We couldn't connect") from ConnectionError("no network")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", refuse)
    with pytest.raises(NasKdError, match="network cannot be reached") as caught:
        find_target("hf:someone/something", tmp_path)
    assert not isinstance(caught.value, UsageError)


def test_the_global_random_state_is_left_alone(tmp_path: Path) -> None:
    folder = configured(tmp_path / "model", "BertModel", ENCODER)
    before = torch.get_rng_state()
    find_target(f"hf:{folder}?seq_len=5", tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_best_student_of_a_run_of_any_kind(tmp_path: Path) -> None:
    for kind in ("recipe.json", SUPERNET_SEARCH):
        run = RunDirectory(tmp_path / kind)
        run.path.mkdir()
        if kind == SUPERNET_SEARCH:
            run.write_state(kind, {"budget": "macs=50%"})
        else:
            run.recipe_json.touch()
        with pytest.raises(UsageError, match="has not delivered a student yet"):
            best_student(run.path)
        for rank in (10, 2):
            run.student(rank).mkdir(parents=True)
            run.student(rank).joinpath("manifest.json").touch()
        assert best_student(run.path) == run.student(2)
    with pytest.raises(UsageError, match="neither a student"):
        best_student(tmp_path)


def test_the_file_can_be_timed(tmp_path: Path) -> None:
    folder = configured(tmp_path / "model", "BertModel", ENCODER)
    target = find_target(f"hf:{folder}?seq_len=5", tmp_path)
    timed = TimedModel(str(target.onnx), "CPUExecutionProvider", threads=1, batch=3)
    assert timed.run() > 0


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (None, "not finished"),
        ({"weights": "none"}, r"nas-kd search --supernet \S+ --budget macs=50%"),
        ({"arch": {"edge": "none"}}, r"""nas-kd distill '{"edge": "none"}', with its --space"""),
    ],
)
def test_of_a_supernet_the_way_to_a_student_is_told(
    facts: dict[str, object] | None, message: str, tmp_path: Path
) -> None:
    folder = PretrainingFolder(tmp_path / "run")
    folder.claim({"method": "darts"})
    if facts is not None:
        folder.write_facts(facts)
    with pytest.raises(UsageError, match=message):
        best_student(tmp_path / "run")
