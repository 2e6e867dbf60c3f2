"""What is delivered of a student of text: its files, checked ONNX and a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.costs import count_macs
from nas_kd.costs.token_latency import LENGTHS
from nas_kd.costs.tokens import example_tokens
from nas_kd.errors import ExportError
from nas_kd.export.difference import TOLERANCE
from nas_kd.export.drafts import drafts_of
from nas_kd.export.file_names import ONNX
from nas_kd.export.manifest import write_manifest
from nas_kd.export.precision import precision_file
from nas_kd.export.quantise import Int8Settings, quantise_onnx
from nas_kd.export.text_student import save_text_student
from nas_kd.export.token_models import SEGMENTS, export_tokens
from nas_kd.export.token_parity import TokenParityRecord, check_token_parity

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_TOLERANCES = {"fp32": TOLERANCE, "int8": 0.25}
"""Differences allowed, as shares of the largest output. That of int8 finds files that are wrong;
what 8 bits cost a task is for the task's own measure to say."""
_SEED = 0
"""Of the tokens that are compared."""


def deliver_text_student(
    directory: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None,
    provenance: Mapping[str, Any],
    *,
    accuracy: Mapping[str, Any] | None = None,
    lengths: Sequence[int] = LENGTHS,
    int8: bool = False,
) -> Path:
    """Writes the student's directory: transformers' files, ``student.onnx`` for any batch and
    length, on request ``student.int8.onnx``, and ``manifest.json``.

    Args:
        directory: Made if it does not exist.
        model: The student.
        tokenizer: The teacher's.
        provenance: Where it comes from, as JSON values.
        accuracy: What it scores, by name, for the manifest.
        lengths: Tokens of the sequences that are counted and compared.
        int8: Whether the dynamically quantised file is wanted too.

    Returns:
        The manifest's path.

    Raises:
        ExportError: The model cannot be written, or a file does not compute what it computes.
    """
    directory = Path(directory)
    save_text_student(directory, model, tokenizer, provenance)
    onnx = directory / ONNX
    parity = export_text_student(model, tokenizer, onnx, lengths=lengths, int8=int8, seed=_SEED)
    return write_manifest(
        directory,
        costs={str(n): count_macs(model, example_tokens(model, 1, n)) for n in lengths},
        latency=None,
        parity=parity,
        accuracy=accuracy or {},
        seeds={"parity": _SEED},
        extra={"provenance": provenance},
    )


def export_text_student(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None,
    onnx: Path,
    *,
    lengths: Sequence[int] = LENGTHS,
    int8: bool = False,
    seed: int = 0,
) -> dict[str, TokenParityRecord]:
    """Writes the student's files for any batch and length, which compute what it computes.

    Files that are there already are replaced once all new ones were compared.

    Args:
        model: The student.
        tokenizer: The teacher's.
        onnx: The float32 file; its folder must exist.
        lengths: Tokens of the sequences that are compared.
        int8: Whether the dynamically quantised file is wanted beside it.
        seed: Of the tokens that are compared.

    Returns:
        The comparisons by precision; see `precision_file` for where each file is.

    Raises:
        ExportError: The model cannot be written, or a file does not compute what it computes.
    """
    with drafts_of(onnx) as folder:
        whole = folder / onnx.name
        export_tokens(
            model, lengths[0], whole, any_length=True, segments=_segments(model, tokenizer)
        )
        drafts = {"fp32": whole, **({"int8": _int8(whole)} if int8 else {})}
        parity = {
            precision: _checked(model, draft, lengths, seed, _TOLERANCES[precision])
            for precision, draft in drafts.items()
        }
        for precision, draft in drafts.items():
            draft.replace(precision_file(onnx, precision))
    return parity


def readable_lengths(model: PreTrainedModel) -> list[int]:
    """The usual lengths, or as long as the model reads."""
    most = int(model.config.max_position_embeddings)
    return list(dict.fromkeys(min(length, most) for length in LENGTHS))


def _int8(onnx: Path) -> Path:
    """The file whose matrix products are of 8-bit integers, with ranges found in every run."""
    settings = replace(Int8Settings.for_device("cpu"), method="dynamic")
    return quantise_onnx(onnx, precision_file(onnx, "int8"), (), settings)


def _checked(
    model: PreTrainedModel, file: Path, lengths: Sequence[int], seed: int, tolerance: float
) -> TokenParityRecord:
    record = check_token_parity(model, file, lengths, seed=seed, tolerance=tolerance)
    if not record.passed:
        raise ExportError(
            f"export: {file.name} differs from the model by {record.max_rel:.1e} of its largest "
            f"output, and {tolerance:.1e} is allowed.",
            "Deliver it without int8; if it is the float file, export it with another version of "
            "torch.",
        )
    return record


def _segments(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None) -> bool:
    """Whether the model tells segments apart, and the tokenizer says which is which."""
    kinds = getattr(model.config, "type_vocab_size", 0)
    return tokenizer is not None and kinds > 1 and SEGMENTS in tokenizer.model_input_names
