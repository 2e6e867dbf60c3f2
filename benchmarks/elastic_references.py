"""Sub-networks of an elastic parent computed another way: function by function from cut tensors.

Of the supernet only its parent, in eval mode, is used; the factor alpha multiplies the inputs of a
layer, not its weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from timm.models.swin_transformer import window_partition, window_reverse
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces import Arch
from search_spaces._elastic_depth import spread_blocks, spread_pairs
from search_spaces.supernets.elastic import ElasticSupernet


def reference_logits(supernet: ElasticSupernet, arch: Arch, images: Tensor) -> Tensor:
    """Logits of the sub-network ``arch``, from the parent's tensors alone."""
    width, *depths = (int(value) for value in arch.values())
    of = [values[-1] for gene, values in supernet.space.genes.items() if gene != "width"]
    parent, scaled = supernet.parent, supernet.scaled
    if supernet.space.name == "elastic-swin":
        blocks = spread_pairs(depths[0], of[0])
        return reference_swin(parent, images, width=width, blocks=blocks, scaled=scaled)
    stages = [spread_blocks(depth, whole) for depth, whole in zip(depths, of, strict=True)]
    if supernet.space.name == "elastic-vit":
        return reference_vit(parent, images, width=width, blocks=stages[0], scaled=scaled)
    stages = [list(range(3)), *stages, list(range(3))]
    return reference_resnet(parent, images, width=width, blocks=stages, scaled=scaled)


def relative_difference(logits: Tensor, expected: Tensor) -> float:
    """Largest difference, relative to the largest logit."""
    return float((logits - expected).abs().max() / expected.abs().max())


def reference_vit(
    parent: nn.Module, images: Tensor, *, width: int, blocks: Sequence[int], scaled: bool
) -> Tensor:
    """Logits of the leading ``width`` channels and the given blocks of a vision transformer."""
    alpha = parent.embed_dim / width if scaled else 1.0
    head_dim = parent.blocks[0].attn.head_dim
    projection = parent.patch_embed.proj
    patches = F.conv2d(
        images, projection.weight[:width], projection.bias[:width], projection.stride
    )
    x = patches.flatten(2).transpose(1, 2)  # image, patch, channel
    x = torch.cat([parent.cls_token[..., :width].expand(len(x), -1, -1), x], dim=1)
    x = x + parent.pos_embed[..., :width]
    for number in blocks:
        block = parent.blocks[number]
        attended = _attention(block.attn, _norm(block.norm1, x, width), width, head_dim, alpha)
        x = x + attended
        x = x + _mlp(block.mlp, _norm(block.norm2, x, width), width, alpha)
    pooled = _norm(parent.norm, x, width)[:, 0]
    return F.linear(pooled * alpha, parent.head.weight[:, :width], parent.head.bias)


def reference_swin(
    parent: nn.Module, images: Tensor, *, width: int, blocks: Sequence[int], scaled: bool
) -> Tensor:
    """Logits of the leading ``width`` channels and the given blocks of the third stage of Swin."""
    alpha = parent.embed_dim / width if scaled else 1.0
    projection = parent.patch_embed.proj
    x = F.conv2d(images, projection.weight[:width], projection.bias[:width], projection.stride)
    x = _norm(parent.patch_embed.norm, x.permute(0, 2, 3, 1), width)  # image, row, column, channel
    for number, stage in enumerate(parent.layers):
        if number > 0:
            x = _merged(stage.downsample, x, width, alpha)
            width *= 2
        kept = blocks if number == 2 else range(len(stage.blocks))
        for index in kept:
            block = stage.blocks[index]
            x = x + _windows(block, _norm(block.norm1, x, width), width, alpha)
            x = x + _mlp(block.mlp, _norm(block.norm2, x, width), width, alpha)
    pooled = _norm(parent.norm, x, width).mean((1, 2))
    return F.linear(pooled * alpha, parent.head.fc.weight[:, :width], parent.head.fc.bias)


def reference_resnet(
    parent: nn.Module, images: Tensor, *, width: int, blocks: Sequence[Sequence[int]], scaled: bool
) -> Tensor:
    """Logits of bottlenecks of ``width`` channels, and of those of each of the four stages."""
    alpha = parent.layer1[0].conv2.in_channels / width if scaled else 1.0
    x = parent.maxpool(F.relu(parent.bn1(parent.conv1(images))))
    for number, kept in enumerate(blocks):
        for index in kept:
            block = getattr(parent, f"layer{number + 1}")[index]
            x = _bottleneck(block, x, width << number, alpha)
    logits: Tensor = parent.fc(x.mean((2, 3)))
    return logits


def _norm(norm: nn.Module, x: Tensor, width: int) -> Tensor:
    return F.layer_norm(x, (width,), norm.weight[:width], norm.bias[:width], norm.eps)


