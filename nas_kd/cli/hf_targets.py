"""``hf:NAME_OR_FOLDER``: a model of Hugging Face transformers, to be measured untrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas_kd.cli.targets import Target
from nas_kd.errors import NasKdError, UsageError, first_line
from nas_kd.source_spec import SourceSpec

SEQUENCE_LENGTH = 128
"""Tokens, where ``?seq_len=`` does not say otherwise."""

_IMAGE_SIZE = 224
_OPTIONS = {"input_ids": "seq_len", "pixel_values": "image_size"}


def hf_target(model: str, workspace: Path) -> Target:
    """The model that a configuration describes, built with random weights.

    Only ``config.json`` is read, from a local folder or the hub: neither MACs nor latency depend on
    the weights. Models of tokens take ``?seq_len=128``, models of images ``?image_size=224``.

    Raises:
        UsageError: There is no such model, or it reads neither tokens nor images.
        NasKdError: The hub cannot be reached.
    """
    spec = SourceSpec.parse(model)
    spec.require_options(_OPTIONS.values())
    if not spec.target:
        raise UsageError("hf: it names no model. Write hf:NAME_OR_FOLDER.")
    module = _build(spec)
    reads = str(getattr(module, "main_input_name", ""))
    if reads not in _OPTIONS:
        raise UsageError(
            f"hf: {model} reads {reads or 'an unknown input'}, and tokens or images can be "
            "measured. Export it to ONNX yourself and measure the file."
        )
    for option in set(spec.options) - {_OPTIONS[reads]}:
        raise UsageError(f"hf: {model} reads {reads}; leave out {option}.")
    file = workspace / f"{Path(spec.target).name}.onnx"
    if reads == "pixel_values":
        return _images(model, module, spec.integer("image_size"), file)
    return _tokens(model, module, spec.integer("seq_len") or SEQUENCE_LENGTH, file)


def _tokens(model: str, module: Any, length: int, file: Path) -> Target:
    from nas_kd.costs import count_macs
    from nas_kd.costs.tokens import example_tokens
    from nas_kd.export.token_models import export_tokens

    counts = count_macs(module, example_tokens(module, 1, length))
    return Target(f"{model} ({length} tokens)", export_tokens(module, length, file), counts)


def _images(model: str, module: Any, image_size: int | None, file: Path) -> Target:
    from nas_kd.costs import count_macs
    from nas_kd.costs.traced import Traced
    from nas_kd.export import export_onnx

    size = image_size or getattr(module.config, "image_size", None) or _IMAGE_SIZE
    height, width = size if isinstance(size, list | tuple) else (size, size)
    shape = (getattr(module.config, "num_channels", 3), height, width)
    traced = Traced(module, ("pixel_values",))
    return Target(model, export_onnx(traced, shape, file), count_macs(traced, shape))


def _build(spec: SourceSpec) -> Any:
    """The module, in eval mode and single precision."""
    import torch
    from transformers import AutoConfig, AutoModel

    folder = Path(spec.target).expanduser()
    place = str(folder) if folder.is_dir() else spec.target
    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        own_class = _model_class(config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module = own_class(config) if own_class else AutoModel.from_config(config)
    except Exception as error:
        raise _failure(spec, error) from error
    return module.float().eval()


def _model_class(config: Any) -> type | None:
    """The class of transformers that the configuration names, if it names one."""
    import transformers

    for name in config.architectures or ():
        found = getattr(transformers, str(name), None)
        if isinstance(found, type) and issubclass(found, transformers.PreTrainedModel):
            return found
    return None


def _failure(spec: SourceSpec, error: Exception) -> NasKdError:
    from nas_kd.network import is_network_failure, unreachable

    if is_network_failure(error):
        return unreachable(f"model {spec.text}", instead="give a folder that holds its config.json")
    return UsageError(
        f"hf: {spec.text} cannot be built as a model of transformers ({first_line(error)}). Check "
        "the name or folder; code that comes with a model is never run."
    )
