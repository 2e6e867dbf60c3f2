"""Trained teachers, by any route."""

from __future__ import annotations

from nas_kd.teachers.anatomy import Anatomy, find_anatomy
from nas_kd.teachers.class_order import other_classes
from nas_kd.teachers.doubt import doubt
from nas_kd.teachers.load import load_teacher
from nas_kd.teachers.teacher import Teacher, TeacherTask
from nas_kd.teachers.weights import load_weights

__all__ = [
    "Anatomy",
    "Teacher",
    "TeacherTask",
    "doubt",
    "find_anatomy",
    "load_teacher",
    "load_weights",
    "other_classes",
]
