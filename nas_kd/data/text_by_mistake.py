"""Text that is named where images are wanted."""

from __future__ import annotations

from pathlib import PurePath

from nas_kd.errors import UsageError
from nas_kd.source_spec import SourceSpec

_KINDS = ("text", "tsv", "csv")
_FILES = (".txt", ".tsv", ".csv")
_OPTIONS_OF_SETS = {"text", "second", "regression", "train", "validation", "column", "split"}


def is_text(spec: SourceSpec) -> bool:
    """Whether a specification names text: a kind of text, a file of text, or columns of text."""
    if spec.kind == "hfds":
        return not _OPTIONS_OF_SETS.isdisjoint(spec.options)
    is_file = not spec.target and PurePath(spec.kind).suffix.lower() in _FILES
    return spec.kind in _KINDS or is_file


def refuse_text(spec: SourceSpec) -> None:
    """Raises `UsageError` for text, and says which commands read it."""
    if is_text(spec):
        raise UsageError(
            f"data {spec.text}: this is text, and images are wanted here. Language models go "
            "another way: nas-kd pretrain --space autodistil --method autodistil --teacher hf:NAME "
            "--data text:PATH, then nas-kd search --supernet RUN, then nas-kd distill RUN --task "
            "'FILE.csv?text=COLUMN&label=COLUMN' (docs/language_models.md)."
        )
