"""What a way of training a supernet is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from accelerate import Accelerator
from torch import nn

from nas_kd.costs import DeviceProfile
from search_spaces import SearchSpace
from search_spaces.supernets import Supernet


class Settings(Protocol):
    """A frozen dataclass of integers, numbers, texts and truth values, each with its default."""

    @property
    def precision(self) -> str:
        """``no`` (float32), ``bf16`` or ``fp16`` autocast of the training step."""
        ...


Timed = tuple[nn.Module, tuple[int, ...]]
"""A module whose time counts, and the shape of one input, ``(C, H, W)``."""

Stopwatch = Callable[[Mapping[str, Timed], DeviceProfile], Mapping[str, float]]
"""Measures modules on a device, in milliseconds by name; asked again, it says the same."""


@dataclass(frozen=True)
class Job:
    """What a method is given to work on.

    Attributes:
        space: Whose supernet is trained.
        settings: The method's own settings.
        data: Specification of the data (`nas_kd.data.load_data`, or text where the method reads
            text).
        teacher: Specification of a trained teacher; None where the method does without.
        checkpoint: Weights of that teacher.
        image_size: Images are fitted to this square; None keeps their size.
        seed: Decides the initialisation, the order of the data and everything else random.
        accelerator: The device and the processes.
        stopwatch: For methods that charge what operations take on a device.
        space_options: Those that the space was made with.
        note: Told, in the first process, what the user should know before it begins.
    """

    space: SearchSpace
    settings: Any
    data: str
    teacher: str | None
    checkpoint: Path | None
    image_size: int | None
    seed: int
    accelerator: Accelerator
    stopwatch: Stopwatch | None = None
    space_options: Mapping[str, Any] = field(default_factory=dict)
    note: Callable[[str], object] = field(default=lambda said: None)


class Session(Protocol):
    """One training in progress. It advances in units, epochs for most methods."""

    @property
    def total(self) -> int:
        """Units in all; a method that stops early makes it the number of those that are done."""
        ...

    def run_unit(self) -> Mapping[str, float]:
        """Trains one unit, and what there is to tell of it: a row of ``metrics.csv``.

        Raises:
            NasKdError: The loss is no longer finite.
        """
        ...

    def best(self) -> str:
        """The best result so far in words; empty before there is one."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that `load` needs to go on from here, bit for bit in one process on a CPU:
        tensors, numbers, texts, lists and dictionaries."""
        ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state` was taken."""
        ...

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the trained weights into ``folder``; facts about them for ``supernet.json``.

        The facts name every file, or the folder that it lies in: checksums of these are kept.
        """
        ...


@dataclass(frozen=True)
class Method:
    """A way of training a supernet.

    Attributes:
        name: Name in the registry.
        summary: What it does, in a few words.
        source: Paper; where constants are ours, that.
        spaces: Names of the spaces that it has supernets of.
        settings: The type of its settings.
        start: Begins a training.
        restore: The trained supernet, from the folder and the facts that `Session.save` returned.
        takes_teacher: Whether a trained teacher can be of use to it.
        skeletons: Name of a space to the options of the smaller network in which the method
            searches it; what it finds is trained in the space's own network.
        deviation: How it, or its defaults, differ from what is published; empty where they do not.
        inputs: Digests of the files and runs that its settings name, by name: the directory of a
            run is tied to them.
    """

    name: str
    summary: str
    source: str
    spaces: tuple[str, ...]
    settings: Callable[..., Settings]
    start: Callable[[Job], Session]
    restore: Callable[[Path, Mapping[str, Any]], Supernet]
    takes_teacher: bool = True
    skeletons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    deviation: str = ""
    inputs: Callable[[Any], Mapping[str, Any]] = lambda settings: {}
