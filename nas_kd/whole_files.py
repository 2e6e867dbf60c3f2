"""Files and folders that are there whole or not at all, and names for those that are damaged."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Write to the path that this gives; it takes the place of ``path`` when all went well.

    Whenever this is interrupted, ``path`` is what it was before. Its folder has to exist. Others
    may read the file as any that is made there, also where safetensors writes it, which lets nobody
    else read.

    Raises:
        OSError: The file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.unlink(missing_ok=True)
        mode = _mode_of_new(draft)
        yield draft
        draft.chmod(mode)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Fill the folder that this gives; it takes the place of ``path`` when all went well.

    Until then ``path`` is what it was before; what a killed call left is removed. Only a call that
    is killed in the moment between its two renames leaves no ``path``: what was there before then
    waits beside it (``.<name>.old``), and the next call puts it back. Folders above it are made.
    Others may read its files as any that are made there (`open_as_new`).

    Raises:
        OSError: The folder cannot be written; an earlier one is left as it was.
    """
    draft, old = path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.old")
    _put_back(old, path)
    for left in (draft, old):
        shutil.rmtree(left, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
        open_as_new(draft)
        if path.exists():
            path.replace(old)
        draft.replace(path)
    finally:
        _put_back(old, path)
        shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def open_as_new(folder: Path) -> None:
    """Lets others read the files below ``folder`` as any that is made there.

    What safetensors writes, ``save_pretrained`` too, nobody else may read.

    Raises:
        OSError: The folder cannot be written.
    """
    probe = folder / f".{os.getpid()}.part"
    mode = _mode_of_new(probe)
    probe.unlink()
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            file.chmod(mode)


def _mode_of_new(file: Path) -> int:
    """Makes ``file``, and tells who may read and write it."""
    file.touch()
    return stat.S_IMODE(file.stat().st_mode)


def _put_back(old: Path, path: Path) -> None:
    if old.exists() and not path.exists():
        old.replace(path)


def write_whole(path: Path, text: str) -> None:
    """Replaces ``path`` by ``text``.

    Raises:
        OSError: It cannot be written; an earlier file is left as it was.
    """
    with replaced(path) as draft:
        draft.write_text(text, encoding="utf-8")


def put_aside(path: Path) -> Path:
    """Renames what is damaged, see `name_for_damaged`; its new name.

    Raises:
        OSError: It cannot be renamed.
    """
    return path.replace(name_for_damaged(path))


def name_for_damaged(path: Path) -> Path:
    """A free name beside ``path`` under which it can be kept: ``<name>.damaged``, then numbered."""
    first = path.with_name(f"{path.name}.damaged")
    numbered = (path.with_name(f"{first.name}-{number}") for number in count(2))
    return next(name for name in chain([first], numbered) if not name.exists())
