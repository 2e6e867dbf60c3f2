"""The frame of pre-training: resume, refusals, settings from text, the finished supernet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file

from nas_kd.errors import UsageError
from nas_kd.training.pretraining import (
    Job,
    Method,
    PretrainingFolder,
    load_supernet,
    parse_settings,
    pretrain,
)
from search_spaces import create_space


@dataclass(frozen=True)
class DriftSettings:
    """Settings of `DriftSession`."""

    epochs: int = 4
    step: float = 0.5
    label: str = "drift"
    limit: float | None = None
    wide: bool = False
    precision: str = "no"


class DriftSession:
    """A weight that drifts by random steps: small, and all of the frame's contract."""

    def __init__(self, job: Job) -> None:
        self.settings = job.settings
        self.generator = torch.Generator().manual_seed(job.seed)
        self.weight = torch.zeros(3)
        self.killed_after: int | None = None
        self.units = 0

    @property
    def total(self) -> int:
        return int(self.settings.epochs)

    def run_unit(self) -> dict[str, float]:
        if self.units == self.killed_after:
            raise KeyboardInterrupt
        self.units += 1
        self.weight = self.weight + self.settings.step * torch.randn(3, generator=self.generator)
        return {"size": float(self.weight.norm())}

    def best(self) -> str:
        return f"size {self.weight.norm():.2f}" if self.units else ""

    def state(self) -> dict[str, Any]:
        return {"weight": self.weight, "generator": self.generator.get_state(), "units": self.units}

    def load(self, state: Mapping[str, Any]) -> None:
        self.weight, self.units = state["weight"], state["units"]
        self.generator.set_state(state["generator"])

    def save(self, folder: Path) -> dict[str, Any]:
        save_file({"weight": self.weight}, folder / "supernet.safetensors")
        return {"weights": "supernet.safetensors"}


METHOD = Method(
    name="drift",
    summary="drifts",
    source="this test",
    spaces=("nasbench201",),
    settings=DriftSettings,
    start=DriftSession,
    restore=lambda folder, facts: load_file(folder / facts["weights"])["weight"],  # type: ignore[arg-type,return-value]
)


def _job(seed: int = 0, **settings: Any) -> Job:
    return Job(
        space=create_space("nasbench201"),
        settings=DriftSettings(**settings),
        data="digits",
        teacher=None,
        checkpoint=None,
        image_size=None,
        seed=seed,
        accelerator=Accelerator(),
    )


def _folder(path: Path) -> PretrainingFolder:
    folder = PretrainingFolder(path)
    folder.claim({"method": "drift", "seed": 0})
    return folder


def _ignore(done: int, total: int, best: str) -> None: ...


def _killed_after(units: int) -> Method:
    def start(job: Job) -> DriftSession:
        session = DriftSession(job)
        session.killed_after = units
        return session

    return replace(METHOD, start=start)


@pytest.mark.parametrize("units", [1, 2, 3])
def test_a_killed_training_goes_on_where_it_was(tmp_path: Path, units: int) -> None:
    whole, cut = _folder(tmp_path / "whole"), _folder(tmp_path / "cut")
    pretrain(METHOD, _job(), whole, _ignore)
    with pytest.raises(KeyboardInterrupt):
        pretrain(_killed_after(units), _job(), cut, _ignore)
    assert cut.facts() is None
    pretrain(METHOD, _job(), cut, _ignore)

    weights = [load_file(f.path / "supernet.safetensors")["weight"] for f in (whole, cut)]
    assert torch.equal(*weights)
    sizes = [
        [line.split(",")[:2] for line in f.metrics_csv.read_text().splitlines()]
        for f in (whole, cut)
    ]
    assert sizes[0] == sizes[1]
    assert len(sizes[0]) == 1 + 4


