"""What the values of judged networks depend on beside the networks themselves."""

from __future__ import annotations

import json
from collections.abc import Iterable

import torch
from accelerate import Accelerator
from torch import Tensor

from nas_kd.costs.environment import cpu_name, package_versions
from nas_kd.tensor_digest import tensor_digest

_PACKAGES = ("nas-kd", "torch", "timm", "transformers")


def judging_identity(supernet: str, accelerator: Accelerator, read: Iterable[Tensor]) -> str:
    """The same for two searches whose networks get the same values, whatever their budgets.

    Args:
        supernet: Tells the training of the supernet from all others.
        accelerator: Where networks are judged, and in which precision.
        read: Everything that they are judged with and that may have changed since the training.
    """
    device = accelerator.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    known = {
        "supernet": supernet,
        "device": f"{device.type} {name}",
        "precision": accelerator.mixed_precision,
        "versions": package_versions(_PACKAGES),
        "read": tensor_digest(read),
    }
    return json.dumps(known, sort_keys=True)
