from __future__ import annotations

import functools
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from nas_kd.errors import NasKdError, UsageError
from nas_kd.teachers import Teacher, load_teacher
from tests.teachers.nets import SmallCnn, Task

OWN = "tests.teachers.nets"


def test_own_module() -> None:
    teacher = load_teacher(f"{OWN}:make", data=Task())
    assert (teacher.name, teacher.source, teacher.num_classes) == ("make", f"{OWN}:make", 5)
    assert (teacher.features[-1], teacher.head) == ("body", "head")
    assert not teacher.model.training
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())
    assert (teacher.mean, teacher.std) == (None, None)


def test_own_factory_is_given_what_it_asks_for() -> None:
    teacher = load_teacher(f"{OWN}:make_for", data=Task((1, 3, 3), 4))
    assert teacher.model(torch.zeros(2, 1, 3, 3)).shape == (2, 4)


def test_own_teacher_is_taken_as_it_is(tmp_path: Path) -> None:
    trained = {name: torch.full_like(v, 0.1) for name, v in SmallCnn().state_dict().items()}
    save_file(trained, tmp_path / "weights.safetensors")
    teacher = load_teacher(
        f"{OWN}:make_teacher", data=Task(), checkpoint=tmp_path / "weights.safetensors"
    )
    assert teacher.features == ["body"]
    assert teacher.mean == (0.5, 0.5, 0.5)
    assert all((value == 0.1).all() for value in teacher.model.state_dict().values())


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    state = torch.random.get_rng_state()
    images = torch.ones(1, 3, 16, 16)
    first, same, other = (
        load_teacher(f"{OWN}:make", data=Task(), seed=seed).model(images) for seed in (1, 1, 2)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("digits-cn", "Did you mean 'digits-cnn'"),
        ("timn", "Did you mean 'timm'"),
        ("timm:", "names no model"),
        ("timm:resnet181", "Did you mean 'resnet18'"),
        ("timm:resnet18?pretraind=false", "cannot be built"),
        ("timm:resnet18?pretrained=no", "pretrained=true or pretrained=false"),
        ("timm:test_vit?pretrained=false&normalise=dta", "normalise=model or normalise=data"),
        ("timm:test_vit?normalise=", "normalise=model or normalise=data"),
        ("hf:nowhere?normalise=dta", "'dta'; write normalise=model or normalise=data"),
        ("nowhere.at_all:f", "'nowhere.at_all'.*cannot be imported"),
        (f"{OWN}:missing", "has no 'missing'"),
        (f"{OWN}:NUMBER", "is a int"),
        (f"{OWN}:nothing", "returned NoneType"),
        (f"{OWN}:make?normalise=data", "there is no 'normalise'"),
        (f"{OWN}:make_for?num_classes=5", "num_classes is no option"),
        (f"{OWN}:make_teacher_with_a_slip", "no submodule boddy"),
        (f"{OWN}:without_a_linear_layer", "no nn.Linear"),
    ],
)
def test_what_cannot_be_loaded(source: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_teacher(source, data=Task())


@pytest.mark.parametrize("source", [f"{OWN}:make", f"{OWN}:make_teacher"])
def test_other_classes_or_channels_are_refused(source: str) -> None:
    with pytest.raises(UsageError, match="5 classes and the data has 6"):
        load_teacher(source, data=Task(num_classes=6))
    with pytest.raises(UsageError, match="image_size"):
        load_teacher(source, data=Task((1, 16, 16)))


def test_untrained_timm_model_is_made_for_the_task() -> None:
    teacher = load_teacher("timm:test_resnet?pretrained=false", data=Task((1, 32, 32), 4))
    assert teacher.model(torch.zeros(2, 1, 32, 32)).shape == (2, 4)
    assert teacher.mean is None


def test_timm_model_with_a_checkpoint(tmp_path: Path) -> None:
    trained = timm.create_model("test_vit", num_classes=5, img_size=32).eval()
    path = tmp_path / "weights.pt"
    torch.save({"state_dict": trained.state_dict()}, path)
    task = Task((3, 32, 32), 5)
    teacher = load_teacher("timm:test_vit?img_size=32", data=task, checkpoint=path)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(teacher.model(images), trained(images))
    assert teacher.mean == tuple(trained.pretrained_cfg["mean"])
    assert teacher.features == ["norm"]
    own = load_teacher("timm:test_vit?img_size=32&normalise=data", data=task, checkpoint=path)
    assert own.mean is None
    with pytest.raises(UsageError, match="of another shape"):
        load_teacher("timm:test_vit?img_size=16", data=Task((3, 16, 16), 5), checkpoint=path)


@pytest.mark.parametrize("model", ["test_resnet", "test_vit?img_size=32", "test_convnext"])
def test_a_checkpoint_for_other_channels_or_classes_says_so(model: str, tmp_path: Path) -> None:
    path, source = tmp_path / "weights.pt", f"timm:{model}"
    name, _, sized = model.partition("?")
    options = {"img_size": 32} if sized else {}
    torch.save(timm.create_model(name, num_classes=5, **options).state_dict(), path)
    channels = r"images of 3 channels, data: 1\. Convert .*folder:PATH\?channels=3"
    classes = r"checkpoint: 5 classes, data: 2"
    for task, words in (
        (Task((1, 32, 32), 5), channels),
        (Task((3, 32, 32), 2), classes),
        (Task((1, 32, 32), 2), rf"images of 3 channels, data: 1; {classes}\..*\?channels=3"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            load_teacher(source, data=task, checkpoint=path)
        assert "architecture" not in str(caught.value)


def test_a_transformer_that_cannot_take_the_size_says_what_to_set() -> None:
    with pytest.raises(UsageError, match=r"16 x 16 pixels.*image_size"):
        load_teacher("timm:vit_tiny_patch16_224?pretrained=false&depth=1", data=Task())


@pytest.fixture
def pretrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """timm as if its weights had been downloaded, drawn at random instead."""
    create = timm.create_model

    def create_offline(name: str, pretrained: bool = False, **options: object) -> object:
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", create_offline)


@pytest.mark.usefixtures("pretrained")
def test_pretrained_weights_say_what_data_they_want() -> None:
    def load(source: str, *task: object) -> Teacher:
        return load_teacher(source, data=Task(*task))  # type: ignore[arg-type]

    teacher = load("timm:test_resnet", (3, 160, 160), 1000)
    assert len(teacher.mean or ()) == 3
    with pytest.raises(UsageError, match=r"image_size = 160 \(--image-size 160\)"):
        load("timm:test_resnet", (3, 64, 64), 1000)
    assert load("timm:test_resnet?input_size=64", (3, 64, 64), 1000).features
    with pytest.raises(UsageError, match=r"\?channels=3"):
        load("timm:test_resnet", (1, 160, 160), 1000)
    with pytest.raises(UsageError, match="1000 classes and the data has 10"):
        load("timm:test_resnet", (3, 160, 160), 10)
    with pytest.raises(UsageError, match=r"know 1000 classes, and for 10 its head would be random"):
        load("timm:test_resnet?num_classes=10", (3, 160, 160), 10)
    assert load("timm:test_resnet?num_classes=1000", (3, 160, 160), 1000).head


def test_weights_that_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no luck") from ConnectionError("no network")

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(NasKdError, match=r"network cannot be reached.*--checkpoint") as caught:
        load_teacher("timm:resnet18", data=Task())
    assert not isinstance(caught.value, UsageError)


def test_weights_fine_tuned_on_other_classes_say_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "weights.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=7).state_dict(), file)
    own = {"file": str(file), "num_classes": 7}
    create = functools.partial(timm.create_model, pretrained_cfg_overlay=own)
    monkeypatch.setattr(timm, "create_model", create)
    assert load_teacher("timm:test_resnet", data=Task((3, 160, 160), 7)).head
    with pytest.raises(UsageError, match="know 7 classes, and for 5 its head would be random"):
        load_teacher("timm:test_resnet?num_classes=5", data=Task((3, 160, 160), 5))
