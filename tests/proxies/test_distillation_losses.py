"""The distillation losses as scores: their definitions written out, and what they ignore."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.errors import UsageError
from proxies import (
    Probe,
    Proxy,
    at_loss,
    cc_loss,
    diswot_mr,
    fitnets_loss,
    ickd_loss,
    initialise,
    kd_loss,
    nst_loss,
    pkt_loss,
    rkd_loss,
    sp_loss,
)
from proxies._matching import as_map
from proxies._projection import projection
from tests.proxies.networks import DeadNet, TinyResNet, digits, features, head, seeded

FROM_LOGITS = [kd_loss.PROXY]
FROM_EMBEDDINGS = [cc_loss.PROXY, pkt_loss.PROXY, rkd_loss.PROXY]
FROM_MAPS = [
    at_loss.PROXY,
    fitnets_loss.PROXY,
    ickd_loss.PROXY,
    nst_loss.PROXY,
    sp_loss.PROXY,
]
ALL = FROM_LOGITS + FROM_EMBEDDINGS + FROM_MAPS


def named(proxy: Proxy) -> str:
    return proxy.name


class Pyramid(nn.Module):
    """Three stages of halving resolution, ``stages`` of the names ``stages.0`` to ``stages.2``."""

    def __init__(self, widths: Sequence[int] = (6, 8, 12), first_stride: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for index, width in enumerate(widths):
            stride = first_stride if index == 0 else 2
            convolution = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
            layers.append(nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU()))
            channels = width
        self.stages = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.stages(images).mean((2, 3)))
        return logits


def _pyramid(seed: int, scheme: str = "gaussian", size: int = 6, **options: object) -> Probe:
    model = seeded(lambda: Pyramid(**options))  # type: ignore[arg-type]
    initialise(model, scheme, seed)
    names = [f"stages.{index}" for index in range(len(model.stages))]
    return Probe(model, *digits(size), features=names, head="classifier")


class Given(Probe):
    """A probe of given facts."""

    def __init__(
        self,
        *,
        logits: Tensor | None = None,
        pooled: Tensor | None = None,
        maps: Sequence[Tensor] = (),
    ) -> None:
        super().__init__(nn.Identity(), *digits(2), features=(), head="")
        self._given = (logits, pooled, maps)

    @property
    def logits(self) -> Tensor:
        assert self._given[0] is not None
        return self._given[0]

    @property
    def pooled(self) -> Tensor:
        assert self._given[1] is not None
        return self._given[1]

    @property
    def features(self) -> dict[str, Tensor]:
        return {str(index): feature for index, feature in enumerate(self._given[2])}


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _rotation(width: int) -> Tensor:
    return torch.linalg.qr(_random(width, width, seed=99))[0]


# The definitions, entry by entry ------------------------------------------------------------------


def _unit(vector: np.ndarray) -> np.ndarray:
    norm = np.sqrt((vector**2).sum())
    return vector / norm if norm > 0 else vector


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


def _pair(student: Tensor, teacher: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Maps of one resolution; those of these tests halve it, so that pooling is a block mean."""
    maps = [_array(student), _array(teacher)]
    side = min(array.shape[-1] for array in maps)
    pooled = []
    for array in maps:
        batch, channels, height, _ = array.shape
        block = height // side
        blocks = array.reshape(batch, channels, side, block, side, block)
        pooled.append(blocks.mean((3, 5)))
    return pooled[0], pooled[1]


def defined_kd(student: Probe, teacher: Probe) -> float:
    total = 0.0
    for ours, theirs in zip(_array(student.logits), _array(teacher.logits), strict=True):
        q, p = (np.exp(z / 4 - (z / 4).max()) for z in (ours, theirs))
        q, p = q / q.sum(), p / p.sum()
        log_q, log_p = (z / 4 - (z / 4).max() for z in (ours, theirs))
        log_q, log_p = (z - np.log(np.exp(z).sum()) for z in (log_q, log_p))
        total += (p * (log_p - log_q)).sum()
    return -16 * total / len(student.logits)


def defined_at(student: Probe, teacher: Probe) -> float:
    total = 0.0
    for ours, theirs in _matched(student, teacher):
        s, t = _pair(ours, theirs)
        squares = [
            (_unit((i**2).sum(0).ravel()) - _unit((j**2).sum(0).ravel())) ** 2
            for i, j in zip(s, t, strict=True)
        ]
        total += np.mean(squares)
    return -total


