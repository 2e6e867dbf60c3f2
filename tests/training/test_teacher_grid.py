"""Votes of teachers, their providers, and when they are heard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.distill import LogitDistillation, Outputs, RelationDistillation
from nas_kd.errors import UsageError
from nas_kd.training.teacher_grid import (
    Batch,
    CachedLogits,
    LogitSignal,
    Mixed,
    MovingAverage,
    Provider,
    RelationSignal,
    Schedule,
    Snapshots,
    TeacherGrid,
    Voice,
    Vote,
    make_signal,
)
from tests.training.states import alike, stored

IMAGES, CLASSES, EVERY = 12, 4, 3


class Student(nn.Module):
    """A convolution, a batch norm and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU())
        self.classifier = nn.Linear(3, CLASSES)


def run(module: nn.Module, images: Tensor) -> Outputs:
    assert isinstance(module, Student)
    features = module.body(images)
    return Outputs(module.classifier(features.mean((2, 3))), (features,))


@pytest.fixture
def student() -> Student:
    torch.manual_seed(0)
    return Student()


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(IMAGES, 1, 5, 5, generator=generator)
    return Batch(images, torch.arange(IMAGES) % CLASSES, torch.arange(IMAGES))


def train(student: Student, provider: Provider, batch: Batch, steps: int) -> list[Outputs]:
    """Plain steps of gradient descent; what the student said before each."""
    said = []
    for _ in range(steps):
        outputs = run(student.train(), batch.images)
        loss = F.cross_entropy(outputs.logits, batch.targets)
        student.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in student.parameters():
                parameter -= 0.1 * parameter.grad  # type: ignore[operator]
        provider.after_step(batch, outputs, loss)
        said.append(outputs)
    return said


def snapshots(student: Student, capacity: int = 2) -> Snapshots:
    return Snapshots(student, run, capacity=capacity, every=EVERY)


def cached(student: Student, capacity: int = 2) -> CachedLogits:
    return CachedLogits(IMAGES, CLASSES, capacity=capacity, every=EVERY)


def average(student: Student) -> MovingAverage:
    return MovingAverage(student, run, decay=0.9)


def mixed(student: Student) -> Mixed:
    return Mixed([snapshots(student), average(student), cached(student)])


def grid(provider: Provider, **changes: object) -> TeacherGrid:
    parts = {"vote": Vote(), "signal": LogitSignal(5.0), "schedule": Schedule(0.3)}
    return TeacherGrid(provider, **{**parts, **changes})  # type: ignore[arg-type]


def voices(*logits: list[list[float]], losses: tuple[float, ...] = (1.0, 1.0, 1.0)) -> list[Voice]:
    return [Voice(Outputs(torch.tensor(z)), loss) for z, loss in zip(logits, losses, strict=False)]


def test_one_teacher_is_plain_distillation(student: Student, batch: Batch) -> None:
    provider = snapshots(student, capacity=1)
    train(student, provider, batch, EVERY + 1)
    outputs = run(student, batch.images)
    teacher = run(provider.ring[0].module, batch.images)
    plain = LogitDistillation(5.0)(outputs, teacher, batch.targets)["kd"]
    ours = grid(provider).loss("w", batch, outputs, epochs=1.0)
    assert ours is not None
    torch.testing.assert_close(ours, 0.3 * plain)
    relations = RelationDistillation()(outputs, teacher, batch.targets)["diswot_mr"]
    ours = grid(provider, signal=RelationSignal()).loss("w", batch, outputs, epochs=1.0)
    assert ours is not None
    torch.testing.assert_close(ours, RelationDistillation.default_weight * relations)


def test_a_soft_vote_is_the_mean_of_probabilities() -> None:
    first, second = voices([[2.0, 0.0]], [[0.0, 0.0]])
    expected = (torch.tensor([[1.0, 0.0]]).softmax(1) + 0.5) / 2
    torch.testing.assert_close(Vote("soft").probabilities([first, second], 2.0), expected)


def test_a_hard_vote_counts_arg_maxima() -> None:
    said = voices([[2.0, 0.0]], [[1.0, 0.9]], [[0.0, 5.0]])
    vote = Vote("hard")
    torch.testing.assert_close(vote.probabilities(said, 1.0), torch.tensor([[2 / 3, 1 / 3]]))
    student = Outputs(torch.tensor([[0.3, -0.2]]))
    expected = F.kl_div(
        student.logits.log_softmax(1), torch.tensor([[2 / 3, 1 / 3]]), reduction="batchmean"
    )
    torch.testing.assert_close(LogitSignal(5.0)(student, said, vote), expected)


def test_a_lower_validation_loss_and_more_votes_count_more() -> None:
    said = voices([[0.0]], [[0.0]], losses=(1.0, 2.0))
    first, second = Vote("loss").shares(said)
    assert first / second == pytest.approx(torch.e)
    outside = Voice(Outputs(torch.zeros(1, 1)), loss=1.0, weight=2.0)
    assert Vote("soft").shares([*said, outside]) == pytest.approx([0.25, 0.25, 0.5])


def test_nothing_is_lost_where_the_student_says_the_same(student: Student, batch: Batch) -> None:
    provider = snapshots(student)
    train(student, provider, batch, EVERY)
    outputs = run(student.eval(), batch.images)
    loss = grid(provider).loss("w", batch, outputs, epochs=1.0)
    assert loss is not None
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)


