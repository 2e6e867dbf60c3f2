"""`Arch`: the genome of one student."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView

from nas_kd.errors import UsageError

Gene = int | str


class Arch(Mapping[str, Gene]):
    """An immutable, ordered mapping of gene name to an integer or a string.

    Sizes are integers, never float multipliers. Two archs are equal when they hold the same genes,
    whatever their order; `key` is the same for equal archs and stable across processes.
    """

    __slots__ = ("_genes", "_key")

    def __init__(self, genes: Mapping[str, Gene]) -> None:
        for name, value in genes.items():
            if (
                not isinstance(name, str)
                or not isinstance(value, int | str)
                or isinstance(value, bool)
            ):
                raise UsageError(
                    f"arch: gene {name!r} holds {value!r}; genes are integers or strings, "
                    "named by strings."
                )
        self._genes = dict(genes)
        self._key = json.dumps(self._genes, sort_keys=True, separators=(",", ":"))

    @property
    def key(self) -> str:
        """The arch as compact JSON with sorted names: equal archs, equal keys."""
        return self._key

    def to_json(self) -> str:
        """JSON text in gene order; `from_json` gives the arch back."""
        return json.dumps(self._genes)

    @classmethod
    def from_json(cls, text: str) -> Arch:
        try:
            genes = json.loads(text)
        except json.JSONDecodeError as error:
            raise UsageError(f"arch: {text!r} is not JSON ({error}).") from error
        if not isinstance(genes, dict):
            raise UsageError(f"arch: expected a JSON object of genes, got {text!r}.")
        return cls(genes)

    def replace(self, **genes: Gene) -> Arch:
        """A copy with some genes changed."""
        return Arch({**self._genes, **genes})

    def __getitem__(self, name: str) -> Gene:
        return self._genes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._genes)

    def __len__(self) -> int:
        return len(self._genes)

    # The views of `Mapping` go through `__getitem__`: a search of many candidates feels that.
    def keys(self) -> KeysView[str]:
        return self._genes.keys()

    def values(self) -> ValuesView[Gene]:
        return self._genes.values()

    def items(self) -> ItemsView[str, Gene]:
        return self._genes.items()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arch) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Arch({self.to_json()})"
