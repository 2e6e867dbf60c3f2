"""What students of text learn from their teachers, once they are found."""

from __future__ import annotations

from studies.text_lessons.delivery import TextDelivery, deliver_learned
from studies.text_lessons.embeddings import EmbeddingLesson
from studies.text_lessons.learned import Learned, Lesson, Place
from studies.text_lessons.task import TaskLesson

__all__ = [
    "EmbeddingLesson",
    "Learned",
    "Lesson",
    "Place",
    "TaskLesson",
    "TextDelivery",
    "deliver_learned",
]
