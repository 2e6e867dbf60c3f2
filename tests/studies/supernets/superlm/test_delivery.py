"""What a delivered student says of where it is from."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import save_file

from nas_kd.costs import Budget
from nas_kd.errors import UsageError
from nas_kd.export.text_student import read_provenance
from nas_kd.file_digest import sha256
from nas_kd.training.superlm import Finalist, RankedStudent
from studies.observer import SilentObserver
from studies.supernets.superlm import Source, deliver
from studies.supernets.superlm_search import SuperLMSearch, search_superlm
from tests.studies.supernets.superlm.runs import trained_superlm
from tests.training.language_models import small_bert


def test_the_weights_of_its_teacher_are_named(tmp_path: Path) -> None:
    weights = tmp_path / "other.safetensors"
    save_file(small_bert(seed=1).state_dict(), weights)
    run = trained_superlm(tmp_path, checkpoint=weights)
    search = SuperLMSearch(Budget.parse("params=6000"), top=1)
    (student,) = search_superlm(run, search, tmp_path / "search", SilentObserver())["students"]
    known = read_provenance(Path(student["directory"]))
    assert known["teacher"] == f"hf:{tmp_path / 'teacher'}"
    assert (known["checkpoint"], known["checkpoint_sha256"]) == (str(weights), sha256(weights))


def test_the_weights_are_those_of_the_training_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    weights = Path("other.safetensors")
    save_file(small_bert(seed=1).state_dict(), weights)
    digest, run = sha256(weights), trained_superlm(tmp_path, checkpoint=weights)
    source = Source(run, None)
    save_file(small_bert(seed=2).state_dict(), weights)
    arch = source.superlm.space.anchors()[1]
    student = Finalist(RankedStudent(arch, 0.5, 1, 1), 0.5, source.superlm.extract(arch))
    known = deliver(source, student, tmp_path / "student", profile=None, limit=None)
    assert known["checkpoint"] == str(tmp_path / weights)
    assert known["checkpoint_sha256"] == digest
    with pytest.raises(UsageError, match="holds other weights than when the SuperLM"):
        Source(run, None)
    weights.unlink()
    with pytest.raises(UsageError, match=r"cannot be read .* Put the file back"):
        Source(run, None)
