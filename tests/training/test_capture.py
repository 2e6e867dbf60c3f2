"""What is caught while a network runs."""

from __future__ import annotations

import pytest
import torch

from nas_kd.errors import UsageError
from nas_kd.training.capture import Capture
from tests.training.conftest import TinyNet


def _hooks(module: TinyNet) -> int:
    return sum(
        len(submodule._forward_hooks) + len(submodule._forward_pre_hooks)
        for submodule in module.modules()
    )


def test_nothing_is_hooked_for_logits(student: TinyNet) -> None:
    with Capture(student, features=["body"], head="classifier", needs=frozenset({"logits"})):
        assert _hooks(student) == 0


def test_maps_and_the_classifier_s_input_are_caught(student: TinyNet) -> None:
    student.eval()
    needs = frozenset({"features", "pooled"})
    with Capture(student, features=["body.0", "body"], head="classifier", needs=needs) as capture:
        images = torch.rand(3, 1, 8, 8)
        outputs = capture.outputs(student(images))
        assert capture.outputs(outputs.logits).features == ()
    assert [feature.shape for feature in outputs.features] == [(3, 8, 4, 4), (3, 8, 4, 4)]
    assert torch.equal(outputs.features[1], student.body(images))
    assert outputs.pooled is not None
    assert torch.equal(student.classifier(outputs.pooled), outputs.logits)
    assert _hooks(student) == 0


def test_hooks_go_when_the_work_fails(student: TinyNet) -> None:
    def fail() -> None:
        with Capture(student, features=["body"], head="", needs=frozenset({"features"})):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert _hooks(student) == 0


def test_an_unknown_submodule_is_named(student: TinyNet) -> None:
    with pytest.raises(UsageError, match="no submodule 'stage3'"):
        Capture(student, features=["stage3"], head="", needs=frozenset({"features"}))
