"""From the searched ranking to one delivered student that meets the budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from studies.delivery import Delivered, StudentTrainer, deliver
from studies.finalists import Measured, choose_finalists
from studies.measuring import Meter, deployed_accuracy, latency_violation
from studies.observer import PER_MILLE, Observer
from studies.phase_clock import PhaseClock
from studies.recipe import Recipe
from studies.run_directory import RunDirectory, state_name
from studies.search_result import SearchResult
from studies.setting import Setting


@dataclass(frozen=True)
class Finalist:
    """A measured candidate after its short distillation.

    Attributes:
        measured: The candidate and its latency.
        validation_accuracy: At the precision of the profile; -inf where nothing was trained.
    """

    measured: Measured
    validation_accuracy: float


@dataclass(frozen=True)
class Student:
    """A distilled and delivered finalist.

    Attributes:
        winner: Which of the candidates.
        delivered: Its files.
        accuracies: ``accuracy``, ``accuracy_without_teacher`` and their like, shares in [0, 1].
        inherited_share: Of its parameters that began with the teacher's values.
        latency_violation: Of the delivered file (`studies.measuring.latency_violation`).
    """

    winner: Measured
    delivered: Delivered
    accuracies: Mapping[str, float | None]
    inherited_share: float
    latency_violation: float

    @property
    def in_time(self) -> bool:
        return self.latency_violation <= 0


@dataclass(frozen=True)
class Finished:
    """What the finalists' part of a search found.

    Attributes:
        measured: Canonical key to every candidate whose latency was measured.
        finalists: Best score first.
        student: The one that lies in ``students/1``.
        too_slow: Finalists of a higher accuracy whose delivered files missed the latency limit.
    """

    measured: Mapping[str, Measured]
    finalists: Sequence[Finalist]
    student: Student
    too_slow: Sequence[Student]


def first_in_time(
    ranked: Sequence[Measured],
    deliver: Callable[[Measured], Student],
    tell: Callable[[Student, int], None],
) -> tuple[Student, list[Student]]:
    """Delivers one finalist after the other until a file meets the latency limit.

    Args:
        ranked: Finalists, the most accurate first.
        deliver: Distils one and delivers it in the place of the one before.
        tell: Told of each that is too slow, and how many are left.

    Returns:
        The student that was delivered last, and those that were too slow. Where all are, the
        nearest to the limit is delivered once more, and comes without others.
    """
    too_slow: list[Student] = []
    for number, measured in enumerate(ranked, start=1):
        student = deliver(measured)
        if student.in_time:
            return student, too_slow
        too_slow.append(student)
        tell(student, len(ranked) - number)
    nearest = min(too_slow, key=lambda one: one.latency_violation)
    return nearest if nearest is too_slow[-1] else deliver(nearest.winner), []


class Finisher:
    """Measures, distils for a short time, distils the best in full and delivers it."""

    def __init__(
        self,
        recipe: Recipe,
        run: RunDirectory,
        setting: Setting,
        observer: Observer,
        clock: PhaseClock,
    ) -> None:
        self._recipe = recipe
        self._run = run
        self._setting = setting
        self._observer = observer
        self._clock = clock
        self._trainer = StudentTrainer(recipe, setting, run, observer)

    def finish(self, result: SearchResult) -> Finished:
        """Goes on until a student is delivered."""
        meter = Meter(self._setting, self._run, self._recipe.seed)
        with self._clock.timed("measure"):
            measured = self._measure(result, meter)
        with self._clock.timed("finalists"):
            finalists = self._short_distillation(measured)
        ranked = sorted(finalists, key=lambda f: f.validation_accuracy, reverse=True)
        student, too_slow = first_in_time(
            [f.measured for f in ranked], self._deliver, self._tell_too_slow
        )
        return Finished(meter.done, finalists, student, too_slow)

    def _measure(self, result: SearchResult, meter: Meter) -> list[Measured]:
        section = self._recipe.finalists
        self._observer.phase("measure", None)
        finalists, _ = choose_finalists(
            result.ranking,
            meter.measure,
            count=section.count,
            at_most=section.measured_at_most,
            margin=section.latency_margin,
            space=self._setting.space,
        )
        meter.measure(result.front[: section.measured_at_most])
        return finalists

    def _short_distillation(self, finalists: Sequence[Measured]) -> list[Finalist]:
        trained = self._run.read_state("finalists") or {}
        if len(finalists) > 1:
            for number, measured in enumerate(finalists, start=1):
                self._observer.phase(f"finalist {number} of {len(finalists)}", PER_MILLE)
                if measured.candidate.key not in trained:
                    trained[measured.candidate.key] = self._short_accuracy(measured)
                    self._run.write_state("finalists", trained)
                self._observer.advance(PER_MILLE, best=f"validation {max(trained.values()):.2%}")
        return [Finalist(m, trained.get(m.candidate.key, float("-inf"))) for m in finalists]

    def _short_accuracy(self, measured: Measured) -> float:
        """On the validation images, after the short distillation."""
        name = f"finalist-{state_name(measured.candidate.key)}"
        epochs, minutes = self._recipe.short_distillation
        module, result = self._trainer.train(
            measured.candidate.arch, name=name, epochs=epochs, minutes=minutes
        )
        file = self._run.work("training", name, "student.onnx")
        accuracy, seed = result.validation_accuracy, self._recipe.seed
        return deployed_accuracy(module, accuracy, file, self._setting, seed)

    def _tell_too_slow(self, student: Student, left: int) -> None:
        next_step = "The next finalist is distilled." if left else "No finalist is left."
        self._observer.note(
            f"The file of {self._setting.space.describe(student.winner.candidate.arch)} takes "
            f"{student.delivered.latency.median_ms:.3g} ms, with its interval "
            f"{student.latency_violation:.1%} over the limit. {next_step}"
        )

    def _deliver(self, winner: Measured) -> Student:
        arch = winner.candidate.arch
        name = f"student-{state_name(winner.candidate.key)}"
        self._observer.phase("distill", PER_MILLE)
        with self._clock.timed("distill"):
            module, result = self._trainer.train(arch, name=name)
        accuracies = {
            "validation_accuracy": result.validation_accuracy,
            "accuracy": result.accuracy,
            "accuracy_without_teacher": None,
        }
        if self._recipe.distill.compare_without_teacher:
            self._observer.phase("distill without teacher", PER_MILLE)
            with self._clock.timed("distill without teacher"):
                _, twin = self._trainer.train(
                    arch, name=f"{name}-without-teacher", with_teacher=False
                )
            accuracies["accuracy_without_teacher"] = twin.accuracy
        self._observer.phase("export", None)
        with self._clock.timed("export"):
            delivered = deliver(
                module,
                arch,
                rank=1,
                recipe=self._recipe,
                setting=self._setting,
                run=self._run,
                facts={
                    "costs": winner.candidate.costs,
                    "accuracy": accuracies,
                    "inherited_share": result.inherited_share,
                },
            )
        return Student(
            winner,
            delivered,
            {**accuracies, **delivered.accuracies()},
            result.inherited_share,
            latency_violation(self._setting, delivered.latency, delivered.teacher_latency),
        )
