"""Budgets: what can be written, what it resolves to, and what is refused."""

from __future__ import annotations

import math

import pytest

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.errors import UsageError

TEACHER = {"macs": 100e6, "params": 4e6, "latency_ms": 10.0}


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("macs=60%", {"macs": 60e6}),
        ("params=2M", {"params": 2e6}),
        ("params=2000000", {"params": 2e6}),
        ("macs=1.5G", {"macs": 1.5e9}),
        (" MACs = 500k ", {"macs": 500e3}),
        ("latency=5ms", {"latency_ms": 5.0}),
        ("latency=500us", {"latency_ms": 0.5}),
        ("latency=0.1s", {"latency_ms": 100.0}),
        ("latency=60%@cpu-2t", {"latency_ms": 6.0}),
        ("latency=2ms@int8", {"latency_ms": 2.0}),
        ("latency=2ms@cpu-1t-int8", {"latency_ms": 2.0}),
        ("macs=60%,params=2M, latency=5ms", {"macs": 60e6, "params": 2e6, "latency_ms": 5.0}),
        ("", {}),
    ],
)
def test_reads(text: str, limits: dict[str, float]) -> None:
    assert Budget.parse(text).limits(TEACHER).values == pytest.approx(limits)


def test_lists_and_device() -> None:
    budget = Budget.parse(["macs=60%", "latency=5ms@cpu-1t"])
    assert budget.profile == DeviceProfile("cpu", threads=1)
    assert budget.needs("latency_ms")
    assert not budget.needs("params")
    assert Budget.parse(["latency=5ms"]).profile is None


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("latency=2ms", DeviceProfile("cuda", 1, 8)),
        ("macs=60%", DeviceProfile("cuda", 1, 8)),
        ("latency=2ms@int8", DeviceProfile("cuda", 1, 8, "int8")),
        ("latency=2ms@ FP16", DeviceProfile("cuda", 1, 8, "fp16")),
        ("latency=2ms@fp32", DeviceProfile("cuda", 1, 8)),
        ("latency=2ms@cpu-2t", DeviceProfile("cpu", 2)),
        ("latency=2ms@cpu-2t-fp32", DeviceProfile("cpu", 2)),
        ("latency=2ms@cpu-1t-int8", DeviceProfile("cpu", 1, 1, "int8")),
        ("macs=60%,latency=2ms@tensorrt-b4-int8", DeviceProfile("tensorrt", 1, 4, "int8")),
    ],
)
def test_where_latency_counts(text: str, profile: DeviceProfile) -> None:
    assert Budget.parse(text).measured_on(DeviceProfile("cuda", 1, 8)) == profile


def test_a_precision_alone_names_no_device() -> None:
    budget = Budget.parse("latency=2ms@int8")
    assert budget.profile is None
    assert budget.precision == "int8"


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("latency=2ms", None),
        ("latency=2ms@cpu-1t", None),
        ("latency=2ms@cpu", None),
        ("latency=2ms@fp32", "fp32"),
        ("latency=2ms@ CPU-FP32", "fp32"),
        ("macs=60%,latency=2ms@cpu-1t-b2-fp16", "fp16"),
    ],
)
def test_only_a_precision_that_is_written_is_asked_for(text: str, precision: str | None) -> None:
    assert Budget.parse(text).precision == precision


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("macs", "METRIC=VALUE"),
        ("macs=", "positive number"),
        ("macs=-5%", "positive number"),
        ("macs=0%", "above zero"),
        ("macs=nan", "positive number"),
        ("macs=1e999", "finite"),
        ("macs=40", "Did you mean macs=40%"),
        ("macs=0.5", "Did you mean macs=50%"),
        ("params=500", "Did you mean params=500M"),
        ("params=0.9k", "less than any network has"),
        ("macs=5ms", "positive number"),
        ("latency=5", "positive number"),
        ("latency=5M", "positive number"),
        ("flops=60%", "Did you mean 'macs'"),
        ("latencyy=5ms", "Did you mean 'latency'"),
        ("macs=60%@cpu-1t", "names a device"),
        ("macs=60%,macs=2M", "more than once"),
        ("latency=5ms@cpu one", "not a device profile"),
        ("latency=5ms@cpu-int4", "precisions are fp32, int8, fp16"),
        ("latency=5ms@", "not a device profile"),
        ("latency=5ms@-int8", "not a device profile"),
        ("macs=60%@int8", "names a device"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Budget.parse(text)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(UsageError, match="Known: cpu, cuda, tensorrt"):
        Budget.parse("latency=5ms@toaster")


def test_a_share_of_an_unknown_cost_is_refused() -> None:
    with pytest.raises(UsageError, match="not known"):
        Budget.parse("latency=60%").limits({"macs": 1.0})


def test_violations() -> None:
    limits = Budget.parse("macs=60%,params=2M,latency=5ms").limits(TEACHER)
    costs = {"macs": 30e6, "params": 3e6, "accuracy": 0.9}
    assert limits.violations(costs) == pytest.approx({"macs": -0.5, "params": 0.5})
    assert limits.violations({"latency_ms": 5.0}) == {"latency_ms": 0.0}
    assert limits.violations({"latency_ms": math.nan}) == {"latency_ms": math.inf}


def test_limits_hold_up_to_their_value_and_for_what_is_known() -> None:
    limits = Budget.parse("macs=100k,params=10k").limits({})
    assert limits.hold({"macs": 100_000, "params": 10_000})
    assert limits.hold({"macs": 100_000})
    assert not limits.hold({"macs": 100_000, "params": 10_001})
    assert not limits.hold({"macs": float("nan")})


def test_what_is_counted_leaves_latency_out() -> None:
    budget = Budget.parse("macs=60%,latency=5ms,params=2M")
    assert [entry.text for entry in budget.counted.entries] == ["macs=60%", "params=2M"]
