"""Gradients that are zero where there is no path."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gradients(
    output: Tensor,
    sources: Sequence[Tensor],
    *,
    outward: Tensor | None = None,
    keep_graph: bool = False,
    with_graph: bool = False,
) -> list[Tensor]:
    """Gradients by ``sources``, zero for those that ``output`` does not depend on.

    Args:
        output: A scalar, or any tensor with ``outward``.
        sources: Leaves or inner tensors of the graph.
        outward: The gradient at ``output``.
        keep_graph: Whether the graph is needed again.
        with_graph: Whether the gradients themselves are to be differentiated.
    """
    reachable = [source for source in sources if source.requires_grad]
    if not output.requires_grad or not reachable:
        return [torch.zeros_like(source) for source in sources]
    found = torch.autograd.grad(
        output,
        reachable,
        outward,
        retain_graph=keep_graph or with_graph,
        create_graph=with_graph,
        allow_unused=True,
    )
    by_source = dict(zip(map(id, reachable), found, strict=True))
    pairs = [(source, by_source.get(id(source))) for source in sources]
    return [torch.zeros_like(source) if slope is None else slope for source, slope in pairs]
