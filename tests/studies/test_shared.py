"""Several processes on one study: who may do what, who is dead, what is refused."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState

from nas_kd.errors import NasKdError, UsageError
from studies.run_directory import RunDirectory
from studies.shared import SharedStudy, WorkStudy, open_shared_storage, shared_study
from studies.shared.lease import holder, lease
from studies.trials import candidate_of
from tests.studies.digits_search import STUDY, recipe, rows, search

BEAT_S = 0.05


@pytest.fixture
def storage() -> BaseStorage:
    return InMemoryStorage()


@pytest.fixture
def process(storage: BaseStorage) -> Iterator[Callable[[str], WorkStudy]]:
    """Makes processes that share the storage's work."""
    made: list[WorkStudy] = []

    def make(owner: str) -> WorkStudy:
        made.append(WorkStudy(storage, "work", owner, BEAT_S))
        return made[-1]

    yield make
    for work in made:
        work.close()


def _kill(work: WorkStudy) -> None:
    """No sign of life any more, as after ``kill -9``."""
    work._closed.set()
    work._thread.join()
    work._held.clear()


def _only(work: WorkStudy) -> optuna.trial.FrozenTrial:
    (trial,) = work.trials()
    return trial


@pytest.mark.parametrize("text", ["ten", "0", "-1", "nan", "inf"])
def test_a_heartbeat_that_is_none_is_told(
    text: str, storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_KD_HEARTBEAT", text)
    with pytest.raises(UsageError, match=f"NAS_KD_HEARTBEAT is '{text}'"):
        WorkStudy(storage, "study.work", "here")


@pytest.mark.parametrize(("text", "seconds"), [("", 10.0), ("2.5", 2.5)])
def test_the_environment_says_how_often_a_process_shows_that_it_lives(
    text: str, seconds: float, storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_KD_HEARTBEAT", text)
    work = WorkStudy(storage, "study.work", "here")
    work.close()
    assert work.dead_after_s == 4 * seconds


def test_one_of_two_processes_gets_a_trial(process: Callable[[str], WorkStudy]) -> None:
    one, other = process("one"), process("other")
    one.add({"arch": {"a": 1}})
    trial = _only(one)
    assert one.claim(trial)
    assert not other.claim(trial)
    assert one.finish(trial._trial_id, {"candidate": 1}, 0.5)
    assert _only(other).user_attrs["candidate"] == 1


def test_a_living_holder_is_left_alone_and_a_dead_one_is_found(
    process: Callable[[str], WorkStudy],
) -> None:
    one, other = process("one"), process("other")
    one.add({})
    assert one.claim(_only(one))
    until = time.monotonic() + 2 * other.dead_after_s
    while time.monotonic() < until:
        assert other.dead(other.trials()) == []
        time.sleep(BEAT_S)
    _kill(one)
    until = time.monotonic() + 20 * other.dead_after_s
    while not other.dead(other.trials()):
        assert time.monotonic() < until
        time.sleep(BEAT_S)
    other.fail(_only(other)._trial_id)
    assert other.was_death(_only(other))


def test_a_holder_taken_for_dead_does_not_count(process: Callable[[str], WorkStudy]) -> None:
    one, other = process("one"), process("other")
    one.add({})
    trial = _only(one)
    assert one.claim(trial)
    other.fail(trial._trial_id)
    assert not one.finish(trial._trial_id, {"candidate": 1}, 0.5)
    assert _only(one).state == TrialState.FAIL


def test_a_process_knows_at_once_what_it_held_in_an_earlier_life(
    process: Callable[[str], WorkStudy],
) -> None:
    earlier = process("me")
    earlier.add({})
    assert earlier.claim(_only(earlier))
    _kill(earlier)
    again = process("me")
    assert len(again.dead(again.trials())) == 1


def test_what_is_given_back_in_good_order_is_no_death(process: Callable[[str], WorkStudy]) -> None:
    one, other = process("one"), process("other")
    one.add({})
    assert one.claim(_only(one))
    one.close()
    assert _only(other).state == TrialState.FAIL
    assert not other.was_death(_only(other))


def test_a_lease_is_held_by_one_and_ends(process: Callable[[str], WorkStudy]) -> None:
    one, other = process("one"), process("other")
    with lease(one, "rows") as mine, lease(other, "rows") as theirs, lease(other, "post") as free:
        assert (mine, theirs, free) == (True, False, True)
        found = holder(other, "rows")
        assert found is not None
        assert other.owner_of(found) == "one"
    with lease(other, "rows") as held:
        assert held


def test_many_that_try_at_once_hold_one_after_the_other(
    process: Callable[[str], WorkStudy],
) -> None:
    inside, most, times = 0, 0, 0
    lock = threading.Lock()

    def work(own: WorkStudy) -> None:
        nonlocal inside, most, times
        for _ in range(30):
            with lease(own, "post") as held:
                if held:
                    with lock:
                        inside, times = inside + 1, times + 1
                        most = max(most, inside)
                    time.sleep(0.001)
                    with lock:
                        inside -= 1

    threads = [threading.Thread(target=work, args=(process(str(n)),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert times > 0


def test_runs_differ_where_hosts_and_paths_have_the_same_names(tmp_path: Path) -> None:
    """As in containers; and a run is the same one after a restart."""
    url, ours = f"sqlite:///{tmp_path / 'study.db'}", recipe(20)

    def owner(name: str) -> str:
        run = RunDirectory.create_or_continue(tmp_path / name, ours)
        with shared_study(url, STUDY, ours, run) as shared:
            return shared.work.owner

    first = owner("one")
    (tmp_path / "one").rename(tmp_path / "elsewhere")
    second = owner("one")
    assert first != second == owner("one")
    assert first.partition("#")[0] == second.partition("#")[0]


def test_two_processes_share_the_work_and_find_what_one_finds(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    ours = recipe(40, **{"search.proxies": ["params", "macs"]})
    alone = search(ours, tmp_path / "alone")
    found, ends = {}, []

    def take_part(name: str) -> None:
        run = RunDirectory.create_or_continue(tmp_path / name, ours)
        with shared_study(url, STUDY, ours, run) as shared:
            found[name] = rows(search(ours, run.path, shared))
            with shared.finishing() as other:
                ends.append(other)

    threads = [threading.Thread(target=take_part, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found["one"] == found["other"] == rows(alone)
    assert len(ends) == 2
    assert ends.count(None) == 1
    storage = open_shared_storage(url)
    work = optuna.load_study(study_name=f"{STUDY}.work", storage=storage)
    done = [t for t in work.trials if t.state == TrialState.COMPLETE]
    assert set(Counter(str(t.user_attrs["arch"]) for t in done).values()) == {1}
    study = optuna.load_study(study_name=STUDY, storage=storage)
    assert [t.params for t in study.trials] == [t.params for t in alone.trials]
    assert {candidate_of(t).key for t in study.best_trials} == {c.key for c in alone.front}
    late = RunDirectory.create_or_continue(tmp_path / "late", ours)
    with shared_study(url, STUDY, ours, late) as shared:
        assert rows(search(ours, late.path, shared)) == rows(alone)


def test_another_recipe_is_refused_and_other_workers_are_not(storage: BaseStorage) -> None:
    SharedStudy(storage, STUDY, recipe(), "one", BEAT_S).work.close()
    SharedStudy(storage, STUDY, recipe(**{"search.workers": 7}), "two", BEAT_S).work.close()
    with pytest.raises(UsageError, match=r"search\.sampler changed"):
        SharedStudy(storage, STUDY, recipe(**{"search.sampler": "tpe"}), "three", BEAT_S)


def test_a_study_of_another_program_is_refused(storage: BaseStorage) -> None:
    study = optuna.create_study(storage=storage, study_name=STUDY)
    study.tell(study.ask(), 1.0)
    with pytest.raises(UsageError, match="not of nas-kd"):
        SharedStudy(storage, STUDY, recipe(), "one", BEAT_S)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "no URL of a database"),
        ("quick://u:geheim@h/d", "no URL of a database"),
        ("grpc://nowhere", "grpc://HOST:PORT"),
    ],
)
def test_a_wrong_url_is_a_usage_error_without_its_password(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        open_shared_storage(url)
    assert "geheim" not in str(raised.value)


def test_a_server_that_is_down_is_one_line_without_the_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(NasKdError, match="cannot be used") as raised:
        open_shared_storage("postgresql://me:geheim@127.0.0.1:1/none")
    assert "geheim" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_missing_driver_is_named() -> None:
    with pytest.raises(UsageError, match="needs the driver MySQLdb"):
        open_shared_storage("mysql://me:geheim@127.0.0.1/none")
