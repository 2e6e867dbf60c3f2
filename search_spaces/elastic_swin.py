"""Elastic Swin transformers: one parent, three widths, any depth of the third stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch import nn

from search_spaces import _counting as count
from search_spaces import _vit_counting as vit
from search_spaces._arch import Arch
from search_spaces._checks import require_built, require_positive, require_task
from search_spaces._drawing import Block, Drawing
from search_spaces._elastic_depth import spread_pairs
from search_spaces._elastic_transformer import ElasticTransformer
from search_spaces._patches import BY_IMAGE_SIZE, require_patch_fits
from search_spaces._space import AnyTask, Sizes, Task
from search_spaces._swin_counting import swin_block
from search_spaces._timm_host import TimmHost

if TYPE_CHECKING:  # timm takes a second to import: only who builds a student waits for it
    from search_spaces._elastic_swin_modules import MappedSwin
    from search_spaces.supernets.elastic_swin import ElasticSwinSupernet

_OTHER_DEPTHS = 2
_STAGES = 4
_NAMED = [(96, 6), (96, 18), (128, 18)]
_PATCHES_PER_SIDE = 56
_WINDOWS_PER_SIDE = 8
_LEAST_PATCH = 2
_LEAST_WINDOW = 4


class ElasticSwin(ElasticTransformer):
    """39 Swin transformers from Swin-T to Swin-B, or others by the options.

    Genes: ``width`` in {96, 112, 128}, the channels of a token in the first stage, doubled from
    stage to stage, in heads of 16; ``depth`` in {6, 7, ..., 18}, the blocks of the third stage,
    the other three having two. A student is timm's `SwinTransformer`, without dropout or
    stochastic depth.

    Deviations: a shallower student keeps the parent's blocks in pairs, so that plain and shifted
    windows alternate as in any Swin; the norm after the patches sees the student's channels alone.
    Both are what makes a student a model of timm's.

    Args:
        width: Of the parent.
        least_width: Of the smallest student.
        width_step: From one width to the next.
        depth: Blocks of the parent's third stage.
        least_depth: Blocks of the shallowest student's third stage.
        depth_step: From one depth to the next.
        head_dim: Channels of each head; it divides all widths. The published Swin-T has 32.
        patch_size: Pixels along the side of a patch; 0 takes a 56th of the image's side, at least
            2: 4 for 224 x 224 images, 2 for 32 x 32.
        window: Patches along the side of a window; 0 takes an eighth of the patches along the
            image's side, at least 4: 7 for 224 x 224 images, 4 for 32 x 32.

    Source: POA (Chen et al., ECCV 2024, arXiv 2408.01031), section 4.1.
    """

    name = "elastic-swin"
    source = "POA, Swin (Chen et al., ECCV 2024, arXiv 2408.01031)"
    title = "ElasticSwin"

    def __init__(
        self,
        width: int = 128,
        least_width: int = 96,
        width_step: int = 16,
        depth: int = 18,
        least_depth: int = 6,
        depth_step: int = 1,
        head_dim: int = 16,
        patch_size: int = BY_IMAGE_SIZE,
        window: int = BY_IMAGE_SIZE,
    ) -> None:
        super().__init__(
            (least_width, width, width_step), (least_depth, depth, depth_step), head_dim, patch_size
        )
        if window != BY_IMAGE_SIZE:
            require_positive(self.name, window=window)
        self.window = window

    def host(self, arch: Arch, task: Task) -> TimmHost:
        width, depth = self._values(arch)
        shape = {
            "img_size": task.image_size,
            "patch_size": self.patch_side(task),
            "window_size": self.window_side(task),
            "in_chans": task.in_channels,
            "num_classes": task.num_classes,
            "embed_dim": width,
            "depths": [_OTHER_DEPTHS, _OTHER_DEPTHS, depth, _OTHER_DEPTHS],
            "num_heads": [width // self.head_dim << stage for stage in range(_STAGES)],
            "drop_path_rate": 0.0,
        }
        return TimmHost("swin_base_patch4_window7_224", shape)

    def blocks(self, arch: Arch) -> dict[str, list[int]]:
        _, depth = self._values(arch)
        return {"layers.2.blocks": spread_pairs(depth, self.genes["depth"][-1])}

    def supernet(
        self, task: Task, *, drop_path: float = 0.0, scaled: bool = False
    ) -> ElasticSwinSupernet:
        from search_spaces.supernets.elastic_swin import ElasticSwinSupernet

        return ElasticSwinSupernet(self, task, drop_path=drop_path, scaled=scaled)

    def patch_side(self, task: Task) -> int:
        """Pixels along the side of one patch."""
        if self.patch_size == BY_IMAGE_SIZE:
            return min(task.image_size, max(_LEAST_PATCH, task.image_size // _PATCHES_PER_SIDE))
        require_patch_fits(self.name, self.patch_size, task)
        return self.patch_size

    def window_side(self, task: Task) -> int:
        """Patches along the side of one window, where the map is not smaller."""
        side = task.image_size // self.patch_side(task)
        return self.window or max(_LEAST_WINDOW, side // _WINDOWS_PER_SIDE)

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """timm's `SwinTransformer`, its maps shown channels first, with timm's initialisation."""
        task = require_task(self.name, task)
        return _network()(**self.host(arch, task).kwargs)

    def features(self, module: nn.Module) -> list[str]:
        """The maps after each of the four stages, and the last one after the final norm."""
        require_built(self.name, module, _network())
        return [*(f"stage_maps.{stage}" for stage in range(_STAGES)), "last_map"]

    def head(self, module: nn.Module) -> str:
        require_built(self.name, module, _network())
        return "head.fc"

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes:
        """Closed form; attention's two products are counted, and the padding of windows, too."""
        task = require_task(self.name, task)
        return count.total(self._parts(arch, task))

    def published(self) -> list[Arch]:
        """Swin-T, Swin-S and Swin-B, with heads of ``head_dim``."""
        return [Arch({"width": width, "depth": depth}) for width, depth in _NAMED]

    def drawing(self, arch: Arch) -> Drawing:
        """Patches, four stages of windowed attention, classifier."""
        width, depth = self._values(arch)
        stages = [
            Block(
                f"stage {stage + 1}",
                (f"{width << stage} channels", f"{(width << stage) // self.head_dim} heads"),
                repeats=depth if stage == 2 else _OTHER_DEPTHS,
            )
            for stage in range(_STAGES)
        ]
        patches = Block("patches", (f"{width} channels",))
        return Drawing(self.describe(arch), (patches, *stages, Block("classifier", fixed=True)))

    def _parts(self, arch: Arch, task: Task) -> Iterator[Sizes]:
        width, depth = self._values(arch)
        patch, window = self.patch_side(task), self.window_side(task)
        side = task.image_size // patch
        yield vit.convolution(task.in_channels, width, patch, side)
        yield vit.layer_norm(width)
        for stage in range(_STAGES):
            if stage > 0:
                side = count.halved(side)
                yield vit.layer_norm(4 * width)
                yield Sizes(macs=8 * width**2 * side**2, params=8 * width**2)
                width *= 2
            block = swin_block(width, heads=width // self.head_dim, side=side, window=window)
            yield count.repeated(block, depth if stage == 2 else _OTHER_DEPTHS)
        yield vit.layer_norm(width)
        yield count.linear(width, task.num_classes)


def _network() -> type[MappedSwin]:
    from search_spaces._elastic_swin_modules import MappedSwin

    return MappedSwin
