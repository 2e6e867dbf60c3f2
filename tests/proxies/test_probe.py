"""The probe: its facts, one pass for all, errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from proxies import Probe
from tests.proxies.networks import TinyResNet, digits, features, seeded

EVERYTHING = [
    "logits",
    "features",
    "pooled",
    "relu",
    "head_gradient",
    "weight_gradients",
    "input_jacobian",
    "relu_words",
    "block_moments",
    "block_responses",
    "layer_moments",
    "norm_moments",
    "norm_statistics",
    "channel_correlations",
    "channel_saliency",
    "hessian_gradients",
]


class Counting(TinyResNet):
    """Counts its forward passes and notes whether they build a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.graphs: list[bool] = []

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        self.graphs.append(logits.requires_grad)
        return logits


def _probe(model: nn.Module, **options: Any) -> Probe:
    arguments: dict[str, Any] = {"features": features(model), "head": "classifier", **options}
    return Probe(model, *digits(), **arguments)


def _read_all(probe: Probe) -> dict[str, Any]:
    return {
        "logits": probe.logits,
        "pooled": probe.pooled,
        "last": probe.last_feature,
        "kernel": probe.activation_kernel,
        "head": probe.head_gradient,
        "jacobian": probe.input_jacobian,
        **probe.features,
        **probe.weight_gradients,
    }


def _read_lists(probe: Probe) -> list[Tensor]:
    moments = (*probe.block_moments, *probe.layer_moments, *probe.norm_moments)
    return [
        *probe.activation_words,
        *(part for each in moments for part in (each.mean, each.covariance)),
        *(part for each in probe.norm_statistics for part in (each.mean, each.variance)),
        torch.tensor([each.gain for each in probe.block_responses]),
        torch.tensor(probe.channel_correlations),
        *probe.channel_saliency.values(),
        *probe.hessian_gradients.values(),
    ]


def test_facts_have_their_shapes() -> None:
    facts = _read_all(_probe(seeded(TinyResNet), needs=EVERYTHING))
    shapes = {name: tuple(fact.shape) for name, fact in facts.items()}
    assert shapes == {
        "logits": (16, 10),
        "pooled": (16, 8),
        "last": (16, 8, 8, 8),
        "kernel": (16, 16),
        "head": (10, 8),
        "jacobian": (16, 64),
        "stem": (16, 8, 8, 8),
        "blocks": (16, 8, 8, 8),
        "stem.0.weight": (8, 1, 3, 3),
        "blocks.0.convolution.weight": (8, 8, 3, 3),
        "blocks.1.convolution.weight": (8, 8, 3, 3),
        "classifier.weight": (10, 8),
    }
    assert not any(fact.requires_grad for fact in facts.values())


def test_announced_facts_share_one_pass_and_a_graph_only_where_needed() -> None:
    model = seeded(Counting)
    probe = _probe(model, needs=EVERYTHING)
    _read_all(probe)
    _read_lists(probe)
    assert model.graphs == [True]
    model.graphs.clear()
    graphless = set(EVERYTHING) - {
        "weight_gradients",
        "input_jacobian",
        "block_responses",
        "channel_saliency",
        "hessian_gradients",
    }
    probe = _probe(model, needs=graphless)
    assert probe.head_gradient.shape == (10, 8)
    assert len(probe.last_feature) == len(probe.activation_kernel) == 16
    assert len(probe.block_moments) == len(probe.layer_moments) == 3
    assert len(probe.norm_moments) == len(probe.norm_statistics) == 3
    assert len(probe.activation_words) == 2
    assert model.graphs == [False]


def test_the_lists_of_facts_have_their_shapes() -> None:
    probe = _probe(seeded(TinyResNet), needs=EVERYTHING)
    assert [tuple(m.covariance.shape) for m in probe.block_moments] == [(8, 8)] * 3
    assert [s.name for s in probe.norm_statistics] == ["stem.1", "blocks.0.norm", "blocks.1.norm"]
    assert {s.rows for s in probe.norm_statistics} == {16 * 64}
    assert len(probe.block_responses) == 2
    assert len(probe.channel_correlations) == sum(1 for _ in probe.model.modules())
    weights = probe.weight_gradients
    assert {n: len(s) for n, s in probe.channel_saliency.items()} == {
        name: len(weight) for name, weight in weights.items()
    }
    assert {n: g.shape for n, g in probe.hessian_gradients.items()} == {
        name: weight.shape for name, weight in weights.items()
    }
    assert {n: g.shape for n, g in probe.half_gradients.items()} == {
        name: (2, *weight.shape) for name, weight in weights.items()
    }
    assert probe.perturbed_feature.shape == probe.last_feature.shape
    assert not any(fact.requires_grad for fact in _read_lists(probe))


