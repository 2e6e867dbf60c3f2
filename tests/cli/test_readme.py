"""The commands of the README are commands, and the recipes that they name are recipes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from nas_kd.cli.app import app
from studies.recipe_files import load_recipe

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
LINES = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]
COMMANDS = [line for line in LINES if line.startswith("nas-kd ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_can_be_given(line: str) -> None:
    _, verb, *words = shlex.split(line)
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]  # a group of verbs
    given = command.make_context(verb, words).params
    if config := given.get("config"):
        load_recipe(ROOT / config)


def test_the_readme_has_commands() -> None:
    assert len(COMMANDS) >= 8
    assert {line.split()[1] for line in COMMANDS} >= {"search", "pretrain", "profile", "rank"}
