"""What can be built: one file per search space.

>>> space = create_space("nasbench201", channels=8)
>>> student = space.build(space.parse("9930"), Task(in_channels=1, image_size=8, num_classes=10))
"""

from __future__ import annotations

from search_spaces._arch import Arch, Gene
from search_spaces._create import SPACES, SpaceFactory, create_space
from search_spaces._space import IllegalArchError, SearchSpace, Sizes, Task
from search_spaces.cifar_resnet import CifarResNet
from search_spaces.nasbench201 import NasBench201

__all__ = [
    "SPACES",
    "Arch",
    "CifarResNet",
    "Gene",
    "IllegalArchError",
    "NasBench201",
    "SearchSpace",
    "Sizes",
    "SpaceFactory",
    "Task",
    "create_space",
]

SPACES.register(NasBench201.name, NasBench201)
SPACES.register(CifarResNet.name, CifarResNet)
