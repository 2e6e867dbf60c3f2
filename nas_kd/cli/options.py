"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_TEACHERS = "timm:NAME, hf:NAME_OR_FOLDER or package.module:factory (your own code)"
_LANGUAGE_TEACHERS = "hf:NAME_OR_FOLDER or package:NAME/FOLDER (in an installed package)"
_IMAGES = (
    "digits, folder:PATH, npz:FILE, torchvision:NAME@ROOT, hfds:NAME_OR_FOLDER or "
    "package.module:factory (your own code)"
)
_TEXT = (
    "text:PATH (every line a text), tsv:PATH?column=NAME, csv:PATH?column=NAME or "
    "hfds:NAME_OR_FOLDER?column=NAME"
)


def read_directory(text: str) -> Path:
    """A directory's name; an empty one, as of an unset variable, is not the present directory."""
    if not text:
        raise typer.BadParameter("the name is empty. Name a directory.")
    return Path(text)


Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]
Run = Annotated[
    Path,
    typer.Argument(parser=read_directory, metavar="RUN", help="A run directory, like runs/digits."),
]
Config = Annotated[
    str | None,
    typer.Option(metavar="RECIPE", help="A recipe.toml or one of: nas-kd list recipes."),
]
Teacher = Annotated[str | None, typer.Option(metavar="TEACHER", help=f"{_TEACHERS}.")]
TeacherOfAny = Annotated[
    str | None,
    typer.Option(
        metavar="TEACHER", help=f"For images: {_TEACHERS}. For text: {_LANGUAGE_TEACHERS}."
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Weights of the teacher: .safetensors or a torch file."),
]
Data = Annotated[str | None, typer.Option(metavar="DATA", help=f"{_IMAGES}.")]
DataOfAny = Annotated[
    str | None, typer.Option(metavar="DATA", help=f"Images: {_IMAGES}. Text: {_TEXT}.")
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="PIXELS",
        help="Images are fitted to this square: shorter side scaled, centre cut out.",
    ),
]
Space = Annotated[
    str | None, typer.Option(metavar="NAME", help="The search space; see: nas-kd list spaces.")
]
SpaceOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=N", help="An option of the space; may be repeated."),
]
Epochs = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Epochs of the final distillation.")
]
Minutes = Annotated[
    float | None,
    typer.Option(
        min=0.01, metavar="M", help="Length of the final distillation in minutes instead of epochs."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, max=2**32 - 1, metavar="N", help="Same seed, same result (on one CPU)."),
]
Budget = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LIMIT",
        help="macs=60% of the teacher's (of an elastic supernet: of its largest network's), "
        "params=2M, latency=5ms, latency=5ms@cpu-4t; may be repeated.",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE", help="cpu, cuda or tensorrt: where latency counts [the run's, else cpu]."
    ),
]


def _read_threads(text: str) -> int:
    from nas_kd.costs.cores import parse_threads

    return parse_threads(text)


Threads = Annotated[
    int | None,
    typer.Option(
        parser=_read_threads,
        metavar="N|all",
        help="Threads of the measured model; all is one per physical core [the run's, else 1].",
    ),
]
