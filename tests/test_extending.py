"""What docs/extending.md shows is run as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas_kd.cli import main
from nas_kd.distill import DISTILLERS
from proxies import PROXIES
from search_spaces import SPACES
from studies.samplers import SAMPLERS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE))
SHOWN = re.findall(r"(?<!`:\n\n)```(\w+)\n(.*?)```", TEXT, re.DOTALL)
PYTHON = [block for language, block in SHOWN if language == "python"]
SHELL = [block.replace("\\\n", " ") for language, block in SHOWN if language == "sh"]
COMMANDS = [line for block in SHELL for line in block.splitlines()]
ENTRY_POINTS = tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that, on the path, is the installed package of the page."""
    folder = tmp_path_factory.mktemp("installed")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "my_nas" / "__init__.py").touch()
    information = folder / "my_nas-0.1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my-nas\n")
    lines = [
        line
        for group, named in ENTRY_POINTS.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in named.items()))
    ]
    (information / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def installed(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """The package in this process, which forgets it afterwards; the working directory is new."""
    for kind in (SPACES, PROXIES, DISTILLERS, SAMPLERS):
        monkeypatch.setattr(kind, "_components", dict(kind.items()))
        monkeypatch.setattr(kind, "_entry_points_loaded", False)
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.chdir(tmp_path)
    yield monkeypatch
    for name in [name for name in sys.modules if name.split(".")[0] == "my_nas"]:
        del sys.modules[name]


@pytest.mark.usefixtures("installed")
def test_every_component_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    listings = [shlex.split(line)[1:] for line in COMMANDS if line.startswith("nas-kd list")]
    named = {(kind, name) for _, kind, name in listings}
    assert named == {
        (group.removeprefix("nas_kd."), name)
        for group in ENTRY_POINTS
        for name in ENTRY_POINTS[group]
    }
    for words in listings:
        assert main([*words, "--json"]) == 0
        (entry,) = json.loads(capsys.readouterr().out)[words[1]]
        assert entry["name"] == words[2]
        assert entry["source"] in ("an example", "Optuna")


def test_the_python_of_the_page_runs(installed: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(FILES["recipe.toml"], encoding="utf-8")
    found: dict[str, Any] = {}
    for block in PYTHON:
        exec(block, found)
    assert found["document"]["space"]["name"] == "chains"
    assert found["document"]["budget_met"]
    assert list(found["scores"]) == ["logit_spread", "naswot"]
    assert found["student"].space.name == "chains"
    validated = found["Recipe"].model_validate({"space": {"name": "chains"}})
    assert validated.space.name == "chains"


def test_the_contract_tests_take_its_components(package: Path) -> None:
    (line,) = [line for line in COMMANDS if line.startswith("pytest ")]
    path = os.pathsep.join([str(package), str(ROOT)])
    ran = subprocess.run(
        [sys.executable, "-m", *shlex.split(line), "-n0", "-rA", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    passed = [line for line in ran.stdout.splitlines() if line.startswith("PASSED")]
    for name in ("chains", "logit_spread", "logit_huber", "optuna_random"):
        assert any(name in line for line in passed), name
