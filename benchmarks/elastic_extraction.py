"""Every sub-network of an elastic parent is a plain model of timm's, weight for weight.

60 random sub-networks of ViT, Swin, ResNet with batch norm and ResNet with group norm, a third of
them with the scale alpha, are extracted and written as safetensors. timm alone builds each from its
name and arguments, read back from JSON, and loads the file strictly. Reported for each: the
difference of its logits from the parent's own, and from an independent computation on the parent's
tensors; whether final norm and biases are there; whether its weights are copies.

A second table counts the spaces' networks and the parameters of those that go by a name.

    python -m benchmarks.elastic_extraction [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import timm
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.elastic_references import reference_logits, relative_difference
from benchmarks.record import write_rows
from search_spaces import Arch, ElasticResNet, ElasticSwin, ElasticVit, Task, create_space
from search_spaces._elastic_space import ElasticSpace
from search_spaces.supernets.elastic import ElasticSupernet

_TASK = Task(3, 32, 10)
_EACH = 15
_SCALED = 5
_IMAGES = 2
_TOLERANCE = 1e-6
_REFERENCE_TOLERANCE = 1e-5
_PARENTS: dict[str, tuple[str, dict[str, int]]] = {
    "ViT": (
        "elastic-vit",
        {"width": 256, "least_width": 64, "width_step": 32, "head_dim": 32, "patch_size": 8},
    ),
    "Swin": ("elastic-swin", {"width": 64, "least_width": 32}),
    "ResNet, batch norm": (
        "elastic-resnet",
        {"width": 64, "least_width": 32, "width_step": 8, "planes": 32, "group_norm": 0},
    ),
    "ResNet, group norm": ("elastic-resnet", {"planes": 32, "width_step": 32}),
}
"""Published depths, smaller widths."""

_IMAGENET = Task(3, 224, 1000)
_NAMED: dict[str, tuple[str, float]] = {
    "ViT-S": ("vit_small_patch16_224", 22.1),
    "ViT-B": ("vit_base_patch16_224", 86.6),
    "ViT-L": ("vit_large_patch16_224", 304.3),
    "Swin-T": ("swin_tiny_patch4_window7_224", 28.3),
    "Swin-S": ("swin_small_patch4_window7_224", 49.6),
    "Swin-B": ("swin_base_patch4_window7_224", 87.8),
    "ResNet-50": ("resnet50", 25.6),
    "ResNet-101": ("resnet101", 44.5),
    "ResNet-152": ("resnet152", 60.2),
}
"""Name to timm's model and its published parameters in millions."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.manual_seed(seed)
    rows = list(
        track(
            _extractions(random.Random(seed)),
            total=_EACH * len(_PARENTS),
            description="sub-networks",
            console=Console(stderr=True),
        )
    )
    counts = [*_spaces(), *_parameters()]
    console = Console()
    _show(console, rows, counts)
    console.print(f"rows in {write_rows('elastic_extraction', rows)}")
    console.print(f"and in {write_rows('elastic_counts', counts)}")
    sys.exit(not all(row["met"] for row in [*rows, *counts]))


def _extractions(chance: random.Random) -> Iterator[dict[str, Any]]:
    for label, (name, options) in _PARENTS.items():
        space = create_space(name, **options)
        assert isinstance(space, ElasticSpace)
        archs = chance.sample(list(space.enumerate()), _EACH)
        plain, scaled = (_parent(space, scaled) for scaled in (False, True))
        for number, arch in enumerate(archs):
            supernet = scaled if number < _SCALED else plain
            yield {"parent": label, "arch": space.describe(arch), **_extraction(supernet, arch)}


@torch.no_grad()
def _parent(space: ElasticSpace, scaled: bool) -> ElasticSupernet:
    """A parent whose weights, norms, biases and statistics all differ from their first values."""
    supernet = space.supernet(_TASK, scaled=scaled).eval()
    for parameter in supernet.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    for name, buffer in supernet.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    return supernet


