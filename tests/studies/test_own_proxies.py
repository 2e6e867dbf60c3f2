"""Proxies of other packages: what is said when one fails, and what one may not do."""

from __future__ import annotations

import itertools
import pickle
import sys
from collections.abc import Callable

import pytest
import torch

from nas_kd.costs import Limits
from nas_kd.errors import NasKdError, UsageError
from proxies import PROXIES, Probe, Proxy
from search_spaces import Task, create_space
from studies.evaluator import Evaluator
from studies.own_proxies import Trial
from studies.workers import _serving
from tests.proxies.networks import digits

SPACE = create_space("cifar-resnet", width=4)
TASK = Task(1, 8, 10)
SMALLEST = SPACE.anchors()[1]
Function = Callable[..., object]


def _missing(student: Probe, teacher: Probe | None) -> float:
    return {"width": 1.0}["depth"]


def _in_torch(student: Probe, teacher: Probe | None) -> float:
    return float((student.logits @ student.logits).sum())


def _leaves(student: Probe, teacher: Probe | None) -> float:
    sys.exit(3)


def _gives_nothing(student: Probe, teacher: Probe | None) -> None: ...


def _gives_many(student: Probe, teacher: Probe | None) -> torch.Tensor:
    return student.logits


def _takes_one(student: Probe) -> float:
    return 1.0


def _zeroing(student: Probe, teacher: Probe | None) -> float:
    with torch.no_grad():
        next(student.model.parameters()).zero_()
    return 1.0


def _listening(student: Probe, teacher: Probe | None) -> float:
    student.model.register_forward_hook(lambda *_: None)
    return 1.0


def _training(student: Probe, teacher: Probe | None) -> float:
    student.model.eval()
    return 1.0


def _learning(student: Probe, teacher: Probe | None) -> float:
    student.model(student.inputs).sum().backward()
    return 1.0


def _drawing(student: Probe, teacher: Probe | None) -> float:
    return float(torch.rand(()))


def _counting(counter: itertools.count[int]) -> Function:
    return lambda student, teacher: next(counter)


def _faithful(student: Probe, teacher: Probe | None) -> float:
    noise = torch.rand((), generator=torch.Generator().manual_seed(student.seed))
    return float(student.logits.std() + noise)


def _without_signal(student: Probe, teacher: Probe | None) -> float:
    return float("nan")


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[[Function], None]:
    """Makes a function the proxy ``mine``, as an installed package would."""

    def made(function: Function) -> None:
        proxy = Proxy(
            name="mine",
            function=function,  # type: ignore[arg-type]
            needs=frozenset({"logits", "model"}),
            initialisation="kaiming",
            source="",
            cost="forward",
        )
        monkeypatch.setitem(PROXIES._components, proxy.name, proxy)

    return made


def _evaluator() -> Evaluator:
    images, labels = digits(8)
    return Evaluator(
        SPACE,
        TASK,
        limits=Limits({}),
        proxies=["naswot", "mine"],
        images=images,
        labels=labels,
        teacher=None,
        seed=0,
    )


def _try() -> None:
    images, labels = digits(8)
    trial = Trial(SPACE, SMALLEST, TASK, images, labels, None, seed=0)
    trial.require_faithful(["naswot", "mine"])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (_missing, "KeyError: 'depth'"),
        (_in_torch, "RuntimeError: "),
        (_leaves, "SystemExit: 3"),
    ],
)
def test_a_failing_proxy_is_named_with_the_line(
    function: Function, said: str, register: Callable[[Function], None]
) -> None:
    register(function)
    with pytest.raises(NasKdError, match=r"proxy 'mine' has no score for \{") as caught:
        _evaluator().evaluate(SMALLEST)
    line = function.__code__.co_firstlineno + 1
    assert said in str(caught.value)
    assert f"{__file__}, line {line}" in str(caught.value)
    assert not isinstance(caught.value, UsageError)


@pytest.mark.parametrize("function", [_gives_nothing, _gives_many, _takes_one])
def test_a_function_of_another_form_is_told_what_it_should_be(
    function: Function, register: Callable[[Function], None]
) -> None:
    register(function)
    with pytest.raises(NasKdError, match=r"proxy 'mine' .* returns one number"):
        _evaluator().evaluate(SMALLEST)


def test_a_worker_says_the_same(register: Callable[[Function], None]) -> None:
    register(_leaves)
    answer = pickle.loads(pickle.dumps(_serving._answer(_evaluator(), SMALLEST)))
    assert isinstance(answer, NasKdError)
    assert "proxy 'mine'" in str(answer)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (_zeroing, "leaves the network changed (stem"),
        (_listening, "leaves the network changed (hooks of the network)"),
        (_training, "leaves the network changed (mode of the network)"),
        (_learning, "leaves the network changed ("),
        (_drawing, "scores one network 0."),
        (_counting(itertools.count()), "scores one network 0 and then 1"),
        (_missing, "has no score"),
    ],
)
def test_what_would_spoil_a_study_is_refused_at_its_beginning(
    function: Function, said: str, register: Callable[[Function], None]
) -> None:
    register(function)
    with pytest.raises(NasKdError) as caught:
        _try()
    assert str(caught.value).startswith(f"proxy 'mine' {said}")


@pytest.mark.parametrize("function", [_faithful, _without_signal])
def test_a_faithful_proxy_is_not(function: Function, register: Callable[[Function], None]) -> None:
    register(function)
    _try()
