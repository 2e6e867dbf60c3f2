"""Under which normalisation of the images a teacher's weights are right."""

from __future__ import annotations

from dataclasses import replace

from nas_kd.data import DataSplits
from nas_kd.teachers import Teacher


def with_stated_normalisation(teacher: Teacher, data: DataSplits) -> Teacher:
    """The teacher as it says it saw its images; one that does not say saw them as ``data`` is."""
    if teacher.mean is not None and teacher.std is not None:
        return teacher
    return replace(teacher, mean=data.mean, std=data.std)


def as_the_teacher_sees(data: DataSplits, teacher: Teacher) -> DataSplits:
    """The same images as the teacher's weights expect them; unchanged where it does not say."""
    if teacher.mean is None or teacher.std is None:
        return data
    return data.normalised(teacher.mean, teacher.std)
