"""The proxies that read activations alone, against their definitions written out."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product

import numpy as np
import pytest
import torch
from timm.layers import RmsNorm
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from nas_kd.errors import UsageError
from proxies import PROXIES, Probe, initialise
from proxies._activation_patterns import unit_words
from proxies._batch import noise_like
from proxies._channel_correlations import least_correlations
from proxies._channel_moments import channel_moments
from proxies._layout import channels_first
from tests.proxies.cells import CellNet, exact_probe, noise
from tests.proxies.networks import FunctionalNet, TinyResNet, digits, seeded
from tests.proxies.token_networks import tiny_bert, tiny_llama


def _model(depth: int = 2, width: int = 4) -> TinyResNet:
    model = seeded(lambda: TinyResNet(width, depth))
    model.drop = nn.Identity()
    return model


@contextmanager
def _hooked(
    model: nn.Module, kinds: type | tuple[type, ...], keep: Callable[[Tensor, Tensor], None]
) -> Iterator[nn.Module]:
    """A copy in train mode that shows the input and the output of every module of a kind."""
    copied = copy.deepcopy(model).double().train()
    for module in copied.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(lambda _, i, o: keep(i[0].clone(), o.clone()))
    with torch.no_grad():
        yield copied


def _patterns(model: nn.Module, images: Tensor) -> list[np.ndarray]:
    patterns: list[np.ndarray] = []
    kinds = (nn.ReLU, nn.GELU)
    with _hooked(model, kinds, lambda i, _: patterns.append((i > 0).flatten(1).numpy())) as copied:
        copied(images.double())
    return patterns  # (batch, unit) each


def test_swap_counts_different_columns() -> None:
    model, images = _model(), digits(8)[0]
    columns = np.concatenate(_patterns(model, images), axis=1).T
    assert PROXIES.get("swap")(exact_probe(model)) == len({tuple(c) for c in columns}) > 10


def test_gelu_units_count_as_relu_units_do() -> None:
    model, images = seeded(lambda: CellNet(["gelu", "convolution"])), digits(8)[0]
    # The ReLU of the cell works in place: the shown input is what reaches it.
    columns = {tuple(c) for p in _shown_inputs(model, images) for c in p.T}
    assert PROXIES.get("swap")(exact_probe(model)) == len(columns)


def _shown_inputs(model: nn.Module, images: Tensor) -> list[np.ndarray]:
    patterns: list[np.ndarray] = []
    copied = copy.deepcopy(model).double().train()
    for module in copied.modules():
        if isinstance(module, nn.ReLU | nn.GELU):
            module.register_forward_pre_hook(
                lambda _, i: patterns.append((i[0] > 0).flatten(1).numpy())
            )
    with torch.no_grad():
        copied(images.double())
    return patterns


@pytest.mark.parametrize("batch", [2, 24, 25, 64, 65, 150])
def test_words_differ_exactly_where_columns_do(batch: int) -> None:
    generator = torch.Generator().manual_seed(batch)
    few = (torch.rand(batch, 40, generator=generator) > 0.5).float()
    near = few.clone()
    near[-1] = 1 - near[-1]  # the last image alone tells them apart
    active = torch.cat([few, near, few], dim=1)
    words = unit_words(active).tolist()
    columns = [tuple(column) for column in active.T.tolist()]
    assert len(set(zip(words, columns, strict=True))) == len(set(words)) == len(set(columns))


def test_regularised_swap_is_a_bell_around_the_wanted_size() -> None:
    def score(**costs: float) -> float:
        model, (images, labels) = _model(), digits(8)
        return PROXIES.get("swap_regularised")(
            Probe(model, images, labels, features=["blocks"], head="classifier", costs=costs)
        )

    plain = PROXIES.get("swap")(exact_probe(_model()))
    assert score(params=1e6) == plain
    assert score(params=3e6) == pytest.approx(plain * math.exp(-4))
    wanted = {"params_centre": 2e6, "params_width": 5e5}
    assert score(params=2e6, **wanted) == plain
    assert score(params=3e6, **wanted) == pytest.approx(plain * math.exp(-2))


def test_regions_are_different_rows() -> None:
    pictures, _ = digits(8)
    model = _model()
    repeated = pictures[[0, 1, 0, 2, 1, 0, 3, 3]]
    rows = {tuple(row) for row in np.concatenate(_patterns(model, repeated), axis=1)}
    score = PROXIES.get("te_nas_regions")
    assert score(exact_probe(model, repeated)) == len(rows) == 4
    assert score(exact_probe(model, pictures)) == 8


def test_meco_sums_the_least_eigenvalues_of_all_modules() -> None:
    model, images = seeded(lambda: CellNet(["gelu", "pool", "strided"])), noise()
    least = []

    def keep(_: Tensor, output: Tensor) -> None:
        rows = output[0].reshape(output.shape[1], -1).numpy()
        with np.errstate(all="ignore"):
            matrix = np.corrcoef(rows) if rows.shape[1] > 1 else np.zeros((1, 1))
        matrix = np.nan_to_num(matrix, nan=0.0)
        least.append(float(np.linalg.eigvalsh(matrix).min()))

    with _hooked(model, nn.Module, keep) as copied:
        copied(images.double())
    assert len(least) == sum(1 for _ in model.modules()) - 1  # a module list is not called
    assert PROXIES.get("meco")(exact_probe(model, images)) == pytest.approx(sum(least), abs=1e-9)
    assert sum(least) > 0.1


def test_least_correlations_of_singular_maps_are_zero() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(4, 5, 9, generator=generator)
    maps[1, 2] = 0.3
    maps[2, 2] = maps[2, 1]
    maps[3, 0, 0] = math.inf
    alive, constant, repeated, infinite = least_correlations(maps).tolist()
    assert alive > 1e-3
    assert constant == 0
    assert repeated == pytest.approx(0, abs=1e-12)
    assert math.isnan(infinite)
    assert not least_correlations(maps[:, :, :5]).any()


def test_moments_are_those_over_images_and_positions() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 5, 4, 2, generator=generator).double() + 2
    moments = channel_moments(channels_first(maps))
    rows = maps.permute(0, 2, 3, 1).reshape(-1, 5)
    assert torch.allclose(moments.mean, rows.mean(0))
    assert torch.allclose(moments.covariance, torch.cov(rows.T, correction=0))
    tokens = channel_moments(channels_first(maps.flatten(2).transpose(1, 2)))
    assert torch.allclose(tokens.covariance, moments.covariance)
    maps[:, 3] = 0.1  # a mean of equal numbers need not equal them
    assert not channel_moments(channels_first(maps)).covariance[3].any()


class _Switched(Probe):
    """As many images as five kinds of units have patterns; of each kind there are several."""

    @property
    def activation_kernel(self) -> Tensor:
        on = torch.tensor(list(product([0.0, 1.0], repeat=5)), dtype=torch.float64)
        units = torch.tensor([3.0, 5.0, 7.0, 11.0, 13.0], dtype=torch.float64)
        return (on * units) @ on.T + ((1 - on) * units) @ (1 - on).T


def test_naswot_of_patterns_that_depend_on_each_other_is_no_rounding() -> None:
    probe = _Switched(_model(), *digits(32), features=[], head="classifier")
    assert math.isfinite(float(torch.linalg.slogdet(probe.activation_kernel).logabsdet))
    assert PROXIES.get("naswot")(probe) == -math.inf


class _Normalised(nn.Module):
    """A norm between two linear layers, or none."""

    def __init__(self, norm: nn.Module | None) -> None:
        super().__init__()
        self.first = nn.Linear(64, 8)
        self.norm = nn.Identity() if norm is None else norm
        self.classifier = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.norm(self.first(images.flatten(1))))
        return logits


@pytest.mark.parametrize(
    "norm", [nn.RMSNorm(8), RmsNorm(8), LlamaRMSNorm(8)], ids=lambda norm: type(norm).__name__
)
def test_root_mean_square_norms_are_norms(norm: nn.Module) -> None:
    model = seeded(lambda: _Normalised(copy.deepcopy(norm)))
    probe = Probe(model, *digits(8), features=[], head="classifier")
    assert len(probe.norm_moments) == 1
    assert PROXIES.get("apd")(probe) > 0
    plain = _Normalised(None)
    plain.load_state_dict(model.state_dict(), strict=False)
    synflow = PROXIES.get("synflow")
    expected = synflow(Probe(plain, *digits(8), features=[], head="classifier"))
    assert synflow(probe) == pytest.approx(expected)
    with torch.no_grad():
        model.get_parameter("norm.weight").fill_(3.0)
    initialise(model, "kaiming", 0)
    assert (model.get_parameter("norm.weight") == 1).all()


def test_apd_has_no_value_without_norms() -> None:
    probe = Probe(_Normalised(None), *digits(8), features=[], head="classifier")
    assert math.isnan(PROXIES.get("apd")(probe))


def test_apd_multiplies_stable_ranks_with_densities() -> None:
    model, images = _model(), noise()
    nn.init.constant_(model.get_parameter("stem.1.bias"), 0.7)  # second moments, not covariances
    ranks: list[float] = []

    def keep(_: Tensor, output: Tensor) -> None:
        rows = output.transpose(0, 1).flatten(1)
        ranks.append(
            float(
                torch.linalg.matrix_norm(rows, "fro") ** 2 / torch.linalg.matrix_norm(rows, 2) ** 2
            )
        )

    with _hooked(model, nn.BatchNorm2d, keep) as copied:
        copied(images.double())
    weights = [m.weight.detach().double() for m in model.modules() if isinstance(m, nn.Conv2d)]
    density = sum(float(w.norm(1) / w.norm(2)) for w in weights)
    score = PROXIES.get("apd")(exact_probe(model, images))
    assert score == pytest.approx(sum(ranks) * density, rel=1e-9)


def test_zen_puts_back_what_batch_norm_divides_by() -> None:
    model, images = _model(), noise().double()
    probe = exact_probe(model, images)
    copied = copy.deepcopy(model).double().train()
    for module in copied.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        before = copied.blocks(F.relu(copied.stem(images)))
        hidden = sum(
            float(torch.log(torch.sqrt(m.running_var.mean())))
            for m in copied.modules()
            if isinstance(m, nn.BatchNorm2d) and m.running_var is not None
        )
        moved = images + 0.01 * noise_like(images, probe.seed + 1)
        after = copied.blocks(F.relu(copied.stem(moved)))
    distance = np.mean([float((a - b).abs().sum()) for a, b in zip(before, after, strict=True)])
    expected = math.log(distance) + hidden
    assert PROXIES.get("zen")(probe) == pytest.approx(expected, rel=1e-9)


def test_l2_norm_sums_over_layers() -> None:
    model = _model()
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    expected = sum(float(w.detach().square().sum().sqrt()) for w in weights)
    assert PROXIES.get("l2_norm")(exact_probe(model)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("build", [tiny_bert, tiny_llama])
@pytest.mark.parametrize("name", ["naswot", "swap"])
def test_activations_of_transformers_own_classes_are_seen(
    name: str, build: Callable[[], nn.Module]
) -> None:
    probe = Probe(seeded(build), *digits(4), features=(), head="")
    assert math.isfinite(PROXIES.get(name)(probe))


def test_without_activation_modules_the_error_says_which_there_are() -> None:
    probe = Probe(FunctionalNet(), *digits(4), features=(), head="")
    with pytest.raises(UsageError, match=r"no activation module.*torch\.nn\.GELU.*naswot"):
        PROXIES.get("naswot")(probe)
