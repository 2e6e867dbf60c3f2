"""Components of other packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from nas_kd import registry
from nas_kd.errors import UsageError
from nas_kd.registry import Registry


def test_a_package_that_cannot_be_loaded_is_named_at_every_look_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = EntryPoint("theirs", "no_such_package_of_theirs:space", "nas_kd.things")
    monkeypatch.setattr(registry, "entry_points", lambda group: [broken])
    things: Registry[str] = Registry("things")
    things.register("ours", "ours")
    for _ in range(2):
        with pytest.raises(UsageError, match=r"'theirs' .*Mend or uninstall"):
            things.get("ours")


def test_components_of_a_package_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = EntryPoint("theirs", "math:pi", "nas_kd.things")
    monkeypatch.setattr(registry, "entry_points", lambda group: [theirs])
    things: Registry[float] = Registry("things")
    assert things.get("theirs") == things.get("theirs")
    assert things.names() == ["theirs"]
