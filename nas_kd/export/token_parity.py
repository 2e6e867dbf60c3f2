"""Whether ONNX Runtime computes what PyTorch computes on tokens, at several lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nas_kd.costs.evaluating import evaluating
from nas_kd.costs.tokens import MASK, TOKENS
from nas_kd.costs.traced import tensors_in
from nas_kd.errors import ExportError, first_line
from nas_kd.export.difference import TOLERANCE, Difference
from nas_kd.export.running import open_onnx
from nas_kd.export.token_models import SEGMENTS

_BATCHES = (1, 3)
_FIRST_WORD = 1


@dataclass(frozen=True)
class TokenParityRecord:
    """The largest differences between ONNX Runtime and PyTorch over all batches.

    Attributes:
        max_abs: Largest absolute difference of outputs at tokens that are not padding.
        max_rel: The same as a share of the largest output's magnitude.
        lengths: Lengths that were compared, each with a batch of one and a padded batch of three.
        tolerance: Largest difference allowed, as a share of the largest output's magnitude or of 1,
            whichever is larger.
        passed: Whether it was kept.
    """

    max_abs: float
    max_rel: float
    lengths: tuple[int, ...]
    tolerance: float
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready values."""
        return {**asdict(self), "lengths": list(self.lengths)}


def check_token_parity(
    module: nn.Module,
    path: Path,
    lengths: Sequence[int],
    *,
    seed: int,
    tolerance: float = TOLERANCE,
) -> TokenParityRecord:
    """Compares a file that `export_tokens` wrote with the module that it was written from.

    Args:
        module: A transformers model that reads tokens; left as it is.
        path: Its ONNX file.
        lengths: Tokens in a sequence. Two that differ show a length that was frozen into the graph.
        seed: Of the tokens.
        tolerance: See `TokenParityRecord`.

    Raises:
        ExportError: The file cannot be run at one of the lengths.
    """
    generator = torch.Generator().manual_seed(seed)
    difference = Difference.of(_outputs(module, path, lengths, generator))
    return TokenParityRecord(
        max_abs=difference.max_abs,
        max_rel=difference.max_rel,
        lengths=tuple(lengths),
        tolerance=tolerance,
        passed=difference.within(tolerance),
    )


def _outputs(
    module: nn.Module, path: Path, lengths: Sequence[int], generator: torch.Generator
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """What the file and the module compute of each batch, without the padding."""
    session = open_onnx(path)
    for batch in _batches(session, module, lengths, generator):
        found, wanted = _of_file(session, batch, path), _of_module(module, batch)
        if found.shape != wanted.shape:
            raise ExportError(
                f"parity: {path} returns shape {found.shape} for tokens of shape "
                f"{tuple(batch[TOKENS].shape)} and the module {wanted.shape}.",
                "Export the model for sequences of any length.",
            )
        real = _real(batch[MASK], wanted)
        yield found[real], wanted[real]


def _batches(
    session: onnxruntime.InferenceSession,
    module: nn.Module,
    lengths: Sequence[int],
    generator: torch.Generator,
) -> Iterator[dict[str, Tensor]]:
    """Random tokens for every input of the file, whole and with padding at the end."""
    config: Any = module.config
    names = [value.name for value in session.get_inputs()]
    for length in lengths:
        for size in _BATCHES:
            tokens = torch.randint(
                _FIRST_WORD, config.vocab_size, (size, length), generator=generator
            )
            mask = torch.ones_like(tokens)
            for row in range(size):
                mask[row, length - row * length // (size + 1) :] = 0
            batch = {TOKENS: tokens, MASK: mask}
            if SEGMENTS in names:
                batch[SEGMENTS] = (torch.arange(length) >= length // 2).long().repeat(size, 1)
            yield batch


def _real(mask: Tensor, output: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which sequences, or which tokens where there is an output for each, count."""
    per_token = output.ndim == 3 and output.shape[1] == mask.shape[1]
    real: NDArray[np.bool_] = (mask.bool() if per_token else mask.bool().any(1)).numpy()
    return real


def _of_file(
    session: onnxruntime.InferenceSession, batch: dict[str, Tensor], path: Path
) -> NDArray[np.float64]:
    try:
        (found,) = session.run(None, {name: values.numpy() for name, values in batch.items()})
    except Exception as error:
        raise ExportError(
            f"parity: {path} cannot be run on tokens of shape {tuple(batch[TOKENS].shape)} "
            f"({first_line(error)}).",
            "Export the model for sequences of any length.",
        ) from error
    return np.asarray(found, dtype=np.float64)


def _of_module(module: nn.Module, batch: dict[str, Tensor]) -> NDArray[np.float64]:
    device = next(module.parameters()).device
    with evaluating(module):
        output = module(**{name: values.to(device) for name, values in batch.items()})
    first: Tensor = next(tensors_in(output))
    return first.double().cpu().numpy()