def defined_sp(student: Probe, teacher: Probe) -> float:
    total = 0.0
    for ours, theirs in _matched(student, teacher):
        grams = []
        for maps in (_array(ours), _array(theirs)):
            gram = np.array([[(i * j).sum() for j in maps] for i in maps])
            grams.append(np.stack([_unit(row) for row in gram]))
        total += ((grams[0] - grams[1]) ** 2).sum() / len(ours) ** 2
    return -total


def _last(student: Probe, teacher: Probe) -> tuple[Tensor, Tensor]:
    return _matched(student, teacher)[-1]


def _matched(student: Probe, teacher: Probe) -> list[tuple[Tensor, Tensor]]:
    ours, theirs = list(student.features.values()), list(teacher.features.values())
    count = min(len(ours), len(theirs))
    return list(zip(ours[-count:], theirs[-count:], strict=True))


def _project(maps: np.ndarray, width: int) -> np.ndarray:
    if maps.shape[1] == width:
        return maps
    return np.einsum("bchw,cd->bdhw", maps, _array(projection(maps.shape[1], width)))


def defined_ickd(student: Probe, teacher: Probe) -> float:
    ours, theirs = (_array(maps) for maps in _last(student, teacher))
    ours = _project(ours, theirs.shape[1])
    total = 0.0
    for s, t in zip(ours, theirs, strict=True):
        grams = []
        for channels in (s, t):
            gram = np.array([[(i * j).sum() for j in channels] for i in channels])
            grams.append(np.stack([_unit(row) for row in gram]))
        total += ((grams[0] - grams[1]) ** 2).sum()
    return -total / (theirs.shape[0] * theirs.shape[1])


def defined_nst(student: Probe, teacher: Probe) -> float:
    total = 0.0
    for ours, theirs in _matched(student, teacher):
        s, t = (
            [[_unit(channel.ravel()) for channel in image] for image in maps]
            for maps in _pair(ours, theirs)
        )
        discrepancies = [
            _kernel_mean(j, j) + _kernel_mean(i, i) - 2 * _kernel_mean(i, j)
            for i, j in zip(s, t, strict=True)
        ]
        total += np.mean(discrepancies)
    return -total


def _kernel_mean(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return float(np.mean([[(x @ y) ** 2 for y in other] for x in one]))


def defined_fitnets(student: Probe, teacher: Probe) -> float:
    matched = _matched(student, teacher)
    s, t = _pair(*matched[len(matched) // 2])
    return -float(((_project(s, t.shape[1]) - t) ** 2).mean())


def defined_cc(student: Probe, teacher: Probe) -> float:
    matrices = []
    for embeddings in (_array(student.pooled), _array(teacher.pooled)):
        unit = [_unit(row) for row in embeddings]
        matrices.append(
            np.array([[_taylor(float(x @ y)) for y in unit] for x in unit])  # (batch, batch)
        )
    return -float(((matrices[0] - matrices[1]) ** 2).mean())


def _taylor(cosine: float) -> float:
    return math.exp(-0.8) * (1 + 0.8 * cosine + 0.32 * cosine**2)


def defined_pkt(student: Probe, teacher: Probe) -> float:
    q, p = (
        np.array([[(1 + _unit(x) @ _unit(y)) / 2 for y in rows] for x in rows])
        for rows in (_array(student.pooled), _array(teacher.pooled))
    )
    q, p = q / q.sum(1, keepdims=True), p / p.sum(1, keepdims=True)
    return -float((p * np.log((p + 1e-7) / (q + 1e-7))).mean())


def defined_rkd(student: Probe, teacher: Probe) -> float:
    ours, theirs = _array(student.pooled), _array(teacher.pooled)
    distances, angles = [], []
    for rows in (ours, theirs):
        lengths = np.array([[np.sqrt(((x - y) ** 2).sum()) for y in rows] for x in rows])
        distances.append(lengths / lengths[lengths > 0].mean())
        angles.append(
            np.array([[[_unit(i - v) @ _unit(k - v) for k in rows] for i in rows] for v in rows])
        )
    return -25 * _huber(*distances) - 50 * _huber(*angles)


def _huber(one: np.ndarray, other: np.ndarray) -> float:
    gap = np.abs(one - other)
    return float(np.where(gap < 1, gap**2 / 2, gap - 0.5).mean())


DEFINITIONS: dict[str, Callable[[Probe, Probe], float]] = {
    "kd_loss": defined_kd,
    "at_loss": defined_at,
    "sp_loss": defined_sp,
    "ickd_loss": defined_ickd,
    "nst_loss": defined_nst,
    "fitnets_loss": defined_fitnets,
    "cc_loss": defined_cc,
    "pkt_loss": defined_pkt,
    "rkd_loss": defined_rkd,
}


@pytest.mark.parametrize("proxy", ALL, ids=named)
@pytest.mark.parametrize("scheme", ["gaussian", "kaiming"])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="same shape"),
        pytest.param({"widths": (4, 5, 7)}, id="narrower"),
        pytest.param({"widths": (6, 8, 15)}, id="wider"),
        pytest.param({"first_stride": 2}, id="lower resolution"),
        pytest.param({"widths": (8, 9)}, id="fewer stages"),
        pytest.param({"widths": (3, 5, 8, 9)}, id="more stages"),
    ],
)
def test_every_score_equals_its_definition(
    proxy: Proxy, scheme: str, options: dict[str, object]
) -> None:
    student, teacher = _pyramid(0, scheme, **options), _pyramid(1, scheme)
    score = proxy(student, teacher)
    assert score == pytest.approx(DEFINITIONS[proxy.name](student, teacher), rel=1e-5, abs=1e-5)
    assert score < -1e-6


