from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    MobileViTImageProcessor,
    ResNetConfig,
    ResNetForImageClassification,
    ViTForImageClassification,
    ViTImageProcessor,
    ViTModel,
)

from nas_kd.errors import NasKdError, UsageError
from nas_kd.source_spec import SourceSpec
from nas_kd.teachers import load_teacher, other_classes
from nas_kd.teachers.candidate import Candidate, become_teacher
from tests.data.hostile import Bomb
from tests.teachers.nets import Task, TwoHeads
from tests.tiny_vit import tiny_vit

VIT = tiny_vit(num_labels=5)


@pytest.fixture
def vit(tmp_path: Path) -> Path:
    """A saved ViT classifier with its image processor."""
    folder = tmp_path / "vit"
    ViTForImageClassification(VIT).save_pretrained(folder)
    size = {"height": 16, "width": 16}
    ViTImageProcessor(size=size, image_mean=[0.4] * 3, image_std=[0.2] * 3).save_pretrained(folder)
    return folder


def test_a_saved_vit(vit: Path) -> None:
    teacher = load_teacher(f"hf:{vit}", data=Task())
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = ViTForImageClassification.from_pretrained(vit).eval()(images).logits
    assert torch.equal(teacher.model(images), expected)
    assert (teacher.name, teacher.num_classes) == ("vit", 5)
    assert (teacher.mean, teacher.std) == ((0.4,) * 3, (0.2,) * 3)
    assert teacher.features == ["model.vit.layernorm"]
    assert teacher.head == "model.classifier"
    assert load_teacher(f"hf:{vit}?normalise=data", data=Task()).mean is None


def test_a_saved_resnet(tmp_path: Path) -> None:
    config = ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic", num_labels=5
    )
    ResNetForImageClassification(config).save_pretrained(tmp_path)
    teacher = load_teacher(f"hf:{tmp_path}", data=Task((3, 32, 32), 5))
    assert teacher.features[-1] == "model.resnet.encoder.stages.1"
    assert teacher.head == "model.classifier.1"
    assert teacher.mean is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_saved_in_half_precision_are_used_in_float32(
    dtype: torch.dtype, vit: Path, tmp_path: Path
) -> None:
    half = ViTForImageClassification(VIT).to(dtype)
    half.save_pretrained(vit)
    weights = {f"model.{name}": value for name, value in half.state_dict().items()}
    path = tmp_path / "own.safetensors"
    save_file(weights, path)
    for checkpoint in (None, path):
        teacher = load_teacher(f"hf:{vit}", data=Task(), checkpoint=checkpoint)
        assert {value.dtype for value in teacher.model.parameters()} == {torch.float32}
        head = teacher.model.get_parameter("model.classifier.weight")
        assert torch.equal(head, half.classifier.weight.float())


def test_a_checkpoint_in_place_of_the_weights(vit: Path, tmp_path: Path) -> None:
    trained = ViTForImageClassification(tiny_vit(num_labels=7))
    path = tmp_path / "own.safetensors"
    save_file(trained.state_dict(), path)
    teacher = load_teacher(f"hf:{vit}", data=Task(num_classes=7), checkpoint=path)
    assert torch.equal(teacher.model.state_dict()["model.classifier.bias"], trained.classifier.bias)


def test_what_does_not_fit_is_refused(vit: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="5 classes and the data has 6"):
        load_teacher(f"hf:{vit}", data=Task(num_classes=6))
    with pytest.raises(UsageError, match=r"image_size = 16"):
        load_teacher(f"hf:{vit}", data=Task((3, 32, 32)))
    with pytest.raises(UsageError, match=r"\?channels=3"):
        load_teacher(f"hf:{vit}", data=Task((1, 16, 16)))
    with pytest.raises(UsageError, match="Did you mean 'input_size'"):
        load_teacher(f"hf:{vit}?input_sise=32", data=Task())
    ViTModel(VIT).save_pretrained(tmp_path / "backbone")
    with pytest.raises(UsageError, match=r"lack classifier\..*not a trained classifier"):
        load_teacher(f"hf:{tmp_path / 'backbone'}", data=Task())
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_teacher(f"hf:{tmp_path / 'empty'}", data=Task())


