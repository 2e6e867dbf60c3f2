"""Trains one student, with or without a teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from nas_kd.data import DataSplits
from nas_kd.errors import UsageError
from nas_kd.teachers import Teacher
from nas_kd.training.capture import Capture
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.evaluate import device_of, evaluate_accuracy
from nas_kd.training.inheritance import inherit
from nas_kd.training.module_digest import state_digest, structure_digest
from nas_kd.training.normalisation import as_the_teacher_sees
from nas_kd.training.objective import Objective
from nas_kd.training.processes import computing, forked_rng, make_accelerator
from nas_kd.training.progress import Progress
from nas_kd.training.result import TrainingResult
from nas_kd.training.settings import TrainingSettings
from nas_kd.training.teaching import Teaching
from nas_kd.training.trainer import Trainer


def train_student(
    module: nn.Module,
    data: DataSplits,
    *,
    teacher: Teacher | None = None,
    distillers: Mapping[str, float] | None = None,
    settings: TrainingSettings,
    seed: int,
    features: Sequence[str] = (),
    head: str = "",
    checkpoint_dir: Path | None = None,
    logits_file: Path | None = None,
    on_progress: Progress | None = None,
    on_note: Callable[[str], object] | None = None,
) -> TrainingResult:
    """Trains ``module`` on ``ce_weight`` * cross-entropy + the weighted distillers.

    One process or many (``accelerate launch`` or ``torchrun``): every process calls this, each
    takes its share of every batch, and all return the same. Distillers that relate the images of
    a batch then see the share of one process. Only the first process writes checkpoints and
    reports progress.

    Args:
        module: The student. On return it holds the best weights, in eval mode, on the device
            where it was.
        data: Its images. The best epoch is chosen on validation (the later one of two that are
            equal); test is judged once, at the end.
        teacher: Whom the distillers compare with, and whose weights the student starts from as
            ``settings.init`` says; it can be None when there are no distillers.
        distillers: Names to weights; none by default.
        settings: Length, optimiser, schedule.
        seed: Decides the order of the images, their augmentation and dropout, not the
            initialisation of ``module``. Torch's global generator is left as it was.
        features: The student's feature maps, shallow to deep, for distillers that look at them.
        head: Name of the student's classifier, for distillers that look at its input.
        checkpoint_dir: Where the state is kept after each epoch; the same call continues from
            there, also after it was interrupted. In one process and with a length in epochs the
            result is that of an uninterrupted call, bit for bit.
        logits_file: Where ``clean`` teacher views keep the teacher's logits, so that trainings of
            several students with one teacher compute them once.
        on_progress: Told after every step, and after every validation,
            ``(done, total, best)``: steps (or seconds, with a length in minutes) that are over,
            all of them, and the best result so far in words.
        on_note: Told what the user should know before it begins, and that a damaged checkpoint was
            put aside, so that it starts afresh.

    Raises:
        UsageError: The settings do not fit together, the device or the data; the student starts
            from the weights of a teacher that saw images normalised otherwise than ``data``; or
            ``checkpoint_dir`` holds a checkpoint of another training, or, without ``on_note``, a
            damaged one.
        NotFiniteError: The loss is no longer finite.
        NasKdError: A step does not fit into the memory, or a checkpoint cannot be written.
    """
    distillers = dict(distillers or {})
    objective = Objective(distillers, settings)
    if objective.weights and teacher is None:
        raise UsageError(
            f"training: {', '.join(objective.weights)} needs a teacher and there is none; give "
            "a teacher, or no distillers."
        )
    inherited = _inherited(module, data, teacher, settings.init)
    origin = teacher if objective.weights or inherited else None
    teacher = teacher if objective.weights else None
    accelerator = make_accelerator(settings.precision)
    _require_images(data, settings, accelerator)
    home = device_of(module)
    with forked_rng(accelerator.device):
        trainer = Trainer(
            module,
            data,
            objective=objective,
            teaching=_teaching(teacher, data, objective, settings, accelerator, logits_file),
            capture=Capture(module, features=features, head=head, needs=objective.needs),
            settings=settings,
            seed=seed,
            accelerator=accelerator,
            checkpoint=_checkpoint_file(
                checkpoint_dir, module, data, origin, distillers, settings, seed, on_note
            ),
            on_progress=on_progress or _ignore,
            note=on_note or _tell_nobody,
        )
        trainer.run()
    with computing(accelerator):
        return _result(module, data, trainer, home, inherited)


def _inherited(module: nn.Module, data: DataSplits, teacher: Teacher | None, init: str) -> float:
    """The share of the student's parameters that are now the teacher's."""
    if teacher is None:
        if init == "teacher":
            raise UsageError(
                "training: init = 'teacher' needs a teacher and there is none; give a teacher, or "
                "use 'auto' or 'random'."
            )
        return 0.0
    share = inherit(module, teacher.model, init)
    if share and as_the_teacher_sees(data, teacher) is not data:
        raise UsageError(
            f"training: the student starts from the weights of {teacher.name}, which were trained "
            f"on images of mean {teacher.mean} and std {teacher.std}, and those of {data.name} "
            f"have {data.mean} and {data.std}. Give data.normalised(teacher.mean, teacher.std), "
            "or set init to random."
        )
    return share


def _result(
    module: nn.Module, data: DataSplits, trainer: Trainer, home: torch.device, inherited: float
) -> TrainingResult:
    standing = trainer.standing
    module.load_state_dict(standing.best_state)
    module.eval()
    test = None if data.test is None else evaluate_accuracy(module, data.test)
    module.to(home)
    return TrainingResult(
        best_state=standing.best_state,
        validation_accuracy=standing.best_accuracy,
        test_accuracy=test,
        history=standing.history,
        seconds=standing.seconds,
        epochs_run=standing.epoch,
        best_epoch=standing.best_epoch,
        inherited_share=inherited,
    )


def _teaching(
    teacher: Teacher | None,
    data: DataSplits,
    objective: Objective,
    settings: TrainingSettings,
    accelerator: Accelerator,
    logits_file: Path | None,
) -> Teaching | None:
    if teacher is None:
        return None
    return Teaching(
        teacher,
        data,
        needs=objective.needs,
        views=settings.teacher_views,
        accelerator=accelerator,
        logits_file=logits_file,
    )


def _require_images(data: DataSplits, settings: TrainingSettings, accelerator: Accelerator) -> None:
    if len(data.validation) == 0:
        raise UsageError(
            f"training: {data.name} has no validation images to choose the best epoch on; set "
            "validation_share above 0."
        )
    processes = accelerator.num_processes
    if min(len(data.train), settings.batch_size) < 2 * processes:
        raise UsageError(
            f"training: a batch of {settings.batch_size} out of {len(data.train)} training "
            f"images is too small for {processes} process(es); batch normalisation needs at "
            "least 2 images in each."
        )


def _checkpoint_file(
    directory: Path | None,
    module: nn.Module,
    data: DataSplits,
    teacher: Teacher | None,
    distillers: Mapping[str, float],
    settings: TrainingSettings,
    seed: int,
    tell: Callable[[str], object] | None,
) -> CheckpointFile | None:
    if directory is None:
        return None
    chosen = {name: str(value) for name, value in asdict(settings).items() if name != "workers"}
    return CheckpointFile(
        directory,
        {
            **chosen,
            "seed": str(seed),
            "distillers": str(sorted(distillers.items())),
            "teacher": "" if teacher is None else teacher.source,
            "teacher's weights": "" if teacher is None else state_digest(teacher.model),
            "data": f"{data.name}, {len(data.train)} images {data.input_shape}",
            "student": structure_digest(module),
        },
        tell,
    )


def _ignore(done: int, total: int, best: str) -> None:
    return None


def _tell_nobody(said: str) -> None:
    return None
