"""The contract of a search space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from optuna.distributions import BaseDistribution
from torch import nn

from nas_kd.errors import UsageError
from search_spaces._arch import Arch


class IllegalArchError(UsageError):
    """An arch that is not a member of the space it was given to."""


class TooManyArchsError(UsageError, NotImplementedError):
    """The archs of a space cannot be gone through one by one."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(
            f"{name} has {size:,} archs, too many to go through one by one; "
            "choose another sampler, such as nsga2 or regularised-evolution."
        )


@dataclass(frozen=True)
class Task:
    """What a student is built for: classifying square images."""

    in_channels: int
    image_size: int
    num_classes: int

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of one input, ``(channels, height, width)``."""
        return (self.in_channels, self.image_size, self.image_size)


Head = Literal["tied", "own", "none"]
"""What gives a decoder's logits of the next token: its embeddings, or a layer of its own."""


@dataclass(frozen=True)
class TextTask:
    """What a student is built for: reading sequences of tokens.

    Attributes:
        vocabulary: Number of different tokens.
        length: Tokens of the sequences for which MACs are counted.
        positions: Tokens of the longest sequence that can be read.
        segments: Kinds of segments that tokens can belong to; decoders have none.
        num_classes: Classes of whole sequences; 0 leaves out the classifier, as for students that
            are to serve any task.
        head: Of decoders without a classifier; ``none`` gives the last hidden states, as encoders
            always do.
        attention_bias: Whether a Llama's queries, keys, values and their output have biases.
        mlp_bias: Whether its MLP has.
    """

    vocabulary: int = 30_522
    length: int = 128
    positions: int = 512
    segments: int = 2
    num_classes: int = 0
    head: Head = "tied"
    attention_bias: bool = False
    mlp_bias: bool = False


AnyTask = Task | TextTask
"""What a student can be built for. A space builds for one of the two and refuses the other."""


@dataclass(frozen=True)
class Sizes:
    """Exact closed-form sizes of a student."""

    macs: int
    """Multiply-accumulates of convolutions, linear layers and attention for one input."""
    params: int
    """Elements of all parameters."""


@runtime_checkable
class SearchSpace(Protocol):
    """A set of students. Optuna's distributions are the types of its genes."""

    @property
    def name(self) -> str:
        """The space's name in the registry."""
        ...

    @property
    def source(self) -> str:
        """Paper or project that defines the space."""
        ...

    @property
    def task_type(self) -> type[AnyTask]:
        """What students are built for: `Task`, square images, or `TextTask`, tokens."""
        ...

    @property
    def distributions(self) -> Mapping[str, BaseDistribution]:
        """Gene name to Optuna distribution, in gene order."""
        ...

    @property
    def size(self) -> int:
        """Number of archs, before isomorphic ones are merged."""
        ...

    def canonical(self, arch: Arch) -> Arch:
        """One representative for all archs that compute the same function.

        Raises:
            IllegalArchError: ``arch`` is not a member of the space.
        """
        ...

    def build(self, arch: Arch, task: AnyTask) -> nn.Module:
        """A stand-alone student with PyTorch's default initialisation, drawn from the global
        generator: callers that want a seed fork it (`torch.random.fork_rng`)."""
        ...

    def features(self, module: nn.Module) -> list[str]:
        """Names of the submodules whose outputs are the student's feature maps, shallow to deep;
        the last one is what the head pools."""
        ...

    def head(self, module: nn.Module) -> str:
        """Name of the classifier, the student's last `nn.Linear`."""
        ...

    def enumerate(self) -> Iterator[Arch]:
        """All archs in a fixed order; spaces too large for that raise `TooManyArchsError`."""
        ...

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """All legal archs that differ from ``arch`` in one gene; a space may leave out genes that
        change nothing, as those of layers that are not there."""
        ...

    def sizes(self, arch: Arch, task: AnyTask) -> Sizes | None:
        """Closed-form sizes where they are exact, else None."""
        ...

    def anchors(self) -> list[Arch]:
        """The largest and the smallest arch, and any known good one: searched first."""
        ...

    def parse(self, text: str) -> Arch:
        """The arch written as JSON or in the space's own notation; the inverse of `describe`."""
        ...

    def describe(self, arch: Arch) -> str:
        """The arch in the notation of the field, one line."""
        ...
