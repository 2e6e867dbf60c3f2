"""Which students of a SuperLM are judged: all, those that proxies choose, or a sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from nas_kd.costs import Budget
from nas_kd.errors import UsageError
from nas_kd.training.superlm import feasible_students, text_task_of
from proxies import PROXIES
from search_spaces import Arch, Sizes, TransformerSpace, create_space, teacher_options
from studies.observer import Observer, SilentObserver
from studies.supernets.kept_values import KeptValues
from studies.supernets.superlm import Choice, candidates, judged_losses
from tests.training.language_models import sequences, small_bert, small_space

TASK = text_task_of(small_bert().config, 12)
TEXT = sequences(24, seed=5)


def _finer() -> TransformerSpace:
    space = create_space("autodistil", points=12, **teacher_options(small_bert().config))
    assert isinstance(space, TransformerSpace)
    return space


class _Judge:
    """Students whose sizes are near certain ones lose least; it counts whom it judged."""

    def __init__(self) -> None:
        self.judged: list[Arch] = []

    def __call__(self, archs: Sequence[Arch]) -> dict[Arch, float]:
        self.judged += archs
        wanted = {"hidden": 32, "heads": 6, "mlp": 30}
        return {arch: sum((int(arch[g]) / v - 1) ** 2 for g, v in wanted.items()) for arch in archs}


def _judged(
    space: TransformerSpace,
    sizes: dict[Arch, Sizes],
    choice: Choice,
    run: Path,
    judge: _Judge,
    observer: Observer | None = None,
) -> dict[Arch, float]:
    return judged_losses(
        space,
        sizes,
        KeptValues(run, run / "search", "these", judge, pytest.fail),
        choice,
        text=TEXT,
        task=TASK,
        observer=observer or SilentObserver(),
    )


class _Told(SilentObserver):
    """Remembers how long each phase was to be, and the notes."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, int | None]] = []
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def phase(self, name: str, total: int | None) -> None:
        self.phases.append((name, total))


def test_few_students_are_all_judged_once(tmp_path: Path) -> None:
    space, judge = small_space(), _Judge()
    sizes = feasible_students(space, TASK, Budget.parse("params=6000"))
    first = _judged(space, sizes, Choice(), tmp_path, judge)
    assert list(first) == list(sizes) == judge.judged
    again = _judged(space, sizes, Choice(), tmp_path, judge)
    assert again == first
    assert len(judge.judged) == len(sizes)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_of_many_a_sample_is_judged(sampler: str, tmp_path: Path) -> None:
    space, judge = _finer(), _Judge()
    sizes = feasible_students(space, TASK, Budget.parse("params=40%"))
    assert space.anchors()[0] not in sizes
    choice = Choice(trials=20, sampler=sampler, seed=3)
    found = _judged(space, sizes, choice, tmp_path, judge)
    assert len(found) == 20 == len(set(judge.judged))
    assert found.keys() < sizes.keys()
    again = _judged(space, sizes, choice, tmp_path, judge)
    assert list(again.items()) == list(found.items())
    assert len(judge.judged) == 20


def test_a_sampler_finds_good_students_of_a_large_space(tmp_path: Path) -> None:
    space, judge = _finer(), _Judge()
    sizes = feasible_students(space, TASK, Budget())
    assert Choice().count(len(sizes)) == 1000 < len(sizes)
    found = _judged(space, sizes, Choice(trials=80), tmp_path, judge)
    better = [loss for loss in judge(list(sizes)).values() if loss < min(found.values())]
    assert len(better) < 0.02 * len(sizes)


def test_an_exhaustive_search_judges_all_however_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "MOST", 10)
    space, told = small_space(), _Told()
    sizes = feasible_students(space, TASK, Budget.parse("params=6000"))
    found = _judged(space, sizes, Choice(sampler="exhaustive"), tmp_path, _Judge(), told)
    assert list(found) == list(sizes)
    assert len(found) > 10
    assert not told.notes
    choice = Choice(sampler="exhaustive", trials=4)
    assert list(_judged(space, sizes, choice, tmp_path, _Judge(), told)) == list(sizes)[:4]
    assert "the first in the order of their space" in told.notes[0]


@pytest.mark.parametrize(
    ("choice", "chooser"),
    [
        (Choice(sampler="random"), "random"),
        (Choice(proxies=("params",), trials=99), "proxies"),
        (Choice(), None),
    ],
)
def test_who_had_none_to_choose_is_told(
    tmp_path: Path, choice: Choice, chooser: str | None
) -> None:
    told, sizes = _Told(), feasible_students(small_space(), TASK, Budget())
    found = _judged(small_space(), sizes, choice, tmp_path, _Judge(), told)
    assert len(found) == len(sizes)
    assert [f"judged: {chooser} had none" in note for note in told.notes] == [True] * bool(chooser)


@pytest.mark.parametrize("choice", [Choice(sampler="random"), Choice(proxies=("params",))])
def test_of_a_single_student_there_is_nothing_to_tell(tmp_path: Path, choice: Choice) -> None:
    told, sizes = _Told(), feasible_students(small_space(), TASK, Budget())
    only = dict(list(sizes.items())[:1])
    assert list(_judged(small_space(), only, choice, tmp_path, _Judge(), told)) == list(only)
    assert not told.notes


def test_sampler_and_proxies_do_not_both_choose() -> None:
    with pytest.raises(UsageError, match="the sampler tpe would have no effect"):
        Choice(sampler="tpe", proxies=("w_pca",))


@pytest.mark.parametrize("proxies", [("decoder_params",), ("w_pca", "head_importance")])
def test_proxies_filter_first(proxies: tuple[str, ...], tmp_path: Path) -> None:
    space, judge = small_space(), _Judge()
    few = list(feasible_students(space, TASK, Budget()).items())[::5]
    choice = Choice(trials=4, proxies=proxies)
    found = _judged(space, dict(few), choice, tmp_path, judge)
    assert len(found) == 4 == len(judge.judged)
    if proxies == ("decoder_params",):
        least = min(_encoder(space, arch) for arch in found)
        assert sum(_encoder(space, arch) > least for arch, _ in few) < 4


def test_of_many_proxies_look_at_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST", 12)
    observer = _Told()
    space = small_space()
    sizes = feasible_students(space, TASK, Budget())
    choice = Choice(proxies=("params",))
    found = _judged(space, sizes, choice, tmp_path, _Judge(), observer)
    assert observer.phases == [("proxies", 12), ("rank", 3)]
    assert len(found) == 3
    assert Choice(proxies=("params",), trials=5).scored(len(sizes)) == 20


def test_proxies_keep_a_quarter_unless_told() -> None:
    assert Choice(proxies=("w_pca",)).count(100) == 25
    assert Choice(proxies=("w_pca",), trials=7).count(100) == 7
    assert Choice(trials=7).count(5) == 5


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="no 'tpr'"):
        Choice(sampler="tpr")
    with pytest.raises(UsageError, match="no 'wpca'"):
        Choice(proxies=("wpca",))


@pytest.mark.parametrize("name", [n for n, proxy in PROXIES.items() if proxy.input == "noise"])
def test_proxies_that_show_networks_noise_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} look at how a network answers to noise"):
        Choice(proxies=("w_pca", name))


def _encoder(space: TransformerSpace, arch: Arch) -> int:
    """Parameters without the embeddings."""
    model = space.build(arch, TASK)
    embeddings = {
        id(p) for n, p in model.named_parameters() if "embeddings." in n and "LayerNorm" not in n
    }
    return sum(p.numel() for p in model.parameters() if id(p) not in embeddings)
