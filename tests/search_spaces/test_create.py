from __future__ import annotations

import pytest

from nas_kd.errors import UsageError
from search_spaces import SPACES, CifarResNet, NasBench201, create_space


def test_spaces_are_registered_under_their_own_names() -> None:
    for name in SPACES.names():
        assert create_space(name).name == name
    assert {"nasbench201", "cifar-resnet"} <= set(SPACES.names())


def test_options_arrive() -> None:
    cells = create_space("nasbench201", channels=4, cells_per_stage=2)
    assert isinstance(cells, NasBench201)
    assert (cells.channels, cells.cells_per_stage) == (4, 2)
    nets = create_space("cifar-resnet", width=8)
    assert isinstance(nets, CifarResNet)
    assert nets.width == 8


def test_unknown_space_and_option_suggest_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'nasbench201'"):
        create_space("nasbench20")
    with pytest.raises(UsageError, match="Did you mean 'channels'"):
        create_space("nasbench201", chanels=8)


@pytest.mark.parametrize("value", [0, -3, True, 2.5, "8", None])
def test_wrong_option_values_are_refused(value: object) -> None:
    with pytest.raises(UsageError, match="integer"):
        create_space("nasbench201", channels=value)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="integer"):
        create_space("cifar-resnet", width=value)  # type: ignore[arg-type]
