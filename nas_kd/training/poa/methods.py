"""POA as a method of pre-training."""

from __future__ import annotations

from nas_kd.training.elastic.restoring import restore_supernet
from nas_kd.training.poa.settings import PoaSettings
from nas_kd.training.pretraining.method import Job, Method, Session


def _start(job: Job) -> Session:
    from nas_kd.training.poa.session import PoaSession

    return PoaSession(job)


POA = Method(
    name="poa",
    summary="without labels: an intact and an elastic student follow a moving average",
    source="Chen et al., ECCV 2024, arXiv 2408.01031",
    spaces=("elastic-vit", "elastic-swin", "elastic-resnet"),
    settings=PoaSettings,
    start=_start,
    restore=restore_supernet,
    takes_teacher=False,
    deviation="no LayerScale; one layer fewer in layer_decay, as timm counts them; stochastic "
    "depth rises from block to block; patches are masked for ViTs alone; resizing is bilinear, and "
    "the colour changes of a batch come in one order; views are cut from images fitted to "
    "--image-size, so keep these larger than view_size",
)
