"""The main job: from a recipe to a checked student with its evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from nas_kd.costs import Limits
from nas_kd.errors import UsageError
from proxies import TeacherProbes
from studies.candidates import Evaluator, needs_teacher
from studies.delivery import Delivered, StudentTrainer, deliver
from studies.document import found_document, peer_document, search_document
from studies.finalists import Measured, choose_finalists
from studies.kept_scores import KeptScores
from studies.measuring import Meter, deployed_accuracy, latency_violation
from studies.objectives import LATENCY, check_objectives
from studies.observer import PER_MILLE, Observer, SilentObserver
from studies.predicting import StudyPredictor, fit_predictor
from studies.recipe import Recipe
from studies.run_directory import FOUND, RunDirectory, state_name
from studies.search import Search
from studies.search_result import SearchResult
from studies.setting import Setting, prepare
from studies.shared import SharedCrew, SharedStudy, shared_study
from studies.table import write_candidates
from studies.workers import Crew, Evaluation, LocalCrew, Workers, open_workers


def run_search(
    recipe: Recipe,
    run_directory: Path,
    *,
    fork: bool = False,
    storage: str | None = None,
    study_name: str | None = None,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Runs or continues the whole job.

    Args:
        recipe: What to do.
        run_directory: Where the run lives; the same recipe continues the run that is there.
        fork: Whether another recipe may start a new run beside the one that is there.
        storage: URL of a storage (`studies.shared`) in which several hosts, each with a run
            directory of its own, search together.
        study_name: Of their study; without one, the name of the run directory.
        observer: Told about the progress.

    Returns:
        The JSON document of the run (`studies.document`), also written to ``result.json``; the
        shorter `peer_document` where another host measures and distils the finalists.

    Raises:
        NasKdError: With what, why and what to do; whatever was done is kept for the next call.
    """
    check_objectives(recipe.search.objectives, recipe.search.proxies)
    observer = observer or SilentObserver()
    run = RunDirectory.create_or_continue(run_directory, recipe, fork=fork)
    with ExitStack() as stack:
        stack.enter_context(run.lock())
        run.tell.say = observer.note
        shared = None
        if storage is not None:
            name = study_name or run.name
            shared = stack.enter_context(shared_study(storage, name, recipe, run))
        return _Job(recipe, run, observer, shared).run()


