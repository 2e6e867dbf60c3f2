"""The manifest of a student directory: what is in it, what it costs, and where it comes from."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from nas_kd.costs.environment import package_versions
from nas_kd.errors import UsageError
from nas_kd.export.file_names import MANIFEST, ONNX
from nas_kd.export.onnx_file import onnx_facts
from nas_kd.file_digest import is_unchanged, sha256
from nas_kd.sealed import sealed, unsealed
from nas_kd.whole_files import write_whole

SCHEMA = "nas-kd.manifest/1"
_PACKAGES = (
    "nas-kd",
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "accelerate",
    "optuna",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "fvcore",
    "safetensors",
    "numpy",
)


@runtime_checkable
class Record(Protocol):
    """Any of the suite's records."""

    def to_dict(self) -> dict[str, Any]: ...


def versions() -> dict[str, str]:
    """Versions of Python and of every installed package that a student depends on."""
    return package_versions(_PACKAGES)


def write_manifest(
    directory: Path,
    *,
    costs: Record | Mapping[str, Any],
    latency: Record | Mapping[str, Any] | None,
    parity: Record | Mapping[str, Any],
    accuracy: Mapping[str, Any],
    seeds: Mapping[str, int],
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Writes ``manifest.json`` with everything known about the student, and its files' hashes.

    Args:
        directory: The student's directory, all other files written.
        costs: Counted MACs and parameters.
        latency: The measurement of the delivered file, with its evidence; None if there is none.
        parity: The comparison of ONNX Runtime with PyTorch.
        accuracy: Split or condition to accuracy, as shares in [0, 1].
        seeds: Purpose to seed.
        extra: Further sections by name.

    Returns:
        The manifest's path.
    """
    directory = Path(directory)
    sections = {
        "schema": SCHEMA,
        "costs": _plain(costs),
        "latency": _plain(latency),
        "parity": _plain(parity),
        "accuracy": _plain(accuracy),
        "seeds": dict(seeds),
        "versions": versions(),
        **_plain(extra or {}),
    }
    files = sorted(p for p in directory.iterdir() if p.is_file() and not p.name.startswith("."))
    return _write(directory, sections, [file for file in files if file.name != MANIFEST])


def refresh_manifest(
    directory: Path, renewed: Collection[str] = (), **sections: Record | Mapping[str, Any]
) -> Path | None:
    """Brings ``sections`` up to date, and what is said of the files that were written anew.

    All other files keep what the manifest says of them, so that one that was damaged meanwhile is
    still found to be.

    Args:
        directory: The student's.
        renewed: Names of the files that the caller wrote.
        **sections: A record takes the place of what the section held; the entries of a mapping,
            such as records by precision, are laid over those that it has.

    Returns:
        The manifest's path; None when the directory has no manifest.

    Raises:
        UsageError: The manifest cannot be read.
    """
    old = read_manifest(directory)
    if old is None:
        return None
    for name, section in sections.items():
        kept = {} if isinstance(section, Record) else old.get(name) or {}
        old[name] = {**kept, **_plain(section)}
    return _write(Path(directory), old, [Path(directory) / name for name in sorted(renewed)])


def read_manifest(directory: Path) -> dict[str, Any] | None:
    """The directory's manifest; None when it has none.

    Raises:
        UsageError: The manifest cannot be read.
    """
    path = Path(directory) / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = unsealed(path.read_bytes(), required=False)
        if manifest.get("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"manifest: {path} cannot be read ({error}). Remove it.") from error
    return manifest


def delivered_onnx(directory: Path) -> Path:
    """The ONNX file that was delivered, which need not exist: the one for the device.

    It is the file that the manifest names, else the float32 one.

    Raises:
        UsageError: The manifest cannot be read.
    """
    name = (read_manifest(directory) or {}).get("delivered") or ONNX
    return Path(directory) / Path(str(name)).name


def require_intact(directory: Path, wanted: Callable[[str], bool]) -> None:
    """Compares files of a student with the SHA-256 in its manifest, where it has one.

    Args:
        directory: The student's.
        wanted: Whether the file of a name is compared; one that is missing, or not in the manifest,
            is not.

    Raises:
        UsageError: A file differs, or the manifest cannot be read.
    """
    for file in _differing(directory, read_manifest(directory) or {}, wanted):
        if file.is_file():
            raise UsageError(
                f"student: {file} differs from what {MANIFEST} says of it: it was damaged or "
                "changed. Restore it, or make it again with the command that made the student (an "
                f"ONNX file with nas-kd export). To use it as it is, remove {MANIFEST}."
            )


def changed_files(directory: Path) -> list[str]:
    """Names of the files that are not as the manifest has them; of the manifest where it is none.

    Files that the manifest does not know are left out.
    """
    try:
        manifest = read_manifest(directory)
    except UsageError:
        manifest = None
    if manifest is None:
        return [MANIFEST]
    return [file.name for file in _differing(directory, manifest, lambda name: True)]


def _differing(
    directory: Path, manifest: Mapping[str, Any], wanted: Callable[[str], bool]
) -> Iterator[Path]:
    """Files that are missing, or are not as the manifest has them."""
    stated = manifest.get("files")
    for name, digest in (stated if isinstance(stated, dict) else {}).items():
        file = Path(directory) / Path(name).name
        if wanted(name) and not is_unchanged(file, digest):
            yield file


def _write(directory: Path, sections: dict[str, Any], files: Collection[Path]) -> Path:
    """Writes the sections, with digests and facts of ``files`` laid over those that they hold."""
    digests = {file.name: sha256(file) for file in files}
    facts = {file.name: onnx_facts(file) for file in files if file.suffix == ".onnx"}
    for name, found in (("files", digests), ("onnx", facts)):
        stated = sections.get(name)
        entries = {**(stated if isinstance(stated, dict) else {}), **found}
        sections[name] = dict(sorted(entries.items()))
    path = directory / MANIFEST
    write_whole(path, json.dumps(sealed(sections), indent=2, allow_nan=False) + "\n")
    return path


def _plain(value: Any) -> Any:
    """Values that JSON can hold; numbers that are not finite become null."""
    if isinstance(value, Record):
        value = value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float):
        return value
    if hasattr(value, "item"):
        return _plain(value.item())
    return str(value)
