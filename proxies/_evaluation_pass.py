"""One more forward pass, for what transformers show in evaluation mode."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from proxies._attention_maps import WatchedAttention
from proxies._recording import find_module, recording
from proxies._restoring import left_as_found
from proxies._similarity import tells_apart
from proxies._spectra import eigenvalues
from proxies._transformer import transformer_blocks

EVALUATED = frozenset({"principal_shares", "query_maxima", "attention_maxima"})
"""Facts of this pass."""

_ETA = 0.99


@dataclass
class Maxima:
    """What the strongest of some values come to, by tensor, and whether anything is told apart."""

    values: list[float] = field(default_factory=list)
    signal: bool = False

    def score(self) -> float:
        """The sum; -inf where all tensors are the same for all images."""
        return sum(self.values) if self.signal else -math.inf


@dataclass
class Evaluation:
    """What the pass showed; what was not wanted stays empty.

    Attributes:
        principal_shares: For each feed-forward part `principal_share` of the outputs of its first
            linear layer, before the activation.
        query_maxima: For each of queries, keys and values, ``(batch, token, channel)``, the mean
            over batch and channels of the maximum over the tokens.
        attention_maxima: For each attention map, ``(batch, head, query, key)``, the mean of the
            maximum over the heads.
    """

    principal_shares: list[float] = field(default_factory=list)
    query_maxima: Maxima = field(default_factory=Maxima)
    attention_maxima: Maxima = field(default_factory=Maxima)

    def see_feed_forward(self, output: Tensor) -> None:
        self.principal_shares.append(principal_share(output))

    def see_queries(self, output: Tensor, parts: int) -> None:
        self.query_maxima.signal |= tells_apart(output)
        self.query_maxima.values += [
            float(part.flatten(1, -2).amax(1).mean()) for part in output.chunk(parts, dim=-1)
        ]

    def see_attention(self, attention: Tensor) -> None:
        self.attention_maxima.signal |= tells_apart(attention)
        self.attention_maxima.values.append(float(attention.amax(1).mean()))


@torch.no_grad()
def evaluate(model: nn.Module, inputs: Tensor, wanted: Collection[str]) -> Evaluation:
    """Runs the network once in evaluation mode: nothing is dropped, nothing drawn.

    Args:
        model: The network; it comes back as it was.
        inputs: The batch.
        wanted: Of `EVALUATED`.

    Raises:
        UsageError: The network has none of the parts that are looked at; where there are no
            attention maps, ``attention_maxima`` stays empty instead.
    """
    seen = Evaluation()
    watchers = _Watchers(model, wanted, seen)
    with left_as_found(model), recording(model, [watchers]):
        model.eval()
        if "attention_maxima" in wanted:
            with WatchedAttention(seen.see_attention):
                model(inputs)
        else:
            model(inputs)
    return seen


class _Watchers:
    """Looks at the linear layers of the blocks."""

    def __init__(self, model: nn.Module, wanted: Collection[str], seen: Evaluation) -> None:
        hidden = {"principal_shares", "query_maxima"}.intersection(wanted)
        self._blocks = transformer_blocks(model) if hidden else []
        self._wanted = wanted
        self._seen = seen

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        for block in self._blocks:
            if "principal_shares" in self._wanted and block.feed_forward:
                first = find_module(model, block.feed_forward[0])
                yield first.register_forward_hook(_hook(self._seen.see_feed_forward))
            if "query_maxima" in self._wanted:
                see = _queries(self._seen, 3 // len(block.queries))
                for name in block.queries:
                    yield find_module(model, name).register_forward_hook(_hook(see))


def _queries(seen: Evaluation, parts: int) -> Callable[[Tensor], None]:
    return lambda output: seen.see_queries(output, parts)


def _hook(watch: Callable[[Tensor], None]) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
        watch(output)

    return hook


def principal_share(output: Tensor) -> float:
    """k / D of outputs ``(batch, ..., D)``, by the eigenvalues of the smaller Gram matrix.

    k is the smallest number of leading principal components whose cumulative share of the variance
    exceeds 0.99; 0 where the outputs are the same for all images.
    """
    if not tells_apart(output):
        return 0.0
    points = output.flatten(0, -2)
    centred = points - points.mean(0)
    tall = centred.shape[0] >= centred.shape[1]
    gram = centred.mT @ centred if tall else centred @ centred.mT
    variances = eigenvalues(gram).flip(0)
    if bool(variances.isnan().any()):
        return math.nan
    cumulative = variances.cumsum(0) / variances.sum()
    components = int((cumulative <= _ETA).sum()) + 1
    return components / centred.shape[1]
