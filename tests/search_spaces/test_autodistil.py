"""AutoDistil's sub-spaces, against the published sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from transformers import BertConfig, LlamaConfig

from nas_kd.costs import count_macs
from nas_kd.costs.tokens import example_tokens
from nas_kd.errors import UsageError
from nas_kd.training.superlm import text_task_of
from search_spaces import Arch, AutoDistil, Sizes, TextTask, create_space, teacher_options
from search_spaces._autodistil_bands import bands
from search_spaces.autodistil import BERT_BASE, NAMES, formula_sizes
from search_spaces.language_models import BERT, LLAMA, Head, head_of

ENGLISH = TextTask()
ROOT = Path(__file__).parents[2]
MINILM = {"layers": 6, "hidden": 384, "heads": 12}


def space_of(name: str, **options: int) -> AutoDistil:
    space = create_space(name, **options)
    assert isinstance(space, AutoDistil)
    return space


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("autodistil-base", (41.8e6, 83.3e6), (3.32e9, 8.36e9)),
        ("autodistil-small", (15.1e6, 33.8e6), (1.04e9, 3.16e9)),
        ("autodistil-tiny", (5.2e6, 13.5e6), (0.21e9, 0.98e9)),
    ],
)
def test_ranges_of_the_sub_spaces_as_implemented(
    name: str, params: tuple[float, float], macs: tuple[float, float]
) -> None:
    space = space_of(name)
    assert space.size == len(list(space.enumerate())) == 256
    largest, smallest = (space.sizes(arch, ENGLISH) for arch in space.anchors()[:2])
    assert (smallest.params, largest.params) == pytest.approx(params, rel=0.005)
    assert (smallest.macs, largest.macs) == pytest.approx(macs, rel=0.005)


@pytest.mark.parametrize(
    ("name", "params", "flops"),
    [
        ("autodistil-base", (39.2, 79.4), (2.97, 7.85)),
        ("autodistil-small", (12.6, 28.2), (0.64, 2.32)),
        ("autodistil-tiny", (4.4, 10.7), (0.069, 0.521)),
    ],
)
def test_ranges_by_the_published_formula(
    name: str, params: tuple[float, float], flops: tuple[float, float]
) -> None:
    space = space_of(name)
    largest, smallest = (formula_sizes(space, arch, ENGLISH) for arch in space.anchors()[:2])
    assert (smallest.params / 1e6, largest.params / 1e6) == pytest.approx(params, rel=0.01)
    assert (smallest.macs / 1e9, largest.macs / 1e9) == pytest.approx(flops, rel=0.01)


def test_bert_base_has_its_published_sizes() -> None:
    whole = space_of("autodistil")
    bert, six_layers = whole.anchors()[0], whole.anchors()[0].replace(layers=6)
    assert whole.shape(bert) == BERT_BASE
    assert whole.sizes(bert, ENGLISH) == Sizes(macs=11_174_215_680, params=109_482_240)
    for arch, params, flops in ((bert, 109.48, 11.249), (six_layers, 66.96, 5.662)):
        formula = formula_sizes(whole, arch, ENGLISH)
        assert formula.params / 1e6 == pytest.approx(params, abs=0.01)
        assert formula.macs / 1e9 == pytest.approx(flops, abs=0.001)


@pytest.mark.parametrize(
    ("name", "arch", "params", "macs"),
    [
        ("autodistil-base", "layers 12, hidden 544, heads 9, mlp 3", 53.6, 4.88),
        ("autodistil-small", "layers 11, hidden 352, heads 8, mlp 4", 29.9, 2.60),
        ("autodistil-small", "layers 11, hidden 256, heads 7, mlp 3", 17.4, 1.36),
        ("autodistil-tiny", "layers 7, hidden 160, heads 10, mlp 3.5", 9.14, 0.674),
    ],
)
def test_published_picks_are_anchors(name: str, arch: str, params: float, macs: float) -> None:
    space = space_of(name)
    pick = space.parse(f"Transformer[{arch}]")
    assert pick in space.anchors()
    sizes = space.sizes(pick, ENGLISH)
    assert sizes.params / 1e6 == pytest.approx(params, rel=0.005)
    assert sizes.macs / 1e9 == pytest.approx(macs, rel=0.005)


def test_stock_shapes() -> None:
    pairs = {
        name: {
            (arch["hidden"], arch["heads"])
            for arch in space_of(name, per_head=1).enumerate()
            if space_of(name, per_head=1).is_stock(arch)
        }
        for name in NAMES
    }
    assert pairs == {
        "autodistil-base": {(576, 9), (576, 12), (640, 10)},
        "autodistil-small": {(256, 8), (288, 8), (288, 9), (320, 8), (320, 10), (352, 8)},
        "autodistil-tiny": {(128, 8), (160, 8), (160, 10), (192, 8), (224, 7), (224, 8)},
    }


@pytest.mark.parametrize("per_head", [0, 1])
@pytest.mark.parametrize("name", [*NAMES, "autodistil"])
def test_no_student_exceeds_the_teacher_in_any_size(name: str, per_head: int) -> None:
    space = space_of(name, per_head=per_head)
    assert all(space.shape(arch).within(space.teacher) for arch in space.enumerate())


def test_with_heads_of_the_teachers_width_few_shapes_are_stock() -> None:
    space = space_of("autodistil-base")
    stock = {(a["hidden"], a["heads"]) for a in space.enumerate() if space.is_stock(a)}
    assert stock == {(576, 9), (640, 10)}


def test_the_pages_tell_the_sizes_of_spaces_and_how_many_shapes_are_stock() -> None:
    readme, guide = ((ROOT / page).read_text() for page in ("README.md", "docs/language_models.md"))
    (size,) = {space_of(name).size for name in NAMES}
    minilm = [space_of(name, **MINILM).size for name in NAMES]
    told = f"| {size} each of BERT-base; {minilm[0]}, {minilm[1]} and {minilm[2]} of MiniLM-L6 |"
    whole, decoder = (space_of(name).size for name in ("autodistil", "autodistil-decoder"))
    assert told in readme
    assert told in guide
    assert f"| {whole} of BERT-base; {decoder} of SmolLM2-135M |" in readme
    assert f"| {decoder} of SmolLM2-135M |" in guide
    stock = [
        sum(space.is_stock(arch) for space in spaces for arch in space.enumerate())
        for spaces in ([space_of(name, per_head=per_head) for name in NAMES] for per_head in (0, 1))
    ]
    shapes = f"{3 * size} shapes of BERT-base these are {stock[0]}, or {stock[1]} with `per_head=1`"
    assert shapes in readme


def test_the_sub_spaces_of_minilm() -> None:
    tiny = space_of("autodistil-tiny", **MINILM)
    largest, smallest = (tiny.shape(arch) for arch in tiny.anchors())
    assert (smallest.layers, largest.layers) == (2, 4)
    assert (smallest.hidden, largest.hidden) == (64, 112)
    assert (smallest.heads, largest.heads) == (7, 10)
    assert (smallest.inner, largest.inner) == (128, 392)
    assert {smallest.head_dim, largest.head_dim} == {32}
    assert tiny.size == 3 * 4 * 4 * 4


def test_spaces_are_cut_from_a_configuration() -> None:
    config = BertConfig(
        num_hidden_layers=6, hidden_size=384, num_attention_heads=12, intermediate_size=1536
    )
    assert teacher_options(config) == {**MINILM, "inner": 1536}
    recut = space_of("autodistil-small", per_head=1).recut(config)
    wanted = space_of("autodistil-small", per_head=1, **MINILM)
    assert list(map(recut.shape, recut.enumerate())) == list(map(wanted.shape, wanted.enumerate()))
    decoder = space_of("autodistil-base").recut(LlamaConfig(num_key_value_heads=8))
    assert decoder.family is LLAMA
    assert {decoder.shape(arch).heads % 4 for arch in decoder.enumerate()} == {0}
    assert {decoder.shape(arch).key_value_heads for arch in decoder.enumerate()} == {6, 7, 8}


@pytest.mark.parametrize("head", ["tied", "own", "none"])
def test_decoders_count_the_head_that_they_have(head: Head) -> None:
    sizes = {"layers": 2, "hidden": 96, "heads": 6, "key_value_heads": 3, "inner": 200}
    space = space_of("autodistil-decoder", **sizes)
    task = TextTask(vocabulary=50, length=7, positions=7, head=head)
    for arch in space.anchors():
        model = space.build(arch, task)
        assert head_of(model) == head
        counted = count_macs(model, example_tokens(model, 1, task.length))
        assert space.sizes(arch, task) == Sizes(counted.macs, counted.params)
        classifier = space.build(arch, replace(task, num_classes=3))
        counted = count_macs(classifier, example_tokens(classifier, 1, task.length))
        assert space.sizes(arch, replace(task, num_classes=3)).params == counted.params


@pytest.mark.parametrize("biased", [{"attention_bias": True}, {"mlp_bias": True}])
def test_decoders_count_the_biases_that_their_teacher_has(biased: dict[str, bool]) -> None:
    sizes = {"layers": 2, "hidden": 96, "heads": 6, "key_value_heads": 3, "inner": 200}
    space = space_of("autodistil-decoder", **sizes)
    config = LlamaConfig(vocab_size=50, max_position_embeddings=7, **biased)
    task = text_task_of(config, 7, "own")
    for arch in space.anchors():
        model = space.build(arch, task)
        assert any(name.endswith("proj.bias") for name, _ in model.named_parameters())
        counted = count_macs(model, example_tokens(model, 1, task.length))
        assert space.sizes(arch, task) == Sizes(counted.macs, counted.params)


def test_unknown_heads_are_refused() -> None:
    space = space_of("autodistil-decoder")
    with pytest.raises(UsageError, match="no head 'mlm'; take one of tied, own, none"):
        space.sizes(space.anchors()[0], TextTask(head="mlm"))  # type: ignore[arg-type]


def test_more_sizes_per_gene_make_a_finer_space() -> None:
    fine = space_of("autodistil", points=12)
    assert fine.size == len(set(fine.enumerate())) > 1000
    largest, smallest = fine.anchors()[:2]
    assert largest == space_of("autodistil-base").anchors()[0]
    assert smallest == space_of("autodistil-tiny").anchors()[1]


@pytest.mark.parametrize("subspaces", range(1, 7))
def test_any_number_of_sub_spaces(subspaces: int) -> None:
    spaces = [
        space_of("autodistil", subspaces=subspaces, which=1 + which) for which in range(subspaces)
    ]
    largest = [space.sizes(space.anchors()[0], ENGLISH).macs for space in spaces]
    smallest = [space.sizes(space.anchors()[1], ENGLISH).macs for space in spaces]
    assert largest == sorted(largest, reverse=True)
    assert smallest == sorted(smallest, reverse=True)
    if subspaces > 3:
        assert largest[1:] == smallest[:-1]


def test_sizes_of_the_released_partitions() -> None:
    sizes = {
        number: [space_of("autodistil", subspaces=number, which=1 + w).size for w in range(number)]
        for number in (1, 2, 3)
    }
    assert sizes == {1: [256], 2: [384, 384], 3: [256, 256, 256]}
    assert len(bands(5)) == 5


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("autodistil", {"subspaces": 3, "which": 4}, "sub-space 4 of 3"),
        ("autodistil", {"which": 0}, "positive integer"),
        ("autodistil", {"points": 1}, "points is from 2"),
        ("autodistil-tiny", {"per_head": 2}, "per_head"),
        ("autodistil-tiny", {"hidden": 100}, "none that transformers has"),
        ("autodistil-tiny", {"layers": 0}, "positive integer"),
        ("autodistil-decoder", {"key_value_heads": 2}, "none that transformers has"),
    ],
)
def test_impossible_options_are_refused(name: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_space(name, **options)


def test_heads_with_rotated_positions_are_not_narrowed() -> None:
    with pytest.raises(UsageError, match="cannot be narrowed"):
        AutoDistil("own", LLAMA, BERT_BASE, bands(3)[0], per_head=True)


def test_sizes_are_integers_that_survive_json() -> None:
    space = space_of("autodistil-tiny")
    for arch in space.enumerate():
        assert Arch.from_json(arch.to_json()) == arch
        assert all(isinstance(size, int) for size in vars(space.shape(arch)).values())
    assert space.family is BERT
