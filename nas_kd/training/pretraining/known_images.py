"""Whether images are still those that a supernet is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas_kd.data import Images
from nas_kd.errors import UsageError
from nas_kd.tensor_digest import tensor_digest

IMAGES = "images_sha256"
"""Name of `images_digest` in the state of a training and in the facts of its supernet."""


def images_digest(images: Images) -> str:
    """Changes where training images are added, removed or put into other classes.

    It goes by their labels in their order, so that no image is read.
    """
    return tensor_digest([images.labels])


def has_its_images(known: Mapping[str, Any], images: Images) -> bool:
    """Whether the training images are those of a state or of facts, where these tell."""
    now = images_digest(images)
    return bool(known.get(IMAGES, now) == now)


def require_its_images(state: Mapping[str, Any], images: Images, source: str) -> None:
    """Refuses to go on with others: some of them would have judged what they now train.

    Raises:
        UsageError: They are not those of the state.
    """
    if not has_its_images(state, images):
        raise UsageError(
            f"pretrain: {source} gives other training images than when this training began, so "
            "that it cannot go on: images were added, removed or put into other classes. Put back "
            "what was there, or name another --run-dir."
        )
