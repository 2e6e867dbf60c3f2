"""Values of judged networks lie with the supernet, for all its searches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from nas_kd.training.processes import make_accelerator
from search_spaces import Arch
from studies.supernets.judging_identity import judging_identity
from studies.supernets.kept_values import KeptValues

ARCHS = [Arch({"depth": depth}) for depth in range(6)]


class _Judge:
    """A network's value is its depth; it counts whom it judged."""

    def __init__(self) -> None:
        self.judged: list[Arch] = []

    def __call__(self, archs: Sequence[Arch]) -> dict[Arch, float]:
        self.judged += archs
        return {arch: float(arch["depth"]) for arch in archs}


def _values(
    run: Path,
    search: Path,
    judge: _Judge,
    archs: list[Arch],
    of: str = "these",
    tell: Callable[[str], None] = pytest.fail,
) -> None:
    """Judges networks, and sees to it that each has its own value."""
    assert KeptValues(run, search, of, judge, tell).of(archs) == _Judge()(archs)


def test_another_search_of_the_supernet_judges_only_what_none_has_judged(tmp_path: Path) -> None:
    run, judge = tmp_path / "run", _Judge()
    _values(run, tmp_path / "one", judge, ARCHS[:4])
    _values(run, tmp_path / "other", judge, ARCHS[2:])
    assert judge.judged == ARCHS
    assert not (tmp_path / "one").exists()


def test_what_depends_on_something_else_is_judged_anew_and_takes_nothing_away(
    tmp_path: Path,
) -> None:
    judge = _Judge()
    for of in ("these", "others", "these", "others"):
        _values(tmp_path, tmp_path / "search", judge, ARCHS[:1], of)
    assert len(judge.judged) == 2


def test_where_the_supernet_cannot_be_written_the_search_keeps_what_it_judged(
    tmp_path: Path,
) -> None:
    run, search, judge = tmp_path / "run", tmp_path / "search", _Judge()
    run.mkdir()
    (run / "work").touch()
    _values(run, search, judge, ARCHS[:2])
    _values(run, search, judge, ARCHS[:2])
    assert judge.judged == ARCHS[:2]
    (run / "work").unlink()
    _values(run, tmp_path / "other", judge, ARCHS[2:])
    _values(run, search, judge, ARCHS)
    assert judge.judged == ARCHS


def test_damage_is_told_and_costs_only_what_is_damaged(tmp_path: Path) -> None:
    judge, said = _Judge(), list[str]()
    _values(tmp_path, tmp_path / "search", judge, ARCHS[:3])
    (path,) = tmp_path.rglob("*.jsonl")
    first, *rest = path.read_bytes().strip().splitlines()
    cut = b"\n".join([first.replace(b"0.0", b"9.0"), *rest])[:-1]
    path.write_bytes(cut)
    judge.judged.clear()
    _values(tmp_path, tmp_path / "search", judge, ARCHS[:3], tell=said.append)
    assert judge.judged == [ARCHS[0], ARCHS[2]]
    _values(tmp_path, tmp_path / "search", judge, ARCHS[:3], tell=said.append)
    assert len(judge.judged) == 2
    path.write_bytes(b"\xff[]{}\n" + b'{"crc32": 1}\n' + b"[" * 100_000)
    _values(tmp_path, tmp_path / "search", judge, ARCHS[:3], tell=said.append)
    assert len(judge.judged) == 5
    assert ["2 of 3" in said[0], "2 of 5" in said[1], "3 of 3" in said[2]] == [True] * 3


def test_values_depend_on_what_was_read_and_on_the_precision() -> None:
    accelerator = make_accelerator("no")
    read = [torch.arange(4), torch.ones(2, 2), torch.ones(2, 2, dtype=torch.bfloat16)]
    changed = [torch.arange(4), torch.tensor([[1.0, 1.0], [1.0, 2.0]]), read[2]]
    known = judging_identity("this", accelerator, read)
    assert judging_identity("this", accelerator, [part.clone() for part in read]) == known
    others = [
        judging_identity("other", accelerator, read),
        judging_identity("this", accelerator, changed),
        judging_identity("this", accelerator, [read[0].float(), *read[1:]]),
        judging_identity("this", make_accelerator("bf16"), read),
    ]
    make_accelerator("no")
    assert len({known, *others}) == 5
