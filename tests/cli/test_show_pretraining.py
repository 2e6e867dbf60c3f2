"""``nas-kd show`` and ``nas-kd dashboard`` on a pre-training."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from urllib.request import urlopen

import pytest

from nas_kd.cli import show
from nas_kd.cli.dashboard import make_dashboard_server
from nas_kd.report.progress import Progress, write_progress
from nas_kd.training.pretraining import PretrainingFolder
from tests.cli.conftest import Command
from tests.report.pretraining_run import finished, row, unfinished

AT_WORK = Progress("pretrain", 0, 4, "cell 20.0%, 1 skips", rate_per_s=0.02, seconds=61.0)


@pytest.fixture
def run(tmp_path: Path) -> PretrainingFolder:
    return unfinished(tmp_path / "run", 2)


def test_a_finished_one_is_shown(nas_kd: Command, tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")
    outcome = nas_kd("show", folder.path)
    assert outcome.code == 0, outcome.err
    for text in ("4 units, 2 min 00 s.", "cell accuracy", "|nor_conv_3x3~0|"):
        assert text in outcome.out
    assert "not finished" not in outcome.out
    document = json.loads(nas_kd("show", folder.path, "--json").out)
    assert document["schema"] == "nas-kd.pretrain-result/1"
    assert document["last"]["cell_accuracy"] == 0.4
    assert document["supernet"]["units"] == 4


def test_watching_tells_the_last_unit_until_the_end(
    nas_kd: Command, run: PretrainingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_progress(run, AT_WORK)
    monkeypatch.setattr(show, "PLAIN_LINE_EVERY_S", 0.0)

    def more() -> None:
        run.write_metrics([row(unit) for unit in range(1, 4)])

    steps = [more, lambda: finished(run.path)]
    monkeypatch.setattr(show.time, "sleep", lambda seconds: steps.pop(0)())
    outcome = nas_kd("show", run.path, "--watch")
    assert outcome.code == 0
    first, second = outcome.err.splitlines()
    assert f"{run.path}: sd-darts on nasbench201; pretrain 2/4, 0.02 a second" in first
    assert "unit 2: train loss 1.25, validation loss 1.75" in first
    assert "about 50.0 s left" in second
    assert "unit 3: train loss 0.8333" in second
    assert "alpha eigenvalue" in first
    assert "alpha eigenvalue" not in second
    assert "4 units" in outcome.out


def test_an_unfinished_one_says_so(nas_kd: Command, run: PretrainingFolder) -> None:
    outcome = nas_kd("show", run.path)
    assert outcome.code == 0
    assert "2 units so far" in outcome.out
    assert "This run is not finished" in outcome.out


def test_looking_needs_no_torch(run: PretrainingFolder) -> None:
    code = (
        f"import sys; from nas_kd.cli import main; main(['show', {str(run.path)!r}]); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_the_dashboard_serves_it(run: PretrainingFolder) -> None:
    server = make_dashboard_server(run, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/api/studies/0"
        with urlopen(address, timeout=30) as answer:
            study = json.load(answer)
    finally:
        server.shutdown()
        server.server_close()
    assert [trial["number"] for trial in study["trials"]] == [0, 1]
    assert "2 units so far" in study["note"]["body"]


def test_a_dashboard_before_the_first_unit_is_refused(nas_kd: Command, tmp_path: Path) -> None:
    folder = unfinished(tmp_path / "run", 0)
    outcome = nas_kd("dashboard", folder.path, "--no-browser")
    assert outcome.code == 2
    assert "no unit of" in outcome.err
