"""MACs: against PyTorch's own counter, against published counts, and never silently zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from nas_kd.costs import count_macs
from nas_kd.errors import UsageError
from search_spaces import Task, create_space


def half_of_torchs_count(model: nn.Module, shape: tuple[int, ...]) -> float:
    """PyTorch counts two per multiply-accumulate, and attention only by its unfused products."""
    model.eval()
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *shape))
    return float(counter.get_total_flops()) / 2


class Calls(nn.Module):
    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, inputs: Tensor) -> Any:
        return self.function(inputs)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resnet18", 64),
        ("mobilenetv3_small_100", 64),
        ("convnext_atto", 64),
        ("levit_128s", 224),
        ("mobilevit_xxs", 64),
        ("vit_tiny_patch16_224", 224),
    ],
)
def test_equals_torchs_counter_exactly(name: str, size: int) -> None:
    model = timm.create_model(name)
    record = count_macs(model, (3, size, size))
    assert record.macs == half_of_torchs_count(model, (3, size, size))
    assert record.unsupported == {}
    assert record.params == sum(p.numel() for p in model.parameters())


def test_attention_of_vit_tiny_is_counted_and_norms_are_apart() -> None:
    record = count_macs(timm.create_model("vit_tiny_patch16_224"), (3, 224, 224))
    tokens, width, depth = 197, 192, 12
    assert record.by_operator["scaled_dot_product_attention"] == depth * 2 * tokens**2 * width
    assert record.not_in_macs == {"layer_norm": 25 * tokens * width * 5}
    assert record.macs == sum(record.by_operator.values()) == 1_253_683_200
    assert record.macs + sum(record.not_in_macs.values()) == 1_258_411_200


def test_fused_and_unfused_attention_count_alike() -> None:
    model = timm.create_model("vit_tiny_patch16_224", depth=1)
    fused = count_macs(model, (3, 224, 224)).macs
    for block in model.blocks:
        block.attn.fused_attn = False
    assert count_macs(model, (3, 224, 224)).macs == fused


@pytest.mark.parametrize(("index", "benchmark_flops"), [(9930, 184_730_250), (284, 11_715_210)])
def test_nasbench201_equals_the_benchmarks_stored_flops(index: int, benchmark_flops: int) -> None:
    space, task = create_space("nasbench201"), Task(3, 32, 10)
    arch = space.parse(str(index))
    record = count_macs(space.build(arch, task), task.input_shape)
    bias_of_the_classifier = 10
    assert record.macs + bias_of_the_classifier == benchmark_flops
    sizes = space.sizes(arch, task)
    assert sizes is not None
    assert (record.macs, record.params) == (sizes.macs, sizes.params)


@pytest.mark.parametrize(
    ("model", "shape", "macs"),
    [
        (nn.Conv2d(3, 4, 3, padding="same"), (3, 8, 8), 8 * 8 * 3 * 4 * 9),
        (nn.ConvTranspose2d(3, 4, 3), (3, 8, 8), 8 * 8 * 3 * 4 * 9),
        (nn.LSTM(8, 16, 2, batch_first=True), (5, 8), 5 * 4 * 16 * (8 + 16 + 16 + 16)),
        (nn.GRU(8, 16, batch_first=True, bidirectional=True), (5, 8), 2 * 5 * 3 * 16 * (8 + 16)),
        (nn.RNN(8, 16, batch_first=True), (5, 8), 5 * 16 * (8 + 16)),
        (nn.RMSNorm(8), (3, 8), 0),
        (nn.GELU(), (3, 8), 0),
        (Calls(lambda x: torch.einsum("bchw,bdhw->bcd", x, x)), (3, 8, 8), 3 * 3 * 64),
        (Calls(lambda x: torch.einsum("...ij,...kj->...ik", x, x)), (3, 8, 8), 3 * 8 * 8 * 8),
        (Calls(lambda x: torch.einsum("bij,jk", x, torch.ones(8, 5))), (3, 8), 3 * 8 * 5),
        (Calls(lambda x: torch.einsum("bij->bji", x)), (3, 8), 0),
        (Calls(lambda x: torch.ones(4, 3) @ x), (3, 8), 4 * 3 * 8),
        (Calls(lambda x: {"logits": nn.functional.linear(x, torch.ones(4, 8))}), (8,), 32),
        (Calls(lambda x: (nn.functional.linear(x, torch.ones(4, 8)), x)), (8,), 32),
    ],
)
def test_counts_by_hand(model: nn.Module, shape: tuple[int, ...], macs: int) -> None:
    record = count_macs(model, shape)
    assert record.macs == macs
    assert record.unsupported == {}


def test_transformer_layer_is_counted_in_spite_of_its_fused_path() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    record = count_macs(layer, (5, 16))
    assert record.macs == 5 * 16 * (4 * 16 + 2 * 32) + 2 * 5 * 5 * 16


def test_what_cannot_be_counted_is_listed() -> None:
    record = count_macs(Calls(lambda x: torch.cdist(x, x) + torch.fft.rfft(x).abs().sum()), (5, 8))
    assert record.macs == 0
    assert sum(record.unsupported.values()) == 2


def test_the_module_is_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval(), nn.Dropout())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random_state = torch.get_rng_state()
    count_macs(model, (3, 8, 8))
    assert [part.training for part in model.modules()] == [True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert capfd.readouterr() == ("", "")


def test_shared_parameters_count_once() -> None:
    layer = nn.Linear(8, 8)
    record = count_macs(nn.Sequential(layer, layer), (8,))
    assert (record.macs, record.params) == (128, 72)


def test_a_wrong_shape_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="one input of shape"):
        count_macs(nn.Conv2d(3, 4, 3), (1, 8, 8))


def test_an_output_without_logits_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="logits are looked for"):
        count_macs(Calls(lambda x: "text"), (8,))
