"""What a search of a supernet does with images, and what with text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.recipe_flags import refuse_flags

if TYPE_CHECKING:
    from nas_kd.costs import DeviceProfile
    from studies.observer import Observer


@dataclass(frozen=True)
class Request:
    """What every search of a supernet is asked for.

    Attributes:
        supernet: The directory of its pre-training.
        budget: Limits as they were written.
        profile: Where latency counts.
        seed: Of what is drawn.
        top: How many students are delivered; None as many as by default.
    """

    supernet: Path
    budget: Sequence[str]
    profile: DeviceProfile
    seed: int
    top: int | None


@dataclass(frozen=True)
class OfImages:
    """Flags that only a supernet of images takes; None where one was not given."""

    data: str | None = None
    arch: list[str] | None = None

    @classmethod
    def flags(cls) -> list[str]:
        """Their names on the command line."""
        return _flags(cls)

    def refuse(self) -> None:
        """Raises `UsageError` where one was given."""
        _refuse(self, "this belongs to a supernet of images, and the one named is of text.")

    def asked(self, of: Request) -> dict[str, Any]:
        """What decides the result, with the values that stand in for what is not given."""
        from studies.supernets.elastic_search import ElasticSearch

        return {"top": of.top or ElasticSearch.top, "arch": self.arch or [], "data": self.data}

    def search(self, of: Request, folder: Path, observer: Observer) -> dict[str, Any]:
        """Searches, writes into ``folder``, and returns what is known of the students."""
        from nas_kd.costs import Budget
        from studies.supernets.elastic_search import ElasticSearch, search_elastic

        search = ElasticSearch(
            Budget.parse(of.budget),
            of.profile,
            top=of.top or ElasticSearch.top,
            archs=tuple(self.arch or ()),
            data=self.data,
            seed=of.seed,
        )
        return search_elastic(of.supernet, search, folder, observer)


@dataclass(frozen=True)
class OfText:
    """Flags that only a supernet of language models takes; None where one was not given."""

    tokens: int | None = None
    trials: int | None = None
    sampler: str | None = None
    proxies: str | None = None
    stock: bool | None = None
    epochs: int | None = None

    @classmethod
    def flags(cls) -> list[str]:
        """Their names on the command line."""
        return _flags(cls)

    def refuse(self) -> None:
        """Raises `UsageError` where one was given."""
        _refuse(
            self, "this belongs to a supernet of language models, and the one named is of images."
        )

    def asked(self, of: Request) -> dict[str, Any]:
        """See `OfImages.asked`."""
        from nas_kd.training.pretraining import PretrainingFolder
        from studies.supernets.superlm_search import SuperLMSearch

        settings = (PretrainingFolder(of.supernet).job() or {}).get("settings", {})
        return {
            **vars(self),
            "top": of.top or SuperLMSearch.top,
            "epochs": self.epochs or SuperLMSearch.epochs,
            "tokens": self.tokens or settings.get("max_tokens"),
            "stock": bool(self.stock),
        }

    def search(self, of: Request, folder: Path, observer: Observer) -> dict[str, Any]:
        """See `OfImages.search`."""
        from nas_kd.cli.recipe_flags import parse_names
        from nas_kd.costs import Budget
        from studies.supernets.superlm import Choice
        from studies.supernets.superlm_search import SuperLMSearch, search_superlm

        choice = Choice(
            trials=self.trials,
            sampler=self.sampler,
            proxies=tuple(parse_names("--proxies", self.proxies) or ()),
            seed=of.seed,
        )
        search = SuperLMSearch(
            Budget.parse(of.budget),
            choice,
            stock=bool(self.stock),
            top=of.top or SuperLMSearch.top,
            epochs=self.epochs or SuperLMSearch.epochs,
            length=self.tokens,
            profile=of.profile,
            seed=of.seed,
        )
        return search_superlm(of.supernet, search, folder, observer)


def _flags(of: type[OfImages] | type[OfText]) -> list[str]:
    return [f"--{field.name}" for field in fields(of)]


def _refuse(given: OfImages | OfText, reason: str) -> None:
    refuse_flags(dict(zip(given.flags(), vars(given).values(), strict=True)), reason)
