"""Where a transformer's attention and feed-forward layers are, found by its structure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from torch import nn

from nas_kd.errors import UsageError

_QUERIES = (
    ("qkv",),
    ("Wqkv",),
    ("query", "key", "value"),
    ("q_proj", "k_proj", "v_proj"),
    ("q_lin", "k_lin", "v_lin"),
    ("q", "k", "v"),
)
"""What timm and Hugging Face transformers call the linear layers of an attention module."""

_MOST_ATTENTIONS = 2
"""In one block: a decoder's attends to itself and to an encoder."""


@dataclass(frozen=True)
class TransformerBlock:
    """The linear layers around one attention, by their names in the network.

    Attributes:
        queries: Those that give queries, keys and values: one for all, or one each.
        outputs: The other ones of the attention, above all its output projection.
        feed_forward: Those of the MLP, first the one before the activation. Empty for a block's
            second attention.
    """

    queries: tuple[str, ...]
    outputs: tuple[str, ...]
    feed_forward: tuple[str, ...]

    @property
    def attention(self) -> tuple[str, ...]:
        """All linear layers of the attention."""
        return self.queries + self.outputs


def transformer_blocks(model: nn.Module) -> list[TransformerBlock]:
    """The transformer blocks of ``model``, in the order in which it holds them.

    An attention is a module with linear layers under one of the usual sets of names. Linear layers
    inside it, or alone in a module around it (BERT's output layer), are its output layers. The
    nearest module around it with two or more further linear layers is the block, and they are its
    MLP.

    Raises:
        UsageError: There is no attention.
    """
    modules = dict(model.named_modules())
    cores = {name: found for name, module in modules.items() if (found := _queries(name, module))}
    if not cores:
        raise not_a_transformer(model)
    queries = {linear for found in cores.values() for linear in found}
    others = [
        name
        for name, module in modules.items()
        if isinstance(module, nn.Linear) and name not in queries
    ]
    scopes = {core: _attention_scope(core, others, cores) for core in cores}
    outputs = {core: tuple(_inside(scope, others)) for core, scope in scopes.items()}
    claimed = {linear for found in outputs.values() for linear in found}
    rest = [name for name in others if name not in claimed]
    blocks: list[TransformerBlock] = []
    for core, scope in scopes.items():
        feed_forward = _feed_forward(scope, rest, cores)
        if any(block.feed_forward == feed_forward for block in blocks):
            feed_forward = ()
        blocks.append(TransformerBlock(cores[core], outputs[core], feed_forward))
    return blocks


def not_a_transformer(model: nn.Module) -> UsageError:
    """The error for a network in which no attention is found."""
    return UsageError(
        f"{type(model).__name__} has no attention with linear layers for queries, keys and values "
        "(called `qkv`, or `query`, `key` and `value`), so it cannot be scored as a transformer. "
        "dss, w_pca, pca_dim, head_importance, head_confidence, softmax_confidence, "
        "synaptic_diversity and synaptic_saliency are for transformers such as timm's ViTs and "
        "Hugging Face's encoders and decoders; leave them out for other networks."
    )


def _queries(name: str, module: nn.Module) -> tuple[str, ...]:
    for candidates in _QUERIES:
        if all(isinstance(getattr(module, child, None), nn.Linear) for child in candidates):
            return tuple(f"{name}.{child}" if name else child for child in candidates)
    return ()


def _attention_scope(core: str, others: Collection[str], cores: Collection[str]) -> str:
    """The widest module around an attention that adds only single linear layers to it."""
    scope = core
    while parent := _parent(scope):
        added = len(_inside(parent, others)) - len(_inside(scope, others))
        if added > 1 or len(_inside(parent, cores)) > 1:
            break
        scope = parent
    return scope


def _feed_forward(scope: str, rest: Collection[str], cores: Collection[str]) -> tuple[str, ...]:
    """The linear layers that the nearest module around an attention adds to it, two or more."""
    while scope := _parent(scope):
        if len(_inside(scope, cores)) > _MOST_ATTENTIONS:
            break
        found = _inside(scope, rest)
        if len(found) > 1:
            return tuple(found)
    return ()


def _parent(name: str) -> str:
    """The module around ``name``; empty at the network itself, which is no block."""
    return name.rpartition(".")[0]


def _inside(scope: str, names: Collection[str]) -> list[str]:
    return [name for name in names if name == scope or name.startswith(f"{scope}.")]
