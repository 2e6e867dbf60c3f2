"""A search judges students as their training did."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nas_kd.training.pretraining import PretrainingFolder
from nas_kd.training.superlm import spread
from studies.supernets.superlm import Source
from tests.studies.supernets.superlm.runs import trained_superlm
from tests.training.language_models import lines, small_bert


@pytest.mark.skipif(torch.cuda.is_available(), reason="this device has the precision")
def test_a_precision_that_this_device_has_not_is_left_to_the_training(tmp_path: Path) -> None:
    source = Source(trained_superlm(tmp_path, "precision=fp16"), None)
    assert source.accelerator.mixed_precision == "no"
    (arch,) = source.superlm.space.anchors()[1:2]
    assert source.judge([arch])[arch] > 0


@pytest.mark.parametrize("importance", ["none", "activation", "gradient"])
def test_losses_are_those_at_the_end_of_the_training(tmp_path: Path, importance: str) -> None:
    weights = tmp_path / "other.safetensors"
    save_file(small_bert(seed=1).state_dict(), weights)
    run = trained_superlm(tmp_path, f"importance={importance}", checkpoint=weights)
    source = Source(run, None)
    facts = PretrainingFolder(run).facts() or {}
    archs = spread(source.superlm.space, source.task)
    found = source.judge(list(archs.values()))
    assert {size: found[arch] for size, arch in archs.items()} == facts["held_out_loss"]
    sizes = ("query.weight", "intermediate.dense.weight")
    moved = [
        name
        for (name, ours), theirs in zip(
            source.teacher.model.named_parameters(), small_bert(seed=1).parameters(), strict=True
        )
        if name.endswith(sizes) and not torch.equal(ours, theirs)
    ]
    assert len(moved) == (0 if importance == "none" else 8)


def test_what_was_judged_with_other_text_or_another_teacher_is_judged_again(tmp_path: Path) -> None:
    run = trained_superlm(tmp_path)
    before = Source(run, None).judging_identity()
    assert Source(run, 20).judging_identity() == before
    small_bert(seed=1).save_pretrained(tmp_path / "teacher")
    taught = Source(run, None)
    assert taught.has_its_text
    (tmp_path / "text.txt").write_text("\n".join(lines(60, seed=1)))
    reads_other = Source(run, None)
    assert not reads_other.has_its_text
    identities = {before, taught.judging_identity(), reads_other.judging_identity()}
    assert len(identities) == 3