@torch.no_grad()
def _extraction(supernet: ElasticSupernet, arch: Arch) -> dict[str, Any]:
    images = torch.randn(_IMAGES, *_TASK.input_shape)
    student = supernet.extract(arch)
    loaded = _through_files(supernet.space, arch, student)
    logits = supernet(images, arch)
    difference = relative_difference(loaded(images), logits)
    beside = relative_difference(reference_logits(supernet, arch, images), logits)
    whole = _is_whole(student)
    copies = _are_copies(student)
    tolerance = _TOLERANCE if supernet.scaled else 0.0
    return {
        "alpha": supernet.scaled,
        "timm_class": type(loaded).__name__,
        "params": sum(parameter.numel() for parameter in loaded.parameters()),
        "difference": difference,
        "reference_difference": beside,
        "norm_and_biases": whole,
        "copies": copies,
        "met": difference <= tolerance and beside <= _REFERENCE_TOLERANCE and whole and copies,
    }


def _through_files(space: ElasticSpace, arch: Arch, student: nn.Module) -> nn.Module:
    """What somebody gets who has two files, timm and safetensors."""
    host = space.host(arch, _TASK)
    with tempfile.TemporaryDirectory() as folder:
        weights, config = Path(folder, "model.safetensors"), Path(folder, "config.json")
        save_file(student.state_dict(), weights)
        config.write_text(json.dumps({"name": host.name, "kwargs": dict(host.kwargs)}))
        told = json.loads(config.read_text())
        model = timm.create_model(told["name"], **told["kwargs"])
        model.load_state_dict(load_file(weights), strict=True)
    assert type(model) is type(student)
    return model.eval()


def _is_whole(student: nn.Module) -> bool:
    """Whether the last norm and every bias come from the parent: none has its first value."""
    kinds = nn.LayerNorm | nn.GroupNorm | nn.BatchNorm2d
    last = [module for module in student.modules() if isinstance(module, kinds)][-1]
    biases = [value for name, value in student.named_parameters() if name.endswith("bias")]
    return all(bool(value.any()) for value in [last.weight - 1, *biases])


def _are_copies(student: nn.Module) -> bool:
    """Whether no tensor of the student lies in a larger one's memory."""
    tensors = student.state_dict().values()
    return all(tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in tensors)


def _spaces() -> Iterator[dict[str, Any]]:
    for space, published in ((ElasticVit(), 143), (ElasticSwin(), 39), (ElasticResNet(), 465)):
        number = len(set(space.enumerate()))
        yield {
            "what": f"networks of {space.name}",
            "ours": number,
            "timm": "",
            "published": published,
            "met": number == published,
        }


def _parameters() -> Iterator[dict[str, Any]]:
    """Parameters of the named members; Swins with the published heads of 32 channels."""
    spaces = [ElasticVit(), ElasticSwin(width_step=32, head_dim=32), ElasticResNet()]
    members = [(space, arch) for space in spaces for arch in space.published()]
    for (name, (model, published)), (space, arch) in zip(_NAMED.items(), members, strict=True):
        built = space.host(arch, _IMAGENET).create(device="meta")
        ours, theirs = (
            sum(parameter.numel() for parameter in network.parameters())
            for network in (built, timm.create_model(model, device="meta"))
        )
        yield {
            "what": f"parameters of {name}",
            "ours": ours,
            "timm": theirs,
            "published": published,
            "met": ours == theirs and round(ours / 1e6, 1) == published,
        }


def _show(console: Console, rows: list[dict[str, Any]], counts: list[dict[str, Any]]) -> None:
    table = Table("parent", "alpha", "networks", "largest difference", "from reference", "met")
    for label in _PARENTS:
        for alpha in (False, True):
            some = [row for row in rows if row["parent"] == label and row["alpha"] == alpha]
            table.add_row(
                label, "yes" if alpha else "no", str(len(some)),
                f"{max(row['difference'] for row in some):.1e}",
                f"{max(row['reference_difference'] for row in some):.1e}",
                f"{sum(row['met'] for row in some)} of {len(some)}",
            )  # fmt: skip
    console.print(table)
    named = Table("what", "ours", "timm", "published", "met")
    for row in counts:
        named.add_row(
            row["what"], f"{row['ours']:,}", f"{row['timm']:,}" if row["timm"] else "",
            str(row["published"]), "yes" if row["met"] else "no",
        )  # fmt: skip
    console.print(named)


if __name__ == "__main__":
    main()
