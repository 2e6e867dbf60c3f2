"""The proxies for transformers: their definitions written out, on timm and Hugging Face models."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    AlbertConfig,
    AlbertModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5Model,
    ViTForImageClassification,
)

from nas_kd.errors import UsageError
from proxies import (
    Probe,
    Proxy,
    decoder_params,
    dss,
    head_confidence,
    head_importance,
    pca_dim,
    softmax_confidence,
    synaptic_diversity,
    synaptic_saliency,
    w_pca,
)
from proxies._attention_maps import fused_map
from proxies._nuclear_norm import nuclear_norm
from proxies._transformer import TransformerBlock, transformer_blocks
from tests.contracts.proxy import _state
from tests.proxies.networks import TinyResNet, digits, seeded
from tests.proxies.token_networks import DeadViT, TinyViT, tiny_bert, tiny_llama, tiny_swin
from tests.tiny_vit import tiny_vit

FROM_PASSES = [pca_dim.PROXY, w_pca.PROXY, head_confidence.PROXY, softmax_confidence.PROXY]
FROM_GRADIENTS = [head_importance.PROXY, synaptic_diversity.PROXY, synaptic_saliency.PROXY]
INSIDE = [dss.PROXY, *FROM_PASSES, *FROM_GRADIENTS]
ALL = [*INSIDE, decoder_params.PROXY]


def named(proxy: Proxy) -> str:
    return proxy.name


def tiny_hf_vit() -> ViTForImageClassification:
    config = tiny_vit(image_size=8, patch_size=2, num_channels=1, num_labels=10)
    return ViTForImageClassification(config)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "timm vit": TinyViT,
    "hf vit": tiny_hf_vit,
    "bert": tiny_bert,
    "llama": tiny_llama,
}
KINDS = pytest.mark.parametrize("kind", NETWORKS)


def _probe(model: nn.Module, size: int = 8) -> Probe:
    return Probe(model, *digits(size), features=(), head="")


def _outputs(model: nn.Module, names: list[str], size: int = 8) -> list[np.ndarray]:
    """What the named modules return in evaluation mode, float64 arrays."""
    seen: list[np.ndarray] = []
    model = copy.deepcopy(model).eval()
    for name in names:
        model.get_submodule(name).register_forward_hook(
            lambda _, __, output: seen.append(output.detach().double().numpy())
        )
    with torch.no_grad():
        model(digits(size)[0])
    return seen


# Where the layers are -----------------------------------------------------------------------------


def _block(queries: str, outputs: str, feed_forward: str) -> TransformerBlock:
    return TransformerBlock(*(tuple(names.split()) for names in (queries, outputs, feed_forward)))


def tiny_t5() -> T5Model:
    config = T5Config(
        vocab_size=20, d_model=8, d_kv=4, d_ff=12, num_layers=2, num_decoder_layers=2, num_heads=2
    )
    return T5Model(config)


@pytest.mark.parametrize(
    ("build", "index", "expected"),
    [
        (
            TinyViT,
            1,
            _block("blocks.1.attn.qkv", "blocks.1.attn.proj", "blocks.1.mlp.fc1 blocks.1.mlp.fc2"),
        ),
        (
            tiny_swin,
            2,
            _block(
                "layers.1.blocks.0.attn.qkv",
                "layers.1.blocks.0.attn.proj",
                "layers.1.blocks.0.mlp.fc1 layers.1.blocks.0.mlp.fc2",
            ),
        ),
        (
            lambda: tiny_bert().classifier,
            0,
            _block(
                "bert.encoder.layer.0.attention.self.query bert.encoder.layer.0.attention.self.key "
                "bert.encoder.layer.0.attention.self.value",
                "bert.encoder.layer.0.attention.output.dense",
                "bert.encoder.layer.0.intermediate.dense bert.encoder.layer.0.output.dense",
            ),
        ),
        (
            lambda: tiny_llama().classifier,
            1,
            _block(
                "model.layers.1.self_attn.q_proj model.layers.1.self_attn.k_proj "
                "model.layers.1.self_attn.v_proj",
                "model.layers.1.self_attn.o_proj",
                "model.layers.1.mlp.gate_proj model.layers.1.mlp.up_proj "
                "model.layers.1.mlp.down_proj",
            ),
        ),
        (
            lambda: DistilBertModel(
                DistilBertConfig(vocab_size=20, dim=8, n_layers=2, n_heads=2, hidden_dim=12)
            ),
            0,
            _block(
                "transformer.layer.0.attention.q_lin transformer.layer.0.attention.k_lin "
                "transformer.layer.0.attention.v_lin",
                "transformer.layer.0.attention.out_lin",
                "transformer.layer.0.ffn.lin1 transformer.layer.0.ffn.lin2",
            ),
        ),
        (
            lambda: AlbertModel(
                AlbertConfig(
                    vocab_size=20,
                    embedding_size=8,
                    hidden_size=8,
                    num_attention_heads=2,
                    intermediate_size=12,
                )
            ),
            0,
            _block(
                "encoder.albert_layer_groups.0.albert_layers.0.attention.query "
                "encoder.albert_layer_groups.0.albert_layers.0.attention.key "
                "encoder.albert_layer_groups.0.albert_layers.0.attention.value",
                "encoder.albert_layer_groups.0.albert_layers.0.attention.dense",
                "encoder.albert_layer_groups.0.albert_layers.0.ffn "
                "encoder.albert_layer_groups.0.albert_layers.0.ffn_output",
            ),
        ),
        (
            tiny_t5,
            1,
            _block(
                "encoder.block.1.layer.0.SelfAttention.q encoder.block.1.layer.0.SelfAttention.k "
                "encoder.block.1.layer.0.SelfAttention.v",
                "encoder.block.1.layer.0.SelfAttention.o",
                "encoder.block.1.layer.1.DenseReluDense.wi "
                "encoder.block.1.layer.1.DenseReluDense.wo",
            ),
        ),
        (
            tiny_t5,
            4,
            _block(
                "decoder.block.1.layer.0.SelfAttention.q decoder.block.1.layer.0.SelfAttention.k "
                "decoder.block.1.layer.0.SelfAttention.v",
                "decoder.block.1.layer.0.SelfAttention.o",
                "decoder.block.1.layer.2.DenseReluDense.wi "
                "decoder.block.1.layer.2.DenseReluDense.wo",
            ),
        ),
        (
            tiny_t5,
            5,
            _block(
                "decoder.block.1.layer.1.EncDecAttention.q "
                "decoder.block.1.layer.1.EncDecAttention.k "
                "decoder.block.1.layer.1.EncDecAttention.v",
                "decoder.block.1.layer.1.EncDecAttention.o",
                "",
            ),
        ),
    ],
    ids=["vit", "swin", "bert", "llama", "distilbert", "albert", "t5", "t5 decoder", "t5 cross"],
)
def test_blocks_are_found(
    build: Callable[[], nn.Module], index: int, expected: TransformerBlock
) -> None:
    assert transformer_blocks(build())[index] == expected


@KINDS
def test_each_linear_layer_of_the_blocks_is_found_once(kind: str) -> None:
    model = NETWORKS[kind]()
    blocks = transformer_blocks(model)
    found = [name for block in blocks for name in (*block.attention, *block.feed_forward)]
    assert len(blocks) == 2
    assert len(found) == len(set(found))
    left = [n for n, m in model.named_modules() if isinstance(m, nn.Linear) and n not in found]
    assert (
        left
        == {
            "timm vit": ["head"],
            "hf vit": ["classifier"],
            "bert": ["classifier.bert.pooler.dense", "classifier.classifier"],
            "llama": ["classifier.score"],
        }[kind]
    )


def test_a_single_block_keeps_its_classifier_out() -> None:
    model = TinyViT(depth=1)
    (block,) = transformer_blocks(model)
    assert block.outputs == ("blocks.0.attn.proj",)
    assert block.feed_forward == ("blocks.0.mlp.fc1", "blocks.0.mlp.fc2")


@pytest.mark.parametrize("proxy", INSIDE, ids=named)
def test_networks_without_attention_are_refused(proxy: Proxy) -> None:
    probe = Probe(seeded(TinyResNet), *digits(), features=["blocks"], head="classifier")
    with pytest.raises(UsageError, match="TinyResNet has no attention"):
        proxy(probe)


# Definitions --------------------------------------------------------------------------------------


def _gradients(model: nn.Module) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Weight and gradient of the cross-entropy of every linear layer, by the layer's name."""
    model = copy.deepcopy(model).train()
    images, labels = digits(8)
    output = model(images)
    F.cross_entropy(output if isinstance(output, Tensor) else output.logits, labels).backward()
    return {
        name: (module.weight.detach().double().numpy(), module.weight.grad.double().numpy())
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.weight.grad is not None
    }