def test_nothing_in_a_folder_is_executed(vit: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    (vit / "model.safetensors").unlink()
    torch.save({"vit.layernorm.weight": Bomb(mark)}, vit / "pytorch_model.bin")
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_teacher(f"hf:{vit}", data=Task())
    config = json.loads((vit / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (vit / "config.json").write_text(json.dumps(config))
    (vit / "own.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n")
    with pytest.raises(UsageError, match="never run"):
        load_teacher(f"hf:{vit}", data=Task())
    assert not mark.exists()


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("We couldn't connect") from ConnectionError("no network")

    monkeypatch.setattr(AutoModelForImageClassification, "from_pretrained", refuse)
    with pytest.raises(NasKdError, match=r"network cannot be reached.*save_pretrained") as caught:
        load_teacher("hf:someone/something", data=Task())
    assert not isinstance(caught.value, UsageError)


def test_an_image_processor_that_cannot_be_read_is_told_of(
    vit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = vit / "preprocessor_config.json"
    processor.write_text("{")
    with pytest.raises(UsageError, match=r"preprocessor_config\.json cannot be read"):
        load_teacher(f"hf:{vit}", data=Task())
    processor.unlink()
    assert load_teacher(f"hf:{vit}", data=Task()).mean is None

    def refuse(*_: object, **__: object) -> None:
        raise OSError("We couldn't connect") from ConnectionError("no network")

    monkeypatch.setattr(AutoImageProcessor, "from_pretrained", refuse)
    with pytest.raises(NasKdError, match=r"network cannot be reached.*normalise=data"):
        load_teacher(f"hf:{vit}", data=Task())
    assert load_teacher(f"hf:{vit}?normalise=data", data=Task()).mean is None


def test_the_switches_of_an_image_processor_are_heeded(vit: Path) -> None:
    file = vit / "preprocessor_config.json"
    stated = json.loads(file.read_text())

    def write(switches: Mapping[str, object]) -> None:
        file.write_text(json.dumps({**stated, **switches}))

    write({"do_normalize": False})
    teacher = load_teacher(f"hf:{vit}", data=Task())
    assert (teacher.mean, teacher.std) == ((0.0,) * 3, (1.0,) * 3)
    write({"rescale_factor": 0.00392156862745098})
    assert load_teacher(f"hf:{vit}", data=Task()).mean == (0.4,) * 3
    for switches in ({"do_rescale": False}, {"rescale_factor": 1 / 127.5}):
        write(switches)
        with pytest.raises(UsageError, match=r"scale pixels to 0 to 1.*\?normalise=data"):
            load_teacher(f"hf:{vit}", data=Task())
        assert load_teacher(f"hf:{vit}?normalise=data", data=Task()).mean is None


def test_a_processor_that_swaps_channels_is_refused(vit: Path) -> None:
    MobileViTImageProcessor(size={"shortest_edge": 16}).save_pretrained(vit)
    with pytest.raises(UsageError, match="swaps red and blue"):
        load_teacher(f"hf:{vit}", data=Task())


def test_outputs_are_brought_into_the_order_of_the_datas_classes(vit: Path) -> None:
    as_saved = load_teacher(f"hf:{vit}", data=Task())
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    file = vit / "config.json"
    names = {"0": "Elk", "1": "bee", "2": "cat", "3": "ant", "4": "dog"}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"id2label": names}))
    classes = ("ant", "bee", "cat", "dog", "elk")
    teacher = load_teacher(f"hf:{vit}", data=Task(classes=classes))
    assert torch.allclose(teacher.model(images), as_saved.model(images)[:, [3, 1, 2, 4, 0]])
    assert teacher.classes == ("ant", "bee", "cat", "dog", "Elk")
    assert other_classes(teacher.source, teacher.classes, classes) is None
    for untold in (("0", "1", "2", "3", "4"), ("ant", "bee", "cat", "dog", "elf")):
        left = load_teacher(f"hf:{vit}", data=Task(classes=untold))
        assert torch.equal(left.model(images), as_saved.model(images))
        assert left.classes == tuple(names.values())
    note = other_classes(teacher.source, teacher.classes, ("ant", "bee", "cat", "dog", "elf"))
    assert note is not None
    assert "ant, bee, cat, dog, elf: its outputs are taken to be" in note
    assert as_saved.classes is not None
    assert other_classes(as_saved.source, as_saved.classes, classes) is None


def test_averaged_heads_in_another_order_are_refused() -> None:
    candidate = Candidate(TwoHeads(), "two", classes=("b", "a"))
    task = Task((3, 4, 4), 2, ("a", "b"))
    with pytest.raises(UsageError, match="cannot be reordered"):
        become_teacher(candidate, SourceSpec.parse("hf:two"), task, None)
