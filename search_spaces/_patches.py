"""The size of the patches that vision transformers cut images into."""

from __future__ import annotations

from nas_kd.errors import UsageError
from search_spaces._space import Task

BY_IMAGE_SIZE = 0
"""Value of the option ``patch_size`` that leaves the size to the image."""

_PATCHES_PER_SIDE = 14


def require_patch_option(space: str, patch_size: int) -> None:
    """Raises `UsageError` when the option is no integer or negative."""
    if not isinstance(patch_size, int) or isinstance(patch_size, bool) or patch_size < 0:
        raise UsageError(
            f"{space}: patch_size is {patch_size!r}; give a positive integer in pixels, or "
            f"{BY_IMAGE_SIZE} for a fourteenth of the image's side."
        )


def patch_side(space: str, patch_size: int, task: Task) -> int:
    """Pixels along the side of one patch.

    Without a chosen size it is a fourteenth of the image's side, rounded down and at least one
    pixel: the published 16 for 224 x 224 images, 2 for 32 x 32, so that small images give about as
    many tokens as large ones.

    Raises:
        UsageError: The chosen patch is larger than the image.
    """
    if patch_size == BY_IMAGE_SIZE:
        return max(1, task.image_size // _PATCHES_PER_SIDE)
    require_patch_fits(space, patch_size, task)
    return patch_size


def require_patch_fits(space: str, patch_size: int, task: Task) -> None:
    """Raises `UsageError` when the chosen patch is larger than the image."""
    if patch_size > task.image_size:
        raise UsageError(
            f"{space}: patches of {patch_size} pixels do not fit into images of "
            f"{task.image_size}; choose a smaller patch_size."
        )
