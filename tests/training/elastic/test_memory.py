"""A pre-training whose steps do not fit into the memory is refused before the first one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from nas_kd.costs.memory import FreeMemory
from nas_kd.errors import NasKdError
from nas_kd.training import enough_memory
from nas_kd.training.elastic.session import EpochSession
from nas_kd.training.masked.lessons import DmaeLesson
from nas_kd.training.masked.session import MaskedSession
from nas_kd.training.masked.settings import DmaeSettings
from nas_kd.training.poa.session import PoaSession
from nas_kd.training.poa.settings import PoaSettings
from nas_kd.training.sandwich.session import SandwichSession
from nas_kd.training.sandwich.settings import SandwichSettings
from tests.training.elastic.jobs import make_job, tensors
from tests.training.poa.jobs import MASKED, TINY

SHORT: dict[str, Any] = {"epochs": 1, "batch_size": 32, "epoch_images": 64}
DECODER: dict[str, Any] = {"decoder_width": 16, "decoder_depth": 1, "decoder_heads": 2}

Note = Callable[[str], object]


def _sandwich(note: Note, **changes: Any) -> EpochSession:
    job = make_job(SandwichSettings(**SHORT, **changes))
    return SandwichSession(replace(job, note=note))


def _resnet(note: Note) -> EpochSession:
    job = make_job(SandwichSettings(**SHORT), "elastic-resnet", options={"group_norm": 0})
    return SandwichSession(replace(job, note=note))


def _dmae(note: Note) -> EpochSession:
    job = make_job(DmaeSettings(**SHORT, **DECODER))
    return MaskedSession(replace(job, note=note), DmaeLesson)


def _poa(note: Note) -> EpochSession:
    return PoaSession(replace(make_job(PoaSettings(**{**TINY, **MASKED, "epochs": 1})), note=note))


def _poa_resnet(note: Note) -> EpochSession:
    settings = PoaSettings(**{**TINY, "epochs": 1})
    job = make_job(settings, "elastic-resnet", options={"group_norm": 0})
    return PoaSession(replace(job, note=note))


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (_sandwich, "images_at_once (--set images_at_once=N)"),
        (_resnet, "batch_size (--set batch_size=N)"),
        (_dmae, "images_at_once (--set images_at_once=N)"),
        (_poa, "batch_size (--set batch_size=N)"),
        (_poa_resnet, "batch_size (--set batch_size=N)"),
    ],
)
def test_too_little_memory_is_told_and_a_look_at_it_changes_nothing(
    make: Callable[[Note], EpochSession], setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    monkeypatch.setattr(enough_memory, "free_memory", lambda: FreeMemory(ram=1000))
    with pytest.raises(NasKdError, match="pretrain: a step with 32 images takes at least"):
        make(notes.append).run_unit()
    assert not notes
    looked, blind = make(notes.append), make(notes.append)
    least = looked._find_step_memory().of(32)
    free = FreeMemory(ram=int(1.9 * least))
    monkeypatch.setattr(enough_memory, "free_memory", lambda: free)
    told = looked.run_unit()
    (note,) = notes
    assert f"Set {setting} to " in note
    monkeypatch.setattr(enough_memory, "free_memory", lambda: None)
    assert blind.run_unit() == told
    for one, other in zip(tensors(looked.state()), tensors(blind.state()), strict=True):
        assert torch.equal(one, other)


def test_the_images_that_go_through_at_once_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enough_memory, "free_memory", lambda: FreeMemory(ram=1000))
    with pytest.raises(NasKdError, match="a step with 8 images"):
        _sandwich(print, images_at_once=8).run_unit()
