"""An ONNX file that was checked before anybody gets it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from nas_kd.errors import ExportError
from nas_kd.export.drafts import drafts_of
from nas_kd.export.onnx_file import export_onnx
from nas_kd.export.parity import ParityRecord, check_parity


def export_checked(
    module: nn.Module,
    input_shape: tuple[int, ...],
    path: Path,
    *,
    seed: int,
    metadata: Mapping[str, str] | None = None,
) -> ParityRecord:
    """Writes the module's ONNX file, and how far ONNX Runtime and PyTorch differ on it.

    Until the new file has passed, ``path`` is what it was before.

    Args:
        module: See `export_onnx`.
        input_shape: ``(channels, height, width)``.
        path: Where the file goes; its folder must exist.
        seed: Of what is compared, see `check_parity`.
        metadata: What the file says of itself, as from `Preprocess.metadata`.

    Raises:
        ExportError: ONNX Runtime does not compute what the module computes.
    """
    with drafts_of(path) as folder:
        draft = export_onnx(module, input_shape, folder / path.name, metadata=metadata)
        parity = check_parity(module, draft, input_shape, seed=seed)
        if not parity.passed:
            raise ExportError(
                f"parity: the file exported for {path} differs from the module by "
                f"{parity.max_abs:.2g} (allowed {parity.tolerance:.2g}), and is not kept.",
                "Please report this architecture.",
            )
        draft.replace(path)
    return parity
