"""Texts or pairs of texts that are classified or scored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.data.text import LabelledTexts, encoded, load_labelled_texts, pad_token
from nas_kd.errors import UsageError
from nas_kd.export.text_student import TextStudent
from nas_kd.teachers.task_teacher import TaskTeacher, load_task_teacher
from nas_kd.tensor_files import save_pretrained
from nas_kd.training.batches import mixed_seed
from nas_kd.training.idle_settings import refuse_idle
from nas_kd.training.language import (
    TaskSettings,
    finetune,
    imitate_states,
    outputs_of,
    require_imitable,
    task_score,
    with_head,
)
from nas_kd.training.processes import make_accelerator
from studies.observer import PER_MILLE, per_mille
from studies.text_lessons.cut_texts import tell_cut
from studies.text_lessons.learned import Learned, Place, facts_of, source_of
from studies.text_lessons.teacher_notes import tell_outputs, tell_score

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_OF_OTHER_CLASSES = (
    "It may be of another task, or its outputs in another order than the classes: name them in "
    "the teacher's config.json (id2label) as the data name theirs."
)
_LEARNED_TOO_LITTLE = (
    "It learned the task just now, and too little: raise epochs or learning_rate, or give more "
    "texts or a teacher that knows the task."
)


@dataclass(frozen=True)
class TaskLesson:
    """A task with labels, learned from them and from a teacher.

    Attributes:
        task: Labelled texts, see `nas_kd.data.text.load_labelled_texts`.
        teacher: A language model, see `nas_kd.teachers.language.load_language_teacher`; with a
            head it knows the task, else it learns it first, in the same way without a teacher.
            None where the settings say that nothing is learned from one.
        settings: Of the training of student and teacher.
        seed: Of both.
        checkpoint: Weights of the teacher that replace its own; it then learns the task first.

    Raises:
        UsageError: The settings want a teacher, and there is none.
    """

    task: str
    teacher: str | None
    settings: TaskSettings
    seed: int = 0
    checkpoint: Path | None = None

    def __post_init__(self) -> None:
        if self.teacher is None and self.settings.learns_from_teacher:
            raise UsageError(
                "training: teacher_weight or state_epochs is above 0, and there is no teacher. "
                "Name one, or set both to 0."
            )

    def teach(self, student: TextStudent, place: Place) -> Learned:
        """See `Lesson.teach`."""
        task = load_labelled_texts(self.task, seed=self.seed)
        if task.is_regression:
            refuse_idle(
                self.settings, ("temperature",), "scores are compared as they are", where="training"
            )
        tell_cut(
            [task.train, task.validation],
            student.tokenizer,
            self.settings.max_tokens,
            place.observer,
        )
        teacher, teacher_facts = None, {}
        if self.teacher is not None and self.settings.learns_from_teacher:
            teacher = load_task_teacher(
                self.teacher,
                task.classes,
                seed=mixed_seed(self.seed, 1),
                checkpoint=self.checkpoint,
            )
            if self.settings.state_epochs:
                require_imitable(
                    student.model,
                    student.tokenizer,
                    teacher=teacher.model,
                    teacher_tokenizer=teacher.tokenizer,
                    settings=self.settings,
                )
            teacher_facts = self._ready(teacher, task, place)
        model = _named(
            with_head(student.model.base_model, task.outputs, self.seed), task, student.tokenizer
        )
        if teacher is not None and self.settings.state_epochs:
            place.observer.phase("states", PER_MILLE)
            imitate_states(
                model,
                task,
                student.tokenizer,
                teacher=teacher.model,
                teacher_tokenizer=teacher.tokenizer,
                settings=self.settings,
                seed=mixed_seed(self.seed, 3),
                accelerator=make_accelerator(self.settings.precision),
                checkpoint=place.checkpoint("states"),
                on_progress=per_mille(place.observer),
            )
        place.observer.phase("distill", PER_MILLE)
        result = finetune(
            model,
            task,
            student.tokenizer,
            teacher=None if teacher is None else teacher.model,
            teacher_tokenizer=None if teacher is None else teacher.tokenizer,
            settings=self.settings,
            seed=self.seed,
            accelerator=make_accelerator(self.settings.precision),
            checkpoint=place.checkpoint("student"),
            on_progress=per_mille(place.observer),
        )
        assert result.score is not None  # the validation examples judge
        return Learned(
            model=model.cpu(),
            teacher=None if teacher is None else teacher.model.cpu(),
            task={
                **facts_of(task, self.task),
                "kind": "regression" if task.is_regression else "classification",
                "classes": list(task.classes),
                "best_unit_kept": self.settings.keep_best,
            },
            teacher_facts=teacher_facts,
            metric="spearman" if task.is_regression else "accuracy",
            score=result.score,
            history=result.history,
        )

    def _ready(self, teacher: TaskTeacher, task: LabelledTexts, place: Place) -> dict[str, Any]:
        """Trains a teacher that does not know the task; judges it."""
        facts = {
            **source_of(teacher.source, self.checkpoint),
            "fine_tuned": not teacher.knows_task,
        }
        if teacher.knows_task:
            validation = encoded(task.validation, teacher.tokenizer, self.settings.max_tokens)
            tell_outputs(teacher, task, place.observer)
            outputs = outputs_of(_padded(teacher.model, teacher.tokenizer), validation)
            score = task_score(task, outputs, task.validation.targets)
            tell_score(score, task, place.observer, advice=_OF_OTHER_CLASSES)
            return {**facts, "score": score}
        place.observer.phase("teacher", PER_MILLE)
        result = finetune(
            _named(teacher.model, task, teacher.tokenizer),
            task,
            teacher.tokenizer,
            settings=replace(
                self.settings,
                label_weight=1.0,
                teacher_weight=0.0,
                temperature=TaskSettings.temperature,
            ),
            seed=mixed_seed(self.seed, 2),
            accelerator=make_accelerator(self.settings.precision),
            checkpoint=place.checkpoint("teacher"),
            on_progress=per_mille(place.observer),
        )
        assert result.score is not None  # the validation examples judge
        tell_score(result.score, task, place.observer, advice=_LEARNED_TOO_LITTLE)
        folder = place.folder / "teacher" / "model"
        save_pretrained(folder, teacher.model, teacher.tokenizer)
        return {**facts, "score": result.score, "directory": str(folder)}


def _named(model: PreTrainedModel, task: LabelledTexts, tokenizer: Any) -> PreTrainedModel:
    """The model, which says in its configuration what its outputs stand for; trainable."""
    config: Any = model.config
    config.problem_type = "regression" if task.is_regression else "single_label_classification"
    if task.classes:
        config.id2label = dict(enumerate(task.classes))
        config.label2id = {name: number for number, name in enumerate(task.classes)}
    return _padded(model, tokenizer).requires_grad_()


def _padded(model: PreTrainedModel, tokenizer: Any) -> PreTrainedModel:
    """The model, which knows with what texts are filled up: decoders find the last token by it."""
    model.config.pad_token_id = pad_token(tokenizer)
    return model
