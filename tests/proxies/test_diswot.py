"""DisWOT against its definition, with autograd's gradients and channel-by-channel matrices."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.errors import UsageError
from proxies import PROXIES, Probe, TeacherProbes, initialise, score_student
from tests.proxies.networks import DeadNet, TinyResNet, digits, features, head, seeded

SCHEMES = ["gaussian", "kaiming"]


def _network(
    seed: int, scheme: str, *, width: int = 8, depth: int = 2, classes: int = 10
) -> TinyResNet:
    model = seeded(lambda: TinyResNet(width, depth, classes))
    model.drop = nn.Identity()
    initialise(model, scheme, seed)
    return model


def _probe(model: nn.Module, size: int = 16) -> Probe:
    return Probe(model, *digits(size), features=features(model), head=head(model))


def _reference_pass(model: TinyResNet, size: int = 16) -> tuple[Tensor, Tensor]:
    """Last feature map and classifier gradient in float64, by an ordinary backward pass."""
    model = model.double().train()
    maps: list[Tensor] = []
    handle = model.blocks.register_forward_hook(lambda _, __, output: maps.append(output.detach()))
    images, labels = digits(size)
    F.cross_entropy(model(images.double()), labels).backward()
    handle.remove()
    gradient = model.classifier.weight.grad
    assert gradient is not None
    return maps[0], gradient


def _defined_relation(student: Tensor, teacher: Tensor) -> float:
    grams = []
    for maps in (student, teacher):
        flat = maps.reshape(len(maps), -1)
        gram = flat @ flat.T
        grams.append(gram / gram.norm(dim=1, keepdim=True))
    return -float(((grams[1] - grams[0]) ** 2).sum()) / len(student) ** 2


def _defined_semantic(student: Tensor, teacher: Tensor) -> float:
    classes, channels = student.shape
    total = 0.0
    for ours, theirs in zip(student, teacher, strict=True):
        matrices = []
        for row in (ours, theirs):
            outer = torch.outer(row, row)  # (channel, channel)
            norms = outer.norm(dim=1, keepdim=True)
            matrices.append(torch.where(norms > 0, outer / norms, 0.0))
        total += float(((matrices[0] - matrices[1]) ** 2).sum())
    return -total / (channels * classes)


def _defined_class_gram(student: Tensor, teacher: Tensor) -> float:
    ours, theirs = (F.normalize(g @ g.T, dim=1, eps=0.0) for g in (student, teacher))
    return -float(((ours - theirs) ** 2).sum(1).mean())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(4))
def test_both_terms_equal_their_definitions(scheme: str, seed: int) -> None:
    student, teacher = _network(seed, scheme), _network(seed + 100, scheme, depth=4)
    probes = _probe(student), _probe(teacher)
    relation, semantic, both, class_gram = (
        PROXIES.get(name)(*probes)
        for name in ("diswot_mr", "diswot_ms", "diswot", "diswot_class_gram")
    )
    (our_maps, ours), (their_maps, theirs) = _reference_pass(student), _reference_pass(teacher)
    assert relation == pytest.approx(_defined_relation(our_maps, their_maps), abs=1e-5)
    assert semantic == pytest.approx(_defined_semantic(ours, theirs), abs=1e-5)
    assert class_gram == pytest.approx(_defined_class_gram(ours, theirs), abs=1e-5)
    assert both == relation + semantic
    assert -2 / 16 <= relation < 0
    assert -4 <= semantic < 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_head_gradient_is_autograds(scheme: str) -> None:
    model = _network(0, scheme)
    closed = _probe(model).head_gradient
    _, gradient = _reference_pass(model)
    assert torch.allclose(closed, gradient, rtol=1e-4, atol=1e-6)


def test_relation_is_the_mean_cosine_of_matching_gram_rows() -> None:
    student, teacher = _probe(_network(0, "kaiming")), _probe(_network(1, "kaiming", width=12))
    ours, theirs = (probe.last_feature.flatten(1) for probe in (student, teacher))
    cosine = F.cosine_similarity(ours @ ours.T, theirs @ theirs.T, dim=1).mean()
    expected = -2 / 16 * (1 - float(cosine))
    assert PROXIES.get("diswot_mr")(student, teacher) == pytest.approx(expected, abs=1e-6)


def test_a_network_beside_itself_is_at_distance_zero() -> None:
    probe = _probe(_network(0, "gaussian"))
    for name in ("diswot", "diswot_mr", "diswot_ms", "diswot_class_gram"):
        assert PROXIES.get(name)(probe, probe) == pytest.approx(0, abs=1e-12)


class _GivenGradient(Probe):
    """A probe whose head gradient is given, for cases that no network shows at will."""

    def __init__(self, gradient: Tensor) -> None:
        super().__init__(nn.Identity(), *digits(2), features=(), head="")
        self.__dict__["head_gradient"] = gradient.double()


def test_dead_and_tiny_rows_follow_the_stated_rule() -> None:
    generator = torch.Generator().manual_seed(0)
    full = torch.randn(5, 6, generator=generator)
    dead_row = full.clone()
    dead_row[2] = 0
    dead_channel = full.clone()
    dead_channel[:, 3] = 0
    semantic = PROXIES.get("diswot_ms")
    for ours, theirs in [(full, dead_row), (dead_row, dead_row), (dead_channel, full)]:
        got = semantic(_GivenGradient(ours), _GivenGradient(theirs))
        assert got == pytest.approx(_defined_semantic(ours.double(), theirs.double()), abs=1e-12)
    assert semantic(_GivenGradient(dead_row), _GivenGradient(full)) == pytest.approx(-1 / 5)
    tiny = full.double()
    tiny[1] *= 1e-200  # alive, although far below the reference code's threshold
    for name in ("diswot_ms", "diswot_class_gram"):
        score = PROXIES.get(name)(_GivenGradient(tiny), _GivenGradient(tiny))
        assert score == pytest.approx(0, abs=1e-12)
    assert semantic(_GivenGradient(tiny), _GivenGradient(full)) == pytest.approx(0, abs=1e-12)


def test_saturated_classes_stay_alive_in_float64() -> None:
    model = _network(0, "gaussian", width=32)
    with torch.no_grad():
        model.classifier.weight.mul_(40)
    gradient = _probe(model).head_gradient
    single = torch.softmax(_probe(model).logits, 1)
    assert (single == 0).any()  # float32 loses whole entries
    assert (gradient.abs().amax(1) > 0).all()


def test_other_widths_fall_back_to_class_grams() -> None:
    wide, narrow = _network(0, "gaussian", width=12), _network(1, "gaussian")
    student, teacher = _probe(narrow), _probe(wide)
    class_gram = PROXIES.get("diswot_class_gram")(student, teacher)
    assert PROXIES.get("diswot_ms")(student, teacher) == class_gram
    expected = PROXIES.get("diswot_mr")(student, teacher) + class_gram
    assert PROXIES.get("diswot")(student, teacher) == expected
    gradients = [_reference_pass(model)[1] for model in (narrow, wide)]
    assert class_gram == pytest.approx(_defined_class_gram(*gradients), abs=1e-5)


def test_other_classes_or_another_batch_are_refused() -> None:
    student = _probe(_network(0, "gaussian"))
    with pytest.raises(UsageError, match="classes"):
        PROXIES.get("diswot_ms")(student, _probe(_network(0, "gaussian", classes=12)))
    with pytest.raises(UsageError, match="same batch"):
        PROXIES.get("diswot_mr")(student, _probe(_network(0, "gaussian"), size=8))


def test_no_backward_pass_and_no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a backward pass was run")

    monkeypatch.setattr(torch.autograd, "grad", refuse)
    monkeypatch.setattr(torch.autograd, "backward", refuse)
    student, teacher = _probe(_network(0, "gaussian")), _probe(_network(1, "gaussian"))
    assert math.isfinite(PROXIES.get("diswot")(student, teacher))
    assert not student.logits.requires_grad


def test_a_dead_student_scores_minus_infinity() -> None:
    teacher = _probe(_network(1, "gaussian"))
    dead = seeded(DeadNet)
    for name in ("diswot", "diswot_mr", "diswot_ms", "diswot_class_gram"):
        assert PROXIES.get(name)(_probe(dead), teacher) == -math.inf


def test_the_teacher_is_probed_once_for_all_students() -> None:
    calls: list[int] = []

    class Counting(TinyResNet):
        def forward(self, images: Tensor) -> Tensor:
            calls.append(len(images))
            return super().forward(images)

    images, labels = digits()
    original = seeded(Counting)
    teacher = TeacherProbes(
        original, images, labels, features=["blocks"], head="classifier", seed=0
    )
    names = ["diswot_mr", "kd_loss", "at_loss", "diswot_ms", "diswot_class_gram", "cc_loss"]
    weights = original.classifier.weight.clone()
    for seed in range(3):
        score_student(
            TinyResNet,
            images,
            labels,
            proxies=names,
            features=features,
            head=head,
            seed=seed,
            teacher=teacher,
        )
    assert calls == [16]
    assert torch.equal(original.classifier.weight, weights)
    copied = teacher.probe("gaussian").model
    assert not torch.equal(copied.get_parameter("classifier.weight"), weights)


def _known(widths: list[int], width: int) -> tuple[float, float]:
    """Beside a teacher of 8 channels, ``diswot_ms`` and ``diswot_class_gram`` of one student."""
    images, labels = digits()
    teacher = TeacherProbes(
        seeded(TinyResNet),
        images,
        labels,
        features=["blocks"],
        head="classifier",
        seed=0,
        widths=widths,
    )
    scores = score_student(
        lambda: TinyResNet(width, depth=3),
        images,
        labels,
        proxies=["diswot_ms", "diswot_class_gram"],
        features=features,
        head=head,
        seed=1,
        teacher=teacher,
    )
    return scores["diswot_ms"], scores["diswot_class_gram"]


def test_one_form_serves_all_students_whose_widths_are_known() -> None:
    semantic, class_gram = _known([8], 8)
    assert semantic != class_gram
    for width in (8, 12):
        semantic, class_gram = _known([8, 12], width)
        assert semantic == class_gram
    with pytest.raises(UsageError, match=r"reads 12 channels.*all other students 8.*class_gram"):
        _known([8], 12)
