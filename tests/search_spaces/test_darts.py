"""The DARTS space: published sizes, notation, isomorphic cells, auxiliary head and drop path."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nas_kd.errors import UsageError
from search_spaces import Darts, IllegalArchError, Task
from search_spaces._darts_cells import Genotype
from search_spaces._darts_operations import FactorizedReduce
from search_spaces.darts import arch_of, genotype_of
from tests.contracts.search_space import build, counted, draw, images

SPACE = Darts()
SMALL = Darts(channels=4, cells=3)
FOR_IMAGENET, IMAGENET = Darts(channels=48, cells=14, stem_stride=8), Task(3, 224, 1000)
CIFAR10, CIFAR100, TINY = Task(3, 32, 10), Task(3, 32, 100), Task(3, 8, 5)

# Params for 10 classes, those with an auxiliary head, MACs, params for 100 classes.
PUBLISHED_SIZES = {
    "DARTS_V1": (3_169_414, 3_645_840, 500_987_520, 3_221_344),
    "DARTS_V2": (3_349_342, 3_825_768, 528_359_040, 3_401_272),
    "PC_DARTS": (3_634_678, 4_111_104, 556_670_592, 3_686_608),
    "PDARTS": (3_433_798, 3_910_224, 532_174_464, 3_485_728),
    "SDARTS_RS": (3_606_166, 4_082_592, 562_393_728, 3_658_096),
    "SDARTS_ADV": (3_344_806, 3_821_232, 526_755_456, 3_396_736),
}
# Params without the auxiliary head and MACs for 1,000 classes and 224 pixels.
PUBLISHED_FOR_IMAGENET = {
    "DARTS_V1": (4_510_432, 505_864_704),
    "DARTS_V2": (4_718_752, 529_911_552),
    "PC_DARTS": (5_270_560, 571_137_408),
    "PDARTS": (4_944_352, 542_819_328),
    "SDARTS_RS": (5_120_320, 566_762_688),
    "SDARTS_ADV": (4_768_864, 531_567_360),
}
V2_TEXT = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
    "('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
    "reduce_concat=range(2, 6))"
)


@pytest.mark.parametrize(("name", "published"), PUBLISHED_SIZES.items())
def test_published_sizes(name: str, published: tuple[int, int, int, int]) -> None:
    arch = SPACE.parse(name)
    params, with_auxiliary, macs, params_100 = published
    sizes = SPACE.sizes(arch, CIFAR10)
    assert (sizes.params, sizes.macs) == (params, macs)
    assert SPACE.sizes(arch, CIFAR100).params == params_100
    assert Darts(auxiliary=1).sizes(arch, CIFAR10).params == with_auxiliary


@pytest.mark.parametrize(("name", "published"), PUBLISHED_FOR_IMAGENET.items())
def test_published_sizes_for_imagenet(name: str, published: tuple[int, int]) -> None:
    arch = FOR_IMAGENET.parse(name)
    sizes = FOR_IMAGENET.sizes(arch, IMAGENET)
    assert (sizes.params, sizes.macs) == published
    with torch.device("meta"):
        built = FOR_IMAGENET.build(arch, IMAGENET)
    assert sum(p.numel() for p in built.parameters()) == published[0]


def test_the_first_cell_reads_two_maps_of_the_stem_for_imagenet() -> None:
    space, task = Darts(channels=4, cells=3, stem_stride=8), Task(3, 64, 5)
    network = build(space, space.parse("DARTS_V2"), task)
    read: list[torch.Tensor] = []
    network.cells[0].register_forward_pre_hook(lambda _, inputs: read.extend(inputs))
    network(images(task))
    assert [x.shape for x in read] == [(2, 4, 16, 16), (2, 4, 8, 8)]
    widths = [m.weight.shape[:2] for m in network.modules() if isinstance(m, nn.Conv2d)][:3]
    assert widths == [(2, 3), (4, 2), (4, 4)]


@pytest.mark.parametrize(("name", "published"), PUBLISHED_SIZES.items())
def test_built_networks_have_the_published_parameters(
    name: str, published: tuple[int, int, int, int]
) -> None:
    spaces_and_tasks = ((SPACE, CIFAR10), (Darts(auxiliary=1), CIFAR10), (SPACE, CIFAR100))
    with torch.device("meta"):
        built = [space.build(SPACE.parse(name), task) for space, task in spaces_and_tasks]
    params = [sum(p.numel() for p in network.parameters()) for network in built]
    assert params == [published[0], published[1], published[3]]


def test_a_built_network_has_the_counted_sizes() -> None:
    space = Darts(auxiliary=1)
    arch = space.parse("DARTS_V2")
    assert counted(space.build(arch, CIFAR10), CIFAR10) == space.sizes(arch, CIFAR10)


def test_batch_norms_behind_poolings_are_counted() -> None:
    space = Darts(channels=4, cells=3, pool_norm=1)
    arch = space.parse("DARTS_V2")
    sizes = space.sizes(arch, TINY)
    assert sizes == counted(space.build(arch, TINY), TINY)
    assert sizes.params == SMALL.sizes(arch, TINY).params + 5 * 2 * (8 + 16)


def test_the_space_has_the_published_number_of_pairs_of_cells() -> None:
    assert SPACE.size == (1 * 3 * 6 * 10 * 7**8) ** 2


def test_genotypes_are_read_as_papers_print_them() -> None:
    arch = SPACE.parse(V2_TEXT)
    assert arch == SPACE.parse("DARTS_V2")
    assert SPACE.parse(SPACE.describe(arch).replace("'", '"')) == arch
    assert arch_of(genotype_of(arch)) == arch


@pytest.mark.parametrize(
    "damage",
    [
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"),  # its own output
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', 0)"),  # the same input twice
        ("('dil_conv_3x3', 2)", "('none', 2)"),
        (", ('dil_conv_3x3', 2)", ""),
        ("('dil_conv_3x3', 2)", "open('x')"),
        ("('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ", "('sep_conv_3x3', 0), ('skip', 2), "),
        ("range(2, 6)", "range(3, 6)"),
    ],
)
def test_other_genotypes_are_refused(damage: tuple[str, str]) -> None:
    with pytest.raises(IllegalArchError, match="darts"):
        SPACE.parse(V2_TEXT.replace(*damage, 1))


def test_renamed_nodes_are_one_arch() -> None:
    inputs = (("skip_connect", 0), ("sep_conv_3x3", 1))
    pool, dilated = (("max_pool_3x3", 0), ("skip_connect", 1)), (("dil_conv_3x3", 0), inputs[1])
    last = (("sep_conv_5x5", 0), ("skip_connect", 1))
    one = (inputs, pool, dilated, (last[0], ("skip_connect", 2)))
    other = (dilated, inputs, pool, (last[0], ("skip_connect", 3)))
    unlike = (dilated, inputs, pool, (last[0], ("skip_connect", 2)))
    archs = [arch_of(Genotype(cell, one)) for cell in (one, other, unlike)]
    first, second, third = (SPACE.canonical(arch) for arch in archs)
    assert first == second != third


def test_a_renamed_cell_computes_the_same_with_moved_weights() -> None:
    """Two nodes change places: the outputs are the same channels in another order."""
    fixed = (("skip_connect", 0), ("avg_pool_3x3", 1))
    a, b = (("sep_conv_3x3", 0), fixed[1]), (("dil_conv_3x3", 0), fixed[1])
    cells = [(a, b, fixed, fixed), (b, a, fixed, fixed)]
    archs = [arch_of(Genotype(cell, cell)) for cell in cells]
    assert SMALL.canonical(archs[0]) == SMALL.canonical(archs[1])
    one, other = (build(SMALL, arch, TINY).get_submodule("cells.0") for arch in archs)
    for at, moved in zip((0, 1, 2, 3, 4, 5, 6, 7), (2, 3, 0, 1, 4, 5, 6, 7), strict=True):
        other.get_submodule(f"edges.{moved}").load_state_dict(
            one.get_submodule(f"edges.{at}").state_dict()
        )
    for name in ("older_input", "newer_input"):
        other.get_submodule(name).load_state_dict(one.get_submodule(name).state_dict())
    x = torch.randn(2, 12, 8, 8)
    first, second, *others = one(x, x).chunk(4, dim=1)
    assert torch.equal(other(x, x), torch.cat([second, first, *others], dim=1))


def test_the_auxiliary_head_is_trained_and_idle_otherwise() -> None:
    space = Darts(channels=4, cells=3, auxiliary=1)
    network = build(space, space.parse("DARTS_V2"), TINY)
    logits, auxiliary = network.with_auxiliary(images(TINY))
    assert torch.equal(logits, network(images(TINY)))
    assert auxiliary.shape == logits.shape
    (auxiliary + logits).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    with pytest.raises(UsageError, match="auxiliary=1"):
        build(SMALL, space.parse("DARTS_V2"), TINY).with_auxiliary(images(TINY))
    with pytest.raises(UsageError, match="too small"):
        space.build(space.parse("DARTS_V2"), Task(3, 4, 5))
    strided = Darts(channels=4, cells=3, auxiliary=1, stem_stride=8)
    with pytest.raises(UsageError, match="give images of 33 or more"):
        strided.build(space.parse("DARTS_V2"), Task(3, 32, 5))
    task = Task(3, 33, 5)
    logits, auxiliary = build(strided, space.parse("DARTS_V2"), task).with_auxiliary(images(task))
    assert auxiliary.shape == logits.shape


def test_paths_are_dropped_in_training_only_and_never_identities() -> None:
    space = Darts(channels=4, cells=3, drop_path=50)
    arch = space.parse("DARTS_V2")
    network, whole = (build(s, arch, TINY) for s in (space, SMALL))
    batch = images(TINY)
    assert torch.equal(network(batch), whole(batch))
    assert not torch.equal(network.train()(batch), whole.train()(batch))
    network.set_drop_path(0.0)
    assert torch.equal(network(batch), whole(batch))
    skips = Genotype(*(((("skip_connect", 0), ("skip_connect", 1)),) * 4,) * 2)
    cell = build(SMALL, arch_of(skips), TINY).train().get_submodule("cells.0")
    cell.get_submodule("drop_path").drop_prob = 0.9
    x = torch.randn(2, 12, 8, 8)
    assert torch.equal(cell(x, x), cell(x, x))


@pytest.mark.parametrize("side", [8, 9])
def test_a_factorized_reduction_reads_both_diagonals(side: int) -> None:
    reduce = FactorizedReduce(1, 2)
    reduce.norm = nn.Identity()
    with torch.no_grad():
        reduce.convolution.weight.fill_(1.0)
        reduce.moved.weight.fill_(1.0)
    image = torch.arange(1.0, side**2 + 1).view(1, 1, side, side)
    even, odd = reduce(image)[0]
    assert torch.equal(even, image[0, 0, ::2, ::2])
    published = image[0, 0, 1::2, 1::2]
    assert torch.equal(odd[: side // 2, : side // 2], published)


@pytest.mark.parametrize(
    "options",
    [
        {"cells": 2},
        {"channels": 0},
        {"auxiliary": 2},
        {"drop_path": 100},
        {"drop_path": -1},
        {"pool_norm": 2},
    ],
)
def test_bad_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="darts"):
        Darts(**options)


def test_canonical_archs_keep_their_sizes() -> None:
    for arch in draw(SPACE, 100):
        assert SPACE.sizes(SPACE.canonical(arch), CIFAR10) == SPACE.sizes(arch, CIFAR10)
