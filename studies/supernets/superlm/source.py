"""The SuperLM that is searched, and everything that its students are judged with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from nas_kd.data.text import TokenSequences
from nas_kd.errors import UsageError
from nas_kd.machine_lock import machine_shared
from nas_kd.teachers.language import load_language_teacher
from nas_kd.training.pretraining import PretrainingFolder, load_supernet
from nas_kd.training.processes import nearest_accelerator
from nas_kd.training.superlm import (
    SuperLMSettings,
    objective_of,
    shared_weight_losses,
    text_digest,
    text_task_of,
    training_text,
)
from search_spaces import Arch
from search_spaces.language_models import head_of
from search_spaces.supernets import Importance, SuperLM, sort_by_importance
from studies.supernets.judging_identity import judging_identity
from studies.teacher_file import weights_file_digest

_BATCH = 256


class Source:
    """A finished pre-training, with its teacher and its text.

    Networks run in the precision of the training, or in float32 where this device has not that one.
    Where the text is no longer that of the training (``has_its_text`` is false), what is held out
    of it may have been learned from.

    Args:
        run: Its directory.
        length: Tokens of the sequences for which costs count; None takes those of the training.

    Raises:
        UsageError: The directory holds no SuperLM, or the file of its teacher's weights is gone or
            holds others than in the training.
    """

    def __init__(self, run: Path, length: int | None) -> None:
        superlm, folder = load_supernet(run), PretrainingFolder(run)
        self.job, facts = folder.job() or {}, folder.facts() or {}
        if not isinstance(superlm, SuperLM):
            raise UsageError(
                f"supernet: {run} holds no SuperLM, but a supernet of "
                f"{self.job.get('space')}. Give a run of a space of language models."
            )
        self.superlm = superlm
        self.settings = SuperLMSettings(**self.job["settings"])
        self.accelerator = nearest_accelerator(self.settings.precision)
        superlm.to(self.accelerator.device)
        self.teacher = load_language_teacher(self.job["teacher"], _checkpoint_of(run, self.job))
        if "importance" in facts:
            sort_by_importance(
                self.teacher.model, Importance(**load_file(run / facts["importance"]))
            )
        self.train, self.held_out = training_text(
            self.job["data"], self.teacher.tokenizer, self.settings, self.job["seed"]
        )
        text = text_digest(self.train, self.held_out)
        self.has_its_text = facts.get("text_sha256", text) == text
        self.objective = objective_of(self.settings, self.teacher.model, self.accelerator)
        self.fit = self.objective.make_fit(self.superlm.model.config.hidden_size)
        if self.fit is not None:
            self.fit.load_state_dict(load_file(run / facts["fit"]))
        self.task = text_task_of(
            superlm.model.config, length or self.settings.max_tokens, head_of(superlm.model)
        )
        self.identity = folder.identity()

    def judge(self, archs: Sequence[Arch]) -> dict[Arch, float]:
        """Held-out losses with the shared weights."""
        return shared_weight_losses(
            self.superlm, archs, self.held_out, self.objective, fit=self.fit
        )

    def judging_identity(self) -> str:
        """What `judge` depends on; see `studies.supernets.judging_identity`."""
        return self._identity_with(self.held_out)

    @cached_property
    def learning_identity(self) -> str:
        """What a distillation of its students depends on, likewise."""
        return self._identity_with(self.train, self.held_out)

    def _identity_with(self, *texts: TokenSequences) -> str:
        tokens = (
            tensor
            for text in texts
            for part in torch.arange(len(text)).split(_BATCH)
            for tensor in text.batch(part).values()
        )
        teacher = self.teacher.model.state_dict().values()
        with machine_shared():
            return judging_identity(self.identity, self.accelerator, chain(tokens, teacher))


def _checkpoint_of(run: Path, job: Mapping[str, Any]) -> Path | None:
    """The file whose weights the teacher has instead of its own, with those of the training."""
    if job["checkpoint"] is None:
        return None
    file = Path(job["checkpoint"])
    digest = weights_file_digest(
        file,
        subject=f"checkpoint: {file}, the weights of the teacher of the SuperLM in {run},",
        advice="Put the file back.",
    )
    if job.get("checkpoint_sha256") not in (None, digest):
        raise UsageError(
            f"checkpoint: {file} holds other weights than when the SuperLM in {run} was trained, "
            "whose students learned from those. Put the earlier file back, or train a SuperLM with "
            "these."
        )
    return file
