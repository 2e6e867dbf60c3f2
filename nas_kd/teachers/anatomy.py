"""Finds the classifier and the feature maps of any module by watching one forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from nas_kd.teachers.outputs import require_float32, require_logits

_BATCH = 2
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Anatomy:
    """Where a module can be tapped.

    Attributes:
        features: Submodules whose outputs are feature maps, shallow to deep: for each resolution
            the last map of shape ``(B, C, H, W)``; for a transformer only the last tokens,
            ``(B, T, D)``. Empty where there is neither, as in a plain perceptron or where the last
            maps are laid out ``(B, H, W, C)``.
        head: The linear layer that gives the logits.
        ends_in_head: Whether the output of ``head`` is the logits, with nothing after it.
    """

    features: list[str]
    head: str
    ends_in_head: bool


@dataclass(frozen=True)
class _Call:
    """The last call of a submodule: shapes of its first input and of its output."""

    name: str
    module: nn.Module
    taken: Shape
    given: Shape
    is_logits: bool


def find_anatomy(model: nn.Module, input_shape: Sequence[int], num_classes: int) -> Anatomy:
    """Runs ``model`` once, in eval mode, on two random images and looks at every submodule.

    The head is the linear layer whose output is the logits, else the last one of their shape. A
    map counts for its resolution unless it lies inside a block that goes on to a lower one (as the
    first convolution of a downsampling residual block does).

    Raises:
        UsageError: The model is not in float32, cannot take the images or changes them, does not
            return logits ``(B, num_classes)``, or has no linear head.
    """
    require_float32(model)
    calls, logits = _watch(model, input_shape, num_classes)
    name = type(model).__name__
    heads = [c for c in calls if isinstance(c.module, nn.Linear) and c.given == logits.shape]
    if not heads:
        raise UsageError(
            f"teacher: {name} has no nn.Linear that gives the {num_classes} logits, which proxies "
            f"and distillers look at. Give a classifier that ends in a linear layer."
        )
    head = next((call for call in reversed(heads) if call.is_logits), heads[-1])
    before_head = calls[: calls.index(head)]
    features = _feature_maps(before_head, calls, tuple(input_shape))
    return Anatomy(features, head.name, head.is_logits)


def _feature_maps(before_head: list[_Call], calls: list[_Call], image: Shape) -> list[str]:
    by_name = {call.name: call for call in calls}
    last_by_resolution: dict[Shape, str] = {}
    last: _Call | None = None
    for call in before_head:
        if _is_map(call.given):
            if not _inside_downsampling(call, by_name, image):
                last_by_resolution.pop(call.given[2:], None)
                last_by_resolution[call.given[2:]] = call.name
                last = call
        elif _is_tokens(call.given) or _is_channels_last(call.given):
            last = call
    if last is None or _is_channels_last(last.given):
        return []
    if _is_tokens(last.given):
        return [last.name]
    return list(last_by_resolution.values())


def _inside_downsampling(call: _Call, by_name: Mapping[str, _Call], image: Shape) -> bool:
    """Whether a block around the map took a map of the same resolution and gave a smaller one."""
    parts = call.name.split(".")
    for depth in range(1, len(parts)):
        block = by_name.get(".".join(parts[:depth]))
        if (
            block is not None
            and not isinstance(block.module, nn.Sequential)
            and block.taken[1:] != image
            and block.taken[2:] == call.given[2:]
            and len(block.given) == 4
            and block.given[2:] != call.given[2:]
        ):
            return True
    return False


def _is_map(shape: Shape) -> bool:
    """``(B, C, H, W)`` with more than one pixel; images are square."""
    return len(shape) == 4 and shape[0] == _BATCH and shape[2] == shape[3] > 1


def _is_tokens(shape: Shape) -> bool:
    return len(shape) == 3 and shape[0] == _BATCH and shape[1] > 1


def _is_channels_last(shape: Shape) -> bool:
    return len(shape) == 4 and shape[0] == _BATCH and shape[1] == shape[2] > 1


def _watch(
    model: nn.Module, input_shape: Sequence[int], num_classes: int
) -> tuple[list[_Call], Tensor]:
    """Every submodule's last call, in the order in which the calls ended, and the logits."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((_BATCH, *input_shape), generator=generator).to(device)
    outputs: dict[str, tuple[nn.Module, Shape, Tensor]] = {}
    with _hooked(model, outputs), torch.no_grad():
        try:
            given = images.clone()
            logits = model(given)
        except Exception as error:
            channels, height, width = input_shape
            raise UsageError(
                f"teacher: {type(model).__name__} cannot take images of {channels} channels and "
                f"{height} x {width} pixels ({type(error).__name__}: {error}). Set image_size "
                f"(--image-size) and, after the data's name, ?channels= to what it was trained on."
            ) from error
    name = type(model).__name__
    if not torch.equal(given, images):
        raise UsageError(
            f"teacher: {name} changes the images that it is given, which students look at, too. "
            "Let it work on a copy: images = images.clone()."
        )
    given_by_parts = [output for *_, output in outputs.values()]
    require_logits(logits, given_by_parts, name, (_BATCH, num_classes))
    calls = [
        _Call(
            name,
            module,
            taken,
            tuple(output.shape),
            output.shape == logits.shape and bool(torch.equal(output, logits)),
        )
        for name, (module, taken, output) in outputs.items()
    ]
    return calls, logits


@contextmanager
def _hooked(
    model: nn.Module, outputs: dict[str, tuple[nn.Module, Shape, Tensor]]
) -> Iterator[None]:
    def watch(name: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> None:
            if isinstance(output, Tensor):
                taken = next((a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)), None)
                outputs.pop(name, None)
                outputs[name] = (module, () if taken is None else tuple(taken.shape), output)

        return hook

    modules = [(name, module) for name, module in model.named_modules() if name]
    handles = [m.register_forward_hook(watch(name), with_kwargs=True) for name, m in modules]
    was_training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module in was_training:
            module.training = True
