"""MACs: against PyTorch's own counter, against published counts, and never silently zero."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from nas_kd.costs import count_macs
from nas_kd.errors import UsageError
from search_spaces import Task, create_space
from tests.costs.torchs_count import Calls, half_of_torchs_count


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
        (nn.LSTM(8, 16, proj_size=4, batch_first=True), (5, 8), 5 * (64 * (8 + 4) + 4 * 16)),
        (nn.LSTMCell(8, 16), (8,), 4 * 16 * (8 + 16)),
        (nn.GRUCell(8, 16), (8,), 3 * 16 * (8 + 16)),
        (nn.RNNCell(8, 16), (8,), 16 * (8 + 16)),
        (nn.RMSNorm(8), (3, 8), 0),
        (nn.GELU(), (3, 8), 0),
        (Calls(lambda x: torch.einsum("bchw,bdhw->bcd", x, x)), (3, 8, 8), 3 * 3 * 64),
        (Calls(lambda x: torch.einsum("...ij,...kj->...ik", x, x)), (3, 8, 8), 3 * 8 * 8 * 8),
        (Calls(lambda x: torch.einsum("bij,jk", x, torch.ones(8, 5))), (3, 8), 3 * 8 * 5),
        (Calls(lambda x: torch.einsum("bij->bji", x)), (3, 8), 0),
        (Calls(lambda x: torch.ones(4, 3) @ x), (3, 8), 4 * 3 * 8),
        (Calls(lambda x: torch.outer(x[0], x[0])), (8,), 0),
        (Calls(lambda x: torch.inner(x, torch.ones(5, 8))), (3, 8), 3 * 5 * 8),
        (Calls(lambda x: torch.tensordot(x, x, dims=([1, 2], [1, 2]))), (3, 8), 3 * 8),
        (Calls(lambda x: torch.addbmm(torch.ones(8, 8), x.mT, x)), (3, 8), 3 * 8 * 8),
        (Calls(lambda x: torch.baddbmm(torch.ones(8, 8), x.mT, x)), (3, 8), 3 * 8 * 8),
        (Calls(lambda x: torch.ones(1, 8, 8).baddbmm_(x.mT, x)), (3, 8), 3 * 8 * 8),
        (Calls(lambda x: torch.ones(3, 3).addmm_(x[0], x[0].mT)), (3, 8), 3 * 3 * 8),
        (Calls(lambda x: torch.addmv(torch.ones(3), x[0], torch.ones(8))), (3, 8), 3 * 8),
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


@pytest.mark.parametrize(
    "model",
    [
        nn.LSTM(8, 16, 2, batch_first=True, bidirectional=True),
        nn.GRU(8, 16, batch_first=True),
        nn.LSTMCell(8, 16),
    ],
)
def test_recurrences_equal_torchs_count_of_their_steps(model: nn.Module) -> None:
    shape = (8,) if isinstance(model, nn.LSTMCell) else (5, 8)
    assert count_macs(model, shape).macs == half_of_torchs_count(model, shape, mkldnn=False)


def test_key_heads_shared_by_query_heads_count_for_each() -> None:
    def attend(x: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(x, x[:, :2], x[:, :2], enable_gqa=True)

    macs = count_macs(Calls(attend), (4, 5, 8)).macs
    assert macs == 4 * 2 * 5 * 5 * 8 == half_of_torchs_count(Calls(attend), (4, 5, 8))


def test_attention_kernels_called_by_their_own_name_are_counted() -> None:
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    assert count_macs(Calls(lambda x: kernel(x, x, x)), (4, 5, 8)).macs == 4 * 2 * 5 * 5 * 8


@pytest.mark.parametrize("experts", [2, 3])
def test_matrix_products_in_groups(experts: int) -> None:
    ends = torch.arange(1, experts + 1, dtype=torch.int32) * (6 // experts)

    def mix(x: torch.Tensor) -> torch.Tensor:
        weights = torch.ones(experts, 16, 8, dtype=torch.bfloat16)
        return torch._grouped_mm(x[0].bfloat16(), weights, offs=ends)

    assert count_macs(Calls(mix), (6, 16)).macs == 6 * 16 * 8


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


def test_weights_that_are_one_parameter_under_two_names_count_once() -> None:
    first, second = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
    second.weight = first.weight
    record = count_macs(nn.Sequential(first, second), (8,))
    assert (record.macs, record.params) == (128, 64)


def test_every_tensor_of_the_output_is_counted() -> None:
    weight = torch.ones(4, 8)

    def two_heads(x: torch.Tensor) -> dict[str, object]:
        hidden = nn.functional.linear(x, weight)
        return {"logits": x, "more": [None, (hidden,)], "text": "text"}

    assert count_macs(Calls(two_heads), (8,)).macs == 32


def test_a_wrong_shape_is_a_usage_error_and_leaves_nothing_behind() -> None:
    model = nn.Conv2d(3, 4, 3)
    with pytest.raises(UsageError, match="one input of shape"):
        count_macs(model, (1, 8, 8))
    assert not model._forward_hooks
    assert not model._forward_pre_hooks


def test_an_output_without_a_tensor_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="without a tensor"):
        count_macs(Calls(lambda x: "text"), (8,))
