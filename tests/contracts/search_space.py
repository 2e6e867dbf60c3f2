"""What every registered search space must do; inherit and provide the fixture ``space``."""

from __future__ import annotations

import random

import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from optuna.distributions import CategoricalDistribution, IntDistribution
from torch import Tensor, nn

from nas_kd.costs.operator_counts import HANDLES
from nas_kd.errors import UsageError
from search_spaces import AnyTask, Arch, IllegalArchError, SearchSpace, Sizes, Task, TextTask

TASKS = [Task(3, 32, 10), Task(1, 8, 4), Task(2, 9, 3)]
TEXT_TASKS = [
    TextTask(vocabulary=50, length=12, positions=16, num_classes=3),
    TextTask(vocabulary=20, length=7, positions=7, segments=1),
]

_MULTIPLIERS = ("conv", "linear", "matmul", "scaled_dot_product_attention")


def values(space: SearchSpace, gene: str) -> list[int | str]:
    """All values of a gene."""
    distribution = space.distributions[gene]
    if isinstance(distribution, IntDistribution):
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    assert isinstance(distribution, CategoricalDistribution)
    return [choice for choice in distribution.choices if isinstance(choice, int | str)]


def draw(space: SearchSpace, number: int, seed: int = 0) -> list[Arch]:
    """Uniformly drawn archs."""
    generator = random.Random(seed)
    return [
        Arch({gene: generator.choice(values(space, gene)) for gene in space.distributions})
        for _ in range(number)
    ]


