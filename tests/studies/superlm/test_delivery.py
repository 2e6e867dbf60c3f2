"""What a delivered student says of where it is from."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file

from nas_kd.costs import Budget
from nas_kd.export.text_student import read_provenance
from nas_kd.file_digest import sha256
from studies.observer import SilentObserver
from studies.superlm_search import SuperLMSearch, search_superlm
from tests.studies.superlm.runs import trained_superlm
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
