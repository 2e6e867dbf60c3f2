"""How a measurement is spread over processes, with processes that answer what a test says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nas_kd.costs import DeviceProfile, latency, measuring_process, sampling
from nas_kd.costs.latency_samples import Samples, figures, keep_steady
from nas_kd.costs.sampling import Plan, take_samples
from nas_kd.errors import NasKdError

CPU = DeviceProfile("cpu")
FILES = [Path("a.onnx"), Path("b.onnx")]
MS = 1_000_000


def model_answer(*, run: float, reference: float, blocks: int = 2) -> dict[str, Any]:
    """A model whose runs, and those of the reference, all took so many milliseconds."""
    block = {
        "runs_ns": [[round(run * MS)] * 10] * 2,
        "interrupted": [[False] * 10] * 2,
        "reference_ns": [[round(reference * MS)] * 5] * 3,
    }
    return {
        "first_run_ns": round(3 * run * MS),
        "end_to_end_ns": [],
        "other_providers": {},
        "blocks": [block] * blocks,
    }


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[list[Path], int]]]:
    """Lets processes answer ``models[process]``; the last answer is repeated. Returns the asks."""

    def prepare(*models: Callable[[Path], dict[str, Any]]) -> list[tuple[list[Path], int]]:
        asked: list[tuple[list[Path], int]] = []

        def ask(
            profile: DeviceProfile, files: Sequence[Path], schedule: Mapping[str, Any], seed: int
        ) -> dict[str, Any]:
            answer = models[min(len(asked), len(models) - 1)]
            asked.append((list(files), seed))
            return {
                "provider": profile.provider,
                "graph_level": "all",
                "provider_options": {},
                "cpu_seconds": 0.1,
                "models": [answer(file) for file in files],
            }

        monkeypatch.setattr(sampling, "ask_child", ask)
        return asked

    return prepare


def steady(file: Path) -> dict[str, Any]:
    return model_answer(run=1.0, reference=1.0)


def test_every_model_is_measured_in_the_fewest_processes_and_no_more(children: Any) -> None:
    asked = children(steady)
    sampled = take_samples(FILES, CPU, Plan({}, 3, 100, 60.0), lambda samples: [])
    assert asked == [(FILES, 0), (FILES, 1), (FILES, 2)]
    for samples in sampled.samples:
        assert [part.process for part in samples.slices] == [0] * 4 + [1] * 4 + [2] * 4
        assert [part.block for part in samples.slices] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert sampled.load.keys() >= {"load_average_before", "load_average_after"}


def test_only_what_is_still_open_is_measured_again(children: Any) -> None:
    asked = children(steady)

    def still_open(samples: Sequence[Samples]) -> list[int]:
        return [1] if len(samples[1].first_runs) < 5 else []

    take_samples(FILES, CPU, Plan({}, 3, 100, 60.0), still_open)
    assert [files for files, _ in asked] == [FILES] * 3 + [FILES[1:]] * 2


def test_no_process_begins_after_the_time_is_up(children: Any) -> None:
    asked = children(steady)
    take_samples(FILES, CPU, Plan({}, 3, 100, 0.0), lambda samples: [0, 1])
    assert len(asked) == 3


def test_a_gpu_is_measured_in_one_process(children: Any) -> None:
    asked = children(steady)
    plan = latency.make_plan(DeviceProfile("cuda"), 2, 0.02, 5.0)
    take_samples(FILES, CPU, plan, lambda samples: [0, 1])
    assert len(asked) == 1


def test_a_process_in_which_the_machine_was_slow_is_repeated_and_does_not_count(
    children: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = lambda file: model_answer(run=1.4, reference=1.4)  # noqa: E731
    asked = children(steady, slow, steady)
    monkeypatch.setattr(latency, "onnx_precision", lambda path: "float32")
    record, _ = latency.measure_many(FILES, CPU, target_ci=0.05, max_seconds=60.0)
    assert len(asked) == 4
    assert record.median_ms == 1.0
    assert record.ci95_ms == pytest.approx((1.0, 1.0))
    assert len(record.process_medians_ms) == 3
    assert not record.drift_flagged
    assert record.first_run_ms == 3.0
    assert record.steady_share == 0.75
    assert (record.n, record.all_runs["n"]) == (120, 160)
    assert record.all_runs["p90_ms"] == 1.4


def test_a_machine_that_never_settles_is_flagged_and_nothing_is_hidden(
    children: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = iter([1.0, 1.3, 1.6, 0.7] * 100)

    def restless(file: Path) -> dict[str, Any]:
        speed = next(speeds)
        return model_answer(run=speed, reference=speed)

    children(restless)
    monkeypatch.setattr(latency, "onnx_precision", lambda path: "float32")
    record, _ = latency.measure_many(FILES, CPU, target_ci=0.05, max_seconds=1e-9)
    assert record.drift_flagged
    assert {"drift", "wide"} <= set(record.flags)
    assert len(record.block_medians_ms) == 6
    assert record.all_runs["n"] == 120
    assert record.ci95_ms[0] < 1.0
    assert record.ci95_ms[1] > 1.6
    assert record.relative_to_reference == pytest.approx(1.0)


def test_slices_of_too_few_processes_are_not_enough() -> None:
    samples = Samples()
    for speed in (1.0, 1.0, 1.5):
        samples.add(model_answer(run=speed, reference=speed))
    (kept,) = keep_steady([samples], max_drift=0.05, min_processes=3)
    assert kept.drifted
    assert (len(kept.slices), len(kept.spread)) == (8, 12)
    (kept,) = keep_steady([samples], max_drift=0.05, min_processes=2)
    assert not kept.drifted
    assert figures(samples, kept)["process_medians_ms"] == (1.0, 1.0)


def test_the_choice_of_slices_does_not_look_at_the_model() -> None:
    """Its own slow runs count where the reference beside them was steady."""
    samples = Samples()
    for run in (1.0, 1.0, 2.0):
        samples.add(model_answer(run=run, reference=1.0))
    (kept,) = keep_steady([samples], max_drift=0.05, min_processes=3)
    assert not kept.drifted
    assert kept.share == 1.0
    low, high = figures(samples, kept)["ci95_ms"]
    assert low < 1.0
    assert high > 2.0


def test_a_run_that_lost_the_processor_does_not_count() -> None:
    answer = model_answer(run=1.0, reference=1.0)
    for block in answer["blocks"]:
        block["runs_ns"] = [[1 * MS] * 4 + [9 * MS] * 6, [9 * MS] * 10]
        block["interrupted"] = [[False] * 4 + [True] * 6, [True] * 10]
    samples = Samples()
    samples.add(answer)
    (kept,) = keep_steady([samples], max_drift=0.05, min_processes=1)
    record = figures(samples, kept)
    assert not kept.drifted
    assert kept.share == 0.5
    assert (record["median_ms"], record["p99_ms"], record["n"]) == (1.0, 1.0, 8)
    assert (record["all_runs"]["median_ms"], record["all_runs"]["n"]) == (9.0, 40)


def test_normalising_undoes_a_speed_that_the_reference_shares() -> None:
    samples = Samples()
    for speed in (1.0, 1.5, 1.5):
        samples.add(model_answer(run=4 * speed, reference=speed))
    (kept,) = keep_steady([samples], max_drift=0.05, min_processes=3)
    record = figures(samples, kept)
    assert record["drift_flagged"]
    assert record["median_ms"] == record["normalised_ms"] == 4.0
    assert record["relative_to_reference"] == 4.0
    assert record["normalised_ci95_ms"] == pytest.approx((4.0, 4.0))
    assert record["ci95_ms"][1] > 6.0


def test_what_lacks_processes_is_made_up_for_when_the_time_is_up(children: Any) -> None:
    asked = children(steady)
    late = Plan({}, 3, 100, 0.0)
    take_samples(FILES, CPU, late, lambda samples: [0, 1], lambda samples: [1])
    assert [files for files, _ in asked] == [FILES] * 3 + [FILES[1:]] * 3


def test_a_process_that_was_killed_may_have_lacked_memory() -> None:
    command = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    with pytest.raises(NasKdError, match="memory runs out: 3 models were open"):
        measuring_process._read_answer(child, 3)
