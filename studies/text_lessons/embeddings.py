"""Where sentences lie to each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from nas_kd.data.text import TextExamples, load_corpus, load_labelled_texts
from nas_kd.export.text_student import TextStudent
from nas_kd.teachers.language import load_language_teacher
from nas_kd.teachers.pooling import require_mean_pooling
from nas_kd.training.language import (
    EmbeddingSettings,
    distil_embeddings,
    similarity_score,
    without_head,
)
from nas_kd.training.processes import make_accelerator
from studies.observer import PER_MILLE, per_mille
from studies.text_lessons.cut_texts import tell_cut
from studies.text_lessons.learned import Learned, Place, facts_of, source_of
from studies.text_lessons.teacher_notes import tell_score

_NO_ENCODER = "It may not be a sentence encoder, or the scores may be of something else."


@dataclass(frozen=True)
class EmbeddingLesson:
    """Sentence embeddings, which are learned from the teacher's alone.

    Attributes:
        task: Pairs of sentences with scores. Those of the training examples are learned from
            without their scores; the scores of the validation examples judge.
        teacher: A sentence encoder that pools by the mean.
        settings: Of the training.
        seed: Of the training.
        text: Further sentences to learn from, see `nas_kd.data.text.load_corpus`.
        checkpoint: Weights of the teacher that replace its own.
    """

    task: str
    teacher: str
    settings: EmbeddingSettings
    seed: int = 0
    text: str | None = None
    checkpoint: Path | None = None

    def teach(self, student: TextStudent, place: Place) -> Learned:
        """See `Lesson.teach`."""
        task = load_labelled_texts(self.task, seed=self.seed)
        further = () if self.text is None else load_corpus(self.text).texts
        teacher = load_language_teacher(self.teacher, self.checkpoint)
        require_mean_pooling(self.teacher)
        encoder = teacher.model.base_model
        tokens = self.settings.max_tokens
        teachers_score = similarity_score(encoder, task, teacher.tokenizer, max_tokens=tokens)
        tell_score(teachers_score, task, place.observer, advice=_NO_ENCODER)
        sentences = dict.fromkeys([*task.train.texts, *(task.train.seconds or ()), *further])
        unlabelled = TextExamples(tuple(sentences), None, torch.zeros(len(sentences)))
        tell_cut([unlabelled], student.tokenizer, tokens, place.observer)
        model = without_head(student.model).requires_grad_()
        place.observer.phase("distill", PER_MILLE)
        result = distil_embeddings(
            model,
            list(sentences),
            student.tokenizer,
            teacher=encoder,
            teacher_tokenizer=teacher.tokenizer,
            settings=self.settings,
            seed=self.seed,
            accelerator=make_accelerator(self.settings.precision),
            checkpoint=place.checkpoint("student"),
            on_progress=per_mille(place.observer),
        )
        return Learned(
            model=model.cpu(),
            teacher=encoder.cpu(),
            task={
                **facts_of(task, self.task),
                "kind": "embeddings",
                "pooling": "mean",
                "sentences": len(sentences),
            },
            teacher_facts={
                **source_of(self.teacher, self.checkpoint),
                "fine_tuned": False,
                "score": teachers_score,
            },
            metric="spearman",
            score=similarity_score(model, task, student.tokenizer, max_tokens=tokens),
            history=result.history,
        )
