"""Published searches as points on the grid of parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from nas_kd.training.darts.cost_table import cost_file_digest
from nas_kd.training.darts.session import SearchSession
from nas_kd.training.darts.settings import SearchSettings
from nas_kd.training.darts.supernets import SKELETONS, SPACES, make_supernet
from nas_kd.training.pretraining.method import Method
from search_spaces import Task, create_space
from search_spaces.supernets import Supernet

_OURS = "temperature, weight and start of the teachers are SAF's, their number and distance ours"


@dataclass(frozen=True)
class SdDarts(SearchSettings):
    """Three snapshots of the own past, one an epoch, vote softly on the weights' loss."""

    teacher_sources: str = "snapshots"


@dataclass(frozen=True)
class PcDarts(SearchSettings):
    """A quarter of the channels, edges that compete, and the weights alone for 15 epochs."""

    batch_size: int = 256
    learning_rate: float = 0.1
    alpha_learning_rate: float = 6e-4
    alpha_start: int = 15
    partial: int = 4


@dataclass(frozen=True)
class Gdas(SearchSettings):
    """One operation an edge, drawn; weight decay and Nesterov's momentum of its authors."""

    epochs: int = 250
    nesterov: bool = True
    weight_decay: float = 5e-4
    relaxation: str = "gdas"


@dataclass(frozen=True)
class DrNas(SearchSettings):
    """Weights of operations from a Dirichlet distribution.

    Its regulariser is alpha's weight decay, as in its authors' code: alpha of zero is the symmetric
    distribution, in which all concentrations are one.
    """

    epochs: int = 100
    relaxation: str = "dirichlet"
    alpha_weight_decay: float = 1e-3


@dataclass(frozen=True)
class BetaDarts(SearchSettings):
    """A regulariser on alpha that grows with every epoch."""

    epochs: int = 100
    beta_slope: float = 0.5


@dataclass(frozen=True)
class SdartsRs(SearchSettings):
    """Weights of operations disturbed at random in the steps of w."""

    perturbation: str = "random"


@dataclass(frozen=True)
class DartsMinus(SearchSettings):
    """A skip connection beside every edge, fading out."""

    auxiliary_skip: float = 1.0


def _inputs(settings: SearchSettings) -> dict[str, str]:
    """What the file of prices holds."""
    digest = cost_file_digest(settings.cost_table)
    return {} if digest is None else {"cost_table_sha256": digest}


def _restore(folder: Path, facts: Mapping[str, Any]) -> Supernet:
    """The supernet without its architecture parameters, in eval mode."""
    settings = facts["settings"]
    supernet = make_supernet(
        create_space(facts["space"], **facts["space_options"]),
        Task(**facts["task"]),
        partial=settings["partial"],
        auxiliary_skip=settings["auxiliary_skip"] > 0,
        keep_none=settings["keep_none"],
    )
    tensors = load_file(folder / facts["weights"])
    shared = {n.partition(".")[2]: t for n, t in tensors.items() if n.startswith("supernet.")}
    supernet.load_state_dict(shared)
    return supernet.eval()


def _method(
    name: str, settings: type[SearchSettings], summary: str, source: str, deviation: str
) -> Method:
    return Method(
        name=name,
        summary=summary,
        source=source,
        spaces=SPACES,
        settings=settings,
        start=SearchSession,
        restore=_restore,
        skeletons=SKELETONS,
        deviation=deviation,
        inputs=_inputs,
    )


DARTS_METHODS = [
    _method(
        "darts",
        SearchSettings,
        "cells by gradients: softmax over operations, weights and alphas in turn",
        "Liu, Simonyan and Yang, ICLR 2019, arXiv 1806.09055",
        "the defaults are those of the DARTS space; NAS-Bench-201's authors search with "
        "nesterov=true and weight_decay=5e-4, later work on it with epochs=100",
    ),
    _method(
        "sd-darts",
        SdDarts,
        "DARTS taught by votes of its own past supernets",
        f"Zhu et al., Neural Networks 2023, arXiv 2302.05629; {_OURS}",
        "the paper's constants could not be found",
    ),
    _method(
        "pc-darts",
        PcDarts,
        "DARTS on a part of the channels, with competing edges",
        "Xu et al., ICLR 2020, arXiv 1907.05737",
        "the defaults are those of the DARTS space; none of its authors' for nasbench201 are known",
    ),
    _method(
        "gdas",
        Gdas,
        "one drawn operation an edge, straight-through Gumbel",
        "Dong and Yang, CVPR 2019, arXiv 1910.04465",
        "the defaults are those of NAS-Bench-201's authors",
    ),
    _method(
        "drnas",
        DrNas,
        "weights of operations drawn from a Dirichlet distribution",
        "Chen et al., ICLR 2021, arXiv 2006.10355",
        "the defaults are those on nasbench201 in one stage; the penalty on the distance of the "
        "concentrations from the symmetric distribution is alpha_weight_decay=1e-3, its authors' "
        "default, and their other one, a Kullback-Leibler divergence, cannot be had here, nor can "
        "the second stages of their progressive searches: on nasbench201 after 50 epochs with "
        "partial=4 and alpha_start=10, with three operations an edge and partial=2; on the DARTS "
        "space, with 36 channels, 20 cells, epochs=50, learning_rate=0.1, last_learning_rate=0, "
        "alpha_learning_rate=6e-4, partial=6 and alpha_start=10, after 25 epochs with four "
        "operations an edge and partial=4",
    ),
    _method(
        "beta-darts",
        BetaDarts,
        "DARTS with a growing regulariser on alpha",
        "Ye et al., CVPR 2022, arXiv 2203.01665",
        "the defaults are those on nasbench201; on the DARTS space it is published with epochs=50",
    ),
    _method(
        "sdarts-rs",
        SdartsRs,
        "DARTS with disturbed weights of operations",
        "Chen and Hsieh, ICML 2020, arXiv 2002.05283",
        "the defaults are those of the DARTS space; on nasbench201 it is published with epochs=100",
    ),
    _method(
        "darts-minus",
        DartsMinus,
        "DARTS with an auxiliary skip that fades out",
        "Chu et al., ICLR 2021, arXiv 2009.01027",
        "the defaults are those of the DARTS space",
    ),
]
