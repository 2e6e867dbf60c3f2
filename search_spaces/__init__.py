"""What can be built: one file per search space.

>>> space = create_space("nasbench201", channels=8)
>>> student = space.build(space.parse("9930"), Task(in_channels=1, image_size=8, num_classes=10))
"""

from __future__ import annotations

from search_spaces._arch import Arch, Gene
from search_spaces._checks import (
    gene_values,
    require_built,
    require_positive,
    require_task,
    require_text_task,
)
from search_spaces._create import SPACES, SpaceFactory, create_space, space_options
from search_spaces._drawing import Block, CellGraph, Drawable, Drawing, Edge, drawing_of
from search_spaces._executed import WithIdleParts, executed_arch, glue_operators
from search_spaces._gene_space import GeneSpace
from search_spaces._space import (
    AnyTask,
    IllegalArchError,
    SearchSpace,
    Sizes,
    Task,
    TextTask,
    TooManyArchsError,
)
from search_spaces._timm_host import Hosted, TimmHost
from search_spaces._transformer_space import TransformerSpace
from search_spaces.autodistil import (
    AutoDistil,
    autodistil,
    autodistil_base,
    autodistil_decoder,
    autodistil_small,
    autodistil_tiny,
    teacher_options,
)
from search_spaces.autoformer import AutoFormerTiny
from search_spaces.by_size import nearest_in_size, sample_by_size, sizes_of_all
from search_spaces.cifar_resnet import CifarResNet
from search_spaces.darts import Darts
from search_spaces.elastic_resnet import ElasticResNet
from search_spaces.elastic_swin import ElasticSwin
from search_spaces.elastic_vit import ElasticVit
from search_spaces.nasbench201 import NasBench201
from search_spaces.nasbench_macro import NasBenchMacro
from search_spaces.pit import Pit
from search_spaces.token_states import TokenStates

__all__ = [
    "SPACES",
    "AnyTask",
    "Arch",
    "AutoDistil",
    "AutoFormerTiny",
    "Block",
    "CellGraph",
    "CifarResNet",
    "Darts",
    "Drawable",
    "Drawing",
    "Edge",
    "ElasticResNet",
    "ElasticSwin",
    "ElasticVit",
    "Gene",
    "GeneSpace",
    "Hosted",
    "IllegalArchError",
    "NasBench201",
    "NasBenchMacro",
    "Pit",
    "SearchSpace",
    "Sizes",
    "SpaceFactory",
    "Task",
    "TextTask",
    "TimmHost",
    "TokenStates",
    "TooManyArchsError",
    "TransformerSpace",
    "WithIdleParts",
    "create_space",
    "drawing_of",
    "executed_arch",
    "gene_values",
    "glue_operators",
    "nearest_in_size",
    "require_built",
    "require_positive",
    "require_task",
    "require_text_task",
    "sample_by_size",
    "sizes_of_all",
    "space_options",
    "teacher_options",
]

SPACES.register(NasBench201.name, NasBench201)
SPACES.register(CifarResNet.name, CifarResNet)
SPACES.register(NasBenchMacro.name, NasBenchMacro)
SPACES.register(AutoFormerTiny.name, AutoFormerTiny)
SPACES.register(Pit.name, Pit)
SPACES.register(Darts.name, Darts)
SPACES.register("autodistil-base", autodistil_base)
SPACES.register("autodistil-small", autodistil_small)
SPACES.register("autodistil-tiny", autodistil_tiny)
SPACES.register("autodistil", autodistil)
SPACES.register("autodistil-decoder", autodistil_decoder)
SPACES.register(ElasticVit.name, ElasticVit)
SPACES.register(ElasticSwin.name, ElasticSwin)
SPACES.register(ElasticResNet.name, ElasticResNet)
