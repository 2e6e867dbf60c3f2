"""How vision transformers are pre-trained by a masked autoencoder."""

from __future__ import annotations

from dataclasses import dataclass

from nas_kd.errors import UsageError
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.setting_checks import PRECISIONS, require_choice, require_number


@dataclass(frozen=True)
class MaskedSettings:
    """What DMAE and G2SD have in common. Every default is the published value.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step, over all processes.
        images_at_once: Most images that go through the networks at once, in each process; None
            takes those of a step all together. It decides the memory, not the result.
        epoch_images: Images of an epoch, another random part of them in each; None takes all. An
            epoch is what a checkpoint is kept after.
        mask_ratio: Share of the patches that are hidden.
        flip: Whether images are mirrored at random; None does so where the data's own augmentation
            does.
        elastic_students: Smaller students that learn in a step beside the largest, each with the
            same weight; 0 trains the largest alone, as published.
        size_scale: S of their sampling, see `replicas`.
        scaled: Whether weights of narrower students are scaled by the ratio of the widths.
        decoder_width: Channels of the decoder.
        decoder_depth: Its blocks.
        decoder_heads: Of each block.
        learning_rate: Peak for a batch of 256; it is scaled by the batch / 256.
        warmup: Share of the training with a rising learning rate.
        weight_decay: On matrices; norms and biases have none.
        gradient_clip: Largest norm of the gradient; None does not clip.
        judge_every: Epochs between two looks at the nearest neighbours of the largest and the
            smallest network, where images have labels; the end of the training is always looked at.
        precision: ``no`` (float32), ``bf16`` or ``fp16`` autocast.
        workers: Processes that read images ahead; the results do not depend on it.

    Raises:
        UsageError: A value is out of range.
    """

    epochs: int
    warmup: float
    decoder_width: int
    decoder_depth: int
    decoder_heads: int
    batch_size: int = 4096
    images_at_once: int | None = None
    epoch_images: int | None = None
    mask_ratio: float = 0.75
    flip: bool | None = None
    elastic_students: int = 1
    size_scale: float = 3.0
    scaled: bool = True
    learning_rate: float = 1.5e-4
    weight_decay: float = 0.05
    gradient_clip: float | None = None
    judge_every: int = 10
    precision: str = "no"
    workers: int = 0

    def __post_init__(self) -> None:
        require_choice(self, "precision", PRECISIONS)
        for name in ("epochs", "batch_size", "decoder_width", "decoder_depth", "decoder_heads"):
            require_number(self, name, least=1)
        for name in ("images_at_once", "epoch_images", "judge_every"):
            require_number(self, name, least=1)
        for name in ("elastic_students", "workers", "weight_decay"):
            require_number(self, name, least=0)
        for name in ("learning_rate", "gradient_clip"):
            require_number(self, name, above=0)
        require_number(self, "size_scale", least=1)
        if not self.elastic_students:
            refuse_idle(self, ("size_scale",), "elastic_students is 0")
        require_number(self, "mask_ratio", above=0, below=1)
        require_number(self, "warmup", least=0, below=1)
        if self.decoder_width % 4 or self.decoder_width % self.decoder_heads:
            raise UsageError(
                f"pretrain: decoder_width is {self.decoder_width}; give a multiple of 4 and of "
                f"decoder_heads ({self.decoder_heads})."
            )


@dataclass(frozen=True)
class DmaeSettings(MaskedSettings):
    """DMAE: pixels of hidden patches, and the teacher's features of visible ones.

    Attributes:
        pixel_weight: Of the reconstruction.
        feature_weight: Of the features; without a teacher this is a plain masked autoencoder.
        normalised_pixels: Whether patches are reconstructed at mean 0 and variance 1.
        depth_share: Share of the blocks, of both networks, after which features are compared.
    """

    epochs: int = 100
    warmup: float = 20 / 100
    decoder_width: int = 512
    decoder_depth: int = 8
    decoder_heads: int = 16
    pixel_weight: float = 1.0
    feature_weight: float = 1.0
    normalised_pixels: bool = True
    depth_share: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("pixel_weight", "feature_weight"):
            require_number(self, name, least=0)
        require_number(self, "depth_share", above=0, most=1)
        if not (self.pixel_weight or self.feature_weight):
            raise UsageError(
                "pretrain: pixel_weight and feature_weight are 0, so that nothing is learned. Give "
                "one of them a weight."
            )


@dataclass(frozen=True)
class G2sdSettings(MaskedSettings):
    """G2SD, generic stage: the teacher's decoder features of hidden patches.

    Attributes:
        teacher_block: After which block of the teacher's decoder its features are taken, counted
            from 1.
    """

    epochs: int = 300
    warmup: float = 10 / 300
    decoder_width: int = 256
    decoder_depth: int = 4
    decoder_heads: int = 8
    teacher_block: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number(self, "teacher_block", least=1)
