"""A file of sealed lines: what is damaged or unfinished takes nothing else with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from studies.sealed_lines import SealedLines

CONTENTS = [{"arch": f"a{number}", "value": number / 7} for number in range(4)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work" / "values.jsonl"


def test_what_is_appended_is_there_at_once(path: Path) -> None:
    lines = SealedLines(path)
    assert lines.read() == ([], 0)
    for number, content in enumerate(CONTENTS, start=1):
        lines.append([content])
        assert SealedLines(path).read() == (CONTENTS[:number], 0)


def test_what_follows_an_unfinished_line_begins_a_new_one(path: Path) -> None:
    SealedLines(path).append(CONTENTS[:2])
    content = path.read_bytes()
    for cut in range(0, len(content), 7):
        path.write_bytes(content[:cut])
        whole, damaged = SealedLines(path).read()
        assert whole == CONTENTS[: content[:cut].count(b"\n")]
        assert damaged == (cut > 0 and not content[:cut].endswith(b"\n"))
        SealedLines(path).append(CONTENTS[2:])
        now = SealedLines(path).read()[0]
        assert (now[: len(whole)], now[-2:]) == (whole, CONTENTS[2:])


def test_what_is_damaged_is_counted_and_what_is_empty_is_not(path: Path) -> None:
    SealedLines(path).append(CONTENTS)
    first, *rest = path.read_bytes().splitlines(keepends=True)
    others = [b"\n", b"\xff[]{}\n", b'{"crc32": 1}\n', b"[" * 100_000 + b"\n"]
    path.write_bytes(b"".join([first.replace(b"a0", b"b0"), *others, *rest]))
    assert SealedLines(path).read() == (CONTENTS[1:], 4)


def test_several_append_at_once(path: Path) -> None:
    def append(writer: int) -> None:
        for number in range(50):
            SealedLines(path).append([{"writer": writer, "number": number}])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(4)))
    whole, damaged = SealedLines(path).read()
    assert (len({tuple(line.values()) for line in whole}), damaged) == (200, 0)