def build(space: SearchSpace, arch: Arch, task: AnyTask, seed: int = 0) -> nn.Module:
    """A student in eval mode whose weights depend on ``seed`` only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return space.build(arch, task).eval()


def images(task: Task, batch: int = 2) -> Tensor:
    return torch.randn(batch, *task.input_shape, generator=torch.Generator().manual_seed(1))


def counted(module: nn.Module, task: Task) -> Sizes:
    """Sizes as fvcore, with our handle for attention, and `numel` count them.

    Modules are counted in the mode they are in: the trace of one in eval mode leaves out layers
    whose result nothing uses. Two inputs, since batch norm cannot train on a single value.
    """
    analysis = FlopCountAnalysis(module, torch.zeros(2, *task.input_shape))
    analysis.set_op_handle(**HANDLES)
    with torch.no_grad():
        operators = analysis.unsupported_ops_warnings(False).by_operator()
    macs = sum(operators[name] for name in _MULTIPLIERS)
    return Sizes(int(macs) // 2, sum(parameter.numel() for parameter in module.parameters()))


def outputs_of(module: nn.Module, names: list[str], inputs: Tensor) -> list[Tensor]:
    """Outputs of the named submodules in one forward."""
    seen: dict[nn.Module, Tensor] = {}
    handles = [
        module.get_submodule(name).register_forward_hook(
            lambda submodule, _inputs, output: seen.update({submodule: output})
        )
        for name in names
    ]
    module(inputs)
    for handle in handles:
        handle.remove()
    return [seen[module.get_submodule(name)] for name in names]


class SearchSpaceContract:
    """Archs are checked and round-trip, whatever the students are built for."""

    @pytest.fixture
    def task(self, space: SearchSpace) -> AnyTask:
        return TASKS[0] if space.task_type is Task else TEXT_TASKS[0]

    def test_size_is_the_number_of_combinations(self, space: SearchSpace) -> None:
        combinations = 1
        for gene in space.distributions:
            combinations *= len(values(space, gene))
        assert space.size == combinations

    def test_source_is_named(self, space: SearchSpace) -> None:
        assert isinstance(space, SearchSpace)
        assert space.source

    def test_describe_and_json_round_trip(self, space: SearchSpace) -> None:
        for arch in [*draw(space, 30), *space.anchors()]:
            # genes that no student depends on may be left out of the description
            assert space.parse(space.describe(arch)) in (arch, space.canonical(arch))
            assert space.parse(space.describe(space.canonical(arch))) == space.canonical(arch)
            assert space.parse(arch.to_json()) == arch
            assert "\n" not in space.describe(arch)

    def test_canonical_is_idempotent_and_ordered(self, space: SearchSpace) -> None:
        for arch in draw(space, 50):
            canonical = space.canonical(arch)
            assert space.canonical(canonical) == canonical
            assert list(canonical) == list(space.distributions)

    def test_canonical_is_never_larger(self, space: SearchSpace, task: AnyTask) -> None:
        for arch in draw(space, 50):
            whole, least = (
                space.sizes(a, task) or counted(space.build(a, task), task)
                for a in (arch, space.canonical(arch))
            )
            assert least.macs <= whole.macs
            assert least.params <= whole.params

    def test_neighbours_differ_in_one_gene(self, space: SearchSpace) -> None:
        for arch in draw(space, 3):
            neighbours = list(space.neighbours(arch))
            assert len(set(neighbours)) == len(neighbours) > 0
            for neighbour in neighbours:
                space.canonical(neighbour)
                assert sum(neighbour[gene] != arch[gene] for gene in arch) == 1

    def test_first_anchors_are_the_extremes(self, space: SearchSpace, task: AnyTask) -> None:
        largest, smallest, *_ = (space.sizes(arch, task) for arch in space.anchors())
        for sizes in (space.sizes(arch, task) for arch in draw(space, 100)):
            if sizes is not None and largest is not None and smallest is not None:
                assert smallest.macs <= sizes.macs <= largest.macs
                assert smallest.params <= sizes.params <= largest.params

    def test_illegal_archs_are_refused_everywhere(self, space: SearchSpace, task: AnyTask) -> None:
        legal = dict(space.anchors()[0])
        gene = next(iter(legal))
        illegal = [
            Arch({}),
            Arch({name: value for name, value in legal.items() if name != gene}),
            Arch({**legal, "no_such_gene": 1}),
            Arch({**legal, gene: "no such value"}),
            Arch({**legal, gene: -1}),
        ]
        for arch in illegal:
            for use in (space.canonical, space.describe, lambda a: list(space.neighbours(a))):
                with pytest.raises(IllegalArchError, match=space.name):
                    use(arch)
            for use_with_task in (space.build, space.sizes):
                with pytest.raises(IllegalArchError, match=space.name):
                    use_with_task(arch, task)
            with pytest.raises(IllegalArchError, match=space.name):
                space.parse(arch.to_json())

    @pytest.mark.parametrize("text", ["", "nonsense", "{", "{}", "[1, 2]", '{"a": 1.5}'])
    def test_illegal_text_is_refused(self, space: SearchSpace, text: str) -> None:
        with pytest.raises(UsageError):
            space.parse(text)

    def test_foreign_modules_are_refused(self, space: SearchSpace) -> None:
        for use in (space.features, space.head):
            with pytest.raises(UsageError, match="was not built by this space"):
                use(nn.Linear(1, 1))

    def test_same_seed_same_weights(self, space: SearchSpace, task: AnyTask) -> None:
        arch = space.anchors()[-1]
        first, second = (build(space, arch, task, seed=5).state_dict() for _ in range(2))
        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_tasks_of_another_kind_are_refused(self, space: SearchSpace, task: AnyTask) -> None:
        other = TEXT_TASKS[0] if isinstance(task, Task) else TASKS[0]
        for use in (space.build, space.sizes):
            with pytest.raises(UsageError, match=f"{space.name}: its students"):
                use(space.anchors()[0], other)


class ImageSpaceContract(SearchSpaceContract):
    """Students of images are what the space says of them."""

    @pytest.mark.parametrize("task", [Task(0, 8, 2), Task(3, -1, 2), Task(3, 8, 0)])
    def test_illegal_tasks_are_refused(self, space: SearchSpace, task: Task) -> None:
        for use in (space.build, space.sizes):
            with pytest.raises(UsageError, match="positive integer"):
                use(space.anchors()[0], task)

    @pytest.mark.parametrize("task", TASKS)
    def test_sizes_equal_the_counted_ones(self, space: SearchSpace, task: Task) -> None:
        for arch in [*draw(space, 2), *space.anchors()]:
            sizes = space.sizes(arch, task)
            assert sizes is None or sizes == counted(space.build(arch, task), task)

    @pytest.mark.parametrize("task", TASKS)
    def test_students_classify(self, space: SearchSpace, task: Task) -> None:
        for arch in space.anchors():
            logits = build(space, arch, task)(images(task))
            assert logits.shape == (2, task.num_classes)
            assert logits.isfinite().all()

    def test_the_head_reads_the_pooled_last_feature_map(self, space: SearchSpace) -> None:
        task = TASKS[0]
        for arch in [*draw(space, 3), *space.anchors()]:
            module = build(space, arch, task)
            head = module.get_submodule(space.head(module))
            features = space.features(module)
            outputs = outputs_of(module, [*features, space.head(module)], images(task))
            assert head is [m for m in module.modules() if isinstance(m, nn.Linear)][-1]
            assert torch.equal(outputs[-1], module(images(task)))
            assert all(output.dim() == 4 for output in outputs[:-1])
            torch.testing.assert_close(head(outputs[-2].mean((2, 3))), outputs[-1])

    def test_no_activation_works_in_place(self, space: SearchSpace) -> None:
        module = space.build(space.anchors()[0], TASKS[0])
        activations = [m for m in module.modules() if isinstance(m, nn.ReLU | nn.GELU)]
        assert activations
        assert not any(getattr(m, "inplace", False) for m in module.modules())
