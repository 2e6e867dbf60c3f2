"""What the spaces of elastic networks have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from optuna.distributions import IntDistribution
from torch import nn

from nas_kd.errors import UsageError
from search_spaces._arch import Arch
from search_spaces._checks import require_positive
from search_spaces._drawing import Drawing
from search_spaces._gene_space import GeneSpace
from search_spaces._space import AnyTask, IllegalArchError, Sizes, Task
from search_spaces._timm_host import TimmHost

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet


class ElasticSpace(GeneSpace, ABC):
    """The sub-networks of one parent, which all share its weights.

    Genes: ``width``, of which every layer follows, and one depth or more. No two archs compute the
    same function. Each student is a plain model of timm, and so is the parent.

    Args:
        **genes: Gene name to its values, ``width`` first.
    """

    task_type = Task
    title: ClassVar[str]
    """What a student is called, ``ElasticViT``."""
    any_size: ClassVar[Mapping[str, Any]] = MappingProxyType({"dynamic_img_size": True})
    """Settings with which timm's model takes images of other sizes than it was built for."""

    def __init__(self, **genes: range) -> None:
        super().__init__(
            {
                gene: IntDistribution(values[0], values[-1], step=values.step)
                for gene, values in genes.items()
            }
        )
        self.genes: Mapping[str, range] = MappingProxyType(genes)

    @abstractmethod
    def host(self, arch: Arch, task: Task) -> TimmHost:
        """How timm builds the student; ``task.num_classes`` may be 0, for no classifier."""

    @abstractmethod
    def blocks(self, arch: Arch) -> dict[str, list[int]]:
        """Name of each elastic stage in timm's model to the parent's blocks that it keeps."""

    @abstractmethod
    def supernet(
        self, task: Task, *, drop_path: float = 0.0, scaled: bool = False
    ) -> ElasticSupernet:
        """The parent with all its sub-networks; see `ElasticSupernet`."""

    @abstractmethod
    def build(self, arch: Arch, task: AnyTask) -> nn.Module: ...

    @abstractmethod
    def features(self, module: nn.Module) -> list[str]: ...

    @abstractmethod
    def head(self, module: nn.Module) -> str: ...

    @abstractmethod
    def sizes(self, arch: Arch, task: AnyTask) -> Sizes: ...

    @abstractmethod
    def drawing(self, arch: Arch) -> Drawing: ...

    def published(self) -> list[Arch]:
        """Sizes that go by a name of their own; some may not be members."""
        return []

    @property
    def largest(self) -> Arch:
        """The parent itself."""
        return Arch({gene: values[-1] for gene, values in self.genes.items()})

    @property
    def smallest(self) -> Arch:
        return Arch({gene: values[0] for gene, values in self.genes.items()})

    def anchors(self) -> list[Arch]:
        """The parent, the smallest network, and those of the published sizes that are members."""
        extremes = [self.largest, self.smallest]
        named = [
            arch
            for arch in self.published()
            if arch not in extremes and all(arch[gene] in self.genes[gene] for gene in self.genes)
        ]
        return [*extremes, *named]

    def _read(self, text: str) -> Arch:
        pattern = ", ".join(rf"{gene} (\d+)" for gene in self.genes)
        match = re.fullmatch(rf"{self.title}\[{pattern}\]", text, re.IGNORECASE)
        if match is None:
            raise IllegalArchError(
                f"{self.name}: {text!r} is not an arch. Write it as {self.describe(self.smallest)}."
            )
        return self._arch_of(map(int, match.groups()))

    def describe(self, arch: Arch) -> str:
        """All genes, ``ElasticViT[width 384, depth 12]``."""
        genes = ", ".join(f"{gene} {value}" for gene, value in self._member(arch).items())
        return f"{self.title}[{genes}]"

    def _values(self, arch: Arch) -> list[int]:
        """The genes' values in order."""
        return [int(value) for value in self._member(arch).values()]


def option_range(space: str, gene: str, least: int, most: int, step: int) -> range:
    """The values of a gene whose ends and step are options.

    Raises:
        UsageError: One of them is no positive integer, or the step does not lead from one end to
            the other.
    """
    require_positive(space, **{f"least_{gene}": least, gene: most, "step": step})
    if least > most or (most - least) % step:
        raise UsageError(
            f"{space}: {gene} cannot go from {least} to {most} in steps of {step}; choose "
            f"least_{gene} at most {gene}, and a step that divides their difference."
        )
    return range(least, most + 1, step)