def test_progress_tells_every_unit_and_the_best(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    pretrain(METHOD, _job(), _folder(tmp_path), lambda *one: told.append(one))

    assert [(done, total) for done, total, _ in told] == [(n, 4) for n in range(5)]
    assert told[0][2] == ""
    assert all(best.startswith("size ") for _, _, best in told[1:])


def test_a_finished_training_is_not_begun_again(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    facts = pretrain(METHOD, _job(), folder, _ignore)

    again = pretrain(_killed_after(0), _job(), folder, _ignore)

    assert again == facts
    assert facts["units"] == 4


@pytest.mark.parametrize("content", [None, b"other weights"])
def test_weights_that_are_not_as_they_were_written_are_made_again(
    tmp_path: Path, content: bytes | None
) -> None:
    folder, said = _folder(tmp_path), list[str]()
    facts = pretrain(METHOD, _job(), folder, _ignore)
    weights = tmp_path / "supernet.safetensors"
    whole = weights.read_bytes()
    assert facts["files"] == {weights.name: hashlib.sha256(whole).hexdigest()}

    if content is None:
        weights.unlink()
    else:
        weights.write_bytes(content)
    with pytest.raises(UsageError, match=r"supernet\.safetensors: missing, or not as"):
        load_supernet(tmp_path)
    job = replace(_job(), note=said.append)
    assert pretrain(_killed_after(0), job, folder, _ignore) == facts
    assert weights.read_bytes() == whole
    assert "supernet.safetensors: missing, or not as the training wrote it" in said[0]


def test_facts_and_metrics_that_are_damaged_are_made_again(tmp_path: Path) -> None:
    folder, said = _folder(tmp_path), list[str]()
    facts = pretrain(METHOD, _job(), folder, _ignore)
    rows = folder.metrics_csv.read_text()
    for file in (folder.facts_json, folder.metrics_csv):
        with file.open("a") as damaged:
            damaged.write("x")
    with pytest.raises(UsageError, match="run the same `nas-kd pretrain` command"):
        load_supernet(tmp_path)
    with pytest.raises(UsageError, match="run the same `nas-kd pretrain` command"):
        folder.read_metrics()
    job = replace(_job(), note=said.append)
    assert pretrain(_killed_after(0), job, folder, _ignore) == facts
    assert "supernet.json is damaged" in said[0]
    assert folder.metrics_csv.read_text() == rows

    folder.metrics_csv.unlink()
    assert pretrain(_killed_after(0), job, folder, _ignore) == facts
    assert folder.metrics_csv.read_text() == rows


def test_a_damaged_checkpoint_is_put_aside(tmp_path: Path) -> None:
    folder, said = _folder(tmp_path), list[str]()
    with pytest.raises(KeyboardInterrupt):
        pretrain(_killed_after(2), _job(), folder, _ignore)
    (tmp_path / "training.pt").write_bytes(b"nothing")
    job = replace(_job(), note=said.append)
    assert pretrain(METHOD, job, folder, _ignore)["units"] == 4
    assert (tmp_path / "training.pt.damaged").read_bytes() == b"nothing"
    assert "starts afresh" in said[0]


def test_files_in_a_folder_that_the_facts_name_have_checksums_too(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (tmp_path / "model" / "deep").mkdir(parents=True)
    (tmp_path / "model" / "deep" / "weights").touch()
    known = folder.write_facts({"model": "model", "description": "a b", "nothing": "", "macs": 3})
    assert list(known["files"]) == ["model/deep/weights"]
    assert folder.facts() == known
    assert folder.changed_files() == []


def test_another_job_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        pretrain(_killed_after(1), _job(), folder, _ignore)

    with pytest.raises(UsageError, match=r"another training.*seed changed"):
        folder.claim({"method": "drift", "seed": 1})


def test_of_the_settings_those_that_differ_are_told(tmp_path: Path) -> None:
    folder, settings = PretrainingFolder(tmp_path), {"epochs": 4, "step": 0.5}
    folder.claim({"settings": settings})
    folder.write_metrics([{"unit": 1, "seconds": 1.0}])
    folder.claim({"settings": settings})
    with pytest.raises(UsageError, match=r"another training \(settings\.step changed\)"):
        folder.claim({"settings": {**settings, "step": 0.25}})


def test_a_job_that_never_began_makes_way_unless_it_is_at_work(tmp_path: Path) -> None:
    folder = _folder(tmp_path)

    with folder.lock(), pytest.raises(UsageError, match="another nas-kd command is working"):
        folder.claim({"method": "drift", "seed": 1})

    folder.claim({"method": "drift", "seed": 1})
    assert (folder.job() or {})["seed"] == 1


@pytest.mark.parametrize("is_finished", [False, True])
def test_a_damaged_description_is_made_again_for_the_same_job_alone(
    tmp_path: Path, is_finished: bool
) -> None:
    folder, said = _folder(tmp_path), list[str]()
    pretrain(METHOD, _job(), folder, _ignore)
    known = folder.identity()
    if not is_finished:
        folder.facts_json.unlink()
    file = tmp_path / "pretrain.json"
    file.write_text('{"method": "other"}')

    with pytest.raises(UsageError, match=r"another training \(seed changed"):
        folder.claim({"method": "drift", "seed": 1}, said.append)
    with pytest.raises(UsageError, match="run the same `nas-kd pretrain` command"):
        folder.job()
    folder.claim({"method": "drift", "seed": 0}, said.append)
    assert said == [f"pretrain: {file} is damaged (it has no checksum). It is made again."]
    pretrain(METHOD, _job(), folder, _ignore)
    assert folder.identity() == known


def test_a_description_that_is_missing_ties_to_the_same_job(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    pretrain(METHOD, _job(), folder, _ignore)
    (tmp_path / "pretrain.json").unlink()
    with pytest.raises(UsageError, match="seed changed"):
        folder.claim({"method": "drift", "seed": 1})
    folder.claim({"method": "drift", "seed": 0})
    assert (folder.job() or {})["seed"] == 0


def test_a_damaged_description_is_refused_where_nothing_else_tells(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    pretrain(METHOD, _job(), folder, _ignore)
    for name in ("pretrain.json", "training.pt"):
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"damaged.*name another --run-dir"):
        folder.claim({"method": "drift", "seed": 0})
    assert (tmp_path / "training.pt").read_bytes() == b"nothing"


def test_a_supernet_is_loaded_only_when_it_is_finished(tmp_path: Path) -> None:
    _folder(tmp_path)

    with pytest.raises(UsageError, match="no finished supernet"):
        load_supernet(tmp_path)


def test_settings_take_the_types_of_their_fields() -> None:
    pairs = ["epochs=7", "step=1e-2", "label=a=b", "limit=3", "wide=yes"]

    settings = parse_settings(METHOD, pairs)

    assert settings == DriftSettings(epochs=7, step=0.01, label="a=b", limit=3.0, wide=True)
    assert parse_settings(METHOD, ["limit=none"]) == DriftSettings()


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("epochs", "NAME=VALUE"),
        ("epoch=3", "Did you mean 'epochs'"),
        ("epochs=3.5", "not a whole number"),
        ("step=much", "not a number"),
        ("wide=2", "not true or false"),
    ],
)
def test_wrong_settings_are_told(pair: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_settings(METHOD, [pair])