ATTENTION = ("attn", "attention")
QUERIES = ("qkv", "query", "key", "value", "q_proj", "k_proj", "v_proj")


def _is_attention(name: str) -> bool:
    return any(word in name for word in ATTENTION)


@KINDS
def test_gradient_proxies_equal_their_sums(kind: str) -> None:
    model = seeded(NETWORKS[kind])
    importance = diversity = saliency = 0.0
    for name, (weight, gradient) in _gradients(model).items():
        if name.rpartition(".")[2] in QUERIES:
            importance += np.abs(weight * gradient).sum()
        if _is_attention(name):
            diversity += (
                np.linalg.norm(weight, "nuc") * np.linalg.norm(gradient, "nuc")  # type: ignore[arg-type]
            )
        elif any(word in name for word in ("mlp", "intermediate", "output.dense")):
            saliency += np.abs(weight * gradient).sum()
    probe = _probe(model)
    assert head_importance.PROXY(probe) == pytest.approx(importance, rel=1e-5)
    assert synaptic_diversity.PROXY(probe) == pytest.approx(diversity, rel=1e-4)
    assert synaptic_saliency.PROXY(probe) == pytest.approx(saliency, rel=1e-5)
    assert min(importance, diversity, saliency) > 0


@pytest.mark.parametrize("build", [TinyViT, tiny_hf_vit, tiny_bert])
def test_dss_equals_its_definition(build: Callable[[], nn.Module]) -> None:
    model = seeded(build)
    absolute = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        for parameter in absolute.parameters():
            parameter.copy_(parameter.abs())
    output = absolute(torch.ones(1, 1, 8, 8, dtype=torch.float64))
    (output if isinstance(output, Tensor) else output.logits).sum().backward()
    expected = 0.0
    for name, module in absolute.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and module.weight.grad is not None:
            weight, gradient = module.weight.detach().numpy(), module.weight.grad.numpy()
            if _is_attention(name):
                norms = [np.linalg.svd(matrix)[1].sum() for matrix in (weight, gradient)]
                expected += norms[0] * norms[1]
            else:
                expected += np.abs(weight * gradient).sum()
    assert dss.PROXY(_probe(model)) == pytest.approx(expected, rel=1e-8)


