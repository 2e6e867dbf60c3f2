"""Writing a model that reads tokens as one ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.costs.evaluating import evaluating
from nas_kd.costs.tokens import SEQUENCE, TOKENS, example_tokens
from nas_kd.costs.traced import Traced, tensors_in
from nas_kd.errors import ExportError, UsageError, first_line
from nas_kd.export.exporters import BATCH, DEFAULT_OPSET, TRACED_BATCH, export_graph
from nas_kd.export.onnx_file import OUTPUT, write_model

SEGMENTS = "token_type_ids"


def export_tokens(
    module: nn.Module,
    length: int,
    path: Path,
    *,
    opset: int | None = None,
    any_length: bool = False,
    segments: bool = False,
) -> Path:
    """Writes a transformers model in eval mode.

    Inputs are ``input_ids`` and ``attention_mask`` (``decoder_input_ids`` too, where there is a
    decoder beside an encoder), each ``(batch, length)`` with a dynamic batch. The one output is the
    model's first, under the model's own name for it (``logits``, ``last_hidden_state``); caches
    are left out. Weights are inside the file. An existing file is replaced only by a complete one;
    the module is left as it was.

    Args:
        module: A transformers model that reads tokens.
        length: Tokens in a sequence.
        path: The file to write; its folder must exist.
        opset: Version of the ONNX operator set, 18 by default.
        any_length: Whether the length is dynamic too, an axis called ``sequence``.
        segments: Whether ``token_type_ids`` is an input, for models that tell segments apart.

    Returns:
        ``path``.

    Raises:
        ExportError: No exporter can write the module, with both reasons.
        UsageError: The module does not accept such tokens.
    """
    path = Path(path)
    tokens = example_tokens(module, TRACED_BATCH, length)
    if segments:
        tokens[SEGMENTS] = torch.zeros_like(tokens[TOKENS])
    with evaluating(module):
        output, shape = _output(module, tokens)
        axes = (BATCH, SEQUENCE) if any_length else (BATCH,)
        one_per_token = len(shape) == 3 and shape[1] == length
        try:
            model = export_graph(
                FirstTensor(module, tuple(tokens)),
                tokens,
                output,
                opset or DEFAULT_OPSET,
                {**dict.fromkeys(tokens, axes), output: axes if one_per_token else (BATCH,)},
            )
        except ExportError as error:
            raise ExportError(
                f"export: {type(module).__name__} cannot be written as ONNX ({error}).",
                "Replace the operator that is named, or take another model.",
            ) from error
    write_model(model, path)
    return path


class FirstTensor(nn.Module):
    """A module called with tensors alone, returning the first tensor of its output."""

    def __init__(self, module: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.traced = Traced(module, names)

    def forward(self, *tensors: Tensor) -> Tensor:
        first: Tensor = self.traced(*tensors)[0]
        return first


def _output(module: nn.Module, tokens: Mapping[str, Tensor]) -> tuple[str, torch.Size]:
    """Name and shape of the module's first tensor."""
    try:
        output: Any = module(**tokens)
    except Exception as error:
        raise UsageError(
            f"export: {type(module).__name__} does not accept {', '.join(tokens)} of shape "
            f"{tuple(next(iter(tokens.values())).shape)} ({first_line(error)}). Check the length "
            "of the sequences, and that the model reads tokens."
        ) from error
    first = next(tensors_in(output), None)
    if first is None or first.dim() == 0 or first.shape[0] != TRACED_BATCH:
        raise UsageError(
            f"export: {type(module).__name__} returned no tensor whose first dimension is the "
            "batch. Give a model that answers every sequence."
        )
    if isinstance(output, Mapping):
        named = (str(name) for name, value in output.items() if isinstance(value, Tensor))
        return next(named), first.shape
    return OUTPUT, first.shape