@pytest.mark.parametrize("proxy", ALL, ids=named)
def test_the_teacher_itself_has_the_best_score(proxy: Proxy) -> None:
    itself, others = _pyramid(0), [_pyramid(seed) for seed in range(1, 4)]
    best = proxy(_pyramid(0), itself)
    assert best == pytest.approx(0, abs=1e-9)
    assert all(proxy(other, itself) < best for other in others)


def test_sp_of_one_stage_is_the_relation_term_of_diswot() -> None:
    names = ["stages.2"]
    student, teacher = (
        Probe(seeded(Pyramid, seed), *digits(), features=names, head="classifier")
        for seed in (0, 1)
    )
    expected = diswot_mr.PROXY(student, teacher)
    assert sp_loss.PROXY(student, teacher) == pytest.approx(expected, rel=1e-9)


# What each loss does not look at ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxy", "change"),
    [
        (rkd_loss.PROXY, lambda x: 7 * x),
        (rkd_loss.PROXY, lambda x: x + 3),
        (rkd_loss.PROXY, lambda x: x @ _rotation(5)),
        (cc_loss.PROXY, lambda x: x * _random(6, 1).abs()),
        (cc_loss.PROXY, lambda x: x @ _rotation(5)),
        (pkt_loss.PROXY, lambda x: x * _random(6, 1).abs()),
        (pkt_loss.PROXY, lambda x: x @ _rotation(5)),
    ],
    ids=[
        "rkd scale",
        "rkd shift",
        "rkd rotation",
        "cc length",
        "cc rotation",
        "pkt length",
        "pkt rotation",
    ],
)
def test_embeddings_change_without_a_trace(
    proxy: Proxy, change: Callable[[Tensor], Tensor]
) -> None:
    ours, theirs = _random(6, 5, seed=1), _random(6, 8, seed=2)
    before = proxy(Given(pooled=ours), Given(pooled=theirs))
    after = proxy(Given(pooled=change(ours)), Given(pooled=theirs))
    assert before < -1e-4
    assert after == pytest.approx(before, rel=1e-9)
    assert proxy(Given(pooled=change(theirs[:, :5])), Given(pooled=theirs[:, :5])) == pytest.approx(
        0, abs=1e-9
    )


def _mixed(maps: Tensor) -> Tensor:
    return torch.einsum("bchw,cd->bdhw", maps, _rotation(5))


