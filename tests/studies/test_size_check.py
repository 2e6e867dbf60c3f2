"""Sizes that a space of another package tells are counted once before a search."""

from __future__ import annotations

from typing import Any

import pytest

from nas_kd.errors import UsageError
from search_spaces import AnyTask, Arch, Sizes, Task
from search_spaces.nasbench201 import NasBench201
from studies.size_check import check_sizes

DIGITS = Task(in_channels=1, image_size=8, num_classes=10)


class Own(NasBench201):
    """A space of this module."""

    more = 0

    def sizes(self, arch: Arch, task: AnyTask) -> Any:
        told = super().sizes(arch, task)
        return told and Sizes(told.macs + self.more, told.params)


class Wrong(Own):
    more = 1


def test_what_is_exact_passes() -> None:
    check_sizes(Own(channels=4, cells_per_stage=1), DIGITS)


def test_a_wrong_closed_form_is_refused() -> None:
    with pytest.raises(UsageError, match=r"when it is counted\. Mend its `sizes`"):
        check_sizes(Wrong(channels=4, cells_per_stage=1), DIGITS)
