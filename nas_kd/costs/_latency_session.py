"""One ONNX Runtime session, ready to be timed. Runs in the child process: no torch here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

import numpy as np
import onnxruntime

from nas_kd.costs.session_providers import session_providers
from nas_kd.errors import first_line

GRAPH_LEVEL = "ORT_ENABLE_ALL"
_SEED = 0
_MOST_TIME_ELSEWHERE = 0.2
"""Largest share of kernel time that a GPU's session may spend on another provider."""
_RUN = "model_run"
"""What the profiler calls a whole run."""
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
}


class RefusedError(Exception):
    """Why a model cannot be measured. ``kind`` is ``usage``, ``device`` or ``failure``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class TimedModel:
    """A model on the provider asked for, with fixed random inputs.

    On a GPU inputs and outputs are bound to device memory and every run waits for the device.

    Raises:
        RefusedError: The file is no model, needs other inputs, or would run elsewhere.
    """

    def __init__(self, path: str, provider: str, threads: int, batch: int | None) -> None:
        self.provider = provider
        self._session = open_session(path, provider, threads)
        self.provider_in_use = str(self._session.get_providers()[0])
        if self.provider_in_use != provider:
            raise RefusedError(
                "device",
                f"latency: {provider} was asked for, and ONNX Runtime fell back to "
                f"{self.provider_in_use}. Check the driver and the onnxruntime-gpu package, or "
                "measure with --device cpu.",
            )
        self.provider_options = dict(self._session.get_provider_options().get(provider, {}))
        self.inputs = _make_inputs(self._session, path, batch)
        self._binding = None if provider == "CPUExecutionProvider" else self._bind()
        self.other_providers: dict[str, float] = {}
        if self._binding is not None:
            self.other_providers = self._time_elsewhere(path, threads)

    def run(self) -> int:
        """Computes once; nanoseconds."""
        if self._binding is None:
            return self.run_end_to_end()
        start = perf_counter_ns()
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()
        return perf_counter_ns() - start

    def run_end_to_end(self) -> int:
        """Computes once from and to host memory; nanoseconds."""
        start = perf_counter_ns()
        self._session.run(None, self.inputs)
        return perf_counter_ns() - start

    def _bind(self) -> Any:
        binding = self._session.io_binding()
        for name, values in self.inputs.items():
            value = onnxruntime.OrtValue.ortvalue_from_numpy(values, "cuda", 0)
            binding.bind_ortvalue_input(name, value)
        for output in self._session.get_outputs():
            binding.bind_output(output.name, "cuda", 0)
        binding.synchronize_inputs()
        return binding

    def _time_elsewhere(self, path: str, threads: int) -> dict[str, float]:
        shares = kernel_time_shares(path, self.provider, threads, self.inputs)
        others = {name: share for name, share in shares.items() if name != self.provider}
        if sum(others.values()) > _MOST_TIME_ELSEWHERE:
            raise RefusedError(
                "device",
                f"latency: {path} spends {sum(others.values()):.0%} of its kernel time on "
                f"{', '.join(others)} instead of {self.provider}, which does not support all of "
                "its operators. Measure it on the CPU, or export it with supported operators.",
            )
        return others


def open_session(
    path: str, provider: str, threads: int, profile_prefix: str | None = None
) -> onnxruntime.InferenceSession:
    """A sequential session with all graph optimisations on.

    ``profile_prefix`` switches on ONNX Runtime's profiler.
    """
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    settings.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, GRAPH_LEVEL)
    settings.add_session_config_entry("session.intra_op.allow_spinning", "1")
    settings.log_severity_level = 4
    if profile_prefix is not None:
        settings.enable_profiling = True
        settings.profile_file_prefix = profile_prefix
    if provider not in onnxruntime.get_available_providers():
        raise RefusedError("device", f"latency: {provider} is not in the installed onnxruntime.")
    try:
        return onnxruntime.InferenceSession(
            path, settings, providers=session_providers(path, provider)
        )
    except Exception as error:
        kind = "usage" if provider == "CPUExecutionProvider" else "device"
        raise RefusedError(
            kind, f"latency: ONNX Runtime cannot load {path} on {provider} ({first_line(error)})."
        ) from error


def kernel_time_shares(
    path: str, provider: str, threads: int, inputs: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Share of kernel time by execution provider, from one profiled run after one warm-up."""
    with TemporaryDirectory(prefix="nas-kd-") as folder:
        session = open_session(path, provider, threads, str(Path(folder) / "profile"))
        for _ in range(2):
            session.run(None, dict(inputs))
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return shares_of_last_run(events)


def shares_of_last_run(events: Sequence[Any]) -> dict[str, float]:
    """Share of kernel time by execution provider in the last run of a profile.

    Args:
        events: Of ONNX Runtime's profiler, with ``ts`` and ``dur`` in microseconds.
    """
    timed = [event for event in events if isinstance(event, dict) and "ts" in event]
    start = max((event["ts"] for event in timed if event.get("name") == _RUN), default=0)
    times = Counter[str]()
    for event in timed:
        name = event.get("args", {}).get("provider")
        if name and event["ts"] >= start:
            times[name] += event["dur"]
    total = max(1, sum(times.values()))
    return {name: time / total for name, time in times.items()}


def _make_inputs(
    session: onnxruntime.InferenceSession, path: str, batch: int | None
) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(_SEED)
    inputs: dict[str, np.ndarray] = {}
    for value in session.get_inputs():
        shape = _concrete_shape(value.shape, value.name, path, batch)
        if value.type not in _TYPES:
            raise RefusedError(
                "usage",
                f"latency: input {value.name!r} of {path} is a {value.type}; images and tokens "
                f"can be measured ({', '.join(_TYPES)}).",
            )
        inputs[value.name] = _values(value.name, shape, _TYPES[value.type], generator)
    return inputs


def _values(
    name: str, shape: tuple[int, ...], kind: type, generator: np.random.Generator
) -> np.ndarray:
    """What a caller would pass: noise for images, ones for masks, positions counted up.

    Other whole numbers are zeros: token 0 and token type 0 are in every vocabulary, and an
    embedding takes as long to look up wherever it is. A mask of zeros would hide every token, which
    some models turn into NaN and some skip.
    """
    if "mask" in name.lower():
        return np.ones(shape, dtype=kind)
    if np.issubdtype(kind, np.floating):
        return generator.standard_normal(shape).astype(kind)
    if "position" in name.lower() and shape:
        return np.broadcast_to(np.arange(shape[-1]), shape).astype(kind)
    return np.zeros(shape, dtype=kind)


def _concrete_shape(
    shape: Sequence[int | str | None], name: str, path: str, batch: int | None
) -> tuple[int, ...]:
    """The shape with the batch filled in; ``batch=None`` takes a fixed first size as it is."""
    if any(not isinstance(size, int) for size in shape[1:]):
        raise RefusedError(
            "usage",
            f"latency: input {name!r} of {path} has shape {list(shape)}, so its time depends on "
            "the input. Export it with fixed sizes; only the batch may vary.",
        )
    if not shape:
        return ()
    if isinstance(shape[0], int) and batch is not None and shape[0] != batch:
        raise RefusedError(
            "usage",
            f"latency: {path} is fixed to a batch of {shape[0]}, and {batch} was asked for. Ask "
            f"for a batch of {shape[0]}, or export it with a dynamic batch.",
        )
    first = shape[0] if isinstance(shape[0], int) else batch or 1
    return (first, *(size for size in shape[1:] if isinstance(size, int)))
