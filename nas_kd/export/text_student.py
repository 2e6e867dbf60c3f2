"""A student of text on disk: transformers' own files, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.errors import UsageError, first_line
from nas_kd.export.file_names import CONFIG, PROVENANCE
from nas_kd.export.manifest import require_intact
from nas_kd.tensor_files import save_pretrained
from nas_kd.whole_files import write_whole
from search_spaces.language_models import class_named

if TYPE_CHECKING:  # transformers takes a second to import
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SCHEMA = "nas-kd.text-student/1"


@dataclass(frozen=True)
class TextStudent:
    """A language model ready for use: ``student.model(**student.tokenizer(text, ...))``.

    Attributes:
        model: In eval mode, on the CPU.
        tokenizer: The teacher's; None where the teacher came without.
        provenance: Where it comes from: space, arch, teacher, data.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase | None
    provenance: dict[str, Any]


def save_text_student(
    directory: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None,
    provenance: Mapping[str, Any],
) -> None:
    """Writes what ``save_pretrained`` writes, and ``provenance.json``.

    The directory opens with ``AutoModel.from_pretrained``, or ``AutoModelForCausalLM`` where it
    writes; for a model of a shape that transformers has not with ``trust_remote_code=True``: its
    code then lies beside the weights.

    Args:
        directory: Made if it does not exist.
        model: As `SuperLM.extract` gives it, or trained further.
        tokenizer: The teacher's.
        provenance: JSON values.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    save_pretrained(directory, model, tokenizer)
    facts = {"schema": SCHEMA, **provenance}
    write_whole(directory / PROVENANCE, json.dumps(facts, indent=2) + "\n")


def load_text_student(directory: Path | str) -> TextStudent:
    """Loads what `save_text_student` wrote.

    No code that lies in the directory is run, and weights are read from safetensors alone.

    Raises:
        UsageError: A file is missing or damaged, is not the one of the student's manifest, or
            weights and configuration do not fit.
    """
    directory = Path(directory)
    provenance = read_provenance(directory)
    require_intact(directory, lambda name: not name.endswith(".onnx"))
    names = _read_json(directory / CONFIG).get("architectures")
    model_class = class_named(str(names[0]) if isinstance(names, list) and names else "")
    try:
        model, report = model_class.from_pretrained(
            str(directory), local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:
        raise _unreadable(directory, first_line(error)) from error
    if wrong := [*report["missing_keys"], *report["mismatched_keys"]]:
        raise _unreadable(directory, f"{wrong[0]} is missing or of another shape")
    return TextStudent(model.eval(), _tokenizer(directory), provenance)


def read_provenance(directory: Path) -> dict[str, Any]:
    """Where the student in ``directory`` comes from.

    Raises:
        UsageError: The file is missing, damaged or not one of ours.
    """
    provenance = _read_json(directory / PROVENANCE)
    if provenance.get("schema") != SCHEMA:
        raise UsageError(f"student: {directory / PROVENANCE} is not of schema {SCHEMA}.")
    return provenance


def _tokenizer(directory: Path) -> PreTrainedTokenizerBase | None:
    if not (directory / "tokenizer_config.json").is_file():
        return None
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(directory), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        raise _unreadable(directory, first_line(error)) from error
    return tokenizer


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"student: {path} cannot be read ({first_line(error)}). Give the directory of a "
            "student of text."
        ) from error
    if not isinstance(content, dict):
        raise UsageError(f"student: {path} holds no JSON object. Export the student again.")
    return content


def _unreadable(directory: Path, reason: str) -> UsageError:
    return UsageError(
        f"student: the files in {directory} cannot be read or do not fit ({reason}). Export the "
        "student again."
    )
