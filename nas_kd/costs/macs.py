"""Multiply-accumulates and parameters of a module, by fvcore with our handles."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn

from nas_kd.costs.evaluating import evaluating, example_images
from nas_kd.costs.logits import LogitsOnly
from nas_kd.costs.messages import first_line
from nas_kd.costs.operator_counts import ELEMENT_WISE, HANDLES, NOT_MULTIPLY_ACCUMULATES
from nas_kd.costs.records import CountRecord
from nas_kd.errors import NasKdError, UsageError


def count_macs(model: nn.Module, input_shape: tuple[int, ...]) -> CountRecord:
    """Counts a module for one input, in eval mode.

    MACs are the multiply-accumulates of convolutions, linear layers, matrix products, attention
    and recurrent layers: what the closed forms of the search spaces count, and half of what
    ``torch.utils.flop_counter`` counts. fvcore's own total also holds normalisation and pooling;
    these are in the record, apart from ``macs``. Attention is counted in full, whether it is
    computed by one fused operator or step by step, masked or not.

    An operator that is neither counted nor known to have no multiply-accumulates is listed in
    ``unsupported``. The module's modes, parameters and buffers are left as they were.

    Args:
        model: Any module; outputs that are mappings, tuples or have ``logits`` are understood.
        input_shape: Shape of one input without the batch, ``(channels, height, width)``.

    Raises:
        UsageError: The module does not accept such an input or cannot be traced.
    """
    inputs = example_images(model, 1, input_shape)
    with evaluating(model), _without_log():
        try:
            analysis = _analysis(model, inputs)
            counts = analysis.by_operator()
            unsupported = analysis.unsupported_ops()
        except NasKdError:
            raise
        except Exception as error:
            raise UsageError(
                f"macs: {type(model).__name__} cannot be traced with one input of shape "
                f"{tuple(input_shape)} ({first_line(error)}). Check the shape; a scripted module "
                "must be given as the plain module."
            ) from error
    parts = {name: int(count) for name, count in counts.items()}
    macs = {name: n for name, n in parts.items() if name not in NOT_MULTIPLY_ACCUMULATES}
    return CountRecord(
        macs=sum(macs.values()),
        params=sum(parameter.numel() for parameter in model.parameters()),
        unsupported={name.removeprefix("aten::"): int(n) for name, n in unsupported.items()},
        by_operator=macs,
        not_in_macs={name: n for name, n in parts.items() if name not in macs},
    )


def _analysis(model: nn.Module, inputs: Tensor) -> FlopCountAnalysis:
    analysis = FlopCountAnalysis(LogitsOnly(model), inputs)
    analysis.unsupported_ops_warnings(False)
    analysis.uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    analysis.set_op_handle(**HANDLES)
    analysis.set_op_handle(**dict.fromkeys(ELEMENT_WISE))
    return analysis


@contextmanager
def _without_log() -> Iterator[None]:
    """Within it fvcore logs nothing: what it would say is in the record."""
    log = logging.getLogger("fvcore")
    disabled = log.disabled
    try:
        log.disabled = True
        yield
    finally:
        log.disabled = disabled
