"""The students by which proxies are scaled."""

from __future__ import annotations

import numpy as np

from search_spaces import Arch, create_space
from studies.random_arch import random_arch
from studies.reference_sample import reference_sample
from studies.samplers import SAMPLERS, BlindSampler

SPACE = create_space("nasbench201")
ANCHORS = {SPACE.canonical(arch) for arch in SPACE.anchors()}


def test_no_sampler_draws_the_same_archs() -> None:
    drawn = set(_sample(0)) - ANCHORS
    assert len(drawn) > 40
    first = int(np.random.SeedSequence([0, 0]).generate_state(1)[0])
    sampler = SAMPLERS.get("random").build(SPACE, first, 50)
    assert isinstance(sampler, BlindSampler)
    proposed = {SPACE.canonical(sampler.arch(number)) for number in range(50)}
    assert len(drawn & proposed) < 10
    generator = np.random.default_rng(first)
    assert len(drawn & {SPACE.canonical(random_arch(SPACE, generator)) for _ in range(50)}) < 10


def test_a_seed_has_one_sample() -> None:
    assert _sample(3) == _sample(3) != _sample(4)


def _sample(seed: int) -> list[Arch]:
    return reference_sample(SPACE, seed, 48, lambda arch: True).archs


def test_where_few_fit_it_is_filled_up_with_their_neighbours() -> None:
    space = create_space("darts")
    rare = space.anchors()[0]

    def fits(arch: Arch) -> bool:
        return sum(arch[gene] != rare[gene] for gene in rare) <= 2

    sample = reference_sample(space, 0, 24, fits)
    assert len(sample.archs) == len(set(sample.archs)) == 24
    assert sample.archs[0] == space.canonical(rare)


def test_nothing_that_fits_is_an_empty_sample_which_says_how_much_was_tried() -> None:
    sample = reference_sample(create_space("cifar-resnet"), 0, 48, lambda arch: False)
    assert (sample.archs, sample.tried) == ([], 64)
