"""A training with a teacher goes on with the weights that taught it before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from nas_kd.errors import UsageError
from nas_kd.training.darts.settings import SearchSettings
from nas_kd.training.masked.settings import DmaeSettings
from nas_kd.training.pretraining import METHODS, Job, parse_settings
from nas_kd.training.pretraining.known_teacher import TEACHER
from nas_kd.training.processes import make_accelerator
from nas_kd.training.sandwich.settings import SandwichSettings
from search_spaces import create_space
from tests.training.elastic.jobs import make_job, stored
from tests.training.language_models import save_teacher, save_text, small_bert
from tests.training.masked.autoencoder import tiny_autoencoder

FILLED = f"{__name__}:filled_teacher"


def filled_teacher(num_classes: int, file: str) -> nn.Module:
    """All its weights are the number in a file."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
    for weights in model.parameters():
        nn.init.constant_(weights, float(Path(file).read_text()))
    return model


def filled(folder: Path, number: int) -> str:
    (folder / "number").write_text(str(number))
    return f"{FILLED}?file={folder / 'number'}"


def sandwich(folder: Path, number: int) -> Job:
    return make_job(SandwichSettings(epochs=1, batch_size=32), teacher=filled(folder, number))


def masked(folder: Path, number: int) -> Job:
    model = tiny_autoencoder()
    nn.init.constant_(model.vit.embeddings.patch_embeddings.projection.bias, float(number))
    model.save_pretrained(folder / "teacher")
    settings = DmaeSettings(epochs=1, batch_size=32, decoder_width=16, decoder_heads=2)
    return make_job(settings, teacher=f"hf:{folder / 'teacher'}")


def cells(folder: Path, number: int) -> Job:
    return Job(
        space=create_space("nasbench201", channels=2, cells_per_stage=1),
        settings=SearchSettings(
            epochs=1, batch_size=32, teacher_sources="external", teacher_start=0.0
        ),
        data="digits",
        teacher=filled(folder, number),
        checkpoint=None,
        image_size=None,
        seed=0,
        accelerator=make_accelerator("no"),
    )


def language(folder: Path, number: int) -> Job:
    return Job(
        space=create_space("autodistil-tiny"),
        settings=parse_settings(METHODS.get("autodistil"), ["max_tokens=12", "epochs=1"]),
        data=save_text(folder / "text.txt", 70),
        teacher=save_teacher(folder / "teacher", small_bert(number)),
        checkpoint=None,
        image_size=None,
        seed=0,
        accelerator=make_accelerator("no"),
    )


FAMILIES = [("sandwich", sandwich), ("dmae", masked), ("sd-darts", cells), ("autodistil", language)]


@pytest.mark.parametrize(("method", "make"), FAMILIES)
def test_others_are_refused(method: str, make: Callable[[Path, int], Job], tmp_path: Path) -> None:
    begun = METHODS.get(method)
    state = stored(begun.start(make(tmp_path, 0)).state())
    begun.start(make(tmp_path, 0)).load(state)
    resumed = begun.start(make(tmp_path, 1))
    with pytest.raises(UsageError, match="has other weights than when this training began"):
        resumed.load(state)


def test_a_state_that_does_not_tell_its_teacher_is_taken_up(tmp_path: Path) -> None:
    begun = METHODS.get("sandwich")
    state: dict[str, Any] = begun.start(sandwich(tmp_path, 0)).state()
    del state[TEACHER]
    begun.start(sandwich(tmp_path, 1)).load(state)
