"""`SuperLM`: a language model of transformers whose weights all students of a space share."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from search_spaces._arch import Arch
from search_spaces._transformer_space import TransformerSpace
from search_spaces.language_models import TransformerShape, drop_alike, family_of
from search_spaces.supernets._borrowing import BorrowingStudent
from search_spaces.supernets._observing import Observation, observe, states_of
from search_spaces.supernets._skeleton import filled, skeleton, uninitialised
from search_spaces.supernets._slicing import WeightSlices
from search_spaces.supernets.superlm_depth import DepthRule, kept_layers
from search_spaces.token_states import TokenStates

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class SuperLM(nn.Module):
    """A copy of a teacher, of which each arch uses the leading part.

    A student's forward is transformers' own forward of a model of its shape, called with slices of
    the shared weights; so the student that `extract` gives computes the same, bit for bit. Every
    student reads the leading channels of the tokens, the leading heads and the leading channels of
    the MLP (AutoDistil, section 3); with ``per_head`` in its space, the leading channels of each
    head (AutoTinyBERT). A head of the model reads the leading channels of the tokens, too. To make
    the leading ones those that matter, see `superlm_importance`.

    Args:
        teacher: A model of transformers with any head or none; it is copied.
        space: Its students; cut from the sizes of this teacher.
        depth: Which layers shallower students keep, see `kept_layers`.

    Raises:
        UsageError: The space is not cut from this teacher, or the depth rule is unknown.
    """

    def __init__(
        self, teacher: PreTrainedModel, space: TransformerSpace, depth: DepthRule = "stride-floor"
    ) -> None:
        super().__init__()
        family = family_of(teacher.config)
        shape = family.shape(teacher.config)
        if family is not space.family or shape != space.teacher:
            raise UsageError(
                f"superlm: {space.name} is cut from a {space.family.model_type} of "
                f"{space.teacher}, and the teacher is a {family.model_type} of {shape}. Give the "
                "space the teacher's sizes: create_space(name, **teacher_options(config))."
            )
        kept_layers(shape.layers, 1, depth)
        self.space = space
        self.depth = depth
        self.model = copy.deepcopy(teacher).requires_grad_()
        self._students: dict[tuple[TransformerShape, torch.device], PreTrainedModel] = {}

    def forward(self, x: Mapping[str, Tensor], arch: Arch) -> Observation:
        """What the student ``arch`` computes, with gradients to the shared weights.

        Args:
            x: ``input_ids`` and, where there is padding, ``attention_mask``, each
                ``(batch, token)``.
            arch: A member of the space.
        """
        student = self._ready(arch)
        return observe(student, x, self._slices(student)())

    def states(self, x: Mapping[str, Tensor], arch: Arch, *, logits: bool = False) -> TokenStates:
        """The states of `forward` alone, see `states_of`."""
        student = self._ready(arch)
        return states_of(student, x, self._slices(student)(), logits=logits)

    def borrow(self, arch: Arch) -> BorrowingStudent:
        """The student ``arch`` for one step of a training, which is what it costs by itself:
        unlike through `forward`, its gradients reach the shared weights when it gives them back.
        """
        student = self._ready(arch)
        return BorrowingStudent(student, self._slices(student))

    def extract(self, arch: Arch) -> PreTrainedModel:
        """A model of transformers with copies of its weights, in eval mode.

        Its class is the teacher's where `TransformerSpace.is_stock`, else the one of ours beside
        it; both have ``save_pretrained``.
        """
        student = uninitialised(self.model, self.space.shape(arch))
        return filled(student, self._slices(student)())

    def kept_layers(self, arch: Arch) -> tuple[int, ...]:
        """Numbers of the teacher's layers, from 0, that a student keeps."""
        layers = self.space.shape(arch).layers
        return kept_layers(self.space.teacher.layers, layers, self.depth)

    def _ready(self, arch: Arch) -> PreTrainedModel:
        """The student ``arch`` without weights, in this module's mode; it drops what the whole
        model drops."""
        student = self._student(self.space.shape(arch))
        drop_alike(student, self.model)
        return student.train(self.training)

    def _student(self, shape: TransformerShape) -> PreTrainedModel:
        """A model of that shape without weights; made once for a device."""
        key = (shape, self.model.device)
        if key not in self._students:
            self._students[key] = skeleton(self.model, shape)
        return self._students[key]

    def _slices(self, student: PreTrainedModel) -> WeightSlices:
        layers = student.config.num_hidden_layers
        kept = kept_layers(self.space.teacher.layers, layers, self.depth)
        return WeightSlices(self.model, student, kept)
