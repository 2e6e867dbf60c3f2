"""An ONNX file that was checked before anybody gets it."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from nas_kd.errors import ExportError
from nas_kd.export.onnx_file import export_onnx
from nas_kd.export.parity import ParityRecord, check_parity


def export_checked(
    module: nn.Module, input_shape: tuple[int, int, int], path: Path, *, seed: int
) -> ParityRecord:
    """Writes the module's ONNX file, and how far ONNX Runtime and PyTorch differ on it.

    Args:
        module: See `export_onnx`.
        input_shape: ``(channels, height, width)``.
        path: Where the file goes.
        seed: Of what is compared, see `check_parity`.

    Raises:
        ExportError: ONNX Runtime does not compute what the module computes.
    """
    export_onnx(module, input_shape, path)
    parity = check_parity(module, path, input_shape, seed=seed)
    if not parity.passed:
        raise ExportError(
            f"parity: {path} differs from the module by {parity.max_abs:.2g} "
            f"(allowed {parity.tolerance:.2g}). The run is kept; please report this arch."
        )
    return parity
