"""What spaces of genes share: enumeration within a limit, one value at a time, copies."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from search_spaces import Arch, Task, TooManyArchsError, create_space
from search_spaces import _gene_space as module
from search_spaces._gene_space import GeneSpace


class Pairs(GeneSpace):
    """A number and a letter, written side by side."""

    name = "pairs"
    source = "here"
    task_type = Task

    def __init__(self) -> None:
        super().__init__(
            {"number": IntDistribution(2, 6, step=2), "letter": CategoricalDistribution(["b", "a"])}
        )

    def _read(self, text: str) -> Arch:
        return self._arch_of([int(text[:-1]), text[-1]])


def written(archs: Iterator[Arch]) -> list[str]:
    return [f"{arch['number']}{arch['letter']}" for arch in archs]


def test_archs_are_enumerated_with_the_last_gene_fastest() -> None:
    assert Pairs().size == 6
    assert written(Pairs().enumerate()) == ["2b", "2a", "4b", "4a", "6b", "6a"]


def test_neighbours_follow_genes_and_values() -> None:
    space = Pairs()
    assert written(space.neighbours(Arch({"letter": "a", "number": 4}))) == ["2a", "6a", "4b"]


def test_larger_spaces_than_the_limit_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ENUMERATED", 6)
    assert len(list(Pairs().enumerate())) == 6
    monkeypatch.setattr(module, "MOST_ENUMERATED", 5)
    with pytest.raises(TooManyArchsError, match="pairs has 6 archs, too many"):
        Pairs().enumerate()


@pytest.mark.parametrize("name", ["darts", "autoformer-tiny"])
def test_published_spaces_too_large_to_go_through(name: str) -> None:
    with pytest.raises(TooManyArchsError, match="choose another sampler"):
        create_space(name).enumerate()


def test_a_copy_of_a_space_is_the_space() -> None:
    space = create_space("darts")
    assert copy.deepcopy([space]) == [space]
