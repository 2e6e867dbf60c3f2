"""nas_kd: from a trained teacher and a budget to the best small student, as a checked ONNX file.

Importing this package costs nothing: its parts are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__version__ = "0.1.0"

_TOP_LEVEL = ("search_spaces", "proxies", "studies")
_SUBPACKAGES = ("costs", "data", "distill", "export", "report", "teachers", "training")

__all__ = ["__version__", *_SUBPACKAGES, *_TOP_LEVEL]


def __getattr__(name: str) -> ModuleType:
    if name in _TOP_LEVEL:
        return importlib.import_module(name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
