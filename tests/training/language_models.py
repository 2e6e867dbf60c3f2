"""A small BERT with strong weights, words for it to read, and students of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from nas_kd.data.text import TokenSequences, packed
from nas_kd.training.processes import make_accelerator
from search_spaces import Arch, TransformerSpace, create_space, teacher_options
from search_spaces.language_models import TransformerShape
from tests.data.text.words import word_tokenizer

WORDS = 36


def small_bert(seed: int = 0, **changes: Any) -> Any:
    """Four layers of eight heads; its relations differ from sentence to sentence."""
    from transformers import BertConfig, BertModel

    sizes = {
        "vocab_size": WORDS + 4,
        "hidden_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "intermediate_size": 256,
        "max_position_embeddings": 32,
        "initializer_range": 0.2,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BertModel(BertConfig(**{**sizes, **changes})).eval()


def small_llama(**changes: Any) -> Any:
    """A decoder with its head; two heads share each of its keys and values."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {
        "vocab_size": WORDS + 4,
        "hidden_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "intermediate_size": 128,
        "max_position_embeddings": 32,
        "initializer_range": 0.2,
        "pad_token_id": 0,
        "tie_word_embeddings": True,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LlamaForCausalLM(LlamaConfig(**{**sizes, **changes})).eval()


def small_space(name: str = "autodistil-tiny") -> TransformerSpace:
    space = create_space(name, **teacher_options(small_bert().config))
    assert isinstance(space, TransformerSpace)
    return space


def narrow_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The genes of students stand for narrower heads from now on."""
    shape = TransformerSpace.shape

    def narrower(space: TransformerSpace, arch: Arch) -> TransformerShape:
        found = shape(space, arch)
        return replace(found, head_dim=found.head_dim - 1)

    monkeypatch.setattr(TransformerSpace, "shape", narrower)


def lines(count: int, seed: int = 0) -> list[str]:
    """Texts of 3 to 12 words."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 13, (count,), generator=generator).tolist()
    return [
        " ".join(f"w{int(w)}" for w in torch.randint(0, WORDS, (n,), generator=generator))
        for n in lengths
    ]


def sequences(count: int = 40, max_tokens: int = 12, seed: int = 0) -> TokenSequences:
    return packed(lines(count, seed), word_tokenizer(WORDS), max_tokens)


def save_teacher(folder: Path, model: Any = None) -> str:
    """Saves a model, by default the small BERT, with its tokenizer; how to name it."""
    (small_bert() if model is None else model).save_pretrained(folder)
    word_tokenizer(WORDS).save_pretrained(folder)
    return f"hf:{folder}"


def save_text(path: Path, count: int = 120) -> str:
    """Writes texts into a file; how to name it."""
    path.write_text("\n".join(lines(count)))
    return f"text:{path}"


def on_cpu() -> Accelerator:
    return make_accelerator("no")
