"""Elastic vision transformers: one parent, any width in whole heads, any depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from search_spaces import _counting as count
from search_spaces import _vit_counting as vit
from search_spaces._arch import Arch
from search_spaces._checks import require_built, require_task
from search_spaces._drawing import Block, Drawing
from search_spaces._elastic_depth import spread_blocks
from search_spaces._elastic_transformer import ElasticTransformer
from search_spaces._patches import BY_IMAGE_SIZE, patch_side
from search_spaces._space import AnyTask, Sizes, Task
from search_spaces._timm_host import TimmHost

if TYPE_CHECKING:  # timm takes a second to import: only who builds a student waits for it
    from search_spaces._elastic_vit_modules import MappedVit
    from search_spaces.supernets.elastic_vit import ElasticVitSupernet

_MLP_RATIO = 4
_NAMED = [(384, 12), (768, 12), (1024, 24)]


class ElasticVit(ElasticTransformer):
    """143 vision transformers from ViT-S to ViT-L, or others by the options.

    Genes: ``width`` in {384, 448, ..., 1024}, the channels of a token, in heads of 64;
    ``depth`` in {12, 13, ..., 24}. The blocks of a shallower student are spread evenly over the
    parent's. A student is timm's `VisionTransformer`, without dropout or stochastic depth.
    Deviation: no LayerScale.

    Args:
        width: Of the parent.
        least_width: Of the smallest student.
        width_step: From one width to the next.
        depth: Blocks of the parent.
        least_depth: Blocks of the shallowest student.
        depth_step: From one depth to the next.
        head_dim: Channels of each head; it divides all widths.
        patch_size: Pixels along the side of a patch; 0 takes a fourteenth of the image's side:
            16 for 224 x 224 images, 2 for 32 x 32.

    Source: POA (Chen et al., ECCV 2024, arXiv 2408.01031), section 4.1.
    """

    name = "elastic-vit"
    source = "POA, ViT (Chen et al., ECCV 2024, arXiv 2408.01031)"
    title = "ElasticViT"

    def __init__(
        self,
        width: int = 1024,
        least_width: int = 384,
        width_step: int = 64,
        depth: int = 24,
        least_depth: int = 12,
        depth_step: int = 1,
        head_dim: int = 64,
        patch_size: int = BY_IMAGE_SIZE,
    ) -> None:
        super().__init__(
            (least_width, width, width_step), (least_depth, depth, depth_step), head_dim, patch_size
        )

    def host(self, arch: Arch, task: Task) -> TimmHost:
        width, depth = self._values(arch)
        shape = {
            "img_size": task.image_size,
            "patch_size": self.patch_side(task),
            "in_chans": task.in_channels,
            "num_classes": task.num_classes,
            "embed_dim": width,
            "depth": depth,
            "num_heads": width // self.head_dim,
        }
        return TimmHost("vit_base_patch16_224", shape)

    def blocks(self, arch: Arch) -> dict[str, list[int]]:
        _, depth = self._values(arch)
        return {"blocks": spread_blocks(depth, self.genes["depth"][-1])}

    def supernet(
        self, task: Task, *, drop_path: float = 0.0, scaled: bool = False
    ) -> ElasticVitSupernet:
        from search_spaces.supernets.elastic_vit import ElasticVitSupernet

        return ElasticVitSupernet(self, task, drop_path=drop_path, scaled=scaled)

    def patch_side(self, task: Task) -> int:
        """Pixels along the side of one patch."""
        return patch_side(self.name, self.patch_size, task)

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """timm's `VisionTransformer`, its tokens shown as maps, with timm's initialisation."""
        task = require_task(self.name, task)
        return _network()(**self.host(arch, task).kwargs)

    def features(self, module: nn.Module) -> list[str]:
        """The patches after the first, middle and last block; the class token as one pixel."""
        last = len(require_built(self.name, module, _network()).blocks) - 1
        shown = dict.fromkeys([0, last // 2, last])
        return [*(f"block_maps.{block}" for block in shown), "class_map"]

    def head(self, module: nn.Module) -> str:
        require_built(self.name, module, _network())
        return "head"

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes:
        """Closed form; attention's two products are counted."""
        task = require_task(self.name, task)
        width, depth = self._values(arch)
        patch = self.patch_side(task)
        side = task.image_size // patch
        tokens = side**2 + 1
        block = vit.block(width, attention=width, hidden=_MLP_RATIO * width, tokens=tokens)
        parts = [
            vit.convolution(task.in_channels, width, patch, side),
            vit.embedding(width + tokens * width),
            count.repeated(block, depth),
            vit.layer_norm(width),
            count.linear(width, task.num_classes),
        ]
        return count.total(parts)

    def published(self) -> list[Arch]:
        """ViT-S, ViT-B and ViT-L."""
        return [Arch({"width": width, "depth": depth}) for width, depth in _NAMED]

    def drawing(self, arch: Arch) -> Drawing:
        """Patches, equal blocks, classifier."""
        width, depth = self._values(arch)
        details = (f"{width} channels", f"{width // self.head_dim} heads", f"MLP x{_MLP_RATIO}")
        blocks = (
            Block("patches", (f"{width} channels",)),
            Block("block", details, repeats=depth),
            Block("classifier", fixed=True),
        )
        return Drawing(self.describe(arch), blocks)


def _network() -> type[MappedVit]:
    from search_spaces._elastic_vit_modules import MappedVit

    return MappedVit
