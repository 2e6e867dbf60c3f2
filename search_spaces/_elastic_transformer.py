"""What elastic transformers of images have in common."""

from __future__ import annotations

from nas_kd.errors import UsageError
from search_spaces._checks import require_positive
from search_spaces._elastic_space import ElasticSpace, option_range
from search_spaces._patches import require_patch_option

Steps = tuple[int, int, int]
"""Smallest and largest value of a gene, and the step between its values."""


class ElasticTransformer(ElasticSpace):
    """Genes ``width``, in whole heads of one size, and ``depth``.

    Args:
        width: Least, largest, step.
        depth: Likewise.
        head_dim: Channels of each head; it divides all widths.
        patch_size: Pixels along the side of a patch; 0 leaves it to the image.
    """

    def __init__(self, width: Steps, depth: Steps, head_dim: int, patch_size: int) -> None:
        require_patch_option(self.name, patch_size)
        require_positive(self.name, head_dim=head_dim)
        widths = option_range(self.name, "width", *width)
        self._require_whole_heads(widths, head_dim)
        super().__init__(width=widths, depth=option_range(self.name, "depth", *depth))
        self.head_dim = head_dim
        self.patch_size = patch_size

    def _require_whole_heads(self, widths: range, head_dim: int) -> None:
        broken = [width for width in widths if width % head_dim]
        if broken:
            raise UsageError(
                f"{self.name}: a width of {broken[0]} is not made of whole heads of {head_dim} "
                "channels; choose another head_dim, or widths that it divides."
            )
