"""Multiply-accumulates and parameters of a module, by fvcore with our handles."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn

from nas_kd.costs.element_wise import NAMED, is_element_wise
from nas_kd.costs.evaluating import evaluating, example_images
from nas_kd.costs.operator_counts import HANDLES, NOT_MULTIPLY_ACCUMULATES, bounding_handle
from nas_kd.costs.records import CountRecord
from nas_kd.costs.traced import Traced
from nas_kd.errors import NasKdError, UsageError, first_line

Inputs = tuple[int, ...] | Mapping[str, Any]


def count_macs(model: nn.Module, inputs: Inputs) -> CountRecord:
    """Counts a module for one input, in eval mode.

    MACs are the multiply-accumulates of convolutions, linear layers, matrix products, attention
    and recurrent layers: what the closed forms of the search spaces count, and half of what
    ``torch.utils.flop_counter`` counts. fvcore's own total also holds normalisation and pooling;
    these are in the record, apart from ``macs``. Attention is counted in full, whether it is
    computed by one fused operator or step by step, masked or not.

    An operator that is neither counted nor known to have no multiply-accumulates is listed in
    ``unsupported``, with the most that it can hold. The module's modes, parameters, buffers and
    hooks are left as they were.

    Args:
        model: Any module. Of what it returns every tensor is looked at, in mappings and tuples as
            well; caches of keys and values beside them are understood.
        inputs: The shape of one image without the batch, ``(channels, height, width)``; or the
            keyword arguments of one call with a batch of one, as `example_tokens` makes them for
            models that read tokens. Arguments that are no tensors are passed on as copies.

    Raises:
        UsageError: The module does not accept such an input or cannot be traced.
    """
    with evaluating(model), _without_log():
        try:
            analysis = _analysis(model, inputs)
            counts = analysis.by_operator()
            unsupported = {
                name: int(calls)
                for name, calls in analysis.unsupported_ops().items()
                if not is_element_wise(name)
            }
            bounds = _bounds(model, inputs, unsupported)
        except NasKdError:
            raise
        except Exception as error:
            raise UsageError(
                f"macs: {type(model).__name__} cannot be traced with {_described(inputs)} "
                f"({first_line(error)}). Check the inputs; a scripted module must be given as the "
                "plain module."
            ) from error
    parts = {name: int(count) for name, count in counts.items()}
    macs = {name: n for name, n in parts.items() if name not in NOT_MULTIPLY_ACCUMULATES}
    return CountRecord(
        macs=sum(macs.values()),
        params=sum(parameter.numel() for parameter in model.parameters()),
        unsupported={_short(name): calls for name, calls in unsupported.items()},
        by_operator=macs,
        not_in_macs={name: n for name, n in parts.items() if name not in macs},
        unsupported_at_most={_short(name): n for name, n in bounds.items()},
    )


def _analysis(model: nn.Module, inputs: Inputs) -> FlopCountAnalysis:
    if isinstance(inputs, Mapping):
        tensors = {name: value for name, value in inputs.items() if isinstance(value, Tensor)}
        others = {name: value for name, value in inputs.items() if name not in tensors}
        traced = Traced(model, list(tensors), copy.deepcopy(others))
        analysis = FlopCountAnalysis(traced, tuple(tensors.values()))
    else:
        analysis = FlopCountAnalysis(Traced(model), (example_images(model, 1, inputs),))
    analysis.unsupported_ops_warnings(False)
    analysis.uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    analysis.set_op_handle(**HANDLES)
    analysis.set_op_handle(**dict.fromkeys(NAMED))
    return analysis


def _bounds(model: nn.Module, inputs: Inputs, operators: Iterable[str]) -> dict[str, int]:
    """The most MACs that each of these operators can hold, where their sizes are known."""
    bounds: dict[str, int | None] = {}
    handles = {name: bounding_handle(name, bounds) for name in operators}
    if handles:
        _analysis(model, inputs).set_op_handle(**handles).total()
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _short(operator: str) -> str:
    return operator.removeprefix("aten::")


def _described(inputs: Inputs) -> str:
    if not isinstance(inputs, Mapping):
        return f"one input of shape {tuple(inputs)}"
    shapes = [
        f"{name} {tuple(value.shape)}" if isinstance(value, Tensor) else name
        for name, value in inputs.items()
    ]
    return f"the inputs {', '.join(shapes)}"


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