def test_teachers_get_no_gradient(student: Student, batch: Batch) -> None:
    provider = mixed(student)
    train(student, provider, batch, 2 * EVERY)
    student.zero_grad()
    loss = grid(provider).loss("w", batch, run(student, batch.images), epochs=1.0)
    assert loss is not None
    loss.backward()
    ring, mean, _ = provider.providers
    assert isinstance(ring, Snapshots)
    assert isinstance(mean, MovingAverage)
    for teacher in [*(past.module for past in ring.ring), mean.module]:
        assert not any(p.requires_grad or p.grad is not None for p in teacher.parameters())
    assert all(parameter.grad is not None for parameter in student.parameters())
    own = {id(parameter) for parameter in student.parameters()}
    assert not any(id(p) in own for past in ring.ring for p in past.module.parameters())


def test_teaching_changes_neither_teachers_nor_student(student: Student, batch: Batch) -> None:
    provider = mixed(student)
    train(student, provider, batch, 2 * EVERY)
    before = stored(provider.state())
    weights = {name: value.clone() for name, value in student.state_dict().items()}
    outputs = run(student.eval(), batch.images)
    for _ in range(2):
        grid(provider).loss("w", batch, outputs, epochs=1.0)
    assert alike(before, provider.state())
    assert all(torch.equal(weights[name], v) for name, v in student.state_dict().items())


@pytest.mark.parametrize("capacity", [0, 1, 2, 3])
def test_the_ring_never_exceeds_its_capacity(student: Student, batch: Batch, capacity: int) -> None:
    for make in (snapshots, cached):
        provider: Provider = make(student, capacity)
        for step in range(1, 5 * EVERY):
            (said,) = train(student, provider, batch, 1)
            assert len(provider.voices(batch, said)) == min(step // EVERY, capacity)


def test_the_oldest_snapshot_leaves(student: Student, batch: Batch) -> None:
    provider = snapshots(student, capacity=2)
    train(student, provider, batch, 3 * EVERY)
    second, third = provider.ring
    assert all(
        torch.equal(value, third.module.state_dict()[name])
        for name, value in student.state_dict().items()
    )
    assert second.loss > third.loss
    train(student, provider, batch, EVERY)
    assert provider.ring[0] is third


def test_cached_logits_equal_snapshots_where_nothing_moves_in_between(
    student: Student, batch: Batch
) -> None:
    """Weights change between the rounds only, and every round says the same as its snapshot."""
    ring, cache = snapshots(student.eval()), cached(student)
    for _ in range(3):
        with torch.no_grad():
            student.classifier.weight.normal_()
            for _ in range(EVERY):
                outputs = run(student, batch.images)
                for provider in (ring, cache):
                    provider.after_step(batch, outputs, torch.tensor(1.0))
    kept = cache.voices(batch, outputs)
    for past, voice in zip(ring.voices(batch, outputs), reversed(kept), strict=True):
        torch.testing.assert_close(past.outputs.logits, voice.outputs.logits)


def test_an_image_without_a_past_is_taught_nothing(student: Student, batch: Batch) -> None:
    provider = cached(student, capacity=1)
    seen = Batch(batch.images[:6], batch.targets[:6], batch.indices[:6])
    train(student, provider, seen, EVERY)
    own = run(student, batch.images)
    (voice,) = provider.voices(batch, own)
    assert torch.equal(voice.outputs.logits[6:], own.logits[6:])
    assert not torch.equal(voice.outputs.logits[:6], own.logits[:6])


@pytest.mark.parametrize("make", [snapshots, cached, average, mixed])
@pytest.mark.parametrize("steps", [1, EVERY, 2 * EVERY + 1])
def test_a_restored_provider_goes_on_bit_for_bit(
    batch: Batch, make: Callable[[Student], Provider], steps: int
) -> None:
    torch.manual_seed(0)
    student = Student()
    whole = make(student)
    train(student, whole, batch, steps)
    copied = Student()
    copied.load_state_dict(student.state_dict())
    resumed = make(copied)
    resumed.load(stored(whole.state()))
    outputs = run(student.eval(), batch.images)

    def are_alike() -> bool:
        said = [provider.voices(batch, outputs) for provider in (whole, resumed)]
        told = [[[voice.outputs.logits, voice.loss] for voice in voices] for voices in said]
        return alike(whole.state(), resumed.state()) and alike(*told)

    assert are_alike()  # before what was restored leaves the ring
    for module, provider in ((student, whole), (copied, resumed)):
        train(module, provider, batch, 2 * EVERY)
    assert are_alike()


def test_when_and_where_teachers_are_heard(student: Student, batch: Batch) -> None:
    provider = snapshots(student)
    train(student, provider, batch, EVERY)
    outputs = run(student, batch.images)

    def heard(target: str, epochs: float, **changes: object) -> bool:
        return grid(provider, **changes).loss(target, batch, outputs, epochs) is not None

    assert heard("w", 0.0)
    assert not heard("alpha", 0.0)
    assert heard("alpha", 0.0, applied_to="alpha")
    assert not heard("w", 0.0, applied_to="alpha")
    assert heard("w", 0.0, applied_to="both")
    assert not heard("w", 1.9, schedule=Schedule(0.3, start=2))
    assert heard("w", 2.0, schedule=Schedule(0.3, start=2))
    assert not heard("w", 9.0, schedule=Schedule(0.0))
    assert not heard("w", 9.0, least=2)


def test_the_weight_grows_linearly() -> None:
    schedule = Schedule(0.4, start=2, ramp=4)
    assert [schedule.at(epochs) for epochs in (1.9, 2, 3, 4, 6, 60)] == pytest.approx(
        [0.0, 0.0, 0.1, 0.2, 0.4, 0.4]
    )


def test_what_is_not_there_is_refused(student: Student) -> None:
    for make in (
        lambda: Vote("loud"),
        lambda: make_signal("smoke", Vote(), 1.0),
        lambda: make_signal("relations", Vote("hard"), 1.0),
        lambda: grid(snapshots(student), applied_to="v"),
    ):
        with pytest.raises(UsageError, match="teachers"):
            make()
