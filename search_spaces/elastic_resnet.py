"""Elastic ResNets: one parent, any depth of its middle stages, narrower bottlenecks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from nas_kd.errors import UsageError
from search_spaces import _counting as count
from search_spaces._arch import Arch
from search_spaces._checks import require_built, require_positive, require_task
from search_spaces._drawing import Block, Drawing
from search_spaces._elastic_depth import spread_blocks
from search_spaces._elastic_space import ElasticSpace, option_range
from search_spaces._resnet_counting import EXPANSION, resnet_parts
from search_spaces._space import AnyTask, Sizes, Task
from search_spaces._timm_host import TimmHost

if TYPE_CHECKING:  # timm takes a second to import: only who builds a student waits for it
    from timm.models.resnet import ResNet

    from search_spaces.supernets.elastic_resnet import ElasticResNetSupernet

_STAGES = 4
_OUTER_DEPTH = 3
_GROUPS = 32
_WIDTH_OF_TIMM = 64
_BY_IMAGE_SIZE = 0
_OUTPUT_STRIDES = (8, 16, 32)
_LEAST_SIDE = 4
_NAMED = [(64, 4, 6), (64, 4, 23), (64, 8, 36)]


class ElasticResNet(ElasticSpace):
    """465 ResNets of bottlenecks, from ResNet-50 to a wide ResNet-152, or others by the options.

    Genes: ``width`` in {64, 96, 128}, the channels inside the bottlenecks of the first stage,
    doubled from stage to stage; ``depth_2`` in {4, 5, ..., 8} and ``depth_3`` in {6, 7, ..., 36},
    the bottlenecks of the second and third stage; the outer two have three. Stem, residual stream
    and shortcuts are of one width. A student is timm's `ResNet`.

    Deviation: small images would vanish between the strides of the published network, so that its
    last map keeps four pixels a side where a lesser `output_stride` can give them.

    Args:
        width: Of the parent.
        least_width: Of the smallest student.
        width_step: From one width to the next.
        depth_2: Bottlenecks of the parent's second stage.
        least_depth_2: Of the shallowest student's second stage.
        depth_3: Bottlenecks of the parent's third stage.
        least_depth_3: Of the shallowest student's third stage.
        depth_step: From one depth to the next, in both stages.
        planes: A quarter of the channels that leave the first stage; it divides 64 times the width.
        group_norm: 1 normalises in 32 groups of channels, as POA does, so that widths and four
            times ``planes`` are multiples of 32; 0 normalises over the batch.
        output_stride: Pixels of the image to one of the last map: 8, 16 or 32; later stages are
            dilated instead. 0 takes the largest that leaves 4 x 4: 32 from 128 x 128 images on, 8
            for 32 x 32.

    Source: POA (Chen et al., ECCV 2024, arXiv 2408.01031), section 4.1 and equation 12.
    """

    name = "elastic-resnet"
    source = "POA, ResNet (Chen et al., ECCV 2024, arXiv 2408.01031)"
    title = "ElasticResNet"
    any_size: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def __init__(
        self,
        width: int = 128,
        least_width: int = 64,
        width_step: int = 32,
        depth_2: int = 8,
        least_depth_2: int = 4,
        depth_3: int = 36,
        least_depth_3: int = 6,
        depth_step: int = 1,
        planes: int = 64,
        group_norm: int = 1,
        output_stride: int = _BY_IMAGE_SIZE,
    ) -> None:
        require_positive(self.name, planes=planes)
        widths = option_range(self.name, "width", least_width, width, width_step)
        super().__init__(
            width=widths,
            depth_2=option_range(self.name, "depth_2", least_depth_2, depth_2, depth_step),
            depth_3=option_range(self.name, "depth_3", least_depth_3, depth_3, depth_step),
        )
        self._require_norm(group_norm, widths, planes)
        self._require_ratios(widths, planes)
        if output_stride not in (_BY_IMAGE_SIZE, *_OUTPUT_STRIDES):
            raise UsageError(
                f"{self.name}: output_stride is {output_stride!r}; give 8, 16 or 32, or "
                f"{_BY_IMAGE_SIZE} to go by the image's size."
            )
        self.planes = planes
        self.group_norm = bool(group_norm)
        self.output_stride = output_stride

    def host(self, arch: Arch, task: Task) -> TimmHost:
        width, *depths = self._values(arch)
        shape: dict[str, Any] = {
            "in_chans": task.in_channels,
            "num_classes": task.num_classes,
            "layers": [_OUTER_DEPTH, *depths, _OUTER_DEPTH],
            "channels": [self.planes << stage for stage in range(_STAGES)],
            "base_width": _WIDTH_OF_TIMM * width // self.planes,
            "output_stride": self.stride(task),
        }
        return TimmHost("resnet50_gn" if self.group_norm else "resnet50", shape)

    def blocks(self, arch: Arch) -> dict[str, list[int]]:
        _, *depths = self._values(arch)
        of = (self.genes["depth_2"][-1], self.genes["depth_3"][-1])
        return {
            stage: spread_blocks(depth, whole)
            for stage, depth, whole in zip(("layer2", "layer3"), depths, of, strict=True)
        }

    def supernet(
        self, task: Task, *, drop_path: float = 0.0, scaled: bool = False
    ) -> ElasticResNetSupernet:
        from search_spaces.supernets.elastic_resnet import ElasticResNetSupernet

        return ElasticResNetSupernet(self, task, drop_path=drop_path, scaled=scaled)

    def stride(self, task: Task) -> int:
        """Pixels of the image to one of the last map."""
        if self.output_stride != _BY_IMAGE_SIZE:
            return self.output_stride
        enough = [s for s in _OUTPUT_STRIDES if task.image_size >= s * _LEAST_SIDE]
        return max(enough, default=_OUTPUT_STRIDES[0])

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """timm's `ResNet` with timm's initialisation; no activation works in place."""
        task = require_task(self.name, task)
        student = self.host(arch, task).create()
        for module in student.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
        return student

    def features(self, module: nn.Module) -> list[str]:
        """The stem and the ends of the four stages, each after its ReLU."""
        require_built(self.name, module, _network())
        return ["act1", *(f"layer{stage}" for stage in range(1, _STAGES + 1))]

    def head(self, module: nn.Module) -> str:
        require_built(self.name, module, _network())
        return "fc"

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes:
        task = require_task(self.name, task)
        width, *depths = self._values(arch)
        layers = [_OUTER_DEPTH, *depths, _OUTER_DEPTH]
        return count.total(resnet_parts(layers, self.planes, width, self.stride(task), task))

    def published(self) -> list[Arch]:
        """ResNet-50, ResNet-101 and ResNet-152."""
        return [self._arch_of(values) for values in _NAMED]

    def drawing(self, arch: Arch) -> Drawing:
        """Stem, four stages of bottlenecks, classifier."""
        width, *depths = self._values(arch)
        stages = [
            Block(
                f"stage {stage + 1}",
                (
                    f"bottlenecks of {width << stage}",
                    f"{EXPANSION * self.planes << stage} channels",
                ),
                repeats=depth,
            )
            for stage, depth in enumerate([_OUTER_DEPTH, *depths, _OUTER_DEPTH])
        ]
        stem = Block("stem", ("7x7 conv", "max pooling"), fixed=True)
        return Drawing(self.describe(arch), (stem, *stages, Block("classifier", fixed=True)))

    def _require_norm(self, group_norm: int, widths: range, planes: int) -> None:
        if group_norm not in (0, 1):
            raise UsageError(
                f"{self.name}: group_norm is {group_norm!r}; give 1 for groups of channels or 0 "
                "for batch normalisation."
            )
        broken = [number for number in (*widths, EXPANSION * planes) if number % _GROUPS]
        if group_norm and broken:
            raise UsageError(
                f"{self.name}: {broken[0]} channels do not fall into {_GROUPS} groups; choose "
                f"widths and planes such that they do, or group_norm=0."
            )

    def _require_ratios(self, widths: range, planes: int) -> None:
        broken = [width for width in widths if _WIDTH_OF_TIMM * width % planes]
        if broken:
            raise UsageError(
                f"{self.name}: timm cannot build bottlenecks of {broken[0]} channels with planes="
                f"{planes}, which does not divide {_WIDTH_OF_TIMM} times as many; choose another."
            )


def _network() -> type[ResNet]:
    from timm.models import resnet

    network: type[ResNet] = resnet.ResNet
    return network
