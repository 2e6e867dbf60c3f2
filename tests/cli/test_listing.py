"""``nas-kd list`` tells what can be named, what it needs and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nas_kd.errors import ExitCode
from tests.cli.conftest import Command

FIELDS = {
    "spaces": {"name", "reads", "size", "source", "options"},
    "proxies": {"name", "needs", "cost", "source", "ours"},
    "distillers": {"name", "needs", "source"},
    "samplers": {"name", "source"},
    "methods": {"name", "does", "spaces", "source", "settings", "meanings"},
    "settings": {"name", "of", "settings", "meanings"},
    "recipes": {"name", "teacher", "data"},
}
EXPECTED = {
    "spaces": {"nasbench201", "cifar-resnet", "autodistil-tiny"},
    "proxies": {"diswot", "naswot", "synflow", "grad_norm", "snip", "jacov", "params", "macs"},
    "distillers": {"kd", "diswot_mr", "diswot_ms"},
    "samplers": {"nsga2", "tpe", "random", "exhaustive", "regularised-evolution"},
    "methods": {"darts", "sd-darts", "poa", "autodistil"},
    "settings": {"task", "embeddings"},
    "recipes": {"digits"},
}


def _entries(nas_kd: Command, kind: str) -> list[dict[str, Any]]:
    document = json.loads(nas_kd("list", kind, "--json").out)
    assert document["schema"] == "nas-kd.list/1"
    entries: list[dict[str, Any]] = document[kind]
    return entries


@pytest.mark.parametrize("kind", list(FIELDS))
def test_documents(nas_kd: Command, kind: str) -> None:
    entries = _entries(nas_kd, kind)
    assert {entry["name"] for entry in entries} >= EXPECTED[kind]
    for entry in entries:
        assert entry.keys() >= FIELDS[kind]
        assert all(entry[field] not in ("", None) for field in FIELDS[kind] - {"options"})


def test_spaces_tell_their_size(nas_kd: Command) -> None:
    sizes = {entry["name"]: entry["size"] for entry in _entries(nas_kd, "spaces")}
    assert (sizes["nasbench201"], sizes["cifar-resnet"]) == (15_625, 64)


@pytest.mark.parametrize("kind", list(FIELDS))
def test_tables_name_everything(nas_kd: Command, kind: str) -> None:
    table = nas_kd("list", kind).out
    for entry in _entries(nas_kd, kind):
        assert entry["name"] in table


def test_settings_of_a_method_are_told_with_their_defaults(nas_kd: Command) -> None:
    settings = {entry["name"]: entry["settings"] for entry in _entries(nas_kd, "methods")}
    assert settings["pc-darts"]["alpha_start"] == 15
    told = [line.split() for line in nas_kd("list", "methods", "pc-darts").out.splitlines()]
    assert ["alpha_start", "15"] in (words[:2] for words in told)
    assert ["cost_table", "none"] in (words[:2] for words in told)
    assert len(settings["pc-darts"]) <= len(told)
    differs = " ".join(nas_kd("list", "methods", "beta-darts").out.split())
    assert "published with epochs=50" in differs
    unknown = nas_kd("list", "methods", "pc-dart")
    assert unknown.code == ExitCode.USAGE
    assert "Did you mean 'pc-darts'?" in unknown.err


def test_every_setting_of_every_method_is_told_with_its_meaning(nas_kd: Command) -> None:
    entries = {entry["name"]: entry for entry in _entries(nas_kd, "methods")}
    for name, entry in entries.items():
        assert entry["meanings"].keys() == entry["settings"].keys(), name
        assert all(meaning.endswith(".") for meaning in entry["meanings"].values()), name
    told = " ".join(nas_kd("list", "methods", "sd-darts").out.split())
    assert "teacher_start 5.0 Epochs without teachers; fewer than the search has." in told
    assert "workers 0 Processes that read images ahead; the results do not depend on it." in told
    meanings = entries["sd-darts"]["meanings"]  # its own, and those of what it inherits from
    assert meanings["teacher_weight"] == "Of the teachers' loss."
    assert meanings["order"] == "first or second."
    assert "`" not in json.dumps(meanings)
    assert entries["autodistil"]["meanings"]["unit_steps"].startswith("Steps from one checkpoint")


def test_settings_of_lessons_are_told_with_their_meanings(nas_kd: Command) -> None:
    entries = {entry["name"]: entry for entry in _entries(nas_kd, "settings")}
    for name, entry in entries.items():
        assert entry["meanings"].keys() == entry["settings"].keys(), name
    assert entries["task"]["settings"]["max_tokens"] == 128
    assert entries["embeddings"]["settings"]["batch_size"] == 64
    told = " ".join(nas_kd("list", "settings", "task").out.split())
    assert "max_tokens 128 Tokens of the longest sequence, special ones included." in told
    assert "nas-kd list settings task" in " ".join(nas_kd("distill", "--help").out.split())


def test_the_readme_names_every_space_proxy_and_distiller(nas_kd: Command) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for kind in ("spaces", "proxies", "distillers", "samplers"):
        for entry in _entries(nas_kd, kind):
            assert f"`{entry['name']}`" in readme, f"README.md lacks {entry['name']}"
