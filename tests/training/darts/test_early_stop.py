"""Searches that a rise of the dominant eigenvalue ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nas_kd.training.darts.session import SearchSession
from tests.training.darts.searches import MakeJob
from tests.training.states import stored

CONVOLUTION, SKIP = 3, 1


def test_an_early_stop_brings_back_an_earlier_cell_and_tells_of_it(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The search leans to convolutions for eleven epochs, and to skips after them."""
    settings = {"epochs": 40, "eigenvalue_every": 1, "early_stop": True, "judge_every": 40}
    session = SearchSession(make_job(**settings))
    values = iter([1.0] * 16 + [9.0])
    monkeypatch.setattr(session._judge, "eigenvalue", lambda seed: next(values))

    def epoch() -> dict[str, float]:
        with torch.no_grad():
            alphas = session.network.alphas.operations["cell"].zero_()
            alphas[:, CONVOLUTION if session._units < 11 else SKIP] = 9.0
        return {"train_loss": 1.0}

    monkeypatch.setattr(session, "_epoch", epoch)
    rows = []
    while session._units < session.total:
        rows.append(session.run_unit())
    assert session.total == 17
    assert set(session.arch.values()) == {"nor_conv_3x3"}

    decoded = session.network.supernet.mixture_of(session.arch)
    accuracy = session._judge.accuracy(decoded)
    assert (rows[-1]["skips"], rows[-1]["cell_accuracy"]) == (0.0, accuracy)
    assert session.best() == f"cell {accuracy:.1%}, 0 skips, that of unit 11"
    facts = session.save(tmp_path)
    assert (facts["stopped_early"], facts["went_back_to"]) == (True, 11)
    assert len(facts["archs"]) == 17

    resumed = SearchSession(make_job(**settings))
    resumed.load(stored(session.state()))
    assert (resumed.total, resumed.arch, resumed.best()) == (17, session.arch, session.best())
