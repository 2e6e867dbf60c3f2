"""What the evaluators of one study have in common, in a form that other processes can be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from nas_kd.costs import Limits
from nas_kd.costs.arch_encoding import ArchEncoder
from nas_kd.costs.predictor import LatencyPredictor, PredictionError
from proxies import TeacherProbes
from search_spaces import Task, create_space
from studies.candidates import Candidate
from studies.evaluator import Evaluator
from studies.predicting import StudyPredictor


@dataclass(frozen=True)
class Evaluation:
    """How candidates are evaluated: equal evaluations give equal candidates.

    Attributes:
        space: Registered name of the space.
        space_options: Its options.
        task: What students are built for.
        limits: The resolved budget.
        latency: The predictor and its error; None where latency is not predicted.
        proxies: Names of the proxies.
        images: Probe batch, ``(batch, channel, height, width)``.
        labels: Class indices of the probe batch, ``(batch,)``.
        teacher: The teacher's side of proxies that compare.
        seed: Of the initial weights of every student.
    """

    space: str
    space_options: Mapping[str, int]
    task: Task
    limits: Limits
    latency: tuple[LatencyPredictor, PredictionError] | None
    proxies: Sequence[str]
    images: Tensor
    labels: Tensor
    teacher: TeacherProbes | None
    seed: int

    def evaluator(self, keep: Callable[[Candidate], None] | None = None) -> Evaluator:
        """An evaluator that has seen nothing yet, with a space of its own.

        Args:
            keep: Told of every candidate as soon as its scores are known.
        """
        space = create_space(self.space, **self.space_options)
        predict = None
        if self.latency is not None:
            predict = StudyPredictor(ArchEncoder(space), *self.latency).latency_ms
        return Evaluator(
            space,
            self.task,
            limits=self.limits,
            predict=predict,
            proxies=self.proxies,
            images=self.images,
            labels=self.labels,
            teacher=self.teacher,
            seed=self.seed,
            keep=keep,
        )
