"""What the students of a masked autoencoder learn in one step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from nas_kd.training.elastic.linear import ElasticLinear
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.masked import terms
from nas_kd.training.masked.decoder import Decoder
from nas_kd.training.masked.hiding import Hiding
from nas_kd.training.masked.settings import DmaeSettings, G2sdSettings, MaskedSettings
from nas_kd.training.masked.teacher import MaeTeacher
from search_spaces import Arch

if TYPE_CHECKING:
    from search_spaces.supernets.elastic_vit import ElasticVitSupernet


class MaskedLesson(nn.Module, ABC):
    """A supernet and a decoder that all its students share, with the loss as one forward."""

    def __init__(self, supernet: ElasticVitSupernet, settings: MaskedSettings) -> None:
        super().__init__()
        self.supernet = supernet
        self.width = supernet.embedding_dim(supernet.space.largest)
        self.decoder = Decoder(
            self.width,
            grid=supernet.task.image_size // supernet.image_multiple,
            dim=settings.decoder_width,
            depth=settings.decoder_depth,
            heads=settings.decoder_heads,
            scaled=settings.scaled,
        )

    def forward(
        self, images: Tensor, hiding: Hiding, archs: Sequence[Arch], teacher: Tensor | None
    ) -> dict[str, Tensor]:
        """``loss``, with its gradient, and its parts before their weights, detached.

        Args:
            images: ``(image, C, H, W)``.
            hiding: What is hidden, from the students and the teacher alike.
            archs: Who learns in this step; the parts are means over them.
            teacher: What `teach` gave.
        """
        of_archs = [self.parts(images, hiding, arch, teacher) for arch in archs]
        parts = {name: torch.stack([of[name] for of in of_archs]).mean() for name in of_archs[0]}
        loss = torch.stack([self.weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    @property
    @abstractmethod
    def weights(self) -> dict[str, float]:
        """Weights of the parts."""

    @abstractmethod
    def teach(self, teacher: MaeTeacher, images: Tensor, hiding: Hiding) -> Tensor:
        """The teacher's features that the students learn from."""

    @abstractmethod
    def parts(
        self, images: Tensor, hiding: Hiding, arch: Arch, teacher: Tensor | None
    ) -> dict[str, Tensor]:
        """The parts of one student's loss."""


class DmaeLesson(MaskedLesson):
    """Pixels of hidden patches, and the teacher's features of visible ones.

    Features are compared after the same share of both networks' blocks, the student's through a
    linear layer. Without a teacher this is a masked autoencoder.

    Source: DMAE (Bai et al., CVPR 2023, arXiv 2208.12256), equation 3.
    """

    def __init__(
        self, supernet: ElasticVitSupernet, settings: DmaeSettings, teacher: MaeTeacher | None
    ) -> None:
        super().__init__(supernet, settings)
        self._settings = settings
        pixels = supernet.task.in_channels * supernet.image_multiple**2
        self.pixels = nn.Linear(settings.decoder_width, pixels)
        self.projection: ElasticLinear | None = None
        if teacher is None:
            _require_pixels(settings)
        else:
            _require_features(settings)
            teacher.end_encoder(self._block(teacher.depth) + 1)
            self.projection = ElasticLinear(self.width, teacher.width, scaled=settings.scaled)

    @property
    def weights(self) -> dict[str, float]:
        return {"pixels": self._settings.pixel_weight, "features": self._settings.feature_weight}

    def teach(self, teacher: MaeTeacher, images: Tensor, hiding: Hiding) -> Tensor:
        return teacher.encoded(images, hiding.noise, self._settings.mask_ratio)

    def parts(
        self, images: Tensor, hiding: Hiding, arch: Arch, teacher: Tensor | None
    ) -> dict[str, Tensor]:
        block = self._block(int(arch["depth"]))
        tokens, (seen,) = self.supernet.encode_visible(images, arch, hiding.visible, after=(block,))
        parts = {
            "pixels": terms.pixel_loss(
                self.pixels(self.decoder(tokens, hiding)),
                terms.patches_of(images, self.supernet.image_multiple),
                hiding.mask,
                normalised=self._settings.normalised_pixels,
            )
        }
        if self.projection is not None:
            assert teacher is not None
            parts["features"] = terms.visible_feature_loss(self.projection(seen), teacher)
        return parts

    def _block(self, depth: int) -> int:
        """Number of the block, from 0, that ends ``depth_share`` of the network."""
        return max(1, round(self._settings.depth_share * depth)) - 1


def _require_pixels(settings: DmaeSettings) -> None:
    """Raises `UsageError` for what needs a teacher."""
    if not settings.pixel_weight:
        raise UsageError(
            "pretrain: pixel_weight is 0 and there is no teacher, so that nothing is learned. Name "
            "--teacher hf:NAME_OR_FOLDER, or give the pixels a weight."
        )
    names = ("feature_weight", "depth_share")
    refuse_idle(settings, names, "there is no teacher; name --teacher, too")


def _require_features(settings: DmaeSettings) -> None:
    """Raises `UsageError` where a teacher has nothing to say."""
    if not settings.feature_weight:
        raise UsageError(
            "pretrain: feature_weight is 0, so that nothing is learned from the teacher. Leave "
            "--teacher out, or give its features a weight."
        )


class G2sdLesson(MaskedLesson):
    """The teacher's decoder features of hidden patches, predicted by the student's decoder.

    Source: G2SD (Huang et al., CVPR 2023, arXiv 2302.14771), section 3.2. Its specific stage is
    left to the method ``sandwich`` with ``start`` at the directory of this one, which is simpler
    than the published one: a single head for labels and teacher instead of a distillation token of
    its own, without mixup, cutmix and layer-wise learning rates. ``teacher_targets`` hard and 0.5
    for ``label_weight`` and ``teacher_weight`` are its losses.

    Raises:
        UsageError: There is no teacher.
    """

    def __init__(
        self, supernet: ElasticVitSupernet, settings: G2sdSettings, teacher: MaeTeacher | None
    ) -> None:
        super().__init__(supernet, settings)
        if teacher is None:
            raise UsageError(
                "pretrain: g2sd learns from a masked autoencoder. Name --teacher hf:NAME_OR_FOLDER."
            )
        teacher.end_decoder(min(settings.teacher_block, teacher.decoder_depth))
        self._settings = settings
        width = settings.decoder_width
        self.prediction = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, teacher.decoder_width)
        )

    @property
    def weights(self) -> dict[str, float]:
        return {"features": 1.0}

    def teach(self, teacher: MaeTeacher, images: Tensor, hiding: Hiding) -> Tensor:
        return teacher.decoded(images, hiding.noise, self._settings.mask_ratio)

    def parts(
        self, images: Tensor, hiding: Hiding, arch: Arch, teacher: Tensor | None
    ) -> dict[str, Tensor]:
        assert teacher is not None
        tokens, _ = self.supernet.encode_visible(images, arch, hiding.visible)
        predicted = self.prediction(self.decoder(tokens, hiding))
        return {"features": terms.hidden_feature_loss(predicted, teacher, hiding.mask)}
