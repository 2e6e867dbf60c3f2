"""``nas-kd search --supernet``: the best students of a supernet that ``nas-kd pretrain`` made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nas_kd.cli.console import stdout_kept_clean
from nas_kd.errors import UsageError

SCHEMA = "nas-kd.supernet-search/1"


def refuse_others(given: Mapping[str, Any]) -> None:
    """Raises `UsageError` for flags of a search that says itself what to search.

    Args:
        given: Flag to value; None or an empty value where it was not given.
    """
    if wrong := [flag for flag, value in given.items() if value]:
        raise UsageError(
            f"{', '.join(wrong)}: the supernet's run says this already. Beside --supernet give "
            "only --budget, --device, --threads, --seed, --run-dir and --json."
        )


def search_supernet(
    run: Path,
    *,
    budget: Sequence[str],
    device: str | None,
    threads: int | None,
    seed: int,
    run_dir: Path | None,
) -> dict[str, Any]:
    """Ranks the students of the supernet, writes the best, and returns the JSON document."""
    with stdout_kept_clean():
        from nas_kd.cli.progress import watching
        from nas_kd.folder_lock import working_alone
        from search_spaces import TextTask

        space = _space_of(run)
        directory = run_dir or run.with_name(f"{run.name}-search")
        directory.mkdir(parents=True, exist_ok=True)
        with watching() as observer, working_alone(directory):
            observer.note(f"Working in {directory}.")
            if space.task_type is TextTask:
                refuse_others({"--device": device, "--threads": threads})
                found = _search_text(run, budget, seed, directory, observer)
            else:
                found = _search_images(run, budget, device, threads, seed, directory, observer)
    return {"schema": SCHEMA, "supernet": str(run), "run_dir": str(directory), **found}


def summary(document: Mapping[str, Any]) -> list[Any]:
    """The students as a table, and where everything is."""
    from rich import box
    from rich.table import Table

    from nas_kd.report import numbers

    table = Table(box=box.SIMPLE_HEAD)
    judged = [name for name in _JUDGED if any(name in s for s in document["students"])]
    for column in ("rank", "student", "params", "MACs", *(n.replace("_", " ") for n in judged)):
        table.add_column(column, justify="left" if column == "student" else "right")
    for rank, student in enumerate(document["students"], start=1):
        table.add_row(
            str(rank),
            student["description"],
            numbers.count(student["params"]),
            numbers.count(student["macs"]),
            *(numbers.score(student.get(name)) for name in judged),
        )
    directory = Path(document["run_dir"])
    return [
        f"{document['feasible']} of {document['size']} students within the budget, all ranked: "
        f"{directory / 'ranking.csv'}",
        table,
        f"Students: {directory / 'students'}",
    ]


_JUDGED = ("shared_loss", "loss", "shared_accuracy", "accuracy")


def _space_of(run: Path) -> Any:
    from nas_kd.training.pretraining import PretrainingFolder
    from search_spaces import create_space

    job = PretrainingFolder(run).job()
    if job is None:
        raise UsageError(
            f"supernet: {run} is no directory of nas-kd pretrain (pretrain.json is missing)."
        )
    return create_space(job["space"], **job["space_options"])


def _search_text(
    run: Path, budget: Sequence[str], seed: int, directory: Path, observer: Any
) -> dict[str, Any]:
    from nas_kd.costs import Budget
    from studies.superlm_search import SuperLMSearch, search_superlm

    search = SuperLMSearch(Budget.parse(budget), seed=seed)
    if search.budget.needs("latency_ms"):
        raise UsageError("budget: students of a SuperLM are limited by macs and params.")
    return search_superlm(run, search, directory, observer)


def _search_images(
    run: Path,
    budget: Sequence[str],
    device: str | None,
    threads: int | None,
    seed: int,
    directory: Path,
    observer: Any,
) -> dict[str, Any]:
    from nas_kd.costs import Budget, require_provider
    from studies.elastic_search import ElasticSearch, search_elastic
    from studies.recipe import BudgetSection
    from studies.setting import device_profile

    given = {"limits": list(budget), "device": device, "threads": threads}
    section = {name: value for name, value in given.items() if value is not None}
    profile = device_profile(BudgetSection.model_validate(section))
    require_provider(profile)
    search = ElasticSearch(Budget.parse(budget), profile, seed=seed)
    found = search_elastic(run, search, directory, observer)
    return {
        "students": [found["student"]],
        "feasible": found["feasible"],
        "size": found["size"],
    }
