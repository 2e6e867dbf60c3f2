"""Components of other packages."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest
from torch import Tensor

from nas_kd import registry
from nas_kd.distill import DISTILLERS, Distiller, Outputs
from nas_kd.errors import UsageError
from nas_kd.registry import Registry
from nas_kd.training.pretraining import METHODS
from proxies import PROXIES
from search_spaces import SPACES, CifarResNet, create_space
from studies.samplers import SAMPLERS


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


@pytest.mark.parametrize("names", [["ours"], ["theirs", "theirs"]])
def test_a_name_that_is_taken_is_told_with_its_package_at_every_look_up(
    names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [EntryPoint(name, "math:pi", "nas_kd.things") for name in names]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    things: Registry[float] = Registry("things")
    things.register("ours", 1.0)
    for _ in range(2):
        with pytest.raises(UsageError, match=rf"'{names[-1]}' \(math:pi\) is taken"):
            things.get("ours")


def test_a_package_that_exits_when_it_is_imported_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "exits_at_once.py").write_text("raise SystemExit('no licence')")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("theirs", "exits_at_once:THING", "nas_kd.things")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    things: Registry[float] = Registry("things")
    with pytest.raises(UsageError, match=r"'theirs' .*SystemExit: no licence"):
        things.names()


def test_components_of_a_package_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = EntryPoint("theirs", "math:pi", "nas_kd.things")
    monkeypatch.setattr(registry, "entry_points", lambda group: [theirs])
    things: Registry[float] = Registry("things")
    assert things.get("theirs") == things.get("theirs")
    assert things.names() == ["theirs"]


def score(student: object, teacher: object) -> float:
    return 0.0


def space_of_floats(width: float = 1.0) -> CifarResNet:
    return CifarResNet()


def space_without_default(width: int) -> CifarResNet:
    return CifarResNet(width)


def no_space(width: int = 4) -> str:
    return "these are no students"


def other_space() -> CifarResNet:
    return CifarResNet()


RESNETS = CifarResNet()
RENAMED = dataclasses.replace(PROXIES.get("naswot"), name="other")


class Unfinished(Distiller):
    """It has neither a name nor parts."""


@dataclass(frozen=True)
class Undecided(Distiller):
    """Its setting has no default."""

    width: int

    name: ClassVar[str] = "theirs"
    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    source: ClassVar[str] = "this test"

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        return {self.name: (student.logits - teacher.logits).square().mean()}


def _install(monkeypatch: pytest.MonkeyPatch, kind: Registry, attribute: str) -> None:
    """As if a package with this attribute of this module were installed."""
    entry_point = EntryPoint("theirs", f"{__name__}:{attribute}", f"nas_kd.{kind.kind}")
    monkeypatch.setattr(kind, "_components", dict(kind.items()))
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry_point])
    monkeypatch.setattr(kind, "_entry_points_loaded", False)


@pytest.mark.parametrize(
    ("kind", "attribute", "message"),
    [
        (PROXIES, "score", "is a function; it should be a proxies.Proxy"),
        (PROXIES, "Unfinished", "is the class Unfinished; it should be a proxies.Proxy"),
        (PROXIES, "RENAMED", "calls itself 'other'"),
        (SPACES, "RESNETS", "is of type CifarResNet; it should be a class or function"),
        (SPACES, "space_of_floats", "whose options are integers with defaults"),
        (SPACES, "space_without_default", "whose options are integers with defaults"),
        (DISTILLERS, "score", "is a function; it should be a subclass of nas_kd.distill.Distiller"),
        (DISTILLERS, "Unfinished", "is the class Unfinished; it should be a subclass"),
        (DISTILLERS, "Undecided", "whose settings have defaults"),
        (SAMPLERS, "score", "it should be a studies.samplers.SamplerEntry"),
        (METHODS, "score", "it should be a nas_kd.training.pretraining.Method"),
    ],
)
def test_an_object_of_another_kind_is_named_with_what_it_should_be(
    kind: Registry, attribute: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(monkeypatch, kind, attribute)
    with pytest.raises(UsageError, match=f"'theirs' .*{attribute}.*{message}"):
        kind.names()


@pytest.mark.parametrize(
    ("attribute", "message"),
    [("no_space", "made a str, which lacks .*distributions"), ("other_space", "'cifar-resnet'")],
)
def test_a_factory_makes_a_space_of_its_name(
    attribute: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(monkeypatch, SPACES, attribute)
    with pytest.raises(UsageError, match=message):
        create_space("theirs")


@pytest.mark.parametrize("kind", [SPACES, PROXIES, DISTILLERS, SAMPLERS, METHODS])
def test_our_own_are_what_those_of_others_should_be(kind: Registry) -> None:
    assert all(kind._accepts(component) for _, component in kind.items())
