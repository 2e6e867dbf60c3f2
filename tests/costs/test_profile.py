"""Device profiles, and the refusal of devices that are not here."""

from __future__ import annotations

import time
from typing import Any

import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_kd.costs import DeviceProfile, require_provider
from nas_kd.costs.profile import PRECISIONS, PROVIDERS
from nas_kd.errors import DeviceUnavailableError, ExitCode, UsageError


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("cpu", DeviceProfile("cpu", 1, 1)),
        ("cpu-4t", DeviceProfile("cpu", 4, 1)),
        ("CUDA-1t-b8", DeviceProfile("cuda", 1, 8)),
        ("tensorrt-b2", DeviceProfile("tensorrt", 1, 2)),
        ("cpu-int8", DeviceProfile("cpu", 1, 1, "int8")),
        ("CPU-1t-INT8", DeviceProfile("cpu", 1, 1, "int8")),
        ("cuda-1t-b8-fp16", DeviceProfile("cuda", 1, 8, "fp16")),
        ("cpu-2t-fp32", DeviceProfile("cpu", 2)),
    ],
)
def test_text_round_trip(text: str, profile: DeviceProfile) -> None:
    assert DeviceProfile.parse(text) == profile
    assert DeviceProfile.parse(str(profile)) == profile


@given(
    st.builds(
        DeviceProfile,
        device=st.sampled_from(sorted(PROVIDERS)),
        threads=st.integers(1, 1024),
        batch=st.integers(1, 65536),
        precision=st.sampled_from(PRECISIONS),
    )
)
def test_every_profile_survives_its_text(profile: DeviceProfile) -> None:
    assert DeviceProfile.parse(str(profile)) == profile


def test_float32_goes_without_saying() -> None:
    assert str(DeviceProfile("cpu")) == "cpu-1t"
    assert str(DeviceProfile("cpu", precision="int8")) == "cpu-1t-int8"
    assert str(DeviceProfile("cuda", 1, 8, "fp16")) == "cuda-1t-b8-fp16"


@pytest.mark.parametrize(
    "text",
    ["", "cpu-", "cpu-0t", "cpu-1", "cpu-1t-1t", "cpu-99999t", "-1t", "cpu-int4", "cpu-int8-1t"],
)
def test_bad_text(text: str) -> None:
    with pytest.raises(UsageError):
        DeviceProfile.parse(text)


@pytest.mark.parametrize("settings", [{"threads": 0}, {"batch": 0}, {"threads": True}])
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="whole number"):
        DeviceProfile("cpu", **settings)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(UsageError, match="Known: fp32, int8, fp16"):
        DeviceProfile("cpu", precision="float32")


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_missing_provider_is_refused_at_once(device: str) -> None:
    profile = DeviceProfile(device)
    if profile.provider in onnxruntime.get_available_providers():
        pytest.skip(f"{profile.provider} is part of the installed onnxruntime")
    start = time.process_time()
    with pytest.raises(DeviceUnavailableError, match=r"nas-kd\[gpu\]") as caught:
        require_provider(profile)
    assert time.process_time() - start < 2.0
    assert caught.value.exit_code == ExitCode.DEVICE_UNAVAILABLE
    assert "CPUExecutionProvider" in str(caught.value)


def test_a_made_up_device_is_refused() -> None:
    with pytest.raises(UsageError, match="no device 'abacus'"):
        DeviceProfile("abacus")


def test_more_threads_than_cores_are_refused() -> None:
    with pytest.raises(UsageError, match="core"):
        require_provider(DeviceProfile("cpu", threads=1000))


def test_the_cpu_is_accepted() -> None:
    require_provider(DeviceProfile("cpu"))
