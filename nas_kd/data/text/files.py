"""Text out of plain files, folders and zip archives."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from nas_kd.errors import UsageError

LARGEST = 2**32
"""Bytes that the files of an archive may unpack to together."""


def read_files(place: str, pattern: str, where: str) -> dict[str, str]:
    """The files that ``pattern`` chooses, as names to texts in the order of their names.

    Args:
        place: A file, which is read whatever the pattern is; a folder, or a zip archive, whose
            files are matched by their path or name inside of it.
        pattern: As in a shell, ``*.txt`` or ``SST-2/train.tsv``.
        where: What is read, for messages.

    Raises:
        UsageError: There is no such place or file, or it is damaged, too large or not UTF-8.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        found = dict(_from_folder(path, pattern, where))
    elif not path.is_file():
        raise UsageError(f"{where}: there is no file or folder {path}.")
    elif zipfile.is_zipfile(path):
        found = dict(_from_archive(path, pattern, where))
    else:
        return {path.name: _decoded(path.read_bytes(), path.name, where)}
    if not found:
        raise UsageError(f"{where}: no file in {path} matches {pattern!r}.")
    return found


def _from_folder(path: Path, pattern: str, where: str) -> Iterator[tuple[str, str]]:
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_file() and _matches(name, pattern):
            yield name, _decoded(file.read_bytes(), name, where)


def _from_archive(path: Path, pattern: str, where: str) -> Iterator[tuple[str, str]]:
    try:
        with zipfile.ZipFile(path) as archive:
            chosen = [
                member
                for member in sorted(archive.infolist(), key=lambda member: member.filename)
                if not member.is_dir() and _matches(member.filename, pattern)
            ]
            if sum(member.file_size for member in chosen) > LARGEST:
                raise UsageError(
                    f"{where}: {path.name} unpacks to more than {LARGEST:,} bytes, and was not "
                    "unpacked. Unpack it yourself and give the folder."
                )
            for member in chosen:
                yield member.filename, _decoded(archive.read(member), member.filename, where)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError) as error:
        raise UsageError(
            f"{where}: the archive {path} cannot be read ({error}). Fetch it again, or unpack it "
            "and give the folder."
        ) from error


def _matches(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or fnmatch(PurePosixPath(name).name, pattern)


def _decoded(content: bytes, name: str, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where}: {name} is not UTF-8 text ({error.reason} at byte {error.start}). Convert "
            "it to UTF-8."
        ) from error
