"""JSON with a checksum: whatever bit of it flips, the content is right or refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from nas_kd.sealed import is_intact, sealed, sealed_line, unsealed, write_sealed

CONTENT = {"key": "a|b", "values": [1.25, -3e-07, None, True], "nested": {"1": "ü"}, "n": 10**20}


def test_what_is_sealed_comes_back(tmp_path: Path) -> None:
    write_sealed(tmp_path / "file.json", CONTENT)
    assert unsealed((tmp_path / "file.json").read_bytes()) == CONTENT
    assert json.loads((tmp_path / "file.json").read_text()) == sealed(CONTENT)
    assert sealed(CONTENT).keys() == {*CONTENT, "crc32"}


@pytest.mark.parametrize("content", [CONTENT, {}])
def test_a_sealed_line_is_the_same_object(content: dict[str, Any]) -> None:
    line = sealed_line(content)
    assert line.endswith("\n")
    assert json.loads(line) == sealed(content)


def test_numbers_that_are_not_finite_come_back() -> None:
    back = unsealed(json.dumps(sealed({"a": math.nan, "b": -math.inf, "c": {3: (1, 2)}})))
    assert math.isnan(back["a"])
    assert (back["b"], back["c"]) == (-math.inf, {"3": [1, 2]})


@pytest.mark.parametrize("required", [True, False])
def test_no_flipped_bit_changes_the_content_unnoticed(required: bool) -> None:
    text = json.dumps(sealed(CONTENT)).encode()
    refused = 0
    for place in range(8 * len(text)):
        flipped = bytearray(text)
        flipped[place // 8] ^= 1 << place % 8
        try:
            content = unsealed(bytes(flipped), required=required)
        except ValueError:
            refused += 1
            continue
        # Without a checksum required, the name of the checksum may be what is damaged.
        assert {name: content[name] for name in CONTENT} == CONTENT
        assert not required or content == CONTENT
    assert refused > 7 * len(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"a": 1}', '{"crc32": 0}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        unsealed(text)


def test_an_object_without_a_checksum_is_believed_only_where_that_is_allowed() -> None:
    assert unsealed('{"a": 1}', required=False) == {"a": 1}
    assert is_intact({"a": 1})
    assert not is_intact({"a": 1, "crc32": "00000000"})
