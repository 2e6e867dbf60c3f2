"""The search loop: propose a batch, evaluate it in memory, write it, repeat."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial

from nas_kd.errors import NasKdError, NoFeasibleStudentError
from search_spaces import Arch, SearchSpace
from studies.candidates import Candidate
from studies.evaluator import Evaluator
from studies.found_document import found_document
from studies.journal import SealedJournal, mend
from studies.journal_batches import append_together
from studies.objectives import SCORE, Objectives, directions
from studies.observer import Observer
from studies.proposing import Asking, Drawing, Found, Proposer
from studies.recipe import Recipe
from studies.recipe_space import start_archs
from studies.reference_sample import FEW, ReferenceSample, reference_sample
from studies.run_directory import FOUND, REFERENCE, RunDirectory
from studies.samplers import SAMPLERS, BlindSampler
from studies.search_result import SearchResult
from studies.shared import SharedStudy
from studies.trials import candidate_of, mark_constraints
from studies.workers import Crew, LocalCrew, OwnProcess

REFERENCE_SIZE = 48
"""Candidates that fix the scale of the fused score before the search."""

_KEPT_EVERY_S = 1.0


class Search:
    """One study over one space, continued from whatever its journal already holds.

    Trials are proposed and told in memory and appended to the journal batch by batch. Each batch
    has a freshly seeded sampler, so the proposals depend only on the finished batches: after a
    kill, a batch of which the journal holds a part is proposed again, identically, and only its
    missing trials are appended. There is no state of a sampler or generator to be kept. Candidates
    of a batch in flight are not scored again where the evaluator keeps its scores (`KeptScores`).

    Args:
        recipe: What is searched.
        run: Where the journal is.
        space: What is searched through.
        evaluator: Counts costs, and remembers what is known.
        observer: Told about the progress.
        crew: Who evaluates; without one, the evaluator in this process.
        shared: The study of several hosts whose search this is; its trials are taken over first.
    """

    def __init__(
        self,
        recipe: Recipe,
        run: RunDirectory,
        space: SearchSpace,
        evaluator: Evaluator,
        observer: Observer,
        crew: Crew | None = None,
        shared: SharedStudy | None = None,
    ) -> None:
        self._recipe = recipe
        self._run = run
        self._space = space
        self._evaluator = evaluator
        self._observer = observer
        self._crew = crew or LocalCrew(OwnProcess(evaluator), evaluator, observer.note)
        self._shared = shared
        self._sampler = SAMPLERS.get(recipe.search.sampler)
        self._trials = self._number_of_trials()
        self._entries, self._journal = self._open_journal(run)
        self._written = self._journal.get_trials(deepcopy=False)
        if shared is not None:
            self._exchange(shared)
        self._canonicals: dict[Arch, Arch] = {}
        self._best: Candidate | None = None
        self._kept_at = -math.inf
        for trial in self._written:
            self._evaluator.remember(candidate_of(trial))

    def run(self) -> SearchResult:
        """Evaluates all trials of the recipe.

        Raises:
            NoFeasibleStudentError: No candidate meets the counted part of the budget.
        """
        self._observer.phase("search", self._trials)
        self._tell_left_out()
        reference = self._reference()
        objectives = Objectives(
            self._recipe.search.objectives,
            self._recipe.search.proxies,
            reference,
            self._recipe.search.fusion,
        )
        if objectives.move:
            kept = [candidate.to_dict() for candidate in reference]
            self._run.write_state(REFERENCE, {"candidates": kept})
        result = self._continued(objectives)
        proposer = self._proposer(result, reference)
        batch = self._recipe.search.batch_size
        while (done := len(result.trials)) < self._trials:
            sampler = self._sampler.build(self._space, self._seed(done // batch), batch)
            archs = proposer.propose(sampler, min(batch, self._trials - done))
            found = self._evaluate(archs, result)
            self._keep(proposer.finish(found), found, result)
            if objectives.move:  # earlier trials, too, are seen with the values they have by now
                proposer.revalue(result.values_by_now)
        return result

    def _number_of_trials(self) -> int:
        wanted, size = self._recipe.search.trials, self._space.size
        if wanted is None:
            return size
        return min(wanted, size) if self._sampler.covers_space else wanted

    def _tell_left_out(self) -> None:
        if self._sampler.covers_space and self._trials < self._space.size:
            self._observer.note(
                f"{self._trials:,} of the {self._space.size:,} networks of {self._space.name} are "
                "looked at, the first in its order. Leave out --trials to look at all."
            )

    def _seed(self, batch_number: int) -> int:
        sequence = np.random.SeedSequence([self._recipe.seed, batch_number])
        return int(sequence.generate_state(1)[0])

    def _open_journal(self, run: RunDirectory) -> tuple[BaseJournalBackend, optuna.Study]:
        if done := mend(run.journal):
            self._observer.note(done)
        try:
            entries = SealedJournal(run.journal)
            storage = JournalStorage(entries)
            study = optuna.create_study(
                study_name=next(iter(optuna.get_all_study_names(storage)), run.name),
                storage=storage,
                directions=directions(self._recipe.search.objectives),
                load_if_exists=True,
            )
            if study.metric_names is None:
                study.set_metric_names(list(self._recipe.search.objectives))
        except (ValueError, LookupError, TypeError, AssertionError, RuntimeError) as error:
            raise NasKdError(
                f"journal: {run.journal} cannot be read ({error}). Restore the file, or move it "
                "away to search again from the start."
            ) from error
        return entries, study

    def _exchange(self, shared: SharedStudy) -> None:
        """Appends what other hosts have found to this host's journal, and the other way round."""
        append_together(self._entries, shared.trials_after(len(self._written)))
        self._written = self._journal.get_trials(deepcopy=False)
        shared.settle(self._written, 0)

    def _reference(self) -> list[Candidate]:
        """Scored candidates within the counted budget (`reference_sample`)."""
        size = min(REFERENCE_SIZE, self._trials)
        fits = self._evaluator.within_budget
        sample = reference_sample(self._space, self._recipe.seed, size, fits)
        if not sample.archs:
            raise NoFeasibleStudentError(self._nothing_fits(sample.tried))
        self._tell_rough(sample, size)
        self._crew.expect(sample.archs)
        reference = []
        for arch in sample.archs:
            reference.append(self._crew.evaluate(arch))
            scaled = f"scaling the proxies {len(reference)}/{len(sample.archs)}"
            self._observer.advance(0, best=scaled)
        return reference

    def _tell_rough(self, sample: ReferenceSample, size: int) -> None:
        """Says where the scale on which several proxies are fused rests on few students."""
        search, few = self._recipe.search, len(sample.archs)
        if few >= FEW or len(search.proxies) < 2 or search.fusion != "reference":
            return
        cause = (
            f"no more than there are trials; up to {REFERENCE_SIZE} are taken"
            if few == size
            else f"of {sample.tried:,} tried, no others meet the budget"
        )
        self._observer.note(
            f"The scale on which the proxies are fused rests on {few} students alone ({cause}): "
            "how much each proxy counts for is rough."
        )

    def _nothing_fits(self, tried: int) -> str:
        smallest = min(
            (self._evaluator.evaluate(arch) for arch in self._space.anchors()),
            key=lambda candidate: candidate.macs,
        )
        over = ", ".join(f"{m} by {v:.0%}" for m, v in smallest.violations.items() if v > 0)
        return (
            f"budget: no student of {self._space.name} meets it, none of {tried:,} tried. The "
            "smallest has "
            f"{smallest.macs:,} MACs and {smallest.params:,} parameters and is over in {over}. "
            "Raise the budget, or choose a smaller space with --space or --space-option."
        )

    def _continued(self, objectives: Objectives) -> SearchResult:
        """The finished batches of the journal."""
        whole = len(self._written)
        if whole < self._trials:
            whole -= whole % self._recipe.search.batch_size
        result = SearchResult(objectives)
        for trial in self._written[:whole]:
            result.add(trial)
        for candidate in result.unique:
            self._best_so_far(candidate, objectives)
        return result

    def _proposer(self, result: SearchResult, reference: Sequence[Candidate]) -> Proposer:
        genes, done = self._space.distributions, result.trials_by_now
        first = self._first_archs(reference)
        sampler = self._sampler.build(self._space, 0, self._recipe.search.batch_size)
        if isinstance(sampler, BlindSampler):
            return Drawing(genes, len(done), first)
        return Asking(genes, result.objectives.directions, done, first)

    def _first_archs(self, reference: Sequence[Candidate]) -> list[Arch]:
        archs = start_archs(self._recipe, self._space)
        if self._sampler.covers_space:  # what is looked at first is left out later
            return list(dict.fromkeys([*archs, *self._space.enumerate()])) if archs else []
        archs += [self._space.canonical(arch) for arch in self._space.anchors()]
        archs += [candidate.arch for candidate in reference]
        return list(dict.fromkeys(archs))[: self._trials]

    def _evaluate(self, proposed: Sequence[Arch], result: SearchResult) -> list[Found]:
        """What the trials of a batch come to, in order."""
        archs = [self._canonical(arch) for arch in proposed]
        self._crew.expect(archs)
        candidates = []
        for number, arch in enumerate(archs, start=len(result.trials)):
            candidate = self._crew.evaluate(arch)
            candidates.append(candidate)
            result.objectives.add(candidate)
            self._observer.advance(number + 1, best=self._best_so_far(candidate, result.objectives))
        first_here: dict[str, int] = {}
        found = []
        for number, candidate in enumerate(candidates, start=len(result.trials)):
            first = result.first_trial(candidate.key)
            if first is None:
                first = first_here.setdefault(candidate.key, number)
            duplicate_of = first if first != number else None
            values = result.objectives.values(candidate)
            valued = result.objectives.has_values(candidate)
            found.append(Found(candidate, values, duplicate_of, valued))
        return found

    def _canonical(self, arch: Arch) -> Arch:
        """The space's canonical arch, worked out once."""
        if arch not in self._canonicals:
            self._canonicals[arch] = self._space.canonical(arch)
        return self._canonicals[arch]

    def _keep(
        self, batch: Sequence[FrozenTrial], found: Sequence[Found], result: SearchResult
    ) -> None:
        """Appends the trials of a finished batch, but those that the journal holds already."""
        for trial, one in zip(batch, found, strict=True):
            result.add(mark_constraints(trial), one.candidate)
        new = result.trials[len(self._written) :]
        append_together(self._entries, new)
        self._written += new
        if self._shared is not None:
            self._shared.settle(self._written, len(self._written) - len(new))
        self._keep_found(result)

    def _keep_found(self, result: SearchResult) -> None:
        """Keeps what was found so far for whoever looks at the run, now and then."""
        if time.monotonic() - self._kept_at >= _KEPT_EVERY_S:
            found = found_document(self._space, result, {})
            self._run.write_state(FOUND, {**found, "trials": self._trials})
            self._kept_at = time.monotonic()

    def _best_so_far(self, candidate: Candidate, objectives: Objectives) -> str:
        if self._best is None or objectives.score(candidate) > objectives.score(self._best):
            self._best = candidate
        return f"{SCORE} {objectives.score(self._best):+.3f} at {self._best.macs / 1e6:.3g} M MACs"
