"""Real images on which the ranges of activations are observed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader

from nas_kd.costs.onnx_batch import graph_inputs
from nas_kd.data import DataSplits
from nas_kd.errors import UsageError

DEFAULT_IMAGES = 256
_BATCH = 32


def calibration_batches(
    data: DataSplits, images: int = DEFAULT_IMAGES, *, seed: int = 0
) -> list[NDArray[np.float32]]:
    """Training images without augmentation, classes as equal as they can be.

    Args:
        data: Normalised as the network expects.
        images: How many; all where there are fewer.
        seed: Same seed, same images.

    Returns:
        Batches ``(at most 32, channel, height, width)``.
    """
    chosen, _ = data.probe_batch(min(images, len(data.train)), seed)
    return [part.numpy() for part in chosen.split(_BATCH)]


class CalibrationReader(CalibrationDataReader):
    """Hands batches to ONNX Runtime's quantiser, and counts the images.

    Args:
        batches: ``(batch, ...)`` each, as the model's only input takes them.
        graph: The model to be calibrated.

    Raises:
        UsageError: There is no batch, or (while reading) one does not fit or is not finite.
    """

    def __init__(self, batches: Iterable[NDArray[np.float32]], graph: onnx.GraphProto) -> None:
        inputs = graph_inputs(graph)
        if len(inputs) != 1:
            raise UsageError(
                f"int8: the model has inputs {', '.join(value.name for value in inputs)}; static "
                "quantisation is for models of one input."
            )
        self._input = inputs[0]
        self._batches = _at_least_one(batches)
        self.images = 0

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next batch by input name; None after the last."""
        batch = next(self._batches, None)
        if batch is None:
            return None
        self._check(batch)
        self.images += len(batch)
        return {self._input.name: np.ascontiguousarray(batch, dtype=np.float32)}

    def _check(self, batch: NDArray[np.float32]) -> None:
        shape = [d.dim_param or d.dim_value for d in self._input.type.tensor_type.shape.dim]
        fits = len(shape) == batch.ndim and all(
            isinstance(wanted, str) or wanted == size
            for wanted, size in zip(shape, batch.shape, strict=True)
        )
        if not fits:
            raise UsageError(
                f"int8: a calibration batch has shape {batch.shape}, and the model takes "
                f"({', '.join(str(size) for size in shape)}). Give the images that it is used on."
            )
        if not np.isfinite(batch).all():
            raise UsageError("int8: the calibration images hold NaN or infinite values.")


def _at_least_one(batches: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    rest = iter(batches)
    first = next(rest, None)
    if first is None:
        raise UsageError(
            "int8: there are no calibration images, and without them the ranges of activations "
            "are not known. Give at least one batch of real images."
        )
    return itertools.chain([first], rest)