@pytest.mark.parametrize(
    ("proxy", "change"),
    [
        (at_loss.PROXY, lambda x: x * _random(6, 1, 1, 1)),
        (at_loss.PROXY, _mixed),
        (sp_loss.PROXY, lambda x: 7 * x),
        (sp_loss.PROXY, _mixed),
        (nst_loss.PROXY, lambda x: x * _random(6, 5, 1, 1)),
        (nst_loss.PROXY, lambda x: x.repeat(1, 2, 1, 1)),
        (ickd_loss.PROXY, lambda x: x * _random(6, 1, 1, 1)),
        (ickd_loss.PROXY, lambda x: x.flip(2)),
    ],
    ids=[
        "at scale",
        "at rotation",
        "sp scale",
        "sp rotation",
        "nst scale",
        "nst copies",
        "ickd scale",
        "ickd places",
    ],
)
def test_maps_change_without_a_trace(proxy: Proxy, change: Callable[[Tensor], Tensor]) -> None:
    ours, theirs = _random(6, 5, 4, 4, seed=1), _random(6, 5, 4, 4, seed=2)
    before = proxy(Given(maps=[ours]), Given(maps=[theirs]))
    after = proxy(Given(maps=[change(ours)]), Given(maps=[theirs]))
    assert before < -1e-4
    assert after == pytest.approx(before, rel=1e-9)


def test_kd_ignores_a_shift_of_all_logits() -> None:
    ours, theirs = _random(6, 5, seed=1), _random(6, 5, seed=2)
    before = kd_loss.PROXY(Given(logits=ours), Given(logits=theirs))
    after = kd_loss.PROXY(Given(logits=ours + _random(6, 1)), Given(logits=theirs))
    assert after == pytest.approx(before, rel=1e-9)


# The forms that facts are brought into ------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), [(3, 7), (7, 3), (1, 4), (16, 17)])
def test_projections_are_orthonormal_and_fixed(source: int, target: int) -> None:
    matrix = projection(source, target)
    short = matrix @ matrix.T if source < target else matrix.T @ matrix
    identity = torch.eye(min(source, target), dtype=torch.float64)
    assert torch.allclose(short, identity, atol=1e-12)
    before = torch.get_rng_state()
    projection.cache_clear()
    assert torch.equal(projection(source, target), matrix)
    assert torch.equal(before, torch.get_rng_state())


def test_narrower_students_share_the_rows_of_wider_ones() -> None:
    for narrow, wide in [(3, 5), (10, 19)]:
        assert torch.allclose(projection(narrow, 20), projection(wide, 20)[:narrow], atol=1e-12)


def test_tokens_are_laid_out_as_the_image_they_came_from() -> None:
    image = _random(2, 3, 4, 4)
    tokens = image.flatten(2).transpose(1, 2)
    prefix = _random(2, 1, 3)
    assert torch.equal(as_map(tokens), image)
    assert torch.equal(as_map(torch.cat([prefix, tokens], dim=1)), image)
    words = _random(2, 24, 3)  # eight more than a square
    assert torch.equal(as_map(words), words.transpose(1, 2)[..., None])
    vectors = _random(2, 3)
    assert as_map(vectors).shape == (2, 3, 1, 1)


@pytest.mark.parametrize("proxy", FROM_MAPS, ids=named)
def test_token_students_are_compared_with_convolutional_teachers(proxy: Proxy) -> None:
    student = Given(maps=[_random(6, 17, 5, seed=1), _random(6, 17, 5, seed=2)])
    teacher = Given(maps=[_random(6, 8, 8, 8, seed=3), _random(6, 16, 2, 2, seed=4)])
    assert -math.inf < proxy(student, teacher) < 0


# Students without signal, odd batches, wrong use --------------------------------------------------


def _small(build: Callable[[], nn.Module], batch: tuple[Tensor, Tensor], seed: int = 0) -> Probe:
    model = seeded(build, seed)
    return Probe(model, *batch, features=features(model), head=head(model))


@pytest.mark.parametrize("proxy", ALL, ids=named)
def test_a_dead_student_scores_minus_infinity(proxy: Proxy) -> None:
    teacher = _small(TinyResNet, digits(), 1)
    assert proxy(_small(DeadNet, digits()), teacher) == -math.inf
    assert -math.inf < proxy(_small(TinyResNet, digits()), teacher) < 0


def test_a_broken_student_has_no_value() -> None:
    model = seeded(TinyResNet)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(math.nan)
    broken = Probe(model, *digits(), features=features(model), head=head(model))
    teacher = _small(TinyResNet, digits(), 1)
    assert all(math.isnan(proxy(broken, teacher)) for proxy in ALL)


