"""The training of a SuperLM, as a session of the pre-training frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from nas_kd.errors import UsageError
from nas_kd.teachers.language import LanguageTeacher, load_language_teacher
from nas_kd.tensor_files import save_pretrained, save_tensors
from nas_kd.training.batches import mixed_seed
from nas_kd.training.language.loop import LanguageLoop
from nas_kd.training.pretraining.known_teacher import require_its_teacher, teacher_digest
from nas_kd.training.superlm.importance import put_important_first, sort_as_before
from nas_kd.training.superlm.losses import StudentLosses
from nas_kd.training.superlm.objective import objective_of, require_comparable
from nas_kd.training.superlm.ranking import shared_weight_losses
from nas_kd.training.superlm.settings import SuperLMSettings
from nas_kd.training.superlm.strategies import Chooser, Strategy
from nas_kd.training.superlm.students import (
    cut_from,
    refuse_other_sizes,
    spread,
    text_task_of,
)
from nas_kd.training.superlm.text import text_digest, training_text
from nas_kd.whole_files import whole_folder
from search_spaces import create_space
from search_spaces.language_models import head_of
from search_spaces.supernets import DepthRule, Importance, SuperLM

if TYPE_CHECKING:  # the frame imports this file to register its methods
    from nas_kd.training.pretraining import Job

MODEL = "superlm"
FIT = "fit.safetensors"
IMPORTANCE = "importance.safetensors"
TEXT = "text_sha256"


class SuperLMSession:
    """Trains the students of a space, with shared weights, to imitate the teacher they come from.

    Args:
        job: The space, the settings (`SuperLMSettings`), unlabelled text and a language model.
        strategy: Which students a step trains.

    Raises:
        UsageError: The job does not fit together, or names what does not exist.
    """

    def __init__(self, job: Job, strategy: Strategy) -> None:
        settings: SuperLMSettings = job.settings
        teacher = _load_teacher(job)
        space = cut_from(job.space, teacher.model.config)
        refuse_other_sizes(job.space_options, teacher.model.config)
        task = text_task_of(teacher.model.config, settings.max_tokens, head_of(teacher.model))
        self._judged = spread(space, task)
        require_comparable(settings, space, task.head)
        train, self._held_out = training_text(job.data, teacher.tokenizer, settings, job.seed)
        self._data, self._text = job.data, text_digest(train, self._held_out)
        self._tokenizer = teacher.tokenizer
        self._source, self._known_teacher = job.teacher, teacher_digest(teacher.model)
        self._teacher = teacher.model.to(job.accelerator.device)
        self._importance = put_important_first(
            self._teacher, settings.importance, train, mixed_seed(job.seed, 3)
        )
        self._objective = objective_of(settings, teacher.model, job.accelerator)
        self.superlm = SuperLM(teacher.model, space, cast(DepthRule, settings.depth))
        self._fit = self._objective.make_fit(teacher.model.config.hidden_size)
        chooser = Chooser(
            strategy,
            space,
            count=settings.random_students,
            seed=mixed_seed(job.seed, 2),
        )
        self._loop = LanguageLoop(
            nn.ModuleList([self.superlm, *([] if self._fit is None else [self._fit])]),
            train,
            StudentLosses(self.superlm, self._fit, self._objective, chooser),
            settings=settings,
            seed=job.seed,
            accelerator=job.accelerator,
        )
        self._found: dict[str, float] = {}

    @property
    def total(self) -> int:
        return self._loop.total

    def run_unit(self) -> dict[str, float]:
        """Mean losses in training by role, and those of three students on what is held out."""
        trained = self._loop.run_unit()
        losses = shared_weight_losses(
            self.superlm,
            list(self._judged.values()),
            self._held_out,
            self._objective,
            fit=self._fit,
        )
        self._found = {size: losses[arch] for size, arch in self._judged.items()}
        held_out = {f"held_out_{size}": loss for size, loss in self._found.items()}
        return {**{f"loss_{role}": loss for role, loss in trained.items()}, **held_out}

    def best(self) -> str:
        sizes = ", ".join(f"{size} {loss:.3g}" for size, loss in self._found.items())
        return f"relation loss {sizes}" if sizes else ""

    def state(self) -> dict[str, Any]:
        importance = None if self._importance is None else vars(self._importance)
        return {
            "loop": self._loop.state(),
            "found": self._found,
            "importance": importance,
            TEXT: self._text,
            **self._known_teacher,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """See `Session.load`.

        Raises:
            UsageError: The text or the teacher is not that of the state, where that tells.
        """
        if state.get(TEXT, self._text) != self._text:
            raise UsageError(
                f"superlm: {self._data} gives other tokens than when this training began, so that "
                "it cannot go on as it was planned: the text has changed, or the teacher's "
                "tokenizer. Put back what it was, or name another --run-dir."
            )
        require_its_teacher(state, self._known_teacher, self._source)
        self._loop.load(state["loop"])
        self._found = dict(state["found"])
        if self._importance is not None:
            before = Importance(**state["importance"])
            sort_as_before(self._teacher, self._importance, before)
            self._importance = before

    def save(self, folder: Path) -> dict[str, Any]:
        """The shared weights as a model of transformers with its tokenizer, the size of the
        teacher; the map of hidden states and what the teacher was sorted by, where there are."""
        with whole_folder(folder / MODEL) as draft:
            save_pretrained(draft, self.superlm.model, self._tokenizer)
        facts: dict[str, Any] = {"model": MODEL, "held_out_loss": self._found, TEXT: self._text}
        if self._fit is not None:
            save_tensors(folder / FIT, {"weight": self._fit.weight})
            facts["fit"] = FIT
        if self._importance is not None:
            save_tensors(folder / IMPORTANCE, vars(self._importance))
            facts["importance"] = IMPORTANCE
        return facts


def restore(folder: Path, facts: Mapping[str, Any]) -> SuperLM:
    """The SuperLM that `SuperLMSession.save` wrote, in eval mode.

    Raises:
        UsageError: Its model is missing or damaged.
    """
    model = load_language_teacher(f"hf:{folder / facts['model']}").model
    space = cut_from(create_space(facts["space"], **facts["space_options"]), model.config)
    return SuperLM(model, space, cast(DepthRule, facts["settings"]["depth"])).eval()


def _load_teacher(job: Job) -> LanguageTeacher:
    if job.teacher is None:
        raise UsageError(
            "superlm: students are cut from a trained language model; name it with --teacher, as "
            "hf:NAME_OR_FOLDER or package:NAME/FOLDER."
        )
    if job.image_size is not None:
        raise UsageError("superlm: text has no image size; leave --image-size out.")
    return load_language_teacher(job.teacher, job.checkpoint)
