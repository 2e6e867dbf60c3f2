"""The main job: from a recipe to a checked student with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from nas_kd.costs import Limits
from nas_kd.errors import NoFeasibleStudentError, UsageError
from proxies import TeacherProbes
from studies.candidate_table import write_candidates
from studies.counted_sample import warning_before_a_search
from studies.distiller_check import check_distillers
from studies.document import SCHEMA, peer_document, search_document
from studies.evaluator import Evaluator
from studies.finished_run import finished_document
from studies.finishing import Finisher
from studies.found_document import found_document
from studies.journal_trials import holds_trials
from studies.kept_scores import KeptScores
from studies.measured import Measured
from studies.measuring import Meter
from studies.objectives import LATENCY
from studies.observer import Observer, SilentObserver
from studies.phase_clock import PhaseClock
from studies.predicting import StudyPredictor, fit_predictor
from studies.preflight import check_recipe
from studies.proxy_check import check_proxies
from studies.proxy_needs import compared_widths, needs_teacher
from studies.recipe import Recipe
from studies.run_directory import ENDED, FIT, FOUND, RunDirectory
from studies.search import Search
from studies.search_result import SearchResult
from studies.setting import Setting, prepare
from studies.shared import SharedCrew, SharedStudy, shared_study
from studies.size_check import check_sizes
from studies.teacher_file import require_same_checkpoint
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
    """Runs or continues the whole job; one that is finished is only told of.

    Args:
        recipe: What to do.
        run_directory: Where the run lives; the same recipe continues the run that is there, and so
            does one with other ``[finalists]`` and ``[distill]``: what was searched and measured
            stays.
        fork: Whether another recipe may start a new run beside the one that is there.
        storage: URL of a storage (`studies.shared`) in which several hosts, each with a run
            directory of its own, search together.
        study_name: Of their study; without one, the name of the run directory.
        observer: Told about the progress.

    Returns:
        The JSON document of the run (`studies.document`), also written to ``result.json``; the
        shorter `peer_document` where another host measures and distils the finalists.

    Raises:
        NoFeasibleStudentError: Nothing meets the counted limits, or none of the measured
            candidates the latency limit; that is kept as the state `ENDED`.
        NasKdError: With what, why and what to do; whatever was done is kept for the next call.
    """
    check_recipe(recipe)
    observer = observer or SilentObserver()
    run = RunDirectory.create_or_continue(run_directory, recipe, fork=fork)
    with ExitStack() as stack:
        stack.enter_context(run.lock())
        run.tell.say = observer.note
        shared = None
        if storage is not None:
            name = study_name or run.name
            shared = stack.enter_context(shared_study(storage, name, recipe, run))
        if changed := run.take(recipe):
            observer.note(
                f"{', '.join(changed)} changed: what was searched and measured stays, and the "
                "finalists are trained as the settings say now."
            )
        require_same_checkpoint(run, recipe)
        if shared is None and (document := finished_document(run, SCHEMA)) is not None:
            return document
        run.forget_state(ENDED)
        try:
            return _Job(recipe, run, observer, shared).run()
        except NoFeasibleStudentError as error:
            run.write_state(ENDED, {"reason": str(error)})
            raise


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
        self.clock = PhaseClock(run)

    def run(self) -> dict[str, Any]:
        with self.clock.timed("teacher"):
            setting = prepare(self.recipe, self.run_directory, self.observer)
            limits = self._agree("limits", lambda: dict(setting.limits.values))
            setting = replace(setting, limits=Limits(limits))
        if warning := warning_before_a_search(
            setting.space, setting.task, setting.limits, self.recipe.seed
        ):
            self.observer.note(warning)
        with self.clock.timed("fit latency"):
            evaluation = self._evaluation(setting)
            if not self._has_begun():
                check_proxies(evaluation, setting.space)
                check_sizes(setting.space, setting.task)
            check_distillers(self.recipe, setting)
            predictor = self._predictor(setting, evaluation)
        with self.clock.timed("search"):
            result = self._search(setting, evaluation, predictor)
        self._keep_found(setting, result, {})
        with self._finishing() as other:
            if other is not None:
                return self._leave_to(other, result)
            return self._finish(setting, predictor, result)

    def _agree(self, name: str, find: Callable[[], Any]) -> Any:
        """A fact on which all hosts of the study have to agree."""
        return find() if self.shared is None else self.shared.fact(name, find)

    def _keep_agreed(self, name: str, find: Callable[[], Any]) -> Any:
        """Such a fact, which in a run of one host holds for every later call, too."""
        if self.shared is not None:
            return self.shared.fact(name, find)
        kept = self.run_directory.read_state(name)
        if kept is None:
            kept = find()
            self.run_directory.write_state(name, kept)
        return kept

    def _finishing(self) -> AbstractContextManager[str | None]:
        """Who goes on from the searched front to the student: None for this process."""
        return nullcontext() if self.shared is None else self.shared.finishing()

    def _leave_to(self, other: str, result: SearchResult) -> dict[str, Any]:
        """The document of a host whose search is over, and whose finalists are another's."""
        reason = f"The finalists are measured and distilled by {other}, in its own run directory."
        self.run_directory.write_state(ENDED, {"reason": reason})
        return peer_document(self.run_directory, result, other)

    def _finish(
        self, setting: Setting, predictor: StudyPredictor | None, result: SearchResult
    ) -> dict[str, Any]:
        run = self.run_directory
        finisher = Finisher(self.recipe, run, setting, self.observer, self.clock)
        try:
            finished = finisher.finish(result)
        except NoFeasibleStudentError:
            self._keep_found(setting, result, finisher.measured)
            raise
        self._keep_found(setting, result, finished.measured)
        document = search_document(
            self.recipe,
            run,
            setting,
            result,
            finished,
            seconds=self.clock.seconds,
            prediction=None if predictor is None else predictor.error,
        )
        run.write_result(document)
        return document

    def _has_begun(self) -> bool:
        """Whether anything was measured or scored for the search, so that its proxies work."""
        run = self.run_directory
        return run.scores.is_file() or any(run.path.glob(f"work/{FIT}/*"))

    def _predictor(self, setting: Setting, evaluation: Evaluation) -> StudyPredictor | None:
        recipe = self.recipe
        wanted = LATENCY in recipe.search.objectives
        predictor = None
        if recipe.predictor.students and (wanted or setting.budget.needs("latency_ms")):
            meter = Meter(
                setting,
                self.run_directory,
                recipe.seed,
                folder=FIT,
                max_seconds=recipe.predictor.seconds,
                recall_doubtful=holds_trials(self.run_directory.journal),
            )
            predictor = fit_predictor(
                recipe.predictor, setting, meter, self.observer, recipe.seed, self._keep_agreed
            )
        if wanted and predictor is None:
            raise UsageError(
                f"objectives: {LATENCY} is predicted, and there is no predictor here "
                "([predictor] students is 0, or too few students are within the counted budget)."
            )
        return predictor

    def _evaluation(self, setting: Setting) -> Evaluation:
        """How candidates are evaluated where no latency is predicted."""
        images, labels = setting.data.probe_batch(self.recipe.search.images, self.recipe.seed)
        teacher = None
        if needs_teacher(self.recipe.search.proxies):
            widths = compared_widths(self.recipe.search.proxies, setting.space, setting.task)
            if len(widths) > 1:
                self.observer.note(
                    "The classifiers of the students differ in width: diswot and diswot_ms compare "
                    "classes in place of channels, as diswot_class_gram does."
                )
            teacher = TeacherProbes(
                setting.teacher.model,
                images,
                labels,
                features=setting.teacher.features,
                head=setting.teacher.head,
                seed=self.recipe.seed,
                widths=widths,
            )
        return Evaluation(
            self.recipe.space.name,
            self.recipe.space.options,
            setting.task,
            limits=setting.limits,
            latency=None,
            proxies=self.recipe.search.proxies,
            images=images,
            labels=labels,
            teacher=teacher,
            seed=self.recipe.seed,
        )

    def _search(
        self, setting: Setting, evaluation: Evaluation, predictor: StudyPredictor | None
    ) -> SearchResult:
        if predictor is not None:
            evaluation = replace(
                evaluation,
                limits=predictor.gate(setting.limits),
                latency=(predictor.predictor, predictor.error),
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
        found = found_document(setting.space, result, measured)
        self.run_directory.write_state(FOUND, {**found, "trials": len(result.trials)})
