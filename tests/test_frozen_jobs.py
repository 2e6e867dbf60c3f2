"""Which parts of two jobs differ."""

from __future__ import annotations

from typing import Any

import pytest

from nas_kd.frozen_jobs import changed_names

JOB: dict[str, Any] = {"data": "text", "settings": {"epochs": 1, "length": 8}, "seed": 0}


@pytest.mark.parametrize(
    ("job", "changed"),
    [
        (JOB, []),
        ({**JOB, "seed": 1, "data": "more"}, ["data", "seed"]),
        ({**JOB, "settings": {"epochs": 2, "length": 8}}, ["settings.epochs"]),
        ({**JOB, "settings": {"epochs": 1, "length": 8, "wide": True}}, ["settings.wide"]),
        ({**JOB, "settings": {"epochs": 1, "length": 8, "wide": None}}, []),
        ({**JOB, "settings": None}, ["settings"]),
        ({**JOB, "checkpoint": None}, []),
        ({name: value for name, value in JOB.items() if name != "data"}, ["data"]),
    ],
)
def test_what_differs_is_named(job: dict[str, Any], changed: list[str]) -> None:
    assert changed_names(JOB, job) == changed
