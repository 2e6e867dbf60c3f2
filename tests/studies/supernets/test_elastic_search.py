"""From a finished elastic supernet to a ranking and a student that is checked."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.data import load_data
from nas_kd.errors import NoFeasibleStudentError, UsageError
from nas_kd.export import load_student
from nas_kd.training import evaluate_accuracy
from nas_kd.training.poa.settings import PoaSettings
from nas_kd.training.pretraining import PretrainingFolder
from nas_kd.training.sandwich.settings import SandwichSettings
from search_spaces import Arch
from studies.observer import SilentObserver
from studies.supernets.elastic import Source
from studies.supernets.elastic_search import ElasticSearch, search_elastic
from tests.studies.supernets.elastic.runs import pretrained, untrained
from tests.training.poa.jobs import TINY
from tests.training.test_known_images import write_digits

PROFILE = DeviceProfile("cpu", threads=1)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sandwich")
    settings = SandwichSettings(epochs=2, batch_size=32, drop_path=0.0)
    return pretrained(folder, "sandwich", settings, "elastic-resnet")


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("poa")
    return pretrained(folder, "poa", PoaSettings(**{**TINY, "epochs": 1}), "elastic-vit")


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "ranking.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("run", ["labelled", "unlabelled"])
def test_the_best_within_the_budget_is_delivered(
    run: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    search = ElasticSearch(Budget.parse("params=99%"), PROFILE)
    found = search_elastic(request.getfixturevalue(run), search, tmp_path, SilentObserver())
    rows, (student,) = _rows(tmp_path), found["students"]
    accuracies = [float(row["accuracy"]) for row in rows]
    assert accuracies == sorted(accuracies, reverse=True)
    assert 0 < len(rows) == found["feasible"] == found["judged"] < found["size"]
    source = Source(request.getfixturevalue(run), None)
    largest = source.sizes(source.supernet.space.largest)
    assert found["budget"]["limits"] == ["params=99%"]
    assert found["budget"]["params"] == 0.99 * largest.params
    assert student["shared_accuracy"] == accuracies[0]
    assert student["arch"] == json.loads(rows[0]["arch"])

    loaded = load_student(tmp_path / "students" / "1")
    images = torch.rand(3, *loaded.task.input_shape)
    logits = loaded.module(loaded.preprocess(images)).detach().numpy()
    session = onnxruntime.InferenceSession(student["onnx"], providers=["CPUExecutionProvider"])
    (computed,) = session.run(None, {"images": loaded.preprocess(images).numpy()})
    assert computed == pytest.approx(logits, rel=1e-3, abs=1e-3)
    assert logits.shape == (3, 10)
    told = session.get_modelmeta().custom_metadata_map
    assert told == loaded.preprocess.metadata(loaded.classes)


def test_the_probe_is_the_classifier_of_what_learned_without_labels(
    unlabelled: Path, tmp_path: Path
) -> None:
    found = search_elastic(unlabelled, ElasticSearch(Budget(), PROFILE), tmp_path, SilentObserver())
    data = load_data("digits")
    assert data.test is not None
    module = load_student(tmp_path / "students" / "1").module
    assert found["students"][0]["accuracy"] == evaluate_accuracy(module, data.test) > 0.5


def test_latency_is_measured_until_one_holds_the_limit(labelled: Path, tmp_path: Path) -> None:
    search = ElasticSearch(Budget.parse("latency=1s"), PROFILE)
    (student,) = search_elastic(labelled, search, tmp_path, SilentObserver())["students"]
    assert student["arch"] == json.loads(_rows(tmp_path)[0]["arch"])
    assert 0 < student["latency_ms"]["ci95"][1] < 950
    assert student["budget_met"]
    none = replace(search, budget=Budget.parse("latency=1us"))
    with pytest.raises(NoFeasibleStudentError, match="down to the smallest"):
        search_elastic(labelled, none, tmp_path / "none", SilentObserver())


def test_any_networks_can_be_taken_and_timm_alone_builds_them(
    unlabelled: Path, tmp_path: Path
) -> None:
    wanted = ("ElasticViT[width 16, depth 3]", '{"width": 32, "depth": 2}')
    search = ElasticSearch(Budget(), PROFILE, archs=wanted)
    found = search_elastic(unlabelled, search, tmp_path, SilentObserver())
    archs = [tuple(student["arch"].values()) for student in found["students"]]
    assert sorted(archs) == [(16, 3), (32, 2)]
    assert len(_rows(tmp_path)) == found["judged"] == 2

    for rank in ("1", "2"):
        student = load_student(tmp_path / "students" / rank)
        host, provenance = student.config["timm"], student.config["provenance"]
        network = timm.create_model(host["name"], **host["kwargs"]).eval()
        network.load_state_dict(load_file(tmp_path / "students" / rank / "model.safetensors"))
        images = torch.rand(2, *student.task.input_shape)
        assert torch.equal(network(images), student.module(images))
        assert provenance["scaled"] is True
        assert len(provenance["blocks"]["blocks"]) == student.arch["depth"]
    with pytest.raises(UsageError, match="leave --budget and --top out"):
        replace(search, top=2)


def test_the_best_few_are_delivered(tmp_path: Path) -> None:
    run = untrained(tmp_path / "run")
    search = ElasticSearch(Budget(), PROFILE, top=2)
    found = search_elastic(run, search, tmp_path / "found", SilentObserver())
    first = [json.loads(row["arch"]) for row in _rows(tmp_path / "found")][:2]
    assert [student["arch"] for student in found["students"]] == first


def test_images_without_labels_are_learned_from_and_others_judge(tmp_path: Path) -> None:
    digits = load_data("digits").train.normalised(None, None)
    for number, (image, label) in enumerate(digits[n] for n in range(80)):
        for folder in (f"photos/some{number % 3}", f"labelled/{label}"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            pixels = Image.fromarray((image[0] * 255).byte().numpy())
            pixels.save(tmp_path / folder / f"{number}.png")
    photos = f"folder:{tmp_path / 'photos'}?labels=false"
    settings = PoaSettings(**{**TINY, "epochs": 1})
    run = pretrained(tmp_path / "run", "poa", settings, "elastic-vit", data=photos)
    assert (PretrainingFolder(run).facts() or {})["labelled"] is False

    search = ElasticSearch(Budget(), PROFILE)
    with pytest.raises(UsageError, match=r"no labels.*--data"):
        search_elastic(run, search, tmp_path / "none", SilentObserver())
    search = replace(search, data=f"folder:{tmp_path / 'labelled'}")
    found = search_elastic(run, search, tmp_path / "found", SilentObserver())
    student = load_student(found["students"][0]["directory"])
    assert student.task.num_classes == len(student.classes) == 10
    assert student.preprocess.mean == load_data(photos, labelled=False).mean


def test_a_supernet_with_classes_takes_no_other_images(labelled: Path, tmp_path: Path) -> None:
    search = ElasticSearch(Budget(), PROFILE, data="digits?channels=1")
    with pytest.raises(UsageError, match="knows the classes of digits"):
        search_elastic(labelled, search, tmp_path, SilentObserver())


def test_images_are_normalised_as_in_the_pretraining(tmp_path: Path) -> None:
    """A masked autoencoder brings its own normalisation, which its students learn under."""
    run = untrained(tmp_path / "run", mean=[0.3], std=[0.7])
    search_elastic(run, ElasticSearch(Budget(), PROFILE), tmp_path / "found", SilentObserver())
    preprocess = load_student(tmp_path / "found" / "students" / "1").preprocess
    assert (preprocess.mean, preprocess.std) == ((0.3,), (0.7,))
    assert Source(run).data.validation.mean == (0.3,)


def test_a_budget_that_nobody_meets_names_the_smallest(labelled: Path, tmp_path: Path) -> None:
    search = ElasticSearch(Budget.parse("params=1k"), PROFILE)
    with pytest.raises(NoFeasibleStudentError, match="The smallest has"):
        search_elastic(labelled, search, tmp_path, SilentObserver())


def test_a_folder_without_a_supernet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"supernet\.json is missing"):
        search_elastic(tmp_path, ElasticSearch(Budget(), PROFILE), tmp_path / "o", SilentObserver())


def test_the_student_is_a_member_of_its_space(labelled: Path, tmp_path: Path) -> None:
    search_elastic(labelled, ElasticSearch(Budget(), PROFILE), tmp_path, SilentObserver())
    loaded = load_student(tmp_path / "students" / "1")
    assert loaded.space.canonical(loaded.arch) == Arch(loaded.config["arch"])


def test_a_precision_is_refused_before_anything_is_judged() -> None:
    budget = Budget.parse("latency=5ms@int8")
    with pytest.raises(UsageError, match="nas-kd export lowers it"):
        ElasticSearch(budget, budget.measured_on(PROFILE))


class Noting(SilentObserver):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def test_images_that_are_no_longer_those_of_the_training_are_told(tmp_path: Path) -> None:
    data = write_digits(tmp_path / "digits.npz", 200)
    run = untrained(tmp_path / "run", data=data)
    search, observer = ElasticSearch(Budget(), PROFILE), Noting()
    search_elastic(run, search, tmp_path / "same", observer)
    assert not observer.said
    write_digits(tmp_path / "digits.npz", 240)
    search_elastic(run, search, tmp_path / "other", observer)
    assert "gives other training images than in the training" in observer.said[0]
