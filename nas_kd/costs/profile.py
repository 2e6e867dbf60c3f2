"""Device profiles: where and how a latency is measured."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from nas_kd.errors import DeviceUnavailableError, UsageError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
"""Device to ONNX Runtime execution provider."""

PRECISIONS = ("fp32", "int8", "fp16")
"""In which numbers a file may compute."""

_TEXT = re.compile(
    r"(?P<device>[a-z][a-z0-9_]*)(-(?P<threads>\d+)t)?(-b(?P<batch>\d+))?"
    rf"(-(?P<precision>{'|'.join(PRECISIONS)}))?"
)
_MOST_THREADS = 1024
_MOST_BATCH = 65536


@dataclass(frozen=True)
class DeviceProfile:
    """A device with the settings that decide a latency.

    Attributes:
        device: ``cpu``, ``cuda`` or ``tensorrt``.
        threads: Intra-operator threads of the ONNX Runtime session.
        batch: Images per run.
        precision: ``fp32``, ``int8`` or ``fp16``: that of the file to be measured. Measuring takes
            a file as it is; `nas_kd.export.at_precision` makes the one that a profile asks for.

    Raises:
        UsageError: There is no such device or precision, or ``threads`` or ``batch`` is out of
            range.
    """

    device: str = "cpu"
    threads: int = 1
    batch: int = 1
    precision: str = "fp32"

    def __post_init__(self) -> None:
        if self.device not in PROVIDERS:
            raise UsageError(
                f"device: there is no device {self.device!r}. Known: {', '.join(PROVIDERS)}."
            )
        limits = {"threads": _MOST_THREADS, "batch": _MOST_BATCH}
        for name, most in limits.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise UsageError(
                    f"device: {name} is {value!r}; give a whole number from 1 to {most}."
                )
        if self.precision not in PRECISIONS:
            raise UsageError(
                f"device: there is no precision {self.precision!r}. Known: {', '.join(PRECISIONS)}."
            )

    @classmethod
    def parse(cls, text: str) -> DeviceProfile:
        """Reads ``cpu``, ``cpu-1t`` (one thread), ``cuda-1t-b8`` (batch of 8), ``cpu-1t-int8``."""
        match = _TEXT.fullmatch(text.strip().lower())
        if match is None:
            raise UsageError(
                f"device: {text!r} is not a device profile. Write "
                "DEVICE[-THREADSt][-bBATCH][-PRECISION], for example cpu-1t, cpu-1t-int8 or "
                f"cuda-1t-b8; precisions are {', '.join(PRECISIONS)}."
            )
        return cls(
            match["device"],
            int(match["threads"] or 1),
            int(match["batch"] or 1),
            match["precision"] or "fp32",
        )

    @property
    def provider(self) -> str:
        """The ONNX Runtime execution provider that must be in use."""
        return PROVIDERS[self.device]

    def __str__(self) -> str:
        batch = f"-b{self.batch}" if self.batch > 1 else ""
        precision = f"-{self.precision}" if self.precision != "fp32" else ""
        return f"{self.device}-{self.threads}t{batch}{precision}"


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require_provider(profile: DeviceProfile) -> None:
    """Makes sure that ONNX Runtime can run on the profile's device here.

    A GPU provider that is part of the installed package may still lack its driver, so for those a
    small model is opened in a child process.

    Raises:
        DeviceUnavailableError: The provider is not installed or does not start.
        UsageError: More threads are asked for than there are cores to run them.
    """
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if profile.provider not in available:
        raise DeviceUnavailableError(
            f"device: {profile.device} needs ONNX Runtime's {profile.provider}, and the installed "
            f"onnxruntime {onnxruntime.__version__} offers only {', '.join(available)}. "
            + _what_to_do(profile)
        )
    if profile.device == "cpu" and profile.threads > usable_cores():
        raise UsageError(
            f"device: {profile.threads} threads are asked for, and this process may use "
            f"{usable_cores()} core(s). Ask for no more threads than cores."
        )
    if profile.device != "cpu":
        from nas_kd.costs.latency import probe_provider

        probe_provider(profile)


def _what_to_do(profile: DeviceProfile) -> str:
    if profile.device == "cpu":
        return "Install it again: pip install --force-reinstall onnxruntime."
    return (
        "On a machine with an NVIDIA GPU: pip uninstall onnxruntime, then pip install "
        "--force-reinstall onnxruntime-gpu (the extra nas-kd[gpu] says which). Otherwise "
        "measure with --device cpu."
    )
