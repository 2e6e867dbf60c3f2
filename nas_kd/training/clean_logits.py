"""The teacher's logits for the unaugmented training images, kept in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from nas_kd.tensor_files import save_tensors

BATCH = 256

_NAME = "logits"
_DIGEST = "sha256"


def clean_logits(
    count: int, run: Callable[[Tensor], Tensor], file: Path | None, *, writes: bool = True
) -> Tensor:
    """Logits ``(count, class)`` of all training images, computed once for one ``file``.

    A file is believed when it has as many rows and agrees with the teacher on the first and the
    last batch; any other one, and a damaged one, is replaced.

    Args:
        count: How many images there are.
        run: The teacher: indices of images to logits ``(index, class)``.
        file: A safetensors file; None keeps nothing.
        writes: Whether this process writes the file.
    """
    kept = None if file is None else read_logits(file)
    if kept is not None and _agrees(kept, count, run):
        return kept
    logits = torch.cat([run(indices) for indices in _batches(count)])
    if file is not None and writes:
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            save_tensors(file, {_NAME: logits}, {_DIGEST: _digest(logits)})
    return logits


def read_logits(file: Path) -> Tensor | None:
    """The logits in a file that `clean_logits` wrote; None where it is not there or damaged."""
    try:
        with safe_open(str(file), "pt") as kept:
            logits: Tensor = kept.get_tensor(_NAME)
            digest = (kept.metadata() or {}).get(_DIGEST)
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    return logits if digest == _digest(logits) else None


def _digest(logits: Tensor) -> str:
    values = logits.detach().cpu().contiguous()
    return hashlib.sha256(values.view(torch.uint8).numpy().tobytes()).hexdigest()


def _batches(count: int) -> Iterator[Tensor]:
    yield from torch.arange(count).split(BATCH)


def _agrees(kept: Tensor, count: int, run: Callable[[Tensor], Tensor]) -> bool:
    if len(kept) != count:
        return False
    batches = list(_batches(count))
    return all(_close(kept[indices], run(indices)) for indices in (batches[0], batches[-1]))


def _close(kept: Tensor, fresh: Tensor) -> bool:
    return kept.shape == fresh.shape and torch.allclose(kept, fresh, rtol=1e-3, atol=1e-3)
