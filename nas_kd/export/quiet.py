"""Silence around libraries that print while they work."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator

_LOGGERS = ("torch.onnx", "torch.export", "torch._dynamo", "onnxscript", "onnx_ir", "root")
_STDOUT = 1


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within it warnings, the libraries' logs and what is printed to stdout are dropped.

    stderr stays open: a progress bar may be drawn there by another thread. ONNX Runtime's quantiser
    logs to the root logger, which gets a handler of its own by that; it is taken away again.
    """
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    handlers = list(logging.root.handlers)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        _native_stdout_dropped(),
    ):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            logging.root.handlers[:] = handlers


@contextlib.contextmanager
def _native_stdout_dropped() -> Iterator[None]:
    """The tracing exporter prints its graph from C++ when it fails."""
    kept = os.dup(_STDOUT)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), _STDOUT)
        yield
    finally:
        os.dup2(kept, _STDOUT)
        os.close(kept)
