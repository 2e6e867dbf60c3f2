"""From the searched ranking to one delivered student that meets the budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from nas_kd.errors import NasKdError, NotFiniteError
from nas_kd.export import refresh_manifest
from studies.delivered_finalist import DeliveredFinalist
from studies.delivery import deliver
from studies.deployed_precision import deployed_accuracy
from studies.failed_student import student_failed
from studies.finalists import choose_finalists, is_guessing, shortfall
from studies.first_in_time import first_in_time
from studies.kept_students import KeptStudents
from studies.measured import Measured
from studies.measured_front import measured_front
from studies.measuring import Meter
from studies.objectives import SCORE
from studies.observer import PER_MILLE, Observer
from studies.phase_clock import PhaseClock
from studies.recipe import Recipe
from studies.run_directory import RunDirectory, state_name
from studies.search_result import SearchResult
from studies.setting import Setting
from studies.student_training import StudentTrainer

_ALONE = "accuracy_without_teacher"


@dataclass(frozen=True)
class Finalist:
    """A measured candidate after its short distillation.

    Attributes:
        measured: The candidate and its latency.
        validation_accuracy: At the precision of the profile; -inf where nothing was trained.
        failed: Whether it could not be trained or exported.
    """

    measured: Measured
    validation_accuracy: float
    failed: bool = False


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
    student: DeliveredFinalist
    too_slow: Sequence[DeliveredFinalist]


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
        self._kept = KeptStudents(run, setting)
        self._meter = Meter(setting, run, recipe.seed)

    @property
    def measured(self) -> Mapping[str, Measured]:
        """Canonical key to every candidate whose latency was measured so far."""
        return self._meter.done

    def finish(self, result: SearchResult) -> Finished:
        """Goes on until a student is delivered.

        Raises:
            NoFeasibleStudentError: None of the measured candidates meets the latency limit.
            NotFiniteError: All finalists failed in their training, or the last one did.
            ExportError: Likewise, in their export.
        """
        with self._clock.timed("measure"):
            measured = self._measure(result)
        with self._clock.timed("finalists"):
            finalists = self._short_distillation(measured)
        student, too_slow = first_in_time(
            [f.measured for f in self._in_order(finalists)],
            self._deliver,
            self._tell_too_slow,
            self._tell_failed,
        )
        student = self._kept.hand_over(student)
        if self._recipe.distill.compare_without_teacher:
            student = self._compared(student)
        return Finished(self.measured, finalists, student, too_slow)

    def _measure(self, result: SearchResult) -> list[Measured]:
        section = self._recipe.finalists
        self._observer.phase("measure", None)
        if SCORE not in self._recipe.search.objectives:
            self._observer.note(
                f"The objectives ({', '.join(self._recipe.search.objectives)}) do not contain the "
                "fused score: it chooses the finalists all the same."
            )
        finalists, walked = choose_finalists(
            result.ranking,
            partial(self._meter.measure, keep_files=True),
            count=section.count,
            at_most=section.measured_at_most,
            margin=section.latency_margin,
            space=self._setting.space,
        )
        if told := shortfall(finalists, walked, section.count, section.latency_margin):
            self._observer.note(told)
        self._meter.measure(measured_front(result, self.measured)[: section.measured_at_most])
        return finalists

    def _short_distillation(self, finalists: Sequence[Measured]) -> list[Finalist]:
        if len(finalists) == 1:
            return [Finalist(measured, float("-inf")) for measured in finalists]
        trained: list[Finalist] = []
        for number, measured in enumerate(finalists, start=1):
            self._observer.phase(f"finalist {number} of {len(finalists)}", PER_MILLE)
            try:
                trained.append(Finalist(measured, self._short_accuracy(measured)))
            except NasKdError as error:
                others = any(not finalist.failed for finalist in trained)
                if not student_failed(error) or (number == len(finalists) and not others):
                    raise
                trained.append(Finalist(measured, float("-inf"), failed=True))
                self._tell_failed(measured, error, len(finalists) - number)
                continue
            best = max(finalist.validation_accuracy for finalist in trained)
            self._observer.advance(PER_MILLE, best=f"validation {best:.2%}")
        return trained

    def _in_order(self, finalists: Sequence[Finalist]) -> list[Finalist]:
        """Those that did not fail, by accuracy; by score where none is better than guessing."""
        able = [finalist for finalist in finalists if not finalist.failed]
        by_accuracy = sorted(able, key=lambda f: f.validation_accuracy, reverse=True)
        if len(able) < 2:
            return able
        data, best = self._setting.data, by_accuracy[0].validation_accuracy
        if not is_guessing(best, data.num_classes, len(data.validation)):
            return by_accuracy
        self._observer.note(
            f"After their short distillation the finalists are right on {best:.1%} at "
            f"most, and guessing on {1 / data.num_classes:.1%}: their score chooses. For a choice "
            "by accuracy train them for longer, with finalists.epochs in a recipe."
        )
        return able

    def _short_accuracy(self, measured: Measured) -> float:
        """On the validation images, after the short distillation."""
        arch, key = measured.candidate.arch, measured.candidate.key
        epochs, minutes = self._recipe.short_distillation
        name = self._trainer.named(f"finalist-{state_name(key)}", epochs=epochs, minutes=minutes)

        def find() -> float:
            module, result = self._trainer.train(arch, name=name, epochs=epochs, minutes=minutes)
            file = self._run.work("training", name, "student.onnx")
            accuracy, seed = result.validation_accuracy, self._recipe.seed
            return deployed_accuracy(module, accuracy, file, self._setting, seed)

        return self._found_once("finalists", name, find)

    def _found_once(self, state: str, name: str, find: Callable[[], float]) -> float:
        """An accuracy that is kept by the name of the training."""
        known: dict[str, float] = self._run.read_state(state) or {}
        if name not in known:
            known[name] = find()
            self._run.write_state(state, known)
        return known[name]

    def _tell_too_slow(self, student: DeliveredFinalist, left: int) -> None:
        next_step = "The next finalist is distilled." if left else "No finalist is left."
        self._observer.note(
            f"The file of {self._setting.space.describe(student.winner.candidate.arch)} takes "
            f"{student.delivered.latency.median_ms:.3g} ms, with its interval "
            f"{student.latency_violation:.1%} over the limit. {next_step}"
        )

    def _tell_failed(self, measured: Measured, error: NasKdError, left: int) -> None:
        next_step = "It makes way for the next finalist." if left else "It is left out."
        described = self._setting.space.describe(measured.candidate.arch)
        self._observer.note(f"{described} failed. {error} {next_step}")

    def _deliver(self, winner: Measured) -> DeliveredFinalist:
        """Distilled and judged now, or by an earlier call."""
        name = self._trainer.named(f"student-{state_name(winner.candidate.key)}")
        student = self._kept.read(name, winner)
        if student is None:
            student = self._distilled(winner, name)
            self._kept.write(name, student)
        return student

    def _distilled(self, winner: Measured, name: str) -> DeliveredFinalist:
        arch = winner.candidate.arch
        self._observer.phase("distill", PER_MILLE)
        with self._clock.timed("distill"):
            module, result = self._trainer.train(arch, name=name)
        accuracies = {
            "validation_accuracy": result.validation_accuracy,
            "accuracy": result.accuracy,
            _ALONE: None,
        }
        self._observer.phase("export", None)
        with self._clock.timed("export"):
            delivered = deliver(
                module,
                arch,
                directory=self._kept.folder(name),
                recipe=self._recipe,
                setting=self._setting,
                costs=winner.candidate.counted,
                accuracy=accuracies,
                inherited_share=result.inherited_share,
            )
        return self._kept.student(winner, delivered, accuracies, result.inherited_share)

    def _compared(self, student: DeliveredFinalist) -> DeliveredFinalist:
        """The student beside its twin, which the labels alone teach; also in its manifest."""
        arch, key = student.winner.candidate.arch, student.winner.candidate.key
        plain = f"student-{state_name(key)}-without-teacher"
        name = self._trainer.named(plain, with_teacher=False)
        self._observer.phase("distill without teacher", PER_MILLE)

        def find() -> float:
            return self._trainer.train(arch, name=name, with_teacher=False)[1].accuracy

        with self._clock.timed("distill without teacher"):
            try:
                accuracy = self._found_once("twins", name, find)
            except NotFiniteError as error:
                self._observer.note(f"Its twin without a teacher failed. {error} It is left out.")
                return student
        directory, alone = student.delivered.directory, {_ALONE: accuracy}
        refresh_manifest(directory, accuracy=alone)
        return replace(student, accuracies={**student.accuracies, **alone})
