"""The students of a SuperLM in the order of their held-out relation loss, with shared weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from nas_kd.costs import Budget, Limits
from nas_kd.data.text import TokenSequences
from nas_kd.distill import HiddenFit
from nas_kd.errors import NoFeasibleStudentError, UsageError
from nas_kd.training.evaluate import eval_mode
from nas_kd.training.language.imitation import Network, imitation_losses
from nas_kd.training.language.state_objective import StateObjective
from nas_kd.training.superlm.students import teacher_sizes
from search_spaces import Arch, Sizes, TextTask, TokenStates, TransformerSpace
from search_spaces.supernets import SuperLM


@dataclass(frozen=True)
class RankedStudent:
    """A student with its loss.

    Attributes:
        arch: The student.
        loss: Mean relation loss on what was held out, with the shared weights as they are.
        params: Elements of all its parameters.
        macs: Its multiply-accumulates for one sequence.
    """

    arch: Arch
    loss: float
    params: int
    macs: int


def counted_limits(space: TransformerSpace, task: TextTask, budget: Budget) -> Limits:
    """What the budget allows in MACs and parameters; shares are of the teacher."""
    return budget.counted.limits(vars(teacher_sizes(space, task)))


def feasible_students(
    space: TransformerSpace, task: TextTask, budget: Budget, *, stock: bool = False
) -> dict[Arch, Sizes]:
    """Every student of the space that holds its `counted_limits`, with its sizes.

    Args:
        space: The students.
        task: What they are built for; MACs are counted for sequences of its length.
        budget: Its limits on ``params`` and ``macs``.
        stock: Whether only those count that are of a class of transformers' own.

    Raises:
        NoFeasibleStudentError: No student fits.
        UsageError: None is of a class of transformers' own, and only such count.
    """
    limits = counted_limits(space, task, budget)
    archs = [arch for arch in space.enumerate() if not stock or space.is_stock(arch)]
    if not archs:
        raise UsageError(
            f"superlm: none of the {space.size} students of {space.name} is of a class of "
            "transformers' own. Search all of them, or train a SuperLM of a space that has such, "
            "with --space-option per_head=1 where there is that."
        )
    sizes = {arch: space.sizes(arch, task) for arch in archs}
    fitting = {arch: size for arch, size in sizes.items() if limits.hold(vars(size))}
    if not fitting:
        smallest = min(size.macs for size in sizes.values())
        raise NoFeasibleStudentError(
            f"superlm: none of the {len(sizes)} students of {space.name} fits the budget "
            f"{', '.join(entry.text for entry in budget.counted.entries)}; the smallest has "
            f"{min(size.params for size in sizes.values()):,} parameters and {smallest:,} MACs. "
            "Raise the budget or take a smaller space."
        )
    return fitting


def in_order(losses: Mapping[Arch, float], sizes: Mapping[Arch, Sizes]) -> list[RankedStudent]:
    """The students that have a loss, the best first; of equals the one with fewer MACs."""
    ranked = [
        RankedStudent(arch, loss, sizes[arch].params, sizes[arch].macs)
        for arch, loss in losses.items()
    ]
    return sorted(ranked, key=lambda student: (student.loss, student.macs, student.arch.key))


def shared_weight_losses(
    superlm: SuperLM,
    archs: Sequence[Arch],
    sequences: TokenSequences,
    objective: StateObjective,
    *,
    fit: HiddenFit | None = None,
    batch_size: int = 32,
    on_batch: Callable[[int, int], None] | None = None,
) -> dict[Arch, float]:
    """Mean loss of these students over the sequences.

    Args:
        superlm: The shared weights.
        archs: The students.
        sequences: What they are judged on, best not seen in training.
        objective: The loss.
        fit: The map that was trained with the SuperLM, for distillers that need one.
        batch_size: Sequences that go through a network at once.
        on_batch: Told how many of how many batches are over.
    """

    def network(arch: Arch) -> Network:
        def states(batch: dict[str, Tensor]) -> TokenStates:
            return superlm.states(batch, arch, logits=objective.reads_logits)

        return states

    with eval_mode(superlm):
        return imitation_losses(
            {arch: network(arch) for arch in archs},
            sequences,
            objective,
            fit=fit,
            batch_size=batch_size,
            on_batch=on_batch,
        )
