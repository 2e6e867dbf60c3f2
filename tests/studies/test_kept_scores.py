"""Scores kept one by one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from search_spaces import CifarResNet
from studies.candidates import Candidate
from studies.kept_scores import KeptScores

CANDIDATES = [
    Candidate(arch, 1000 + n, 100, {"macs": -0.5}, {"naswot": n / 7 if n else -math.inf})
    for n, arch in zip(range(5), CifarResNet().enumerate(), strict=False)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work" / "scores.log"


def keep(path: Path) -> bytes:
    scores = KeptScores(path, pytest.fail)
    for candidate in CANDIDATES:
        scores.append(candidate)
    return path.read_bytes()


def test_every_candidate_is_there_at_once(path: Path) -> None:
    scores = KeptScores(path, pytest.fail)
    assert scores.read() == []
    for number, candidate in enumerate(CANDIDATES, start=1):
        scores.append(candidate)
        assert KeptScores(path, pytest.fail).read() == CANDIDATES[:number]


def test_a_cut_loses_only_the_candidate_that_it_hits(path: Path) -> None:
    content = keep(path)
    for cut in range(0, len(content), 23):
        path.write_bytes(content[:cut])
        said: list[str] = []
        scores = KeptScores(path, said.append)
        whole = content[:cut].count(b"\n")
        assert scores.read() == CANDIDATES[:whole]
        assert len(said) == (not content[:cut].endswith(b"\n") and cut > 0)
        scores.append(CANDIDATES[whole])
        assert KeptScores(path, pytest.fail).read() == CANDIDATES[: whole + 1]


def test_a_flipped_bit_loses_only_the_candidate_that_it_hits(path: Path) -> None:
    content = keep(path)
    line = content.index(b"\n") + 1
    for place in range(8 * line, 16 * line, 41):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        said: list[str] = []
        found = KeptScores(path, said.append).read()
        assert all(candidate in CANDIDATES for candidate in found)
        assert len(found) >= len(CANDIDATES) - 2  # a lost line end costs two lines
        assert (found == CANDIDATES) != bool(said)
