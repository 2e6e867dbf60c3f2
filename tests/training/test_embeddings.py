"""Embeddings of a data set."""

from __future__ import annotations

import torch
from torch import nn

from nas_kd.data import DataSplits
from nas_kd.data.images import TensorImages
from nas_kd.training.embeddings import embeddings_of, read_embeddings
from search_spaces import Task
from tests.search_spaces.elastic import TASK, supernet


def test_all_images_in_order_and_in_eval_mode() -> None:
    made = supernet("elastic-vit", drop_path=0.5).train()
    arch = made.space.smallest
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (7, *TASK.input_shape), dtype=torch.uint8, generator=generator)
    images = TensorImages(pixels, torch.zeros(7), mean=[0.5] * 3, std=[0.2] * 3)
    read = read_embeddings(made, lambda x: made.embed(x, arch).pooled, images, batch_size=3)
    assert read.shape == (7, 16)
    assert not read.requires_grad
    assert made.training
    with torch.no_grad():
        whole = made.eval().embed(images.batch(range(7))[0], arch).pooled
    torch.testing.assert_close(read, whole)


def test_embeddings_are_float32() -> None:
    images = TensorImages(torch.rand(2, 1, 4, 4), torch.zeros(2))
    network = nn.Flatten()
    read = read_embeddings(network, lambda x: network(x).to(torch.bfloat16), images)
    assert read.dtype == torch.float32


def test_those_of_an_extracted_student_are_the_supernets(digits: DataSplits) -> None:
    made = supernet("elastic-vit", Task(1, 8, 10), patch_size=2)
    images = digits.validation.subset(range(20))
    for arch in (made.space.smallest, made.space.largest):
        inside = read_embeddings(made, lambda x, arch=arch: made.embed(x, arch).pooled, images)
        torch.testing.assert_close(embeddings_of(made.extract(arch), images), inside)
