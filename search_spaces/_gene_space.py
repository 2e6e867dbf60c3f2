"""What spaces have in common whose archs are all combinations of their genes' values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Self

from optuna.distributions import BaseDistribution

from nas_kd.registry import unknown_name
from search_spaces._arch import Arch, Gene
from search_spaces._checks import gene_values
from search_spaces._space import AnyTask, IllegalArchError, TooManyArchsError

MOST_ENUMERATED = 10_000_000
"""Archs of the largest space that can be gone through one by one."""


class GeneSpace:
    """The archs that are all combinations of the genes' values.

    Args:
        distributions: Gene name to Optuna distribution, in gene order.
    """

    name: str
    source: str
    task_type: type[AnyTask]

    def __init__(self, distributions: Mapping[str, BaseDistribution]) -> None:
        self.distributions: Final[Mapping[str, BaseDistribution]] = MappingProxyType(
            dict(distributions)
        )

    @property
    def size(self) -> int:
        return math.prod(len(gene_values(gene)) for gene in self.distributions.values())

    def canonical(self, arch: Arch) -> Arch:
        """The arch itself, its genes in the space's order."""
        return self._member(arch)

    def enumerate(self) -> Iterator[Arch]:
        """All archs, the last gene fastest.

        Raises:
            TooManyArchsError: There are more than `MOST_ENUMERATED`; it is a `NotImplementedError`
                too.
        """
        if self.size > MOST_ENUMERATED:
            raise TooManyArchsError(self.name, self.size)
        return map(self._arch_of, itertools.product(*map(gene_values, self.distributions.values())))

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """All archs that differ from ``arch`` in one gene, in the order of genes and values."""
        return one_gene_neighbours(self.distributions, self._member(arch))

    def parse(self, text: str) -> Arch:
        """The arch written as JSON or in the space's own notation."""
        text = text.strip()
        arch = Arch.from_json(text) if text.startswith("{") else self._read(text)
        return self._member(arch)

    def describe(self, arch: Arch) -> str:
        """JSON on one line, unless a space has a notation of its own."""
        return self._member(arch).to_json()

    def _read(self, text: str) -> Arch:
        """The arch in the space's own notation, if it has one; it need not be a member.

        Raises:
            IllegalArchError: The text is in another notation.
        """
        raise IllegalArchError(f"{self.name}: {text!r} is not an arch. Write it as JSON.")

    def _arch_of(self, values: Iterable[Gene]) -> Arch:
        """The arch with these values, in gene order; it need not be a member."""
        return Arch(dict(zip(self.distributions, values, strict=True)))

    def _member(self, arch: Arch) -> Arch:
        """The arch with its genes in the space's order.

        Raises:
            IllegalArchError: A gene is unknown, missing, or holds a value that the space does not
                have.
        """
        for name in arch:
            if name not in self.distributions:
                raise IllegalArchError(
                    unknown_name(f"{self.name}: genes", name, list(self.distributions))
                )
        missing = [name for name in self.distributions if name not in arch]
        if missing:
            raise IllegalArchError(
                f"{self.name}: the arch lacks {', '.join(missing)}; "
                f"give a value to each of {', '.join(self.distributions)}."
            )
        for name, distribution in self.distributions.items():
            values = gene_values(distribution)
            if arch[name] not in values:
                raise IllegalArchError(
                    f"{self.name}: gene {name} holds {arch[name]!r}; "
                    f"it takes one of {', '.join(map(str, values))}."
                )
        in_order = list(arch.keys()) == list(self.distributions)
        return arch if in_order else self._arch_of(arch[name] for name in self.distributions)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: nothing in it changes."""
        return self


def one_gene_neighbours(
    distributions: Mapping[str, BaseDistribution], arch: Arch
) -> Iterator[Arch]:
    """Every arch that differs from ``arch`` in one of these genes, in their order."""
    for name, distribution in distributions.items():
        for value in gene_values(distribution):
            if value != arch[name]:
                yield arch.replace(**{name: value})
