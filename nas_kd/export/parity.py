"""Whether ONNX Runtime computes what PyTorch computes."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nas_kd.costs.evaluating import evaluating
from nas_kd.costs.logits import pick_logits
from nas_kd.errors import ExportError, first_line
from nas_kd.export.difference import TOLERANCE, Difference
from nas_kd.export.onnx_file import export_onnx, onnx_facts
from nas_kd.export.running import open_onnx, run_onnx

_STATISTICS_BATCH = 16


@dataclass(frozen=True)
class ParityRecord:
    """The largest differences between ONNX Runtime and PyTorch over all batches.

    Attributes:
        max_abs: Largest absolute difference of the delivered file's logits.
        max_rel: The same as a share of the largest logit's magnitude.
        batches: Batch sizes that were compared.
        tolerance: Largest difference allowed, as a share of the largest logit's magnitude or of 1,
            whichever is larger.
        passed: Whether the delivered file and the randomised copy are within the tolerance.
        randomised_max_abs: As ``max_abs``, of the copy with randomised statistics and gains.
        randomised_max_rel: As ``max_rel``, of that copy.
    """

    max_abs: float
    max_rel: float
    batches: tuple[int, ...]
    tolerance: float
    passed: bool
    randomised_max_abs: float
    randomised_max_rel: float

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready values."""
        return {**asdict(self), "batches": list(self.batches)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ParityRecord:
        """The record that `to_dict` wrote."""
        return cls(**{**values, "batches": tuple(values["batches"])})


def check_parity(
    module: nn.Module,
    path: Path,
    input_shape: tuple[int, ...],
    *,
    seed: int,
    batches: Sequence[int] = (1, 7),
    tolerance: float = TOLERANCE,
) -> ParityRecord:
    """Compares the delivered file with the module, and a randomised copy with its own export.

    A fresh or lightly trained network may multiply half of its graph by zero (residual branches
    begin with a zero gain), and default batch-norm statistics do nothing: errors there would not
    show. So a copy of the module gets random statistics and no constant parameters, is exported in
    the same way and compared too.

    Args:
        module: The module that was exported; left as it is.
        path: Its ONNX file.
        input_shape: ``(channels, height, width)``.
        seed: Of the images and the random parameters.
        batches: Batch sizes; two different ones show a batch that was frozen into the graph.
        tolerance: See `ParityRecord`.

    Raises:
        ExportError: A file cannot be run at one of the batch sizes, or the copy cannot be made.
    """
    generator = torch.Generator().manual_seed(seed)
    images = [torch.randn(size, *input_shape, generator=generator) for size in batches]
    delivered = Difference.of(_outputs(module, path, images))
    with TemporaryDirectory(prefix="nas-kd-") as folder:
        copied = randomised_copy(module, input_shape, generator)
        opset = onnx_facts(path)["opset"]
        draft = export_onnx(copied, input_shape, Path(folder) / "randomised.onnx", opset=opset)
        randomised = Difference.of(_outputs(copied, draft, images))
    return ParityRecord(
        max_abs=delivered.max_abs,
        max_rel=delivered.max_rel,
        batches=tuple(batches),
        tolerance=tolerance,
        passed=delivered.within(tolerance) and randomised.within(tolerance),
        randomised_max_abs=randomised.max_abs,
        randomised_max_rel=randomised.max_rel,
    )


def randomised_copy(
    module: nn.Module, input_shape: tuple[int, ...], generator: torch.Generator
) -> nn.Module:
    """A copy in eval mode in which no part of the graph is multiplied by zero or left unchanged.

    Parameters with all elements equal (zero or unit gains, zero biases) are drawn from
    U(0.5, 1.5). Batch-norm statistics are those of random images, moved by up to a quarter, so
    that activations keep their size at any depth.
    """
    try:
        copied = copy.deepcopy(module).cpu().eval()
    except Exception as error:
        raise ExportError(
            f"parity: {type(module).__name__} cannot be copied ({first_line(error)})."
        ) from error
    with torch.no_grad():
        for parameter in copied.parameters():
            if parameter.is_floating_point() and bool((parameter == parameter.flatten()[0]).all()):
                parameter.copy_(_uniform(parameter, 0.5, 1.5, generator))
        _observe_statistics(copied, input_shape, generator)
    return copied


def _observe_statistics(
    module: nn.Module, input_shape: tuple[int, ...], generator: torch.Generator
) -> None:
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    norms = [norm for norm in norms if norm.running_mean is not None]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.random.fork_rng(devices=[]):
        module(torch.randn(_STATISTICS_BATCH, *input_shape, generator=generator))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
        mean, variance = norm.running_mean, norm.running_var
        if mean is not None and variance is not None:
            mean.add_(variance.sqrt() * _uniform(mean, -0.25, 0.25, generator))
            variance.mul_(_uniform(variance, 0.75, 1.25, generator))


def _uniform(like: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    values = torch.rand(like.shape, generator=generator)
    return (low + (high - low) * values).to(like.dtype)


def _outputs(
    module: nn.Module, path: Path, images: Sequence[Tensor]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """What the file and the module compute of each batch."""
    session = open_onnx(path)
    for batch in images:
        expected = _logits_of_module(module, batch)
        found = run_onnx(session, batch.numpy(), path).astype(np.float64)
        if found.shape != expected.shape:
            raise ExportError(
                f"parity: {path} returns shape {found.shape} for {len(batch)} images and the "
                f"module {expected.shape}.",
                "The module's shapes depend on values that an exporter cannot follow; make the "
                "forward pass independent of the batch.",
            )
        yield found, expected


def _logits_of_module(module: nn.Module, images: Tensor) -> NDArray[np.float64]:
    like = next(module.parameters(), images)
    with evaluating(module):
        logits = pick_logits(module(images.to(device=like.device, dtype=like.dtype)))
    return logits.double().cpu().numpy()
