"""How a sentence encoder makes one vector of the tokens of a text."""

from __future__ import annotations

import json
from pathlib import Path

from nas_kd.errors import UsageError
from nas_kd.teachers.language import located

_FILE = "1_Pooling/config.json"
_MODE = "pooling_mode"
_MEAN = ("mean", "mean_tokens")


def require_mean_pooling(source: str) -> None:
    """Raises `UsageError` where files of sentence-transformers say that a teacher pools otherwise.

    Args:
        source: A teacher that was loaded, see `nas_kd.teachers.language.load_language_teacher`.
    """
    _, place = located(source)
    file = _pooling_file(place)
    if file is None:
        return
    try:
        modes = _modes(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(
            f"teacher: {file} cannot be read ({error}). Copy or save the model again."
        ) from error
    if len(modes) != 1 or modes[0] not in _MEAN:
        raise UsageError(
            f"teacher: {source} pools by {', '.join(modes)}, and students learn embeddings that "
            "are the mean over the tokens. Give a sentence encoder that pools by the mean, such as "
            "hf:sentence-transformers/all-MiniLM-L6-v2."
        )


def _pooling_file(place: str) -> Path | None:
    """The file that says how the model pools, in its folder or on the hub; None without one."""
    if Path(place).is_dir():
        file = Path(place) / _FILE
        return file if file.is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return Path(hf_hub_download(place, _FILE))
    except (EntryNotFoundError, OSError):  # it has none, or none is cached and nothing can be asked
        return None


def _modes(config: dict[str, object]) -> list[str]:
    """What it pools by: one name or several, or a flag for each, as earlier versions wrote it."""
    named = config.get(_MODE)
    if isinstance(named, str):
        return [named]
    if isinstance(named, list):
        return [str(name) for name in named]
    flags = {name: on for name, on in config.items() if name.startswith(f"{_MODE}_")}
    return [name.removeprefix(f"{_MODE}_") for name, on in flags.items() if on] or [_MEAN[0]]