@pytest.mark.parametrize("proxy", ALL, ids=named)
@settings(max_examples=10, deadline=None)
@given(
    size=st.integers(2, 6),
    copies=st.integers(0, 3),
    one_class=st.booleans(),
    width=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_every_batch_gives_a_score_that_ranks(
    proxy: Proxy, size: int, copies: int, one_class: bool, width: int, seed: int
) -> None:
    images, labels = digits(size, start=seed)
    images = torch.cat([images, images[:1].repeat(copies, 1, 1, 1)])
    labels = torch.cat([labels, labels[:1].repeat(copies)])
    batch = images, torch.zeros_like(labels) if one_class else labels
    student = _small(lambda: TinyResNet(width), batch, seed)
    teacher = _small(TinyResNet, batch, seed + 1)
    score = proxy(student, teacher)
    assert score == -math.inf or -math.inf < score <= 1e-9
    assert proxy(_small(lambda: TinyResNet(width), batch, seed), teacher) == score


@pytest.mark.parametrize("proxy", ALL, ids=named)
def test_copies_of_one_image_tell_nothing(proxy: Proxy) -> None:
    facts = {
        "logits": torch.ones(4, 10),
        "pooled": torch.ones(4, 3),
        "maps": [torch.ones(4, 3, 2, 2)],
    }
    teacher = Given(logits=_random(4, 10), pooled=_random(4, 3), maps=[_random(4, 3, 2, 2)])
    assert proxy(Given(**facts), teacher) == -math.inf  # type: ignore[arg-type]
    score = proxy(teacher, Given(**facts))  # type: ignore[arg-type]
    assert -math.inf < score < 0


@pytest.mark.parametrize("proxy", ALL, ids=named)
def test_wrong_use_is_explained(proxy: Proxy) -> None:
    student = _small(TinyResNet, digits())
    with pytest.raises(UsageError, match="none was given"):
        proxy(student)
    with pytest.raises(UsageError, match="same batch"):
        proxy(student, _small(TinyResNet, digits(8)))


def test_other_classes_and_missing_maps_are_explained() -> None:
    student = _small(TinyResNet, digits())
    with pytest.raises(UsageError, match="classes"):
        kd_loss.PROXY(student, _small(lambda: TinyResNet(classes=12), digits()))
    bare = Probe(seeded(TinyResNet), *digits(), features=(), head="classifier")
    for proxy in FROM_MAPS:
        with pytest.raises(UsageError, match="none is named"):
            proxy(student, bare)


def test_all_of_them_share_one_forward_pass_without_a_graph() -> None:
    calls: list[bool] = []

    class Counting(TinyResNet):
        def forward(self, images: Tensor) -> Tensor:
            logits = super().forward(images)
            calls.append(logits.requires_grad)
            return logits

    needs = frozenset[str]().union(*(proxy.needs for proxy in ALL))
    probes = []
    for seed in (0, 1):
        model = seeded(Counting, seed)
        probes.append(
            Probe(model, *digits(), features=features(model), head=head(model), needs=needs)
        )
    for proxy in ALL:
        proxy(*probes)
    assert calls == [False, False]


def test_pooling_is_torchs_where_resolutions_do_not_divide() -> None:
    ours, theirs = _random(3, 2, 5, 5, seed=1), _random(3, 2, 3, 4, seed=2)
    expected = at_loss.PROXY(
        Given(maps=[F.adaptive_avg_pool2d(ours, (3, 4))]), Given(maps=[theirs])
    )
    assert at_loss.PROXY(Given(maps=[ours]), Given(maps=[theirs])) == expected


# The teacher's side -------------------------------------------------------------------------------


def test_what_is_computed_of_the_teacher_serves_all_students() -> None:
    teacher = _pyramid(0)
    students = [_pyramid(seed, first_stride=2) for seed in (1, 2)]
    kept: list[dict[str, Tensor]] = []
    for student in students:
        for proxy in ALL:
            proxy(student, teacher)
        kept.append(dict(teacher._derived))
    first, second = kept
    assert first.keys() == second.keys()
    assert all(first[key] is second[key] for key in first)
    assert len(first) >= len(FROM_EMBEDDINGS) + len(FROM_MAPS)
