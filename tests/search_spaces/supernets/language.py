"""Small teachers of text with random weights, spaces cut from them, and batches."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import PreTrainedModel

from search_spaces import AutoDistil, create_space, teacher_options

VOCABULARY, LENGTH = 60, 12
BERT = {
    "vocab_size": VOCABULARY,
    "num_hidden_layers": 4,
    "hidden_size": 96,
    "num_attention_heads": 12,
    "intermediate_size": 384,
    "max_position_embeddings": 16,
}
LLAMA = {
    "vocab_size": VOCABULARY,
    "num_hidden_layers": 4,
    "hidden_size": 96,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "intermediate_size": 256,
    "pad_token_id": 0,
}
KINDS = {
    "BertModel": BERT,
    "BertForMaskedLM": BERT,
    "BertForSequenceClassification": {**BERT, "num_labels": 5},
    "LlamaModel": LLAMA,
    "LlamaForCausalLM": {**LLAMA, "tie_word_embeddings": True},
    "LlamaForCausalLM untied": {**LLAMA, "tie_word_embeddings": False},
    "LlamaForSequenceClassification": {**LLAMA, "num_labels": 5},
}


def teacher(kind: str = "BertModel", seed: int = 0, **settings: Any) -> PreTrainedModel:
    """A teacher in eval mode; no weight of it is a constant that would hide a mistake."""
    model_class = getattr(transformers, kind.split()[0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = model_class(model_class.config_class(**{**KINDS[kind], **settings})).eval()
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(0.1 * torch.randn_like(weight))
    return model


def space_of(model: PreTrainedModel, name: str = "autodistil", **options: int) -> AutoDistil:
    """A space cut from the teacher."""
    if model.config.model_type == "llama":
        name = "autodistil-decoder"
    space = create_space(name, **teacher_options(model.config), **options)
    assert isinstance(space, AutoDistil)
    return space


def batch(padded: bool = False, size: int = 3) -> dict[str, Tensor]:
    """Random sequences; padded ones end at different tokens."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, VOCABULARY, (size, LENGTH), generator=generator)
    mask = torch.ones_like(tokens)
    if padded:
        for row in range(size):
            mask[row, LENGTH - 2 * row :] = 0
        tokens = tokens * mask
    return {"input_ids": tokens, "attention_mask": mask}
