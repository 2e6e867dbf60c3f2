"""Models that read tokens: keyword inputs, mappings and caches in what they return."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from torch import nn

from nas_kd.costs import count_macs
from nas_kd.costs.tokens import example_tokens
from nas_kd.errors import UsageError
from tests.costs.torchs_count import half_of_torchs_count

LENGTH = 7
ENCODER = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
}
GPT2 = {"vocab_size": 50, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
LLAMA = {**ENCODER, "num_key_value_heads": 1}
T5 = {"vocab_size": 50, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
XLNET = {"vocab_size": 50, "d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 24}
DEBERTA = {**ENCODER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
MODELS: list[tuple[str, dict[str, Any]]] = [
    ("BertForSequenceClassification", ENCODER),
    ("GPT2LMHeadModel", GPT2),
    ("LlamaForCausalLM", LLAMA),
    ("T5EncoderModel", T5),
    ("T5ForConditionalGeneration", T5),
    ("XLNetForSequenceClassification", XLNET),
    ("DebertaV2ForSequenceClassification", DEBERTA),
]


def build(name: str, settings: dict[str, Any], attention: str | None = None) -> nn.Module:
    kind = getattr(transformers, name)
    config = kind.config_class(**settings)
    if attention:
        config._attn_implementation = attention
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: nn.Module = kind(config).eval()
    return model


@pytest.mark.parametrize(("name", "settings"), MODELS, ids=[name for name, _ in MODELS])
def test_equals_torchs_counter_exactly(name: str, settings: dict[str, Any]) -> None:
    model = build(name, settings)
    inputs = example_tokens(model, 1, LENGTH)
    record = count_macs(model, inputs)
    assert record.macs == half_of_torchs_count(model, inputs)
    assert record.unsupported == {}
    assert record.params == sum({id(p): p.numel() for p in model.parameters()}.values())


@pytest.mark.parametrize("name", ["BertForSequenceClassification", "LlamaForCausalLM"])
def test_fused_and_unfused_attention_count_alike(name: str) -> None:
    settings = dict(MODELS)[name]
    fused, unfused = build(name, settings, "sdpa"), build(name, settings, "eager")
    inputs = example_tokens(fused, 1, LENGTH)
    record = count_macs(fused, inputs)
    assert record.by_operator["scaled_dot_product_attention"] == 2 * 2 * LENGTH**2 * 16
    assert record.macs == count_macs(unfused, inputs).macs


def test_closed_form_of_a_bert() -> None:
    model = build("BertModel", ENCODER)
    wide, inner, layers = 16, 24, 2
    layer = LENGTH * wide * (4 * wide + 2 * inner) + 2 * LENGTH**2 * wide
    pooler = wide * wide
    assert count_macs(model, example_tokens(model, 1, LENGTH)).macs == layers * layer + pooler


@pytest.mark.parametrize(("name", "settings"), [MODELS[1], MODELS[2]])
def test_a_cache_that_is_returned_changes_nothing(name: str, settings: dict[str, Any]) -> None:
    model = build(name, settings)
    inputs = example_tokens(model, 1, LENGTH)
    with_cache = count_macs(model, {**inputs, "use_cache": True})
    assert with_cache == count_macs(model, {**inputs, "use_cache": False})


def test_one_token_after_a_cache() -> None:
    model = build("LlamaForCausalLM", LLAMA)
    with torch.no_grad():
        past = model(**example_tokens(model, 1, LENGTH), use_cache=True).past_key_values
    token = {"input_ids": torch.ones(1, 1, dtype=torch.long), "past_key_values": past}
    record = count_macs(model, token)
    keys = LENGTH + 1
    assert record.by_operator["scaled_dot_product_attention"] == 2 * 2 * keys * 16
    assert record.macs == half_of_torchs_count(model, token)
    assert past.get_seq_length() == LENGTH


def test_longer_sequences_cost_more_than_in_proportion() -> None:
    model = build("BertModel", ENCODER)
    short, long = (count_macs(model, example_tokens(model, 1, n)).macs for n in (8, 16))
    assert long > 2 * short - 16 * 16


def test_example_tokens_are_whole_sequences() -> None:
    model = build("T5ForConditionalGeneration", T5)
    inputs = example_tokens(model, 3, 60)
    assert list(inputs) == ["input_ids", "attention_mask", "decoder_input_ids"]
    assert all(values.shape == (3, 60) for values in inputs.values())
    assert inputs["attention_mask"].all()
    assert 0 <= int(inputs["input_ids"].min()) < int(inputs["input_ids"].max()) < 50


def test_a_model_without_a_vocabulary_is_refused() -> None:
    with pytest.raises(UsageError, match="vocab_size"):
        example_tokens(nn.Linear(2, 2), 1, 4)


def test_inputs_that_do_not_fit_are_named() -> None:
    model = build("BertModel", ENCODER)
    with pytest.raises(UsageError, match=r"the inputs tokens \(1, 7\), flag"):
        count_macs(model, {"tokens": torch.zeros(1, 7), "flag": True})
