"""How POA trains; every default is the published value, with those of the ViT where they differ."""

from __future__ import annotations

from dataclasses import dataclass

from nas_kd.errors import UsageError
from nas_kd.training.setting_checks import PRECISIONS, require_choice, require_number


@dataclass(frozen=True)
class PoaSettings:
    """Length, views, heads, terms and schedules of one pre-training.

    Times at the start are shares of the training, so that they fit every length; the published one
    has 346 epochs. None stands for the published value of the backbone (`published`).

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step, over all processes. Published: 1600 (ViT), 2048 (Swin), 1280
            (ResNet), on 32 devices; the learning rate follows the images that are in a batch.
        epoch_images: Images of an epoch, another random part of them in each; None takes all. An
            epoch is what a checkpoint is kept after.
        view_size: Side of the global views in pixels, for which the networks are made; None takes
            that of the images (--image-size). Images that are larger give sharper views: a small
            one covers 5 % of the area at least.
        local_views: Small views of each image, beside the two global ones.
        local_size: Their side in pixels; None takes 96/224 of the global views', rounded to a
            size that the backbone takes.
        flip: Whether views are mirrored at random; None does so where the data's own augmentation
            does.
        scaled: Whether weights of narrower students are scaled by alpha, the ratio of the widths.
        elastic_students: Elastic students a step (and process). 0 trains the intact student alone.
        size_scale: S of the sampling, see `replicas`; 1 draws all sizes alike.
        intact_weight: lambda, of the intact student; the elastic ones get 1 - lambda.
        cross_view: Whether elastic students learn from the teacher on other views.
        same_view: Whether they learn from the intact student on the same views.
        heads: Projection heads.
        prototypes: Of the first head; each further one has twice as many.
        head_hidden: Channels inside a head.
        head_bottleneck: Dimension in which prototypes are compared.
        patch_weight: Of masked-patch prediction; 0 leaves it out. For vision transformers only.
        patch_start: When it sets in: it is unstable at the start.
        mask_probability: Share of global views that are masked.
        mask_least: Least share of patches that are hidden in such a view.
        mask_most: Largest share.
        koleo_weight: Of the term that spreads the embeddings; 0 leaves it out.
        teacher_momentum: Of the moving average at the start.
        teacher_momentum_end: At the end of the planned schedule.
        teacher_temperature: Of the targets at the start.
        teacher_temperature_end: After ``temperature_warmup``.
        temperature_warmup: Share of the training.
        learning_rate: Peak for a batch of 1024; it is scaled by sqrt(batch_size / 1024).
        learning_rate_end: At the end of the planned schedule.
        warmup: Share of the training with a rising learning rate.
        weight_decay: At the start.
        weight_decay_end: At the end of the planned schedule.
        planned: Share of the cosine schedules that is run through before the training stops.
        layer_decay: Factor of the learning rate from one layer to the one below.
        patch_embed_rate: Factor of the learning rate of the patch embedding, 0.2 as published; not
            for ResNets, which have none.
        prototypes_rest: Share of the training during which prototypes are not trained.
        gradient_clip: Largest norm of the gradient; None does not clip.
        drop_path: Rate of stochastic depth of the students.
        judge_every: Epochs between two looks at the nearest neighbours of the largest and the
            smallest network, where images have labels; the end of the training is always looked at.
        precision: ``no`` (float32), ``bf16`` or ``fp16`` autocast.
        workers: Processes that read images ahead; the results do not depend on it.

    Raises:
        UsageError: A value is out of range, or nothing is left to be trained.
    """

    epochs: int = 346
    batch_size: int = 1600
    epoch_images: int | None = None
    view_size: int | None = None
    local_views: int = 8
    local_size: int | None = None
    flip: bool | None = None
    scaled: bool = True
    elastic_students: int = 1
    size_scale: float | None = None
    intact_weight: float = 0.8
    cross_view: bool = True
    same_view: bool = True
    heads: int = 4
    prototypes: int = 8192
    head_hidden: int = 2048
    head_bottleneck: int = 256
    patch_weight: float | None = None
    patch_start: float = 30 / 346
    mask_probability: float = 0.5
    mask_least: float = 0.1
    mask_most: float = 0.5
    koleo_weight: float = 0.1
    teacher_momentum: float = 0.992
    teacher_momentum_end: float = 0.9999
    teacher_temperature: float = 0.04
    teacher_temperature_end: float = 0.07
    temperature_warmup: float = 30 / 346
    learning_rate: float = 0.004
    learning_rate_end: float = 2e-5
    warmup: float | None = None
    weight_decay: float = 0.04
    weight_decay_end: float = 0.4
    planned: float | None = None
    layer_decay: float | None = None
    patch_embed_rate: float | None = None
    prototypes_rest: float = 1 / 346
    gradient_clip: float | None = 1.5
    drop_path: float | None = None
    judge_every: int = 10
    precision: str = "no"
    workers: int = 0

    def __post_init__(self) -> None:
        require_choice(self, "precision", PRECISIONS)
        for name in ("epochs", "batch_size", "epoch_images", "view_size", "local_size", "heads"):
            require_number(self, name, least=1)
        for name in ("prototypes", "head_hidden", "head_bottleneck", "judge_every"):
            require_number(self, name, least=1)
        for name in ("local_views", "elastic_students", "workers"):
            require_number(self, name, least=0)
        require_number(self, "size_scale", least=1)
        for name in ("patch_weight", "koleo_weight", "weight_decay", "weight_decay_end"):
            require_number(self, name, least=0)
        for name in ("teacher_temperature", "teacher_temperature_end", "learning_rate"):
            require_number(self, name, above=0)
        require_number(self, "learning_rate_end", least=0)
        require_number(self, "gradient_clip", above=0)
        for name in ("intact_weight", "mask_probability", "teacher_momentum", "patch_start"):
            require_number(self, name, least=0, most=1)
        for name in ("teacher_momentum_end", "mask_least", "mask_most", "temperature_warmup"):
            require_number(self, name, least=0, most=1)
        for name in ("patch_embed_rate", "prototypes_rest"):
            require_number(self, name, least=0, most=1)
        for name in ("planned", "layer_decay"):
            require_number(self, name, above=0, most=1)
        for name in ("warmup", "drop_path"):
            require_number(self, name, least=0, below=1)
        if self.mask_least > self.mask_most:
            raise UsageError(
                f"pretrain: mask_least is {self.mask_least} and mask_most {self.mask_most}; give a "
                "range."
            )
        if self.elastic_students and not (self.cross_view or self.same_view):
            raise UsageError(
                "pretrain: the elastic students have nothing to learn from: cross_view and "
                "same_view are both off. Switch one on, or set elastic_students to 0."
            )
