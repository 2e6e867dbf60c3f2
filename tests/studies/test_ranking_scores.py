"""What kept scores depend on, and how functions are scored several at a time."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from nas_kd.errors import NasKdError
from proxies import PROXIES
from search_spaces import Arch, create_space
from studies.candidates import Candidate
from studies.observer import SilentObserver
from studies.proxy_needs import compared_widths
from studies.ranking import score_settings
from studies.ranking.bench import prepare_bench
from studies.ranking.code_digest import code_digest, code_of, sources
from studies.ranking.fusing import reference_archs
from studies.ranking.prices import alone_seconds
from studies.ranking.scores import Pass
from studies.ranking.scoring import _passes
from studies.recipe_files import parse_recipe
from studies.run_directory import REFERENCE, RunDirectory
from studies.workers import Answer
from tests.studies.digits_search import SPACE, recipe, search

FUNCTION = '"""Module."""\n\ndef score(x):\n    """Doubles."""\n    return 2 * x  # twice\n'


class TestCode:
    def test_words_and_layout_do_not_count(self) -> None:
        other = '"""Other."""\ndef score(x):\n    """Twice."""\n\n    return (2 * x)\n'
        assert code_of(other) == code_of(FUNCTION)
        assert code_of('def f():\n    """Only words."""\n') == code_of("def f(): pass\n")

    @pytest.mark.parametrize("change", [("2 *", "3 *"), ("(x)", "(x, y=1)"), ("2 * x", "'2 * x'")])
    def test_everything_else_does(self, change: tuple[str, str]) -> None:
        assert code_of(FUNCTION.replace(*change)) != code_of(FUNCTION)

    def test_a_digest_is_of_all_files_and_of_no_place(self, tmp_path: Path) -> None:
        folders = [tmp_path / place / "proxies" for place in ("here", "there")]
        for folder in folders:
            folder.mkdir(parents=True)
            (folder / "a.py").write_text("x = 1\n")
            (folder / "b.py").write_text(FUNCTION)
        here, there = (code_digest(folder.glob("*.py")) for folder in folders)
        assert here == there
        (folders[1] / "a.py").write_text("x = 2\n")
        assert code_digest(folders[1].glob("*.py")) != here

    def test_a_space_is_what_it_imports_and_no_other_space(self) -> None:
        names = {path.name for path in sources("search_spaces.nasbench201")}
        assert {"nasbench201.py", "_nasbench201_modules.py", "_nasbench201_cells.py"} <= names
        assert not names & {"pit.py", "_pit_modules.py", "elastic_vit.py"}


def test_the_code_of_other_packages_proxies_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, module = tmp_path / "of_others.py", types.ModuleType("of_others")
    module.__file__ = str(path)
    exec(FUNCTION, vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    digest = score_settings._digest.__wrapped__
    digests = [digest("search_spaces.nasbench201")]

    proxy = replace(PROXIES.get("naswot"), name="doubled", function=partial(module.score))
    monkeypatch.setitem(PROXIES._components, proxy.name, proxy)
    for code in (FUNCTION, FUNCTION.replace("2 *", "3 *")):
        path.write_text(code)
        digests.append(digest("search_spaces.nasbench201"))
    assert len(set(digests)) == 3


class _Dying:
    """Workers two of whom die: one over the first arch, ``deaths`` over the second."""

    def __init__(self, deaths: dict[str, int]) -> None:
        self.deaths = deaths
        self._given: list[Arch] = []

    @property
    def free(self) -> int:
        return 2 - len(self._given)

    def submit(self, arch: Arch) -> None:
        self._given.append(arch)

    def answers(self, timeout_s: float) -> list[Answer[Pass]]:
        arch = self._given.pop()
        self.deaths[arch.key] = self.deaths.get(arch.key, 0) - 1
        dies = self.deaths[arch.key] >= 0
        return [Answer(arch, None if dies else Pass(arch.key, 0.1, {}))]

    def close(self) -> None: ...


class _Priced:
    """A bench whose passes take what their proxies cost, and more the first time."""

    costs = types.MappingProxyType({"cheap": 1.0, "dear": 10.0})

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def timed(self, arch: Arch, proxies: Sequence[str]) -> Pass:
        first = tuple(proxies) not in self.asked
        self.asked.append(tuple(proxies))
        return Pass(arch.key, sum(self.costs[name] for name in proxies) + 5 * first, {})


def test_a_score_is_charged_with_itself_alone() -> None:
    bench = _Priced()
    wanted = [("cheap",), ("dear",), ("cheap", "dear"), ()]
    found = alone_seconds(wanted, bench, Arch({"depth": 1}), SilentObserver())  # type: ignore[arg-type]
    assert found == [1.0, 10.0, 11.0, 0.0]
    assert set(bench.asked) == set(wanted[:3])


class TestDeaths:
    archs = tuple(Arch({"depth": n}) for n in range(4))

    def test_what_ends_one_process_is_scored_by_another(self) -> None:
        found = list(_passes(self.archs, _Dying({arch.key: 1 for arch in self.archs[:2]})))
        assert sorted(one.key for one in found) == sorted(arch.key for arch in self.archs)

    def test_what_ends_two_stops_the_scoring_and_says_so(self) -> None:
        with pytest.raises(NasKdError, match="fewer --workers"):
            list(_passes(self.archs, _Dying({self.archs[1].key: 2})))


def test_classes_are_compared_on_one_scale_as_in_a_search() -> None:
    recipe = parse_recipe({"data": {"source": "digits"}, "space": {"name": "elastic-vit"}})
    bench = prepare_bench(recipe, ["diswot_ms"], SilentObserver())
    widths = compared_widths(["diswot_ms"], bench.space, bench.task)
    assert len(widths) > 1
    assert bench.teacher.probe("gaussian").student_widths == widths


def test_the_reference_is_that_of_a_search_without_a_budget(tmp_path: Path) -> None:
    proxies = {"search.proxies": ["params", "macs"], "search.fusion": "log-rank"}
    of = recipe(**{"budget.limits": ["macs=10G"]}, **proxies)
    search(of, tmp_path / "run")
    kept = RunDirectory.open(tmp_path / "run").read_state(REFERENCE) or {}
    scored = [Candidate.from_dict(candidate) for candidate in kept["candidates"]]
    found = reference_archs(create_space("nasbench201", **SPACE), of.seed)
    assert [arch.key for arch in found] == [candidate.key for candidate in scored]
