"""A network of a trained elastic supernet as a classifier of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from nas_kd.data import DataSplits
from nas_kd.training.elastic.judging import calibration
from nas_kd.training.embeddings import embeddings_of
from nas_kd.training.evaluate import device_of
from nas_kd.training.linear_probe import chosen_linear_probe
from nas_kd.training.recalibrate import recalibrated
from search_spaces import Arch

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet


def classifier_of(
    supernet: ElasticSupernet, arch: Arch, data: DataSplits, *, seed: int
) -> nn.Module:
    """The extracted network, its batch-norm statistics taken anew, in eval mode.

    A network of a supernet that was trained without labels gets the linear probe of the training
    images as its classifier.

    Args:
        supernet: A trained one.
        arch: Which network.
        data: Its training images are seen as they are, without augmentation.
        seed: Of the images on which the probe's weight decay is chosen.
    """
    student = recalibrated(supernet.extract(arch), calibration(data.train))
    if supernet.task.num_classes:
        return student
    probe = chosen_linear_probe(embeddings_of(student, data.train), data.train.labels, seed=seed)
    task = replace(supernet.task, num_classes=data.num_classes)
    with torch.random.fork_rng(devices=[]):
        classifier = supernet.space.build(arch, task).to(device_of(student))
    name = supernet.space.head(classifier)
    head = classifier.get_submodule(name)
    assert isinstance(head, nn.Linear)
    differing = classifier.load_state_dict(student.state_dict(), strict=False)
    assert set(differing.missing_keys) == {f"{name}.weight", f"{name}.bias"}
    assert not differing.unexpected_keys
    probe.write_into(head)
    return classifier.eval()
