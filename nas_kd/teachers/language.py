"""Trained language models as teachers: ``hf:NAME_OR_FOLDER`` and ``package:NAME/FOLDER``.

The second form names a folder of an installed package that ships a model; the package is found and
not imported. Students of SuperLMs are teachers, too. No code that comes with a model is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.errors import NasKdError, UsageError
from nas_kd.network import is_network_failure, unreachable
from nas_kd.registry import unknown_name
from nas_kd.source_spec import SourceSpec
from nas_kd.teachers.pretrained import from_files, is_of_pooler, place_of, refuse_new
from nas_kd.teachers.weights import load_weights
from search_spaces.language_models import make_known

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_KINDS = ("hf", "package")
_WRITER = "ForCausalLM"
_POOLER_SEED = 0


@dataclass(frozen=True)
class LanguageTeacher:
    """A trained language model, frozen and in eval mode.

    Attributes:
        model: A model of transformers: a decoder with the head that gives its next token where it
            was saved with one, all others without a head.
        tokenizer: Its tokenizer.
        name: What to call it.
        source: The specification that it was loaded from.
    """

    model: PreTrainedModel
    tokenizer: Any
    name: str
    source: str

    def __post_init__(self) -> None:
        self.model.eval().requires_grad_(False)


def load_language_teacher(source: str, checkpoint: Path | None = None) -> LanguageTeacher:
    """Loads the language model that ``source`` names, with its tokenizer.

    Its weights are in float32, whatever they were saved in: students learn with copies of them. A
    pooler that it was saved without is random, and the same in every call.

    Args:
        source: The specification.
        checkpoint: Weights that replace those that came with it.

    Raises:
        UsageError: It does not exist, it is no language model of transformers, it lacks weights, or
            the checkpoint does not fit.
        NasKdError: It cannot be downloaded.
    """
    spec, place = located(source)
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer

    make_known()
    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        writes = any(name.endswith(_WRITER) for name in config.architectures or ())
        kind = AutoModelForCausalLM if writes else AutoModel
        model, new = from_files(kind, place, seed=_POOLER_SEED)
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    except Exception as error:
        raise not_loaded(spec, error) from error
    if checkpoint is None:
        refuse_new(spec, [name for name in new if not is_of_pooler(name)])
    else:
        load_weights(model, checkpoint)
    return LanguageTeacher(model, tokenizer, spec.target, source)


def located(source: str) -> tuple[SourceSpec, str]:
    """The specification of a language model, and its folder or its name on the hub.

    Raises:
        UsageError: It is no such specification, or the package is not there.
    """
    spec = SourceSpec.parse(source)
    if spec.kind not in _KINDS:
        raise UsageError(unknown_name("teacher of language models", spec.kind, list(_KINDS)))
    spec.require_options(())
    if not spec.target:
        raise UsageError(f"teacher: {source!r} names no model; write {spec.kind}:NAME.")
    return spec, _package_folder(spec) if spec.kind == "package" else place_of(spec)


def not_loaded(spec: SourceSpec, error: Exception) -> NasKdError:
    """The error that says why transformers did not load what ``spec`` names."""
    if is_network_failure(error):
        return unreachable(
            f"teacher {spec.text}", instead="give the folder of a model saved with save_pretrained"
        )
    return UsageError(
        f"teacher: {spec.text} cannot be loaded as a language model of transformers "
        f"({type(error).__name__}: {error}). Check the name or folder; code that comes with a "
        "model is never run."
    )


def _package_folder(spec: SourceSpec) -> str:
    package, _, folder = spec.target.partition("/")
    found = find_spec(package) if package.isidentifier() else None
    places = [] if found is None else list(found.submodule_search_locations or ())
    if not places:
        raise UsageError(
            f"teacher: {spec.text}: there is no installed package {package!r}. Install it, or give "
            "hf:FOLDER."
        )
    path = Path(places[0]) / folder
    if not path.is_dir():
        raise UsageError(f"teacher: {spec.text}: the package has no folder {folder!r}.")
    return str(path)
