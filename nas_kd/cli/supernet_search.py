"""``nas-kd search --supernet``: the best students of a supernet that ``nas-kd pretrain`` made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.at_work import working_in
from nas_kd.cli.console import stdout_kept_clean
from nas_kd.cli.device_options import named_profile, tell_where_latency_counts
from nas_kd.cli.recipe_flags import refuse_flags
from nas_kd.cli.supernet_kinds import OfImages, OfText, Request
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
        from nas_kd.cli.progress import watching
        from nas_kd.training.pretraining import PretrainingFolder
        from search_spaces import TextTask
        from studies.claims import claim
        from studies.finished_run import finished_document
        from studies.run_directory import SUPERNET_SEARCH, RunDirectory

        reads_text = _space_of(run).task_type is TextTask
        own, others = (of_text, of_images) if reads_text else (of_images, of_text)
        others.refuse()
        request = Request(run, budget, _profile(budget, device, threads), seed, top)
        results = RunDirectory(run_dir or _beside(run))
        job = {
            "weights": PretrainingFolder(run).identity(),
            "budget": list(budget),
            "device": str(request.profile),
            "seed": seed,
            **own.asked(request),
        }
        claim(results, SUPERNET_SEARCH, job, _WORK)
        with watching() as observer, results.lock(), working_in(results, observer) as kept:
            tell_where_latency_counts(budget, request.profile, observer.note)
            results.tell.say = observer.note
            document = finished_document(results, SCHEMA)
            if document is None:
                document = {
                    "schema": SCHEMA,
                    "supernet": str(run),
                    "run_dir": str(results.path),
                    **own.search(request, results.path, kept),
                }
                results.write_result(document)
    return document


def _beside(run: Path) -> Path:
    """``<run>-search``, however the path of the run was typed; relative where that is shorter."""
    whole = run.resolve()
    found, here = whole.with_name(f"{whole.name}-search"), Path.cwd()
    return found.relative_to(here) if found.is_relative_to(here) else found


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
