"""Training a student."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas_kd.data import DataSplits
from nas_kd.errors import NasKdError, UsageError
from nas_kd.teachers import Teacher
from nas_kd.training import TrainingResult, TrainingSettings, evaluate_accuracy, train_student
from nas_kd.training.checkpoint import FILE
from search_spaces import Task, create_space
from tests.training.conftest import TinyNet, tiny

SHORT = TrainingSettings(epochs=3, batch_size=32, learning_rate=0.05)
ALL = {"kd": 0.9, "diswot_mr": 100.0, "diswot_ms": 0.1}
MakeTeacher = Callable[..., Teacher]


def train(module: nn.Module, data: DataSplits, **changes: Any) -> TrainingResult:
    arguments: dict[str, Any] = {
        "settings": SHORT,
        "seed": 0,
        "features": ["body"],
        "head": "classifier",
    }
    return train_student(module, data, **{**arguments, **changes})


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def test_it_learns_and_returns_the_best_epoch(digits: DataSplits, student: TinyNet) -> None:
    result = train(student, digits, settings=replace(SHORT, epochs=10))
    assert result.validation_accuracy > 0.6
    judged = [entry["validation_accuracy"] for entry in result.history]
    assert result.validation_accuracy == max(judged)
    assert result.best_epoch == 10 - judged[::-1].index(max(judged))
    assert result.epochs_run == len(judged) == 10
    assert result.seconds > 0
    assert same(result.best_state, dict(student.state_dict()))
    assert not student.training
    assert evaluate_accuracy(student, digits.validation) == result.validation_accuracy
    assert digits.test is not None
    assert evaluate_accuracy(student, digits.test) == result.test_accuracy


def test_the_best_epoch_is_chosen_without_the_test_images(digits: DataSplits) -> None:
    assert digits.test is not None
    wrong = digits.test.subset(range(len(digits.test)))
    wrong.labels = (wrong.labels + 1) % 10
    first, second, third = (
        train(tiny(), data)
        for data in (digits, replace(digits, test=wrong), replace(digits, test=None))
    )
    assert same(first.best_state, second.best_state)
    assert same(first.best_state, third.best_state)
    assert first.test_accuracy != second.test_accuracy
    assert third.test_accuracy is None


def test_the_same_seed_gives_the_same_student(
    digits: DataSplits, make_teacher: MakeTeacher
) -> None:
    state = torch.get_rng_state()
    runs = [
        train(tiny(), digits, teacher=make_teacher(), distillers=ALL, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert same(runs[0].best_state, runs[1].best_state)
    assert runs[0].history == runs[1].history
    assert not same(runs[0].best_state, runs[2].best_state)
    assert torch.equal(torch.get_rng_state(), state)


def test_every_part_of_the_loss_is_in_the_history(
    digits: DataSplits, student: TinyNet, make_teacher: MakeTeacher
) -> None:
    settings = replace(SHORT, ce_weight=0.1)
    result = train(student, digits, teacher=make_teacher(), distillers=ALL, settings=settings)
    for entry in result.history:
        weights = {"cross_entropy": 0.1, **ALL}
        total = sum(weight * entry[name] for name, weight in weights.items())
        assert entry["loss"] == pytest.approx(total, rel=1e-4)
        assert 0 < entry["learning_rate"] <= 0.05


def test_a_distilled_student_comes_closer_to_its_teacher(
    digits: DataSplits, make_teacher: MakeTeacher
) -> None:
    """Without labels: what it learns, it has from the teacher."""
    model = tiny(width=12, seed=5)
    train(model, digits, settings=replace(SHORT, epochs=20))
    teacher = make_teacher(model=model)

    def gap(student: nn.Module) -> float:
        images, _ = digits.validation.batch(range(96))
        with torch.no_grad():
            p, q = (net(images).log_softmax(1) for net in (student, model))
        return float((q.exp() * (q - p)).sum(1).mean())

    alone, taught = tiny(), tiny()
    settings = replace(SHORT, epochs=50)
    train(alone, digits, settings=settings)
    settings = replace(settings, ce_weight=0.0)
    result = train(taught, digits, settings=settings, teacher=teacher, distillers={"kd": 1.0})
    assert gap(taught) < gap(alone) / 2
    assert result.validation_accuracy > 0.6


def test_a_student_of_its_teachers_layers_starts_from_their_weights(
    digits: DataSplits, make_teacher: MakeTeacher
) -> None:
    model = tiny(seed=5)
    train(model, digits, settings=replace(SHORT, epochs=20))
    teacher = make_teacher(model=model)
    still = replace(SHORT, epochs=1, learning_rate=1e-9, ce_weight=0.0)
    kd = {"teacher": teacher, "distillers": {"kd": 1.0}}
    student = tiny()
    result = train(student, digits, settings=still, **kd)
    assert result.inherited_share == 1.0
    torch.testing.assert_close(student.classifier.weight, model.classifier.weight)
    anew = train(tiny(), digits, settings=replace(still, init="random"), **kd)
    assert anew.inherited_share == 0.0
    assert anew.validation_accuracy < result.validation_accuracy


def test_the_teacher_is_left_as_it_was(
    digits: DataSplits, student: TinyNet, make_teacher: MakeTeacher
) -> None:
    teacher = make_teacher()
    before = {name: value.clone() for name, value in teacher.model.state_dict().items()}
    train(student, digits, teacher=teacher, distillers=ALL)
    assert same(before, dict(teacher.model.state_dict()))
    assert not any(module.training for module in teacher.model.modules())
    hooks = [module._forward_hooks for net in (student, teacher.model) for module in net.modules()]
    assert not any(hooks)


@pytest.mark.parametrize(
    "changes",
    [{}, {"optimizer": "adamw", "learning_rate": 1e-3}, {"ema_decay": 0.9}, {"precision": "bf16"}],
    ids=["sgd", "adamw", "average", "bf16"],
)
def test_a_resumed_training_equals_an_uninterrupted_one(
    digits: DataSplits, make_teacher: MakeTeacher, tmp_path: Path, changes: dict[str, Any]
) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, total: int, best: str) -> None:
        if done > total / 2:
            raise Killed

    settings = replace(SHORT, epochs=4, **changes)
    shared = {"teacher": make_teacher(), "distillers": ALL, "settings": settings}
    expected = train(tiny(), digits, **shared)
    with pytest.raises(Killed):
        train(tiny(), digits, **shared, checkpoint_dir=tmp_path, on_progress=kill)
    resumed = train(tiny(seed=9), digits, **shared, checkpoint_dir=tmp_path)
    assert same(resumed.best_state, expected.best_state)
    assert resumed.history == expected.history
    assert resumed.test_accuracy == expected.test_accuracy


def test_ctrl_c_leaves_the_last_epoch(digits: DataSplits, student: TinyNet, tmp_path: Path) -> None:
    calls = 0

    def interrupt(images: Tensor, generator: torch.Generator) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 8:  # in the second epoch of five steps
            raise KeyboardInterrupt
        return images

    with pytest.raises(KeyboardInterrupt):
        train(student, replace(digits, augment=interrupt), checkpoint_dir=tmp_path)
    state = torch.load(tmp_path / FILE, weights_only=True)
    assert state["standing"]["epoch"] == 1


def test_a_finished_training_is_not_repeated(digits: DataSplits, tmp_path: Path) -> None:
    first = train(tiny(), digits, checkpoint_dir=tmp_path)
    reported: list[int] = []
    again = train(
        tiny(seed=9),
        digits,
        checkpoint_dir=tmp_path,
        on_progress=lambda done, total, best: reported.append(done),
    )
    assert not reported
    assert same(first.best_state, again.best_state)
    assert (first.history, first.test_accuracy) == (again.history, again.test_accuracy)


def test_the_checkpoint_of_another_training_is_refused(digits: DataSplits, tmp_path: Path) -> None:
    train(tiny(), digits, checkpoint_dir=tmp_path)
    with pytest.raises(UsageError, match="other student"):
        train(tiny(width=4), digits, checkpoint_dir=tmp_path)
    settings = replace(SHORT, learning_rate=0.01)
    with pytest.raises(UsageError, match="other learning_rate"):
        train(tiny(), digits, checkpoint_dir=tmp_path, settings=settings)


def test_inherited_weights_are_refused_images_that_they_do_not_expect(
    digits: DataSplits, make_teacher: MakeTeacher
) -> None:
    teacher = make_teacher(model=tiny(seed=5), mean=(0.5,), std=(0.25,))
    with pytest.raises(UsageError, match=r"mean \(0\.5,\) and std \(0\.25,\)"):
        train(tiny(), digits, teacher=teacher)
    short = replace(SHORT, epochs=1)
    assert train(tiny(), digits, teacher=teacher, settings=replace(short, init="random"))
    fitting = digits.normalised((0.5,), (0.25,))
    assert train(tiny(), fitting, teacher=teacher, settings=short).inherited_share == 1.0


def test_a_start_from_a_teacher_needs_one(digits: DataSplits) -> None:
    with pytest.raises(UsageError, match="init = 'teacher' needs a teacher"):
        train(tiny(), digits, settings=replace(SHORT, init="teacher"))


def test_the_checkpoint_of_another_network_without_parameters_is_refused(
    digits: DataSplits, tmp_path: Path
) -> None:
    """Two cells whose weights have the same names and shapes."""
    space, task = create_space("nasbench201", channels=4, cells_per_stage=1), Task(1, 8, 10)
    cells = (
        f"|none~0|+|none~0|none~1|+|{operation}~0|none~1|none~2|"
        for operation in ("skip_connect", "avg_pool_3x3")
    )
    skipping, pooling = (space.build(space.parse(cell), task) for cell in cells)
    shapes = [
        {name: value.shape for name, value in net.state_dict().items()}
        for net in (skipping, pooling)
    ]
    assert shapes[0] == shapes[1]
    shared: dict[str, Any] = {"features": (), "head": "", "checkpoint_dir": tmp_path}
    shared["settings"] = replace(SHORT, epochs=1)
    train(skipping, digits, **shared)
    with pytest.raises(UsageError, match="other student"):
        train(pooling, digits, **shared)


def test_the_checkpoint_of_a_training_with_other_weights_of_the_teacher_is_refused(
    digits: DataSplits, make_teacher: MakeTeacher, tmp_path: Path
) -> None:
    shared: dict[str, Any] = {"distillers": {"kd": 1.0}, "checkpoint_dir": tmp_path}
    shared["settings"] = replace(SHORT, epochs=1)
    first = train(tiny(), digits, teacher=make_teacher(), **shared)
    again = train(tiny(), digits, teacher=make_teacher(), **shared)
    assert same(first.best_state, again.best_state)
    other = make_teacher(model=tiny(width=12, seed=6))
    with pytest.raises(UsageError, match="other teacher's weights"):
        train(tiny(), digits, teacher=other, **shared)


def test_progress_is_told_after_every_step(digits: DataSplits, student: TinyNet) -> None:
    told: list[tuple[int, int, str]] = []
    train(student, digits, on_progress=lambda *said: told.append(said))
    after_steps = [(done, 15) for done in range(1, 16)]  # five in each of three epochs
    assert sorted({(done, total) for done, total, _ in told}) == after_steps
    assert [done for done, _, best in told if not best] == [1, 2, 3, 4, 5]
    assert told[-1][2].startswith("validation ")


def test_minutes_are_kept_to_validation_included(digits: DataSplits, student: TinyNet) -> None:
    told: list[tuple[int, int, str]] = []
    settings = replace(SHORT, epochs=None, minutes=2 / 60)
    result = train(student, digits, settings=settings, on_progress=lambda *said: told.append(said))
    assert 1.5 < result.seconds < 6  # 2.0 but for what a busy machine adds
    assert result.epochs_run == len(result.history) > 1
    assert "validation_accuracy" in result.history[-1]
    assert result.history[-1]["learning_rate"] < 0.01
    assert {total for _, total, _ in told} == {2}


def test_minutes_go_on_from_what_was_spent(
    digits: DataSplits, student: TinyNet, tmp_path: Path
) -> None:
    settings = replace(SHORT, epochs=None, minutes=2 / 60)

    def interrupt(done: int, total: int, best: str) -> None:
        if done >= 1:
            raise KeyboardInterrupt

    shared = {"settings": settings, "checkpoint_dir": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        train(student, digits, **shared, on_progress=interrupt)
    spent = torch.load(tmp_path / FILE, weights_only=True)["standing"]["seconds"]
    told: list[int] = []
    result = train(student, digits, **shared, on_progress=lambda done, *_: told.append(done))
    assert told[0] >= int(spent)
    assert spent < 1.5 < result.seconds < 6


def test_a_loss_that_is_not_finite_is_an_error_with_advice(
    digits: DataSplits, student: TinyNet, tmp_path: Path
) -> None:
    def spoil(images: Tensor, generator: torch.Generator) -> Tensor:
        return images * math.nan

    with pytest.raises(NasKdError, match=r"cross_entropy.*epoch 1.*[Ll]ower the learning rate"):
        train(student, replace(digits, augment=spoil), checkpoint_dir=tmp_path)
    assert not (tmp_path / FILE).exists()


def test_no_reading_process_outlives_a_training_that_fails(
    digits: DataSplits, student: TinyNet
) -> None:
    def spoil(images: Tensor, generator: torch.Generator) -> Tensor:
        return images * math.nan

    settings = replace(SHORT, batch_size=8, workers=1)
    with pytest.raises(NasKdError) as kept:
        train(student, replace(digits, augment=spoil), settings=settings)
    assert kept.value.__traceback__ is not None
    assert not active_children()


def test_the_average_is_what_is_validated_and_returned(digits: DataSplits) -> None:
    plain = train(tiny(), digits)
    averaged = train(tiny(), digits, settings=replace(SHORT, ema_decay=0.9))
    assert [e["loss"] for e in plain.history] == [e["loss"] for e in averaged.history]
    assert not same(plain.best_state, averaged.best_state)
    module = tiny()
    module.load_state_dict(averaged.best_state)
    assert evaluate_accuracy(module, digits.validation) == averaged.validation_accuracy


def test_clipping_bounds_the_step(digits: DataSplits) -> None:
    settings = replace(SHORT, epochs=1, batch_size=160, weight_decay=0.0, warmup=0.0)
    start = nn.utils.parameters_to_vector(tiny().parameters())
    moved = []
    for clip in (1e-3, None):
        module = tiny()
        train(module, digits, settings=replace(settings, gradient_clip=clip))
        end = nn.utils.parameters_to_vector(module.parameters())
        moved.append(float((end - start).detach().norm()))
    assert moved[0] == pytest.approx(1.9 * 0.05 * 1e-3, rel=0.02)  # Nesterov: g + 0.9 g
    assert moved[1] > 10 * moved[0]


def test_workers_do_not_change_the_result(digits: DataSplits) -> None:
    results = [
        train(tiny(), digits, settings=replace(SHORT, epochs=1, workers=workers))
        for workers in (0, 1)
    ]
    assert same(results[0].best_state, results[1].best_state)


def test_precisions_follow_one_another_in_one_process(digits: DataSplits) -> None:
    full = train(tiny(), digits)
    half = train(tiny(), digits, settings=replace(SHORT, precision="bf16"))
    again = train(tiny(), digits)
    assert same(full.best_state, again.best_state)
    assert not same(full.best_state, half.best_state)


@pytest.mark.skipif(torch.cuda.is_available(), reason="fp16 works on this machine")
def test_a_precision_that_the_device_lacks_is_an_error(
    digits: DataSplits, student: TinyNet
) -> None:
    with pytest.raises(UsageError, match="fp16"):
        train(student, digits, settings=replace(SHORT, precision="fp16"))
    train(student, digits, settings=replace(SHORT, epochs=1))


def test_what_does_not_fit_together_is_an_error(
    digits: DataSplits, student: TinyNet, make_teacher: MakeTeacher
) -> None:
    with pytest.raises(UsageError, match="needs a teacher"):
        train(student, digits, distillers={"kd": 0.9})
    teacher = make_teacher(num_classes=9)
    with pytest.raises(UsageError, match="knows 9 classes"):
        train(student, digits, teacher=teacher, distillers={"kd": 0.9})
    with pytest.raises(UsageError, match="no submodule"):
        train(
            student,
            digits,
            teacher=make_teacher(),
            distillers={"diswot_mr": 1},
            features=["stage9"],
        )
    with pytest.raises(UsageError, match="no validation images"):
        train(student, replace(digits, validation=digits.validation.subset([])))
    with pytest.raises(UsageError, match="too small"):
        train(student, digits, settings=replace(SHORT, batch_size=1))
