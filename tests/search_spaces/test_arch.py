from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_kd.errors import UsageError
from search_spaces import Arch

genes = st.dictionaries(st.text(), st.integers(-(10**12), 10**12) | st.text(), max_size=8)


@given(genes)
def test_json_round_trip_keeps_genes_and_order(content: dict[str, int | str]) -> None:
    arch = Arch(content)
    back = Arch.from_json(arch.to_json())
    assert back == arch
    assert list(back.items()) == list(content.items())


@given(genes, st.randoms(use_true_random=False))
def test_order_does_not_matter_for_equality(content: dict[str, int | str], generator) -> None:  # type: ignore[no-untyped-def]
    items = list(content.items())
    generator.shuffle(items)
    assert Arch(dict(items)) == Arch(content)
    assert Arch(dict(items)).key == Arch(content).key
    assert hash(Arch(dict(items))) == hash(Arch(content))


@given(genes, genes)
def test_keys_tell_archs_apart(one: dict[str, int | str], other: dict[str, int | str]) -> None:
    assert (Arch(one).key == Arch(other).key) == (one == other)
    assert json.loads(Arch(one).key) == one


def test_integers_and_their_digits_are_different_genes() -> None:
    assert Arch({"depth": 1}) != Arch({"depth": "1"})


def test_replace_leaves_the_original() -> None:
    arch = Arch({"a": 1, "b": "x"})
    assert dict(arch.replace(a=2)) == {"a": 2, "b": "x"}
    assert dict(arch) == {"a": 1, "b": "x"}


def test_content_cannot_change_afterwards() -> None:
    content: dict[str, int | str] = {"a": 1}
    arch = Arch(content)
    content["a"] = 2
    assert arch["a"] == 1


@pytest.mark.parametrize("value", [1.5, True, None, [1], {"b": 1}])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(UsageError, match="'a'"):
        Arch({"a": value})  # type: ignore[dict-item]


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '{"a": 0.5}', '{"a": null}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="arch"):
        Arch.from_json(text)
