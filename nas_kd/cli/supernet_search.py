"""``nas-kd search --supernet``: the best students of a supernet that ``nas-kd pretrain`` made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.console import stdout_kept_clean
from nas_kd.cli.device_options import named_profile, tell_where_latency_counts
from nas_kd.cli.recipe_flags import refuse_flags
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from nas_kd.costs import DeviceProfile

SCHEMA = "nas-kd.supernet-search/1"
_WORK = ("work/distilled/*", "students/*", "result.json")
"""What no other search may replace."""


def refuse_others(given: Mapping[str, Any]) -> None:
    """Raises `UsageError` for flags that no search of a supernet takes; see `refuse_flags`."""
    refuse_flags(
        given,
        "a search of a supernet does not take this: what is searched and learned from is that of "
        "the supernet's run. Beside --supernet give only --budget, --device, --threads, --seed, "
        "--run-dir, --top and --json; for images "
        f"{', '.join(OfImages.flags())}, for language models {', '.join(OfText.flags())}, too.",
    )


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


def _flags(of: type[OfImages] | type[OfText]) -> list[str]:
    return [f"--{field.name}" for field in fields(of)]


def _refuse(given: OfImages | OfText, reason: str) -> None:
    refuse_flags(dict(zip(given.flags(), vars(given).values(), strict=True)), reason)


def search_supernet(
    run: Path,
    *,
    budget: Sequence[str],
    device: str | None,
    threads: int | None,
    seed: int,
    run_dir: Path | None,
    top: int | None,
    of_text: OfText,
    of_images: OfImages,
) -> dict[str, Any]:
    """Ranks the students of the supernet, writes the best, and returns the JSON document.

    Of a search that is finished it returns the document.
    """
    if top == 1:
        refuse_flags(
            {"--epochs": of_text.epochs},
            "with --top 1 nothing is distilled. Leave one of the two out.",
        )
    with stdout_kept_clean():
        from nas_kd.cli.progress import kept_for_watchers, watching
        from nas_kd.training.pretraining import PretrainingFolder
        from search_spaces import TextTask
        from studies.claims import claim
        from studies.finished_run import finished_document
        from studies.run_directory import SUPERNET_SEARCH, RunDirectory

        space = _space_of(run)
        reads_text = space.task_type is TextTask
        if reads_text:
            of_images.refuse()
        else:
            of_text.refuse()
        profile = _profile(budget, device, threads)
        directory = run_dir or _beside(run)
        results = RunDirectory(directory)
        request = {
            "weights": PretrainingFolder(run).identity(),
            "budget": list(budget),
            "device": str(profile),
            "seed": seed,
            **(_asked_of_text(run, of_text, top) if reads_text else _asked_of(of_images, top)),
        }
        claim(results, SUPERNET_SEARCH, request, _WORK)
        with watching() as observer, results.lock():
            observer.note(f"Working in {directory}.")
            tell_where_latency_counts(budget, profile, observer.note)
            results.tell.say = observer.note
            if (finished := finished_document(results, SCHEMA)) is not None:
                return finished
            with kept_for_watchers(observer, results) as kept:
                if reads_text:
                    found = _search_text(run, budget, of_text, top, profile, seed, directory, kept)
                else:
                    found = _search_images(
                        run, budget, of_images, top, profile, seed, directory, kept
                    )
            document = {
                "schema": SCHEMA,
                "supernet": str(run),
                "run_dir": str(directory),
                **found,
            }
            results.write_result(document)
    return document


def _beside(run: Path) -> Path:
    """``<run>-search``, however the path of the run was typed; relative where that is shorter."""
    whole = run.resolve()
    found, here = whole.with_name(f"{whole.name}-search"), Path.cwd()
    return found.relative_to(here) if found.is_relative_to(here) else found


def _asked_of_text(run: Path, of_text: OfText, top: int | None) -> dict[str, Any]:
    """What decides the result, with the values that stand in for what is not given."""
    from nas_kd.training.pretraining import PretrainingFolder
    from studies.supernets.superlm_search import SuperLMSearch

    settings = (PretrainingFolder(run).job() or {}).get("settings", {})
    return {
        **vars(of_text),
        "top": top or SuperLMSearch.top,
        "epochs": of_text.epochs or SuperLMSearch.epochs,
        "tokens": of_text.tokens or settings.get("max_tokens"),
        "stock": bool(of_text.stock),
    }


def _asked_of(of_images: OfImages, top: int | None) -> dict[str, Any]:
    """See `_asked_of_text`."""
    from studies.supernets.elastic_search import ElasticSearch

    return {
        "top": top or ElasticSearch.top,
        "arch": of_images.arch or [],
        "data": of_images.data,
    }


def _space_of(run: Path) -> Any:
    from nas_kd.training.pretraining import PretrainingFolder
    from search_spaces import create_space

    job = PretrainingFolder(run).job()
    if job is None:
        raise UsageError(
            f"supernet: {run} is no directory of nas-kd pretrain (pretrain.json is missing)."
        )
    return create_space(job["space"], **job["space_options"])


def _profile(budget: Sequence[str], device: str | None, threads: int | None) -> DeviceProfile:
    """Where latency counts, checked to work here."""
    from nas_kd.costs import require_provider
    from studies.setting import profile_under

    profile = profile_under(budget, named_profile(device, threads))
    require_provider(profile)
    return profile


def _search_text(
    run: Path,
    budget: Sequence[str],
    of_text: OfText,
    top: int | None,
    profile: DeviceProfile,
    seed: int,
    directory: Path,
    observer: Any,
) -> dict[str, Any]:
    from nas_kd.cli.recipe_flags import parse_names
    from nas_kd.costs import Budget
    from studies.supernets.superlm import Choice
    from studies.supernets.superlm_search import SuperLMSearch, search_superlm

    choice = Choice(
        trials=of_text.trials,
        sampler=of_text.sampler,
        proxies=tuple(parse_names("--proxies", of_text.proxies) or ()),
        seed=seed,
    )
    search = SuperLMSearch(
        Budget.parse(budget),
        choice,
        stock=bool(of_text.stock),
        top=top or SuperLMSearch.top,
        epochs=of_text.epochs or SuperLMSearch.epochs,
        length=of_text.tokens,
        profile=profile,
        seed=seed,
    )
    return search_superlm(run, search, directory, observer)


def _search_images(
    run: Path,
    budget: Sequence[str],
    of_images: OfImages,
    top: int | None,
    profile: DeviceProfile,
    seed: int,
    directory: Path,
    observer: Any,
) -> dict[str, Any]:
    from nas_kd.costs import Budget
    from studies.supernets.elastic_search import ElasticSearch, search_elastic

    search = ElasticSearch(
        Budget.parse(budget),
        profile,
        top=top or ElasticSearch.top,
        archs=tuple(of_images.arch or ()),
        data=of_images.data,
        seed=seed,
    )
    return search_elastic(run, search, directory, observer)
