"""The image processor that lies beside the weights of a model of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas_kd.errors import UsageError
from nas_kd.network import is_network_failure, unreachable
from nas_kd.source_spec import SourceSpec
from nas_kd.teachers.pretrained import place_of

PROCESSOR = "preprocessor_config.json"
"""Its file."""


def image_processor(spec: SourceSpec, *, instead: str) -> Any:
    """What says how images are normalised; None where there is none.

    No code that comes with it is run.

    Args:
        spec: The model.
        instead: What the user may do where it is there and cannot be had, for the message.

    Raises:
        UsageError: There is one in the folder, and it cannot be read.
        NasKdError: It cannot be downloaded.
    """
    from transformers import AutoImageProcessor

    place = place_of(spec)
    try:
        return AutoImageProcessor.from_pretrained(place, trust_remote_code=False)
    except Exception as error:
        if is_network_failure(error):
            what = f"teacher {spec.text}: its image processor, which says how images are normalised"
            raise unreachable(what, instead=instead) from error
        if (file := Path(place) / PROCESSOR).is_file():
            raise UsageError(
                f"teacher: {file} cannot be read ({error}). Mend it, or {instead}."
            ) from error
        return None
