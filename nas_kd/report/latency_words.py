"""Latency records in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def latency_sentence(latency: Mapping[str, Any]) -> str:
    """The record in one line: value, spread and how it was measured."""
    low, high = latency["ci95"]
    return (
        f"{latency['median']:.4g} ms (95 % interval {low:.4g} to {high:.4g}, p90 "
        f"{latency['p90']:.4g}, n {latency['n']}) on {latency['provider']}, "
        f"{latency['threads']} thread(s), batch {latency['batch']}"
    )


def latency_remarks(latency: Mapping[str, Any]) -> dict[str, str]:
    """What a reader must know before trusting the value, by kind."""
    remarks = {}
    flags = latency.get("flags") or ()
    if latency.get("cached"):
        remarks["cached"] = f"measured earlier ({latency['measured_at']}); --fresh measures again"
    if "drift" in flags:
        remarks["drift"] = "drift: the machine was hardly ever steady meanwhile"
    if "busy" in flags:
        others = latency["load"]["others"]
        remarks["busy"] = f"busy: other programs used {others:.0%} of the machine meanwhile"
    if "slow" in flags:
        slower = latency["reference_ms"] / latency["usual_reference_ms"] - 1
        remarks["slow"] = f"slow: the machine was {slower:.0%} slower than usual"
    return remarks