def test_facts_do_not_depend_on_what_else_is_read_nor_on_dropout() -> None:
    together = _read_all(_probe(seeded(TinyResNet), needs=EVERYTHING))
    apart = _read_all(_probe(seeded(TinyResNet)))
    assert together.keys() == apart.keys()
    for name, fact in together.items():
        assert torch.allclose(fact, apart[name], rtol=1e-4, atol=1e-6), name
    lists = (_read_lists(_probe(seeded(TinyResNet), needs=n)) for n in (EVERYTHING, []))
    for one, other in zip(*lists, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_batch_statistics_are_used_whatever_the_mode() -> None:
    model = seeded(TinyResNet).eval()
    maps = _probe(model).features["stem"]
    assert torch.allclose(maps.mean((0, 2, 3)), torch.zeros(8), atol=1e-5)
    assert not model.training


def test_an_error_in_the_forward_pass_leaves_the_model_as_it_was() -> None:
    class Failing(TinyResNet):
        def forward(self, images: Tensor) -> Tensor:
            super().forward(images)
            raise RuntimeError("no")

    model = seeded(Failing).eval()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with pytest.raises(RuntimeError, match="no"):
        _read_all(_probe(model, needs=EVERYTHING))
    assert all(torch.equal(before[name], buffer) for name, buffer in model.named_buffers())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not model.training


def test_outputs_with_logits_are_understood() -> None:
    class Wrapped(TinyResNet):
        def forward(self, images: Tensor) -> Any:
            return SimpleNamespace(logits=super().forward(images))

    assert _probe(seeded(Wrapped)).head_gradient.shape == (10, 8)


class _Softmaxed(TinyResNet):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).log_softmax(1)


class _Maps(TinyResNet):
    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.stem(images)
        return maps


@pytest.mark.parametrize(
    ("build", "options", "fact", "words"),
    [
        (TinyResNet, {"head": "fc"}, "pooled", "no submodule 'fc'"),
        (TinyResNet, {"features": ["block"]}, "features", "no submodule 'block'"),
        (TinyResNet, {"features": []}, "last_feature", "before global pooling"),
        (TinyResNet, {"head": "stem"}, "head_gradient", "pooled features"),
        (TinyResNet, {"head": "drop"}, "head_gradient", "raw logits"),
        (TinyResNet, {"features": ["blocks", "blocks.0.norm.x"]}, "features", "no submodule"),
        (_Softmaxed, {}, "head_gradient", "raw logits"),
        (_Maps, {}, "logits", "shape \\(batch, class\\)"),
    ],
)
def test_wrong_names_and_outputs_are_explained(
    build: Callable[[], nn.Module], options: dict[str, Any], fact: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        getattr(_probe(seeded(build), **options), fact)


def test_a_module_that_is_never_called_is_explained() -> None:
    model = seeded(TinyResNet)
    model.unused = nn.Conv2d(1, 1, 1)
    with pytest.raises(UsageError, match="never calls its submodule 'unused'"):
        _ = _probe(model, features=["unused"]).last_feature


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (digits(1)[0], digits(1)[1], "at least two"),
        (digits(4)[0].to(torch.uint8), digits(4)[1], "as floats"),
        (digits(4)[0], digits(3)[1], "one integer class"),
        (digits(4)[0], digits(4)[1].float(), "one integer class"),
    ],
)
def test_wrong_batches_are_explained(images: Tensor, labels: Tensor, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Probe(TinyResNet(), images, labels, features=["blocks"], head="classifier")


@pytest.mark.parametrize("label", [-1, 10])
@pytest.mark.parametrize("fact", ["head_gradient", "weight_gradients"])
def test_labels_outside_the_classes_are_explained(label: int, fact: str) -> None:
    images, labels = digits()
    labels = labels.clone()
    labels[3] = label
    probe = Probe(seeded(TinyResNet), images, labels, features=["blocks"], head="classifier")
    with pytest.raises(UsageError, match="10 classes"):
        getattr(probe, fact)