class _Job:
    def __init__(
        self,
        recipe: Recipe,
        run: RunDirectory,
        observer: Observer,
        shared: SharedStudy | None,
    ) -> None:
        self.recipe = recipe
        self.run_directory = run
        self.observer = observer
        self.shared = shared
        self.seconds: dict[str, float] = run.read_state("seconds") or {}

    def run(self) -> dict[str, Any]:
        with self._timed("teacher"):
            setting = prepare(self.recipe, self.run_directory, self.observer)
            limits = self._agree("limits", lambda: dict(setting.limits.values))
            setting = replace(setting, limits=Limits(limits))
        with self._timed("fit latency"):
            predictor = self._predictor(setting)
        with self._timed("search"):
            result = self._search(setting, predictor)
        self._keep_found(setting, result, {})
        with self._finishing() as other:
            if other is not None:
                return peer_document(self.run_directory, result, other)
            return self._finish(setting, predictor, result)

    def _agree(self, name: str, find: Callable[[], Any]) -> Any:
        """A fact on which all hosts of the study have to agree."""
        return find() if self.shared is None else self.shared.fact(name, find)

    def _finishing(self) -> AbstractContextManager[str | None]:
        """Who goes on from the searched front to the student: None for this process."""
        return nullcontext() if self.shared is None else self.shared.finishing()

    def _finish(
        self, setting: Setting, predictor: StudyPredictor | None, result: SearchResult
    ) -> dict[str, Any]:
        meter = Meter(setting, self.run_directory, self.recipe.seed)
        with self._timed("measure"):
            finalists = self._measure(result, setting, meter)
        with self._timed("finalists"):
            finalists_report = self._short_distillation(finalists, setting)
        winner = max(finalists_report, key=lambda f: f["validation_accuracy"])["measured"]
        delivered, student = self._deliver(winner, setting)
        self._keep_found(setting, result, meter.done)
        document = search_document(
            self.recipe,
            self.run_directory,
            setting,
            result,
            measured=meter.done,
            finalists=finalists_report,
            winner=winner,
            delivered=delivered,
            student=student,
            seconds=self.seconds,
            prediction=None if predictor is None else predictor.error,
        )
        self.run_directory.write_result(document)
        return document

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        """Adds the seconds of a phase to those of earlier, interrupted calls."""
        start = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - start
            self.seconds[phase] = round(self.seconds.get(phase, 0.0) + spent, 2)
            self.run_directory.write_state("seconds", self.seconds)

    def _predictor(self, setting: Setting) -> StudyPredictor | None:
        recipe = self.recipe
        wanted = LATENCY in recipe.search.objectives
        predictor = None
        if recipe.predictor.students and (wanted or setting.budget.needs("latency_ms")):
            meter = Meter(
                setting,
                self.run_directory,
                recipe.seed,
                folder="latency-fit",
                max_seconds=recipe.predictor.seconds,
            )
            predictor = fit_predictor(
                recipe.predictor, setting, meter, self.observer, recipe.seed, self._agree
            )
        if wanted and predictor is None:
            raise UsageError(
                f"objectives: {LATENCY} is predicted, and there is no predictor here "
                "([predictor] students is 0, or too few students are within the counted budget)."
            )
        return predictor

    def _search(self, setting: Setting, predictor: StudyPredictor | None) -> SearchResult:
        images, labels = setting.data.probe_batch(self.recipe.search.images, self.recipe.seed)
        teacher = None
        if needs_teacher(self.recipe.search.proxies):
            teacher = TeacherProbes(
                setting.teacher.model,
                images,
                labels,
                features=setting.teacher.features,
                head=setting.teacher.head,
                seed=self.recipe.seed,
            )
        evaluation = Evaluation(
            self.recipe.space.name,
            self.recipe.space.options,
            setting.task,
            limits=setting.limits if predictor is None else predictor.gate(setting.limits),
            latency=None if predictor is None else (predictor.predictor, predictor.error),
            proxies=self.recipe.search.proxies,
            images=images,
            labels=labels,
            teacher=teacher,
            seed=self.recipe.seed,
        )
        kept = KeptScores(self.run_directory.scores, self.run_directory.tell)
        evaluator = evaluation.evaluator(keep=kept.append)
        for candidate in kept.read():
            evaluator.remember(candidate)
        with open_workers(evaluation, evaluator, self.recipe.search.workers) as workers:
            return Search(
                self.recipe,
                self.run_directory,
                setting.space,
                evaluator,
                self.observer,
                self._crew(workers, evaluator),
                self.shared,
            ).run()

    def _crew(self, workers: Workers, evaluator: Evaluator) -> Crew:
        if self.shared is None:
            return LocalCrew(workers, evaluator, self.observer.note)
        return SharedCrew(self.shared.work, workers, evaluator, self.observer.note)

    def _keep_found(
        self, setting: Setting, result: SearchResult, measured: Mapping[str, Measured]
    ) -> None:
        """Keeps all candidates as a table, and what matters of them for a quick look."""
        write_candidates(self.run_directory, result, measured)
        self.run_directory.write_state(FOUND, found_document(setting.space, result, measured))

    def _measure(self, result: SearchResult, setting: Setting, meter: Meter) -> list[Measured]:
        section = self.recipe.finalists
        self.observer.phase("measure", None)
        finalists, _ = choose_finalists(
            result.ranking,
            meter.measure,
            count=section.count,
            at_most=section.measured_at_most,
            margin=section.latency_margin,
            space=setting.space,
        )
        meter.measure(result.front[: section.measured_at_most])
        return finalists

    def _short_distillation(
        self, finalists: list[Measured], setting: Setting
    ) -> list[dict[str, Any]]:
        section = self.recipe.finalists
        trained = self.run_directory.read_state("finalists") or {}
        trainer = StudentTrainer(self.recipe, setting, self.run_directory, self.observer)
        short = section.epochs is not None or section.minutes is not None
        if short and len(finalists) > 1:
            for number, measured in enumerate(finalists, start=1):
                key = measured.candidate.key
                name = f"finalist-{state_name(key)}"
                self.observer.phase(f"finalist {number} of {len(finalists)}", PER_MILLE)
                if key not in trained:
                    module, result = trainer.train(
                        measured.candidate.arch,
                        name=name,
                        epochs=section.epochs,
                        minutes=section.minutes,
                    )
                    trained[key] = deployed_accuracy(
                        module,
                        result.validation_accuracy,
                        self.run_directory.work("training", name, "student.onnx"),
                        setting,
                        self.recipe.seed,
                    )
                    self.run_directory.write_state("finalists", trained)
                self.observer.advance(PER_MILLE, best=f"validation {max(trained.values()):.2%}")
        return [
            {"measured": m, "validation_accuracy": trained.get(m.candidate.key, float("-inf"))}
            for m in finalists
        ]

    def _deliver(self, winner: Measured, setting: Setting) -> tuple[Delivered, dict[str, Any]]:
        trainer = StudentTrainer(self.recipe, setting, self.run_directory, self.observer)
        arch = winner.candidate.arch
        name = f"student-{state_name(winner.candidate.key)}"
        self.observer.phase("distill", PER_MILLE)
        with self._timed("distill"):
            module, result = trainer.train(arch, name=name)
        accuracy: dict[str, Any] = {
            "validation_accuracy": result.validation_accuracy,
            "accuracy": result.accuracy,
            "accuracy_without_teacher": None,
        }
        if self.recipe.distill.compare_without_teacher:
            self.observer.phase("distill without teacher", PER_MILLE)
            with self._timed("distill without teacher"):
                _, twin = trainer.train(arch, name=f"{name}-without-teacher", with_teacher=False)
            accuracy["accuracy_without_teacher"] = twin.accuracy
        self.observer.phase("export", None)
        with self._timed("export"):
            delivered = deliver(
                module,
                arch,
                rank=1,
                recipe=self.recipe,
                setting=setting,
                run=self.run_directory,
                facts={
                    "costs": winner.candidate.costs,
                    "accuracy": accuracy,
                    "inherited_share": result.inherited_share,
                },
            )
        late = latency_violation(setting, delivered.latency, delivered.teacher_latency)
        student = {
            **accuracy,
            **delivered.accuracies(),
            "inherited_share": result.inherited_share,
            "latency_violation": late,
        }
        return delivered, student
