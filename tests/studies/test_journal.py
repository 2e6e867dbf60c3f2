"""The journal: readable by Optuna alone, mended after kills, recovered after damage."""

from __future__ import annotations

import os
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nas_kd.errors import NasKdError, UsageError
from studies.journal import mend, open_storage

TRIALS = 6


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.log"
    study = optuna.create_study(study_name="s", storage=open_storage(path))
    for number in range(TRIALS):
        study.add_trial(
            optuna.trial.create_trial(value=number / 3, user_attrs={"n": {"x": number}})
        )
    return path


def values(path: Path) -> list[float | None]:
    study = optuna.load_study(study_name=None, storage=open_storage(path))
    return [trial.value for trial in study.get_trials()]


def flip(path: Path, byte: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 1 << bit
    path.write_bytes(content)


def test_optuna_alone_reads_it_and_adds_to_it(journal: Path) -> None:
    plain = optuna.load_study(
        study_name="s", storage=JournalStorage(JournalFileBackend(str(journal)))
    )
    assert [trial.value for trial in plain.get_trials()] == values(journal)
    plain.set_user_attr("note", "from elsewhere")
    assert mend(journal) == ""
    study = optuna.load_study(study_name="s", storage=open_storage(journal))
    assert study.user_attrs == {"note": "from elsewhere"}


def test_a_whole_journal_is_left_alone(journal: Path) -> None:
    before = journal.read_bytes()
    assert mend(journal) == ""
    assert journal.read_bytes() == before
    assert mend(journal.with_name("none")) == ""


def test_no_cut_loses_a_whole_entry(journal: Path) -> None:
    content = journal.read_bytes()
    for cut in [*range(60), *range(60, len(content), 17), len(content)]:
        journal.write_bytes(content[:cut])
        kept = content[: content[:cut].rfind(b"\n") + 1]
        said = mend(journal)
        assert journal.read_bytes() == kept
        assert ("unfinished" in said) == (len(kept) < cut)
    assert not list(journal.parent.glob("*.damaged*"))


@pytest.mark.parametrize("bit", [0, 2, 5, 7])
def test_every_flipped_bit_is_noticed_and_the_entries_before_it_stay(
    journal: Path, bit: int
) -> None:
    content, all_values = journal.read_bytes(), values(journal)
    lines = content.splitlines(keepends=True)
    start = len(b"".join(lines[:3]))
    for byte in range(start, start + len(lines[3]), 2):
        journal.write_bytes(content)
        flip(journal, byte, bit)
        damaged = journal.read_bytes()
        said = mend(journal)
        if said:
            copy = journal.with_name("journal.log.damaged")
            assert f"damaged from byte {start} of {len(content)}" in said
            assert copy.read_bytes() == damaged
            assert journal.read_bytes() == b"".join(lines[:3])
            copy.unlink()
        else:  # the name of the checksum, or the case of an exponent or escape
            assert values(journal) == all_values


def test_damaged_copies_do_not_replace_each_other(journal: Path) -> None:
    for _ in range(2):
        flip(journal, 3)
        before = journal.read_bytes()
        assert mend(journal)
        study = optuna.create_study(study_name="s", storage=open_storage(journal))
        study.set_user_attr("a", 1)
    assert journal.with_name("journal.log.damaged-2").read_bytes() == before


def test_a_damaged_first_entry_loses_the_trials_but_keeps_the_file(journal: Path) -> None:
    flip(journal, 3)
    assert "Its first 0 entries are kept" in mend(journal)
    assert journal.read_bytes() == b""


@pytest.mark.parametrize("text", ["this was a journal\n", "[]\n", '{"a": 1}\n', "{}", "\n"])
def test_what_is_no_journal_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "journal.log"
    path.write_text(text)
    with pytest.raises(NasKdError, match="cannot be read"):
        mend(path)
    assert path.read_text() == text


def test_a_reader_is_told_of_the_damage(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    flip(journal, len(b"".join(lines[:4])) + 40)
    with pytest.raises(UsageError, match=r"entry 4 .* is damaged"):
        open_storage(journal)


def test_a_lock_that_a_kill_left_behind_keeps_nobody_waiting(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(journal.parent.parent)
    relative = Path(journal.parent.name, journal.name)
    os.symlink(relative, f"{relative}.lock")  # leads nowhere, as Optuna's own does
    assert mend(relative) == ""
    study = optuna.load_study(study_name="s", storage=open_storage(relative))
    study.set_user_attr("written", True)
    assert not os.path.lexists(f"{relative}.lock")
