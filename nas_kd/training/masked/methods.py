"""DMAE and G2SD as methods of pre-training."""

from __future__ import annotations

from nas_kd.training.elastic.restoring import restore_supernet
from nas_kd.training.masked.settings import DmaeSettings, G2sdSettings
from nas_kd.training.pretraining.method import Job, Method, Session


def _start_dmae(job: Job) -> Session:
    from nas_kd.training.masked.lessons import DmaeLesson
    from nas_kd.training.masked.session import MaskedSession

    return MaskedSession(job, DmaeLesson)


def _start_g2sd(job: Job) -> Session:
    from nas_kd.training.masked.lessons import G2sdLesson
    from nas_kd.training.masked.session import MaskedSession

    return MaskedSession(job, G2sdLesson)


DMAE = Method(
    name="dmae",
    summary="without labels: pixels of hidden patches, features of a masked autoencoder",
    source="Bai et al., CVPR 2023, arXiv 2208.12256",
    spaces=("elastic-vit",),
    settings=DmaeSettings,
    start=_start_dmae,
    restore=restore_supernet,
    deviation="smaller students learn beside the largest, with weights scaled by the ratio of the "
    "widths (elastic_students=0 leaves them out); students' positions are learned instead of fixed "
    "sines and cosines; the warm-up begins at a tenth of the peak rate instead of 0; views are cut "
    "from images already fitted to --image-size",
)
G2SD = Method(
    name="g2sd",
    summary="without labels: decoder features of a masked autoencoder; then use sandwich",
    source="Huang et al., CVPR 2023, arXiv 2302.14771",
    spaces=("elastic-vit",),
    settings=G2sdSettings,
    start=_start_g2sd,
    restore=restore_supernet,
    deviation="as dmae; the specific stage is the method sandwich with start: one head for labels "
    "and teacher instead of a distillation token, without mixup, cutmix and layer-wise rates",
)