def _linear(layer: nn.Module, x: Tensor, width: int, alpha: float) -> Tensor:
    taken = x.shape[-1]
    return F.linear(x * alpha, layer.weight[:width, :taken], layer.bias[:width])


def _qkv(layer: nn.Module, x: Tensor, width: int, alpha: float) -> list[Tensor]:
    """Queries, keys and values, each from its own rows."""
    weights, biases = layer.weight.chunk(3), layer.bias.chunk(3)
    return [
        F.linear(x * alpha, weight[:width, :width], bias[:width])
        for weight, bias in zip(weights, biases, strict=True)
    ]


def _attention(attention: nn.Module, x: Tensor, width: int, head_dim: int, alpha: float) -> Tensor:
    heads = [
        part.unflatten(2, (-1, head_dim)).transpose(1, 2)  # image, head, token, channel
        for part in _qkv(attention.qkv, x, width, alpha)
    ]
    mixed = F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
    return _linear(attention.proj, mixed, width, alpha)


def _mlp(mlp: nn.Module, x: Tensor, width: int, alpha: float) -> Tensor:
    hidden = mlp.fc1.out_features // mlp.fc1.in_features * width
    return _linear(mlp.fc2, F.gelu(_linear(mlp.fc1, x, hidden, alpha)), width, alpha)


def _windows(block: nn.Module, x: Tensor, width: int, alpha: float) -> Tensor:
    """Attention within windows, shifted in every other block."""
    height, breadth = x.shape[1:3]
    window, (shift, _) = block.window_size, block.shift_size
    x = torch.roll(x, (-shift, -shift), (1, 2))
    x = F.pad(x, (0, 0, 0, -breadth % window[1], 0, -height % window[0]))
    padded = x.shape[1:3]
    x = window_partition(x, window).flatten(1, 2)  # window, token, channel
    x = _window_attention(block.attn, x, width, alpha, block.attn_mask)
    x = window_reverse(x.unflatten(1, window), window, *padded)[:, :height, :breadth]
    return torch.roll(x, (shift, shift), (1, 2))


def _window_attention(
    attention: nn.Module, x: Tensor, width: int, alpha: float, mask: Tensor | None
) -> Tensor:
    head_dim = attention.qkv.in_features // attention.num_heads
    heads = width // head_dim
    query, key, value = (
        part.unflatten(2, (heads, head_dim)).transpose(1, 2)
        for part in _qkv(attention.qkv, x, width, alpha)
    )
    biases = attention.relative_position_bias_table[:, :heads]
    scores = query * head_dim**-0.5 @ key.transpose(2, 3)
    scores = scores + biases[attention.relative_position_index].permute(2, 0, 1)
    if mask is not None:
        scores = (scores.unflatten(0, (-1, len(mask))) + mask[:, None]).flatten(0, 1)
    mixed = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
    return _linear(attention.proj, mixed, width, alpha)


def _merged(merging: nn.Module, x: Tensor, width: int, alpha: float) -> Tensor:
    """Four neighbours side by side, each with its own leading weights."""
    x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
    corners = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
    neighbours = torch.cat(corners, dim=-1)
    whole = merging.norm.weight.numel() // 4
    leading = torch.cat([torch.arange(width) + group * whole for group in range(4)])
    scale, shift = merging.norm.weight[leading], merging.norm.bias[leading]
    neighbours = F.layer_norm(neighbours, (4 * width,), scale, shift, merging.norm.eps)
    return F.linear(neighbours * alpha, merging.reduction.weight[: 2 * width][:, leading])


def _bottleneck(block: nn.Module, x: Tensor, width: int, alpha: float) -> Tensor:
    middle = block.conv2
    inside = F.conv2d(x, block.conv1.weight[:width])
    inside = F.relu(_map_norm(block.bn1, inside))
    inside = F.conv2d(
        inside * alpha,
        middle.weight[:width, :width],
        None,
        middle.stride,
        middle.padding,
        middle.dilation,
    )
    inside = F.relu(_map_norm(block.bn2, inside))
    inside = F.conv2d(inside * alpha, block.conv3.weight[:, :width])
    shortcut = x if block.downsample is None else block.downsample(x)
    return F.relu(_map_norm(block.bn3, inside) + shortcut)


def _map_norm(norm: nn.Module, x: Tensor) -> Tensor:
    width = x.shape[1]
    scale, shift = norm.weight[:width], norm.bias[:width]
    if isinstance(norm, nn.GroupNorm):
        return F.group_norm(x, norm.num_groups, scale, shift, norm.eps)
    mean, variance = norm.running_mean[:width], norm.running_var[:width]
    return F.batch_norm(x, mean, variance, scale, shift, eps=norm.eps)
