"""``nas-kd measure``: tables, comparisons, budgets, and devices that are not here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from onnx import TensorProto
from rich.console import Console

from nas_kd.cli.measured_tables import result_lines
from nas_kd.costs import DeviceProfile, LatencyRecord
from nas_kd.costs.cores import find_cores
from nas_kd.costs.latency_comparison import LatencyComparison
from tests.cli.conftest import Command, children_seconds
from tests.costs.test_latency import write_chain


def make_record(profile: DeviceProfile, median: float, **changes: Any) -> LatencyRecord:
    values: dict[str, Any] = {
        "median_ms": median, "p90_ms": 1.2 * median, "p99_ms": 1.5 * median, "mad_ms": 0.0,
        "ci95_ms": (0.9 * median, 1.1 * median), "n": 300, "first_run_ms": 9.0,
        "provider": profile.provider, "device": "a processor", "threads": profile.threads,
        "batch": profile.batch, "precision": "float32", "graph_level": "all", "warmup": {},
        "reference_drift": 0.0, "drift_flagged": False, "relative_to_reference": 1.0,
        "reference_ms": 1.0, "block_medians_ms": (median,), "load": {"others": 0.5},
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    return LatencyRecord(**{**values, **changes})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str, bool]]:
    """Measures nothing: the n-th file takes n ms. Keeps the number of files, profile, ``fresh``."""
    kept: list[tuple[int, str, bool]] = []

    def measure_many(
        files: Sequence[Path], profile: DeviceProfile, *, cache: Any, alone: Any
    ) -> list[LatencyRecord]:
        kept.append((len(files), str(profile), cache.fresh))
        return [make_record(profile, float(n)) for n in range(1, len(files) + 1)]

    def measure_latency(
        file: Path, profile: DeviceProfile, *, cache: Any, alone: Any
    ) -> LatencyRecord:
        return measure_many([file], profile, cache=cache, alone=alone)[0]

    monkeypatch.setattr("nas_kd.costs.latency.measure_many", measure_many)
    monkeypatch.setattr("nas_kd.costs.latency.measure_latency", measure_latency)
    monkeypatch.setattr("nas_kd.costs.profile.usable_cores", lambda: 4)
    return kept


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_chain(tmp_path / "chain.onnx", 3, ["batch", 64, 64])


class TestOne:
    def test_the_document_is_one_record(self, nas_kd: Command, model: Path, asked: Any) -> None:
        outcome = nas_kd("measure", model, "--json")
        assert outcome.code == 0, outcome.err
        document = json.loads(outcome.out)
        assert list(document) == [
            "schema", "model", "macs", "params", "unsupported_operators", "unsupported_share",
            "latency_ms",
        ]  # fmt: skip
        assert document["schema"] == "nas-kd.measure/1"
        assert document["latency_ms"]["median"] == 1.0
        assert asked == [(1, "cpu-1t", False)]

    def test_the_second_time_comes_from_the_cache_and_says_so(
        self, nas_kd: Command, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        measured: list[float] = []
        taken: list[float] = []

        @contextmanager
        def alone() -> Iterator[None]:
            taken.append(1.0 + len(taken))
            yield

        monkeypatch.setattr("nas_kd.cli.measuring.machine_alone", alone)

        def measure(files: Sequence[Path], precisions: Any, profile: DeviceProfile, *rest: Any):
            assert len(taken) == 1 + len(measured)
            measured.append(1.0 + len(measured))
            return [make_record(profile, measured[-1]) for _ in files]

        monkeypatch.setattr("nas_kd.costs.latency._measure", measure)
        first, second = nas_kd("measure", model), nas_kd("measure", model)
        assert "measured earlier" not in first.out
        assert "1 ms (95 %" in second.out
        assert "measured earlier" in second.out
        latency = json.loads(nas_kd("measure", model, "--json").out)["latency_ms"]
        assert latency["cached"] is True
        assert latency["how"] == "measured"
        assert datetime.fromisoformat(latency["measured_at"]) <= datetime.now(UTC)
        assert measured == taken == [1.0]
        fresh = nas_kd("measure", model, "--fresh")
        assert "2 ms (95 %" in fresh.out
        assert "measured earlier" not in fresh.out


class TestSeveral:
    def test_one_row_for_every_combination(
        self, nas_kd: Command, model: Path, asked: list[tuple[int, str, bool]]
    ) -> None:
        outcome = nas_kd(
            "measure", model, model, "--threads", 1, "--threads", 2, "--batch", 1, "--batch", 8,
            "--fresh", "--json",
        )  # fmt: skip
        assert outcome.code == 0, outcome.err
        document = json.loads(outcome.out)
        assert document["schema"] == "nas-kd.measure-rows/1"
        settings = [(row["threads"], row["batch"]) for row in document["rows"]]
        assert settings == [(1, 1)] * 2 + [(1, 8)] * 2 + [(2, 1)] * 2 + [(2, 8)] * 2
        assert {row["device"] for row in document["rows"]} == {"cpu"}
        assert [row["latency_ms"]["median"] for row in document["rows"]] == [1.0, 2.0] * 4
        profiles = ["cpu-1t", "cpu-1t-b8", "cpu-2t", "cpu-2t-b8"]
        assert asked == [(2, profile, True) for profile in profiles]

    def test_all_threads_are_the_physical_cores_and_nothing_is_measured_twice(
        self, nas_kd: Command, model: Path, asked: list[tuple[int, str, bool]]
    ) -> None:
        count = find_cores().all_threads
        nas_kd("measure", model, "--threads", "all", "--threads", count)
        assert asked == [(1, f"cpu-{count}t", False)]

    def test_threads_that_are_no_number(self, nas_kd: Command, model: Path) -> None:
        outcome = nas_kd("measure", model, "--threads", "many")
        assert outcome.code == 2
        assert "physical core" in outcome.err

    def test_the_table(self, nas_kd: Command, model: Path, asked: Any) -> None:
        out = nas_kd("measure", model, "--batch", 1, "--batch", 8).out
        for words in ("median", "95 % interval", "10.0%", "images/s", "8000", "cpu-1t-b8"):
            assert words in out
        assert "with copies" not in out

    def test_the_table_fits_a_terminal_and_shows_doubts(self) -> None:
        profile = DeviceProfile("cpu")
        records = [
            make_record(profile, 12.345, flags=("busy", "wide")),
            make_record(profile, 1.0, cached=True),
        ]
        rows = [
            {
                "model": "runs/photos/students/1/a-long-name-of-a-model.onnx",
                "macs": 123_456_789,
                "params": 1_234_567,
                "unsupported_operators": {"Exotic": 2} if record.cached else {},
                "unsupported_share": 0.031 if record.cached else 0.0,
                "device": "cpu",
                "threads": 1,
                "batch": 1,
                "latency_ms": {"median": record.median_ms, "ci95": list(record.ci95_ms),
                               "p90": record.p90_ms, **record.to_dict()},
                "budget": {"met": record.cached},
            }
            for record in records
        ]  # fmt: skip
        console = Console(file=StringIO(), width=100)
        for part in result_lines({"schema": "nas-kd.measure-rows/1", "rows": rows}):
            console.print(part, markup=False, highlight=False)
        text = console.file.getvalue()
        assert max(map(len, text.splitlines())) <= 100
        for words in ("12.35", "10.0%", "NOT MET", "busy", "cached", "123 M*", "cpu-1t"):
            assert words in text
        assert "other programs used 50% of the machine" in text
        assert "2 x Exotic (at most 3.1% of all MACs)" in " ".join(text.split())
        assert "…" not in text


class TestBudget:
    @pytest.mark.parametrize(
        ("limit", "code"),
        [("latency=1.2ms", 0), ("latency=1.05ms", 3), ("macs=1k", 3), ("params=1G", 0)],
    )
    def test_a_latency_holds_when_its_upper_end_does(
        self, nas_kd: Command, model: Path, asked: Any, limit: str, code: int
    ) -> None:
        outcome = nas_kd("measure", model, "--budget", limit, "--json")
        assert outcome.code == code, outcome.err
        budget = json.loads(outcome.out)["budget"]
        assert budget["met"] is (code == 0)
        assert list(budget["violations"]) == list(budget["limits"])
        words = "met" if code == 0 else "NOT MET"
        assert words in nas_kd("measure", model, "--budget", limit).out

    def test_the_device_of_the_budget_is_measured(
        self, nas_kd: Command, model: Path, asked: list[tuple[int, str, bool]]
    ) -> None:
        assert nas_kd("measure", model, "--budget", "latency=9ms@cpu-2t").code == 0
        assert asked == [(1, "cpu-2t", False)]

    def test_only_the_setting_that_the_budget_names_is_judged(
        self, nas_kd: Command, model: Path, asked: Any
    ) -> None:
        outcome = nas_kd(
            "measure", model, "--threads", 1, "--threads", 2, "--budget", "latency=0.1ms@cpu-2t",
            "--json",
        )  # fmt: skip
        assert outcome.code == 3
        rows = json.loads(outcome.out)["rows"]
        assert [row["budget"]["met"] for row in rows] == [True, False]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--budget", "latency=60%"], "share of the teacher's"),
            (["--budget", "latency=5ms@cpu-2t", "--threads", "1"], "would not be measured"),
            (["--budget", "latency=5ms@int8"], "computes in float32"),
            (["--compare"], "exactly two models"),
        ],
    )
    def test_what_cannot_be_judged(
        self, nas_kd: Command, model: Path, asked: list[Any], options: list[str], words: str
    ) -> None:
        outcome = nas_kd("measure", model, *options)
        assert outcome.code == 2
        assert words in outcome.err
        assert asked == []

    @pytest.mark.parametrize(
        ("limit", "code", "words"),
        [
            ("latency=9ms", 0, ""),
            ("latency=9ms@cpu-1t", 0, ""),
            ("latency=9ms@fp16", 0, ""),
            ("latency=9ms@fp32", 2, "wrote without --int8 or --fp16"),
            ("latency=9ms@cpu-1t-fp32", 2, "limit is for fp32"),
            ("latency=9ms@cpu-1t-int8", 2, "wrote with --int8"),
        ],
    )
    def test_a_limit_for_one_precision_is_for_no_other_file(
        self, nas_kd: Command, tmp_path: Path, asked: Any, limit: str, code: int, words: str
    ) -> None:
        shape = ["batch", 64, 64]
        half = write_chain(tmp_path / "half.onnx", 3, shape, TensorProto.FLOAT16)
        outcome = nas_kd("measure", half, "--budget", limit)
        assert (outcome.code, words in outcome.err) == (code, True)


class TestCompare:
    @pytest.mark.parametrize(
        ("interval", "faster", "words"),
        [
            ((1.9, 2.1), 0, "is 2 times as fast: the interval leaves out 1"),
            ((0.9, 4.0), None, "No difference can be told"),
        ],
    )
    def test_says_which_is_faster_only_beyond_doubt(
        self,
        nas_kd: Command,
        model: Path,
        monkeypatch: pytest.MonkeyPatch,
        interval: tuple[float, float],
        faster: int | None,
        words: str,
    ) -> None:
        def compare(first: Path, second: Path, profile: DeviceProfile) -> LatencyComparison:
            one, two = make_record(profile, 1.0), make_record(profile, 2.0)
            return LatencyComparison(one, two, 2.0, interval, (2.0,) * 5)

        monkeypatch.setattr("nas_kd.costs.latency_comparison.compare_latency", compare)
        other = model.with_name("other.onnx")
        other.write_bytes(model.read_bytes())
        outcome = nas_kd("measure", model, other, "--compare", "--json")
        assert outcome.code == 0, outcome.err
        document = json.loads(outcome.out)
        assert document["schema"] == "nas-kd.compare/1"
        (row,) = document["rows"]
        assert row["faster"] == (None if faster is None else str([model, other][faster]))
        assert row["excludes_1"] is (faster is not None)
        assert row["second"]["latency_ms"]["median"] == 2.0
        assert words in nas_kd("measure", model, other, "--compare").out

    @pytest.mark.parametrize("drifted", [0, 1])
    def test_a_doubt_stands_below_the_model_that_it_is_about(
        self, nas_kd: Command, model: Path, monkeypatch: pytest.MonkeyPatch, drifted: int
    ) -> None:
        def compare(first: Path, second: Path, profile: DeviceProfile) -> LatencyComparison:
            one, two = (
                make_record(profile, 1.0, flags=("drift",) if i == drifted else ())
                for i in range(2)
            )
            return LatencyComparison(one, two, 1.0, (0.9, 1.1), (1.0,) * 5)

        monkeypatch.setattr("nas_kd.costs.latency_comparison.compare_latency", compare)
        lines = nas_kd("measure", model, model, "--compare").out.splitlines()
        (doubt,) = (i for i, line in enumerate(lines) if "drift: " in line)
        (second,) = (i for i, line in enumerate(lines) if line.startswith("second"))
        assert (doubt > second) is bool(drifted)


@pytest.mark.parametrize(
    ("device", "provider", "exit_code"),
    [("cuda", "CUDA", 4), ("tensorrt", "Tensorrt", 4), ("abacus", "Abacus", 2)],
)
@pytest.mark.parametrize("model", ["timm:resnet18", "none.onnx"])
def test_a_missing_device_is_refused_before_anything_is_loaded(
    device: str, provider: str, exit_code: int, model: str, tmp_path: Path
) -> None:
    if f"{provider}ExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip(f"{provider} is part of the installed onnxruntime")
    code = (
        "import json, sys; from nas_kd.cli import main\n"
        f"words = ['measure', {model!r}, '--device', 'cpu', '--device', {device!r}, '--json']\n"
        "code = main(words)\n"
        "heavy = [m for m in ('torch', 'timm', 'onnx', 'pandas') if m in sys.modules]\n"
        "print(json.dumps([int(code), heavy]))"
    )
    before = children_seconds()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    # 2 s by the clock is the promise on an idle machine.
    assert children_seconds() - before < 6.0
    assert json.loads(done.stdout) == [exit_code, []]
    assert "Measuring" not in done.stderr
    assert device in done.stderr
    assert list(tmp_path.iterdir()) == []
