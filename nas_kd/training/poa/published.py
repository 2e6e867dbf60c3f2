"""The published values that differ from backbone to backbone."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from nas_kd.errors import UsageError
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.poa.settings import PoaSettings
from search_spaces import ElasticResNet


@dataclass(frozen=True)
class Published:
    """What the settings leave open, see `PoaSettings`.

    Attributes:
        by_depth_only: Whether students are drawn by depth alone, see `replicas`.
    """

    size_scale: float
    patch_weight: float
    warmup: float
    planned: float
    layer_decay: float
    drop_path: float
    patch_embed_rate: float = 0.2
    by_depth_only: bool = False


PUBLISHED = {
    "elastic-vit": Published(
        size_scale=3.0,
        patch_weight=1.0,
        warmup=10 / 346,
        planned=0.78,
        layer_decay=0.9,
        drop_path=0.2,
    ),
    "elastic-swin": Published(
        size_scale=2.0,
        patch_weight=0.0,
        warmup=30 / 346,
        planned=0.9,
        layer_decay=0.9,
        drop_path=0.2,
    ),
    "elastic-resnet": Published(
        size_scale=2.0,
        patch_weight=0.0,
        warmup=30 / 692,
        planned=1.0,
        layer_decay=0.95,
        drop_path=0.0,
        patch_embed_rate=1.0,
        by_depth_only=True,
    ),
}
"""By the name of a space.

Deviations: masked patches are for the ViT alone (the published code also masks a grid of 14 x 14 on
the inputs of Swin and ResNet), and its stochastic depth rises linearly with the blocks.
"""


@dataclass(frozen=True, kw_only=True)
class ResolvedSettings(PoaSettings):
    """Settings with nothing left open."""

    size_scale: float
    patch_weight: float
    warmup: float
    planned: float
    layer_decay: float
    drop_path: float
    patch_embed_rate: float


def resolved(settings: PoaSettings, space: str) -> ResolvedSettings:
    """The settings with the published values where they are None.

    Raises:
        UsageError: A setting has no effect on the backbone, or beside the others.
    """
    published = PUBLISHED[space]
    _refuse_idle(settings, published, space)
    chosen = asdict(settings)
    left_open = [n for n in vars(published) if n in chosen and chosen[n] is None]
    return ResolvedSettings(**chosen | {name: getattr(published, name) for name in left_open})


def _refuse_idle(settings: PoaSettings, published: Published, space: str) -> None:
    """What is set for parts that the backbone has not, or that are switched off."""
    if settings.patch_weight and not published.patch_weight:
        raise UsageError(
            f"pretrain: patch_weight is {settings.patch_weight}, but patches are masked for "
            "elastic-vit alone. Leave it out."
        )
    if not (published.patch_weight and settings.patch_weight != 0):
        of_patches = ("patch_start", "mask_probability", "mask_least", "mask_most")
        refuse_idle(settings, of_patches, "no patches are masked")
    if not settings.elastic_students:
        of_elastic = ("size_scale", "cross_view", "same_view")
        refuse_idle(settings, of_elastic, "elastic_students is 0")
    if space == ElasticResNet.name:
        refuse_idle(settings, ("patch_embed_rate",), f"{space} has no patch embedding")
