"""What every registered proxy must do; inherit and set ``name``."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from proxies import PROXIES, Probe, Proxy, TeacherProbes, score_student
from tests.proxies.networks import DeadNet, TinyResNet, digits, features, head, seeded
from tests.proxies.token_networks import DeadViT, TinyViT
from tests.proxies.token_networks import features as token_features
from tests.proxies.token_networks import head as token_head


class ProxyContract:
    """Is documented, deterministic and finite, and leaves the network as it found it."""

    name: str

    @property
    def proxy(self) -> Proxy:
        return PROXIES.get(self.name)

    @property
    def inside_transformers(self) -> bool:
        return "attention" in self.proxy.needs

    def _living(self) -> nn.Module:
        return TinyViT() if self.inside_transformers else TinyResNet(in_place=True)

    def _dead(self) -> nn.Module:
        return DeadViT() if self.inside_transformers else DeadNet()

    def _score(
        self,
        build: Callable[[], nn.Module] | None = None,
        batch: tuple[Tensor, Tensor] | None = None,
        seed: int = 0,
    ) -> float:
        images, labels = batch or digits()
        teacher = TeacherProbes(
            seeded(lambda: TinyResNet(depth=3)),
            images,
            labels,
            features=["stem", "blocks"],
            head="classifier",
            seed=seed,
        )
        return score_student(
            build or self._living,
            images,
            labels,
            proxies=[self.name],
            features=token_features if self.inside_transformers else features,
            head=token_head if self.inside_transformers else head,
            seed=seed,
            teacher=teacher,
            costs={"macs": 1000.0, "params": 100.0},
        )[self.name]

    def test_says_what_it_is(self) -> None:
        assert self.proxy.name == self.name
        assert self.proxy.source
        assert self.proxy.cost
        assert self.proxy.batch

    def test_a_living_student_has_a_finite_score(self) -> None:
        assert math.isfinite(self._score())

    def test_the_same_seed_gives_the_same_score(self) -> None:
        before = torch.get_rng_state()
        assert self._score(seed=5) == self._score(seed=5)
        assert torch.equal(before, torch.get_rng_state())

    @pytest.mark.parametrize(
        "batch",
        [
            pytest.param(digits(2), id="two images"),
            pytest.param((digits(1)[0].repeat(8, 1, 1, 1), digits(8)[1]), id="identical images"),
            pytest.param((digits(8)[0], torch.full((8,), 3)), id="one class"),
            pytest.param((torch.zeros(8, 1, 8, 8), digits(8)[1]), id="black images"),
        ],
    )
    @pytest.mark.parametrize("alive", [True, False])
    def test_odd_input_has_a_score_that_ranks(
        self, alive: bool, batch: tuple[Tensor, Tensor]
    ) -> None:
        if self.name == "epe_nas" and len(set(batch[1].tolist())) == len(batch[1]):
            pytest.skip("it is refused: no class has two images")
        score = self._score(self._living if alive else self._dead, batch)
        assert math.isfinite(score) or score == -math.inf

    def test_a_dead_student_never_beats_a_living_one(self) -> None:
        if self.proxy.cost != "free":  # the others run no network
            assert self._score(self._dead) < self._score(self._living)

    @pytest.mark.parametrize("frozen", [False, True])
    def test_leaves_the_network_as_it_was(self, frozen: bool) -> None:
        images, labels = digits()
        pair = [seeded(self._living, seed).eval() for seed in (0, 1)]
        for model in pair:
            model.requires_grad_(not frozen)
            next(model.children()).train()
        before = [_state(model) for model in pair]
        student, teacher = (
            Probe(
                model,
                images,
                labels,
                features=(token_features if self.inside_transformers else features)(model),
                head=(token_head if self.inside_transformers else head)(model),
                costs={"macs": 1.0, "params": 1.0},
                needs=self.proxy.needs,
            )
            for model in pair
        )
        self.proxy(student, teacher)
        assert [_state(model) for model in pair] == before


def _state(model: nn.Module) -> list[object]:
    """Everything about a network that scoring must not change, in comparable form."""
    return [
        *((n, b.numpy().tobytes(), id(b)) for n, b in model.named_buffers()),
        *((n, p.detach().numpy().tobytes(), id(p)) for n, p in model.named_parameters()),
        *((n, p.requires_grad, p.grad) for n, p in model.named_parameters()),
        *((n, m.training, getattr(m, "inplace", None)) for n, m in model.named_modules()),
        *((n, len(m._forward_hooks), len(m._forward_pre_hooks)) for n, m in model.named_modules()),
    ]