def test_dss_ignores_the_images_and_all_signs() -> None:
    model = seeded(TinyViT)
    score = dss.PROXY(_probe(model))
    with torch.no_grad():
        model.blocks[0].attn.qkv.weight.neg_()
        model.head.weight.neg_()
    assert dss.PROXY(Probe(model, *digits(5, start=50), features=(), head="")) == score


def _activations(model: nn.Module) -> list[str]:
    names = ("mlp.act", "act_fn", "activation_fn", "intermediate_act_fn")
    return [name for name, _ in model.named_modules() if name.endswith(names)]


@KINDS
@pytest.mark.parametrize("size", [2, 8])
def test_pca_dim_counts_components_before_the_activation(kind: str, size: int) -> None:
    model = seeded(NETWORKS[kind])
    seen: list[np.ndarray] = []
    watched = copy.deepcopy(model).eval()
    for name in _activations(watched):
        watched.get_submodule(name).register_forward_pre_hook(
            lambda _, inputs: seen.append(inputs[0].flatten(0, -2).double().numpy())
        )
    with torch.no_grad():
        watched(digits(size)[0])
    assert len(seen) == 2
    shares = []
    for points in seen:
        variances = np.linalg.svd(points - points.mean(0))[1] ** 2
        reached = np.cumsum(variances) / variances.sum() > 0.99
        shares.append((np.argmax(reached) + 1) / points.shape[1])
    probe = _probe(model, size)
    assert pca_dim.PROXY(probe) == pytest.approx(np.mean(shares), rel=1e-12)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert w_pca.PROXY(probe) == pytest.approx(parameters * np.mean(shares), rel=1e-12)


