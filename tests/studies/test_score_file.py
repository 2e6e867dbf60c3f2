"""The file in which ``nas-kd rank`` keeps its scores."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pandas as pd
import pytest

from nas_kd.errors import UsageError
from studies.ranking import score_file
from studies.ranking.score_file import ScoreFile, writing_alone
from studies.ranking.score_settings import score_settings
from studies.ranking.scores import Pass, Scores
from studies.recipe_files import parse_recipe

SETTINGS = {"space": "nasbench201?channels=4", "seed": "0", "checkpoint": ""}
FIRST = Pass('{"edge":"a,b"}', 0.25, {"naswot": 1 / 3, "jacov": -math.inf})
SECOND = Pass('{"edge":"c"}', 0.5, {"naswot": 2e-300, "jacov": 1e300})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of scores with two passes."""
    path = tmp_path / "scores.csv"
    file = ScoreFile(path, SETTINGS)
    file.require(["naswot", "jacov"])
    file.add(FIRST)
    file.add(SECOND)
    file.flush()
    return path


class TestScoreFile:
    def test_what_was_kept_comes_back_exactly(self, path: Path) -> None:
        assert ScoreFile(path, SETTINGS).passes == [FIRST, SECOND]

    def test_it_is_plain_csv(self, path: Path) -> None:
        table = pd.read_csv(path)
        assert list(table) == [*SETTINGS, "arch", "seconds", "naswot", "jacov"]
        assert table["arch"].tolist() == [FIRST.key, SECOND.key]

    def test_nothing_is_written_before_a_flush_but_the_header(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(score_file, "_EVERY_S", math.inf)
        path = tmp_path / "new.csv"
        file = ScoreFile(path, SETTINGS)
        assert not path.exists()
        file.require(["naswot"])
        file.add(FIRST)
        assert len(path.read_text(encoding="utf-8").splitlines()) == 1
        file.flush()
        assert len(path.read_text(encoding="utf-8").splitlines()) == 2

    def test_other_proxies_join(self, path: Path) -> None:
        file = ScoreFile(path, SETTINGS)
        file.require(["snip", "naswot"])
        later = Pass(FIRST.key, 0.1, {"snip": 4.0})
        file.add(later)
        file.flush()
        assert ScoreFile(path, SETTINGS).passes == [FIRST, SECOND, later]

    def test_a_torn_line_is_cut_off_and_written_over(self, path: Path) -> None:
        whole = path.read_bytes()
        path.write_bytes(whole[:-9])
        file = ScoreFile(path, SETTINGS)
        assert file.passes == [FIRST]
        file.require(["naswot", "jacov"])
        file.add(SECOND)
        file.flush()
        assert path.read_bytes() == whole

    def test_other_settings_are_refused_and_named(self, path: Path) -> None:
        before = path.read_bytes()
        with pytest.raises(UsageError, match="seed is 0 there and 1 now, checkpoint is unset") as e:
            ScoreFile(path, SETTINGS | {"seed": "1", "checkpoint": "w.pt"})
        assert "Name another file" in str(e.value)
        assert path.read_bytes() == before

    @pytest.mark.parametrize(
        "content", [b"arch,accuracy\n1,2\n", b"no line", b"\xff\xfe\n", b'a,"b\n', b"\n"]
    )
    def test_a_foreign_file_is_left_as_it_is(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "table.csv"
        path.write_bytes(content)
        with pytest.raises(UsageError, match="left as it is"):
            ScoreFile(path, SETTINGS)
        assert path.read_bytes() == content

    @pytest.mark.parametrize("line", ["a,b\n", "nasbench201?channels=4,0,,key,fast,1,2\n"])
    def test_a_damaged_line_is_named(self, path: Path, line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
        with pytest.raises(UsageError, match="line 4 of"):
            ScoreFile(path, SETTINGS)

    def test_where_nothing_can_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be read or written"):
            ScoreFile(tmp_path / "nowhere" / "s.csv", SETTINGS).require(["naswot"])
        with pytest.raises(UsageError, match="cannot be read or written"):
            ScoreFile(tmp_path, SETTINGS)


def test_who_keeps_scores_in_a_file_that_is_in_use_waits(path: Path) -> None:
    held, order = threading.Event(), []

    def other() -> None:
        held.wait()
        with writing_alone(path.parent / "." / path.name):
            order.append("other")

    waiter = threading.Thread(target=other)
    waiter.start()
    with writing_alone(path):
        held.set()
        waiter.join(0.2)
        order.append("first")
    waiter.join()
    assert order == ["first", "other"]


class TestCheckpoint:
    def test_other_weights_in_the_same_file_are_other_settings(self, tmp_path: Path) -> None:
        weights, settings = tmp_path / "w.safetensors", []
        for content in (b"one", b"two"):
            weights.write_bytes(content)
            teacher = {"source": "timm:resnet18", "checkpoint": str(weights)}
            settings.append(score_settings(parse_recipe({"teacher": teacher})))
        assert {name for name in settings[0] if settings[0][name] != settings[1][name]} == {
            "checkpoint"
        }

    def test_without_one_nothing_is_said(self) -> None:
        assert score_settings(parse_recipe({}))["checkpoint"] == ""


def test_a_proxy_is_charged_with_the_passes_it_took_part_in() -> None:
    later = Pass(FIRST.key, 0.125, {"snip": 4.0})
    scores = Scores([FIRST, SECOND, later])
    keys = [FIRST.key, SECOND.key, FIRST.key]
    assert scores.of("jacov", keys).tolist() == [-math.inf, 1e300, -math.inf]
    assert scores.missing(SECOND.key, ["jacov", "snip"]) == ["snip"]
    assert scores.seconds_per_pass(["naswot", "jacov"], keys) == 0.375
    assert scores.seconds_per_pass(["naswot", "snip"], keys) == 0.4375
    assert scores.seconds_per_pass(["naswot"], [SECOND.key]) == 0.5
    assert scores.seconds_per_pass([], keys) == 0
