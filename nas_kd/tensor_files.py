"""Tensors and models as files of safetensors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import strerror
from pathlib import Path
from typing import TYPE_CHECKING

from nas_kd.whole_files import open_as_new, replaced

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_ERRNO = re.compile(r"\(os error (\d+)\)")


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Replaces ``path`` by the tensors, which may be on any device and strided in any way.

    Raises:
        OSError: It cannot be written; an earlier file is left as it was.
    """
    from safetensors.torch import save_file

    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replaced(path) as draft, errors_of_the_disk(path):
        save_file(whole, draft, None if metadata is None else dict(metadata))


def save_pretrained(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None
) -> None:
    """Writes what ``save_pretrained`` of both writes; others may read it as any file made there.

    Raises:
        OSError: It cannot be written.
    """
    with errors_of_the_disk(folder):
        model.save_pretrained(folder)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)
    open_as_new(folder)


@contextmanager
def errors_of_the_disk(path: Path) -> Iterator[None]:
    """Raises what the operating system said, as of ``path``, where safetensors raises its own."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        found = _ERRNO.search(str(error))
        if found is None:
            raise
        number = int(found.group(1))
        raise OSError(number, strerror(number), str(path)) from error
