"""``digits``: the 1,797 handwritten digits of scikit-learn, 8 x 8 pixels, grey.

20 % are the test set, the same for every seed, so that test figures of different seeds compare.
The validation share counts from the whole: 0.2 gives 60/20/20.
"""

from __future__ import annotations

import torch

from nas_kd.data.images import TensorImages
from nas_kd.data.sources.raw import RawSplits, Request
from nas_kd.data.splitting import stratified_split
from nas_kd.source_spec import SourceSpec

TEST_SHARE = 0.2
_TEST_SEED = 0


def load_digits(spec: SourceSpec, request: Request) -> RawSplits:
    """The digits with their 17 grey levels spread over a byte."""
    from sklearn import datasets

    digits = datasets.load_digits()
    levels = torch.from_numpy(digits.images)[:, None]  # (N, 1, 8, 8), 0 to 16
    images = TensorImages(
        (levels * (255 / 16)).round().to(torch.uint8), torch.from_numpy(digits.target)
    )
    rest, test = stratified_split(images.labels, TEST_SHARE, _TEST_SEED, "digits")
    share = request.validation_share / (1 - TEST_SHARE)
    train, validation = stratified_split(images.labels[rest], share, request.seed, "digits")
    return RawSplits(
        name="digits",
        train=images.subset(rest[train]),
        validation=images.subset(rest[validation]),
        test=images.subset(test),
        classes=[str(name) for name in digits.target_names],
        mirrored=False,
    )
