"""Running an ONNX file with ONNX Runtime: its logits, and how often they are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from nas_kd.costs.session_providers import session_providers
from nas_kd.data import Images
from nas_kd.errors import DeviceUnavailableError, ExportError, first_line
from nas_kd.export.onnx_file import INPUT, OUTPUT

CPU = "CPUExecutionProvider"
_BATCH = 256


def open_onnx(path: Path, provider: str = CPU) -> onnxruntime.InferenceSession:
    """A session on one of ONNX Runtime's execution providers.

    Raises:
        ExportError: ONNX Runtime cannot load the file.
        DeviceUnavailableError: It would run on another provider.
    """
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), settings, providers=session_providers(path, provider)
        )
    except Exception as error:
        raise ExportError(
            f"export: ONNX Runtime cannot load {path} ({first_line(error)}).",
            "Export it again.",
        ) from error
    if session.get_providers()[0] != provider:
        raise DeviceUnavailableError(
            f"export: {provider} was asked for, and ONNX Runtime fell back to "
            f"{session.get_providers()[0]}. Check the driver, or use --device cpu."
        )
    return session


def run_onnx(
    session: onnxruntime.InferenceSession, images: NDArray[np.float32], path: Path
) -> NDArray[np.float32]:
    """Logits ``(batch, class)`` of normalised images ``(batch, channel, height, width)``.

    Raises:
        ExportError: The file at ``path``, which the session opened, cannot be run on them.
    """
    half = session.get_inputs()[0].type == "tensor(float16)"
    values = images.astype(np.float16 if half else np.float32)
    try:
        (logits,) = session.run([OUTPUT], {INPUT: values})
    except Exception as error:
        raise ExportError(
            f"export: {path} cannot be run with a batch of {len(images)} ({first_line(error)}).",
            "The batch may have been frozen into the graph; make the forward pass independent of "
            "it and export again.",
        ) from error
    return np.asarray(logits, dtype=np.float32)


def onnx_logits(
    path: Path, images: Images, *, provider: str = CPU, batch_size: int = _BATCH
) -> NDArray[np.float32]:
    """Logits ``(image, class)`` that the file gives for all images.

    Raises:
        ExportError: The file cannot be loaded or run.
        DeviceUnavailableError: It would run on another provider.
    """
    session = open_onnx(path, provider)
    parts = torch.arange(len(images)).split(batch_size)
    return np.concatenate([run_onnx(session, images.batch(p)[0].numpy(), path) for p in parts])


def evaluate_onnx(
    path: Path, images: Images, *, provider: str = CPU, batch_size: int = _BATCH
) -> float:
    """Share of images that the file classifies right, in [0, 1].

    Args:
        path: The ONNX file.
        images: Normalised as the network expects.
        provider: Where it runs. Low precision depends on it: on most CPUs ONNX Runtime computes
            the greater part of an fp16 file in float32, so that a GPU's rounding does not show.
        batch_size: Images per run.

    Raises:
        ExportError: The file cannot be loaded or run.
        DeviceUnavailableError: It would run on another provider.
    """
    return accuracy(onnx_logits(path, images, provider=provider, batch_size=batch_size), images)


def accuracy(logits: NDArray[np.float32], images: Images) -> float:
    """Share of images whose largest logit is that of their label."""
    return float(np.mean(logits.argmax(1) == images.labels.numpy()))