def test_a_layer_of_rank_one_has_one_component() -> None:
    model = seeded(TinyViT)
    with torch.no_grad():
        for block in model.blocks:
            weight = block.mlp.fc1.weight
            weight.copy_(torch.outer(weight[:, 0], weight[0]))
    assert pca_dim.PROXY(_probe(model)) == 1 / 32


def test_components_are_those_of_the_smaller_gram_matrix() -> None:
    model = seeded(lambda: TinyViT(width=64, heads=4))  # 34 points in 128 dimensions
    assert 0 < pca_dim.PROXY(_probe(model, 2)) <= 33 / 128


@KINDS
def test_head_confidence_is_the_mean_maximum_over_tokens(kind: str) -> None:
    model = seeded(NETWORKS[kind])
    names = [n for n, _ in model.named_modules() if n.rpartition(".")[2] in QUERIES]
    expected = 0.0
    for output in _outputs(model, names):
        fused = kind == "timm vit"
        parts = np.split(output, 3, axis=-1) if fused else [output]  # (batch, token, channel)
        expected += sum(part.max(axis=1).mean() for part in parts)
    assert head_confidence.PROXY(_probe(model)) == pytest.approx(expected, rel=1e-5)


def test_softmax_confidence_of_timms_vit() -> None:
    model = seeded(TinyViT)
    unfused = copy.deepcopy(model)
    for block in unfused.blocks:
        block.attn.fused_attn = False
    maps = _outputs(unfused, ["blocks.0.attn.attn_drop", "blocks.1.attn.attn_drop"])
    assert [attention.shape for attention in maps] == [(8, 2, 17, 17)] * 2
    expected = sum(attention.max(axis=1).mean() for attention in maps)
    assert softmax_confidence.PROXY(_probe(model)) == pytest.approx(expected, rel=1e-5)
    assert softmax_confidence.PROXY(_probe(unfused)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("build", [tiny_bert, tiny_llama, tiny_hf_vit])
def test_softmax_confidence_of_hugging_faces_models(build: Callable[[], nn.Module]) -> None:
    model = seeded(build)
    eager = copy.deepcopy(model).eval()
    inner = getattr(eager, "classifier", eager) if build is not tiny_hf_vit else eager
    inner.set_attn_implementation("eager")
    inner.config.output_attentions = True
    with torch.no_grad():
        maps = eager(digits(8)[0]).attentions
    expected = sum(float(attention.amax(1).mean()) for attention in maps)
    assert len(maps) == 2
    assert softmax_confidence.PROXY(_probe(model)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": 0.3},
        {"is_causal": True},
        {"attn_mask": torch.arange(6)[:, None] * 2 >= torch.arange(5)},
        {"attn_mask": torch.arange(30.0).reshape(6, 5) / 10},
        {"enable_gqa": True},
    ],
    ids=["plain", "scale", "causal", "boolean mask", "added mask", "grouped"],
)
def test_maps_of_fused_attention_are_those_it_multiplies_with(options: dict[str, object]) -> None:
    generator = torch.Generator().manual_seed(0)
    heads = 2 if "enable_gqa" in options else 4
    query = torch.randn(3, 4, 6, 8, generator=generator)
    key = torch.randn(3, heads, 5, 8, generator=generator)
    value = torch.randn(3, heads, 5, 7, generator=generator)
    attention = fused_map(query, key, value, **options)  # type: ignore[arg-type]
    fused = F.scaled_dot_product_attention(query, key, value, **options)  # type: ignore[arg-type]
    assert attention.shape == (3, 4, 6, 5)
    values = value.repeat_interleave(4 // heads, 1)
    assert torch.allclose(attention @ values, fused, atol=1e-6)


def test_decoder_params_are_those_of_the_closed_form() -> None:
    width, depth = 8, 3
    for tied in (True, False):
        config = GPT2Config(
            vocab_size=50,
            n_positions=16,
            n_embd=width,
            n_layer=depth,
            n_head=2,
            tie_word_embeddings=tied,
        )
        model = GPT2LMHeadModel(config)
        expected = depth * (12 * width**2 + 13 * width) + 2 * width
        assert decoder_params.PROXY(_probe(model)) == expected


def test_decoder_params_of_other_networks() -> None:
    def size(module: nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    convolutional = TinyResNet()
    assert decoder_params.PROXY(_probe(convolutional)) == size(convolutional)
    vit = TinyViT()
    assert decoder_params.PROXY(_probe(vit)) == size(vit) - (17 + 1) * 16
    bert = tiny_bert()
    tables = [m for m in bert.modules() if isinstance(m, nn.Embedding)]
    assert len(tables) == 3
    assert decoder_params.PROXY(_probe(bert)) == size(bert) - sum(size(t) for t in tables)


# Students without signal, odd batches, what is left alone -----------------------------------------


@pytest.mark.parametrize("proxy", INSIDE, ids=named)
def test_a_dead_student_scores_below_a_living_one(proxy: Proxy) -> None:
    dead, living = (proxy(_probe(seeded(build))) for build in (DeadViT, TinyViT))
    assert dead < living
    assert dead == (0 if proxy in FROM_GRADIENTS else -math.inf)


@pytest.mark.parametrize("proxy", INSIDE, ids=named)
def test_a_broken_student_has_no_value(proxy: Proxy) -> None:
    model = seeded(TinyViT)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(math.nan)
    assert math.isnan(proxy(_probe(model)))


def test_the_nuclear_norm_of_broken_matrices_is_no_number() -> None:
    assert math.isnan(nuclear_norm(torch.tensor([[1.0, math.inf], [0.0, 1.0]])))
    assert nuclear_norm(torch.diag(torch.tensor([3.0, -4.0]))) == pytest.approx(7)


@pytest.mark.parametrize("proxy", ALL, ids=named)
@settings(max_examples=5, deadline=None)
@given(
    size=st.integers(2, 4),
    copies=st.integers(0, 3),
    one_class=st.booleans(),
    heads=st.sampled_from([1, 2, 4]),
    seed=st.integers(0, 1000),
)
def test_every_batch_gives_a_score_that_ranks(
    proxy: Proxy, size: int, copies: int, one_class: bool, heads: int, seed: int
) -> None:
    images, labels = digits(size, start=seed)
    images = torch.cat([images, images[:1].repeat(copies, 1, 1, 1)])
    labels = torch.cat([labels, labels[:1].repeat(copies)])
    batch = images, torch.zeros_like(labels) if one_class else labels
    model = seeded(lambda: TinyViT(heads=heads), seed)
    score = proxy(Probe(model, *batch, features=(), head=""))
    assert math.isfinite(score)
    assert proxy(Probe(model, *batch, features=(), head="")) == score


@pytest.mark.parametrize("proxy", FROM_PASSES, ids=named)
def test_copies_of_one_image_tell_nothing(proxy: Proxy) -> None:
    images = digits(1)[0].repeat(4, 1, 1, 1)
    probe = Probe(seeded(TinyViT), images, digits(4)[1], features=(), head="")
    assert proxy(probe) == -math.inf


@pytest.mark.parametrize("proxy", ALL, ids=named)
@KINDS
def test_the_network_comes_back_as_it_was(proxy: Proxy, kind: str) -> None:
    model = seeded(NETWORKS[kind]).train()
    before, random_state = _state(model), torch.get_rng_state()
    assert math.isfinite(proxy(_probe(model)))
    assert _state(model) == before
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize("proxy", FROM_PASSES, ids=named)
def test_nothing_is_dropped(proxy: Proxy) -> None:
    dropping = seeded(lambda: TinyViT(proj_drop_rate=0.5, attn_drop_rate=0.5, drop_path_rate=0.5))
    assert proxy(_probe(dropping.train())) == proxy(_probe(seeded(TinyViT).eval()))


def test_one_pass_serves_both_pca_proxies() -> None:
    calls: list[int] = []

    class Counting(TinyViT):
        def forward(self, x: Tensor) -> Tensor:
            calls.append(len(x))
            return super().forward(x)

    probe = _probe(seeded(Counting))
    pca_dim.PROXY(probe)
    w_pca.PROXY(probe)
    assert calls == [8]
