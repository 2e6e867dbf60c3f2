"""Language models with a head, as teachers of a task on texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from nas_kd.errors import UsageError
from nas_kd.teachers.class_order import order_by_name, reorder_outputs, says_nothing
from nas_kd.teachers.language import load_language_teacher, located, not_loaded
from nas_kd.teachers.pretrained import from_files, is_of_pooler, refuse_new, with_new_weights
from search_spaces.language_models import make_known

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CLASSIFIER = "ForSequenceClassification"


@dataclass(frozen=True)
class TaskTeacher:
    """A sequence classifier of transformers, in eval mode.

    Attributes:
        model: Its outputs are in the order of the task's classes.
        tokenizer: Its tokenizer.
        source: The specification that it was loaded from.
        knows_task: Whether it came with a head; else the head is new and has learned nothing.
        outputs: For each class the name of the output that is taken for it; none where the head is
            new or gives scores.
        ordered_by_name: Whether these names said which class is which; else the outputs are taken
            to be in the order of the classes.
    """

    model: PreTrainedModel
    tokenizer: Any
    source: str
    knows_task: bool
    outputs: tuple[str, ...] = ()
    ordered_by_name: bool = False


def load_task_teacher(
    source: str, classes: Sequence[str], *, seed: int, checkpoint: Path | None = None
) -> TaskTeacher:
    """Loads the language model that ``source`` names with its head, or with a new one.

    A head's outputs are brought into the order of ``classes`` by their names, in capitals or not.
    They stay where the model does not name them, or the task numbers its classes from 0.

    Args:
        source: As for `load_language_teacher`.
        classes: Names of the task's classes; none where scores are to be predicted.
        seed: Of a new head, and of a pooler that the model was saved without.
        checkpoint: Weights that replace those that came with it, as for `load_language_teacher`;
            its head is then new.

    Raises:
        UsageError: It does not exist, is no language model of transformers, lacks weights, is of
            another task, or the checkpoint does not fit.
        NasKdError: It cannot be downloaded.
    """
    spec, place = located(source)
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    make_known()
    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        has_head = any(name.endswith(_CLASSIFIER) for name in config.architectures or ())
        knows_task = has_head and checkpoint is None
        if not knows_task:
            config.num_labels = len(classes) or 1
        kind, new = AutoModelForSequenceClassification, list[str]()
        if checkpoint is None:
            model, new = from_files(kind, place, seed=seed, config=config)
        else:
            model = with_new_weights(kind, config, seed=seed)
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    except Exception as error:
        raise not_loaded(spec, error) from error
    if checkpoint is not None:
        without_head = load_language_teacher(source, checkpoint).model.base_model
        model.base_model.load_state_dict(without_head.state_dict())
    else:
        of_encoder = [name for name in new if _is_of_encoder(model, name)]
        refuse_new(spec, new if knows_task else of_encoder)
    if not knows_task:
        return TaskTeacher(model.eval(), tokenizer, source, knows_task)
    outputs, by_name = _bring_into_order(model, classes, source)
    return TaskTeacher(model.eval(), tokenizer, source, knows_task, outputs, by_name)


def _is_of_encoder(model: PreTrainedModel, name: str) -> bool:
    """Whether a weight is neither the head's nor the pooler's."""
    return name.startswith(f"{model.base_model_prefix}.") and not is_of_pooler(name)


def _bring_into_order(
    model: Any, classes: Sequence[str], source: str
) -> tuple[tuple[str, ...], bool]:
    """Reorders the rows of the head so that output n is class n of the task.

    Returns:
        The names of the outputs in the order of the classes, and whether they decided it.
    """
    found = [str(model.config.id2label[n]) for n in range(model.config.num_labels)]
    if len(found) != (len(classes) or 1):
        raise UsageError(
            f"teacher: {source} has {len(found)} outputs and the task takes {len(classes) or 1}. "
            "Give a teacher of this task, or one without a head, which then learns it first."
        )
    if not classes:
        return (), False
    if says_nothing(found, classes):
        return tuple(found), False
    order = order_by_name(found, classes)
    if order is None:
        raise UsageError(
            f"teacher: {source} tells {', '.join(found[:5])} apart, and the task "
            f"{', '.join(classes[:5])}. Name the classes alike (id2label in the teacher's "
            "config.json), or give a teacher without a head."
        )
    *_, head = (
        part
        for part in model.modules()
        if isinstance(part, nn.Linear) and part.out_features == len(found)
    )
    reorder_outputs(head, order)
    model.config.id2label = dict(enumerate(classes))
    model.config.label2id = {name: n for n, name in enumerate(classes)}
    return tuple(found[place] for place in order), True
