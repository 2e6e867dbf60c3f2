"""POA's optimiser: AdamW with learning rates that fall from layer to layer."""

from __future__ import annotations

import math
from typing import Any

from timm.optim import param_groups_layer_decay
from torch import nn
from torch.optim import AdamW

from nas_kd.training.poa.published import ResolvedSettings
from nas_kd.training.poa.students import Students

REFERENCE_BATCH = 1024
_PATCH_EMBEDDING = "patch_embed."


def make_optimizer(students: Students, settings: ResolvedSettings, batch: int) -> AdamW:
    """AdamW with groups that say their ``lr_scale``, and whether they decay and rest at first.

    Biases, norms and scales do not decay; tokens do, and the prototypes with their lengths, which
    rest at first. A mask token has the rate of the lowest layer. The peak learning rate follows the
    square root of ``batch``, the images in a step.

    Deviation: layers are counted as timm does, the final norm with the last block, so that there is
    one fewer than published.
    """
    parent = students.backbone.parent
    stem = {id(p) for name, p in parent.named_parameters() if name.startswith(_PATCH_EMBEDDING)}
    body = param_groups_layer_decay(parent, weight_decay=1.0, layer_decay=settings.layer_decay)
    groups = [
        _group(parameters, scale=group["lr_scale"] * factor, decays=group["weight_decay"] > 0)
        for group in body
        for parameters, factor in (
            ([p for p in group["params"] if id(p) not in stem], 1.0),
            ([p for p in group["params"] if id(p) in stem], settings.patch_embed_rate),
        )
    ]
    resting = {id(p) for p in students.heads.prototype_parameters()}
    taken = {id(p) for group in groups for p in group["params"]} | resting
    tokens = [p for name, p in students.named_parameters() if name.endswith(".mask_token")]
    taken |= {id(p) for p in tokens}
    lowest = min(group["lr_scale"] for group in body)
    rest = [p for p in students.parameters() if id(p) not in taken and p.requires_grad]
    groups += [
        _group(tokens, scale=lowest, decays=True),
        _group([p for p in rest if p.ndim > 1], decays=True),
        _group([p for p in rest if p.ndim <= 1], decays=False),
        _group(students.heads.prototype_parameters(), decays=True, rests=True),
    ]
    peak = settings.learning_rate * math.sqrt(batch / REFERENCE_BATCH)
    return AdamW([group for group in groups if group["params"]], lr=peak, fused=True)


def _group(
    parameters: list[nn.Parameter], *, scale: float = 1.0, decays: bool, rests: bool = False
) -> dict[str, Any]:
    return {"params": parameters, "lr_scale": scale, "decays": decays, "rests": rests}
