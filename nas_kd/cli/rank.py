"""``nas-kd rank``: how well proxies rank trained accuracy, judged by a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import note, print_answer, stdout_kept_clean
from nas_kd.cli.recipe_flags import lay_over, parse_names, setting_changes
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from studies.ranking.ranking import RankRequest


def rank(
    space: Annotated[
        str, typer.Option(metavar="NAME", help="The search space; see: nas-kd list spaces.")
    ],
    table: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Trained architectures, one a row: .csv with a header line, or .json "
            "(FILE.json#A,B takes its lists A and B), as it is or as .gz.",
        ),
    ],
    target: Annotated[
        str,
        typer.Option(metavar="COLUMN", help="What to rank, such as an accuracy; larger is better."),
    ],
    proxies: Annotated[
        str,
        typer.Option(
            metavar="A,B+C|all",
            help="Proxies (see: nas-kd list proxies), and fusions of them by log-ranks, joined by "
            "+, or az_nas, te_nas, vkdnw_agg; default is the score of a search that names none; "
            "all stands for every one whose needs are met.",
        ),
    ],
    space_option: options.SpaceOption = None,
    arch_column: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="The architecture as JSON or in the space's own notation; or one column for each "
            "gene, as in d1,d2,d3.",
        ),
    ] = "arch",
    beside: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN,...",
            help="Other columns to judge by the target, such as accuracies after a few epochs.",
        ),
    ] = None,
    sample: Annotated[
        str, typer.Option(metavar="N|all", help="Rows drawn at random, or all.")
    ] = "all",
    seed: options.Seed = None,
    data: options.Data = None,
    image_size: options.ImageSize = None,
    images: Annotated[
        int, typer.Option(min=2, metavar="N", help="Training images that the proxies look at.")
    ] = 64,
    teacher: options.Teacher = None,
    checkpoint: options.Checkpoint = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.csv", help="Keep the scores here; the same command continues from them."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Networks scored at a time; same result.")
    ] = 1,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw the intervals of tau.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Judge proxies by a table of trained architectures.

    Parameters and MACs, and columns of the table if you like, are judged beside them: a proxy is
    worth its time only where it ranks better than they do.
    """
    if checkpoint is not None and teacher is None:
        raise UsageError("--checkpoint: these are the weights of a teacher: give --teacher too.")
    if plot is not None:
        _check_plot(plot)
    changes = {
        **setting_changes(seed, teacher, checkpoint, data, image_size, None, None),
        "search.images": images,
        "search.workers": workers,
    }
    with stdout_kept_clean():
        from studies.ranking.ranking import RankRequest
        from studies.recipe import Recipe

        request = RankRequest(
            recipe=lay_over(Recipe(), changes, space=space, space_options=space_option or []),
            table=table,
            target=target,
            proxies=parse_names("--proxies", proxies) or [],
            arch_columns=parse_names("--arch-column", arch_column) or [],
            beside=parse_names("--beside", beside) or [],
            sample=_parse_sample(sample),
            scores=scores,
        )
        document = _run(request, plot)
    print_answer(document, lambda found: _results(found, plot), as_json=json)


def _run(request: RankRequest, plot: Path | None) -> dict[str, Any]:
    from nas_kd.cli.progress import watching
    from studies.ranking.ranking import rank_scores

    try:
        with watching() as observer:
            document = rank_scores(request, observer)
    except KeyboardInterrupt:
        if request.scores is not None:
            note(f"The scores so far are in {request.scores}; the same command continues.")
        raise
    if plot is not None:
        from nas_kd.report.rank_plot import draw_ranking

        draw_ranking(document, plot)
    return document


def _check_plot(path: Path) -> None:
    """Finds out before any work what would keep the picture from being written."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"--plot: {path} does not end in .png; the picture is a PNG.")
    if path.is_dir():
        raise UsageError(f"--plot: {path} is a folder. Name a file.")
    if not path.parent.is_dir():
        raise UsageError(f"--plot: there is no folder {path.parent}. Make it, or name another.")


def _parse_sample(text: str) -> int | None:
    """A number of rows; None for all."""
    if text == "all":
        return None
    if not text.isdecimal() or int(text) == 0:
        raise UsageError(f"--sample: {text!r} is neither a number of rows nor all.")
    return int(text)


def _results(document: dict[str, Any], plot: Path | None) -> list[Any]:
    from nas_kd.report.rank_table import explanation, rank_table

    picture = [] if plot is None else [f"Picture: {plot}"]
    return [rank_table(document), explanation(document), *picture]
