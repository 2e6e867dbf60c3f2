"""Models of transformers as their files have them, and which of their weights are not in these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nas_kd.errors import UsageError
from nas_kd.source_spec import SourceSpec
from nas_kd.teachers.misfits import some

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def place_of(spec: SourceSpec) -> str:
    """Where transformers finds ``hf:NAME_OR_FOLDER``: the folder, where it is there, or the name
    on the hub."""
    folder = Path(spec.target).expanduser()
    return str(folder) if folder.exists() else spec.target


def from_files(
    kind: Any, place: str, *, seed: int, **settings: Any
) -> tuple[PreTrainedModel, list[str]]:
    """The model in float32, and the names of its weights that are new.

    Args:
        kind: A class of transformers, or one of its ``Auto`` classes.
        place: A folder, or a name on the hub.
        seed: Of the weights that are new: those that the files lack or have in another shape.
        **settings: Of ``from_pretrained``.

    Raises:
        Exception: What transformers raises where it cannot load the model.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, report = kind.from_pretrained(
            place,
            trust_remote_code=False,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **settings,
        )
    reshaped = [name for name, *_ in report["mismatched_keys"]]
    return model, sorted({*report["missing_keys"], *reshaped})


def with_new_weights(kind: Any, config: Any, *, seed: int) -> PreTrainedModel:
    """A model in float32 all of whose weights are new.

    Args:
        kind: One of the ``Auto`` classes of transformers.
        config: Its configuration.
        seed: Of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = kind.from_config(
            config, trust_remote_code=False, dtype=torch.float32
        )
    return model


def is_of_pooler(name: str) -> bool:
    """Whether a weight is one of the pooler's, which a model may have been saved without."""
    return "pooler" in name.split(".")


def refuse_new(spec: SourceSpec, new: Sequence[str]) -> None:
    """Raises `UsageError` where a teacher has weights that were not in its files."""
    if not new:
        return
    raise UsageError(
        f"teacher: {spec.text} lacks {len(new)} of its weights, or has them in another shape "
        f"({some(new)}); they would be random. Give the folder that save_pretrained wrote for this "
        "very model; of one in a wrapper, such as DistributedDataParallel, save model.module."
    )
