"""What a search writes of its student."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from nas_kd.costs import DeviceProfile
from nas_kd.data import load_data
from nas_kd.export import PrecisionRecord, load_student, onnx_facts
from search_spaces import Task, create_space
from studies import delivery
from studies.recipe import Recipe
from studies.setting import Setting
from tests.studies.measurements import LATENCY

OPTIONS = {"channels": 4, "cells_per_stage": 1}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_delivered_file_tells_what_images_it_takes(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, data = create_space("nasbench201", **OPTIONS), load_data("digits")
    task, arch = Task(1, 8, 10), space.canonical(space.parse("9930"))
    setting: Any = SimpleNamespace(
        space=space,
        task=task,
        data=data,
        teacher=SimpleNamespace(source="digits-cnn"),
        teacher_facts={},
        profile=DeviceProfile(precision=precision),
    )
    timing = SimpleNamespace(latency=LATENCY, teacher=LATENCY)
    monkeypatch.setattr(delivery, "measure_beside_teacher", lambda *_: timing)
    record = PrecisionRecord(
        "student.fp16.onnx", "fp16", "test", 1, 0.9, 0.8, 0.9, 0.1, LATENCY, LATENCY, 2, 1
    )
    monkeypatch.setattr(delivery, "compare_precisions", lambda *_, **__: {"fp16": record})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = space.build(arch, task).eval()
    recipe = Recipe.model_validate({"space": {"name": "nasbench201", "options": OPTIONS}})
    delivered = delivery.deliver(
        module,
        arch,
        directory=tmp_path / "1",
        recipe=recipe,
        setting=cast(Setting, setting),
        costs={},
        accuracy={},
        inherited_share=0.0,
    )
    student = load_student(delivered.directory)
    assert student.preprocess.mean == data.mean
    told = student.preprocess.metadata(data.classes)
    assert onnx_facts(delivered.onnx)["metadata"] == told
    assert precision == "fp32" or delivered.onnx.name == "student.fp16.onnx"
    assert delivered.accuracies().get("accuracy") == (None if precision == "fp32" else 0.8)
