"""MACs of timm and transformers models, against PyTorch's own counter.

    python -m benchmarks.mac_counts [--fresh]

Every model is built untrained and counted by ``nas_kd.costs.count_macs`` for one input, and by
``torch.utils.flop_counter`` on the CPU with the math backend of attention, halved. Where the two
differ, the operators that differ are named with both counts: PyTorch's come from one run in which
its counter is read after every function that the model calls. ``fvcore_total`` holds the operations
of norms and pooling as well; ``fvcore_without_handles`` is what fvcore alone says. ``unfused_macs``
is our count of the same model with attention computed step by step. PyTorch's counter does not see
into an LSTM that oneDNN computes whole; ``tests/costs/test_macs.py`` compares those step by step.

A run that was stopped continues after the last model, unless ``--fresh``.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import timm
import torch
import transformers
from fvcore.nn import FlopCountAnalysis
from rich.console import Console
from rich.progress import track
from rich.table import Table
from timm.layers import set_fused_attn
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.record import RESULTS, write_rows
from nas_kd.costs import CountRecord, count_macs
from nas_kd.costs.evaluating import evaluating, example_images
from nas_kd.costs.tokens import example_tokens
from nas_kd.costs.traced import Traced

_NAME = "mac_counts"
_UNFINISHED = RESULTS / f"{_NAME}.part.csv"
_TOLERANCE = 0.001
_TOKENS = 128

TIMM = {
    "ResNet": "resnet18",
    "MobileNetV3": "mobilenetv3_small_100",
    "MobileNetV4": "mobilenetv4_conv_small",
    "EfficientNet": "efficientnet_b0",
    "ConvNeXt": "convnext_atto",
    "ViT": "vit_tiny_patch16_224",
    "DeiT": "deit_tiny_distilled_patch16_224",
    "EVA-02": "eva02_tiny_patch14_224",
    "Swin": "swin_tiny_patch4_window7_224",
    "PiT": "pit_ti_224",
    "RegNet": "regnety_002",
    "DenseNet": "densenet121",
    "MobileViT": "mobilevit_xxs",
    "MobileViTv2": "mobilevitv2_050",
    "MaxViT": "maxvit_rmlp_pico_rw_256",
    "CoAtNet": "coatnet_pico_rw_224",
    "EdgeNeXt": "edgenext_xx_small",
    "PoolFormer": "poolformer_s12",
    "CaiT": "cait_xxs24_224",
    "XCiT": "xcit_nano_12_p16_224",
    "LeViT": "levit_128s",
    "Mixer": "mixer_s32_224",
    "gMLP": "gmlp_ti16_224",
    "ResMLP": "resmlp_12_224",
    "GhostNet": "ghostnet_100",
    "HRNet": "hrnet_w18_small",
    "DLA": "dla34",
    "VGG": "vgg11",
    "Inception": "inception_v3",
    "NFNet": "eca_nfnet_l0",
    "CoaT": "coat_lite_tiny",
    "EfficientFormer": "efficientformer_l1",
    "RepVGG": "repvgg_a0",
    "TinyViT": "tiny_vit_5m_224",
    "FastViT": "fastvit_t8",
    "MViTv2": "mvitv2_tiny",
    "Lambda ResNet": "lambda_resnet26t",
    "HaloNet": "halonet26t",
    "Sequencer": "sequencer2d_s",
}
"""Family to a small member of it."""

_ENCODER = {
    "vocab_size": 1000,
    "hidden_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 256,
}
_DECODER = {**_ENCODER, "max_position_embeddings": 256}
TRANSFORMERS: dict[str, tuple[str, dict[str, Any]]] = {
    "BERT": ("BertForSequenceClassification", _ENCODER),
    "DistilBERT": (
        "DistilBertForSequenceClassification",
        {"vocab_size": 1000, "dim": 128, "n_layers": 3, "n_heads": 4, "hidden_dim": 256},
    ),
    "RoBERTa": ("RobertaForSequenceClassification", {**_ENCODER, "pad_token_id": 1}),
    "ALBERT": ("AlbertForSequenceClassification", {**_ENCODER, "embedding_size": 64}),
    "ELECTRA": ("ElectraForSequenceClassification", {**_ENCODER, "embedding_size": 64}),
    "MobileBERT": (
        "MobileBertForSequenceClassification",
        {**_ENCODER, "intra_bottleneck_size": 64, "embedding_size": 64},
    ),
    "DeBERTa-v2": (
        "DebertaV2ForSequenceClassification",
        {**_ENCODER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    ),
    "XLNet": (
        "XLNetForSequenceClassification",
        {"vocab_size": 1000, "d_model": 128, "n_layer": 3, "n_head": 4, "d_inner": 256},
    ),
    "GPT-2": (
        "GPT2LMHeadModel",
        {"vocab_size": 1000, "n_embd": 128, "n_layer": 3, "n_head": 4, "n_positions": 256},
    ),
    "OPT": (
        "OPTForCausalLM",
        {
            "vocab_size": 1000,
            "hidden_size": 128,
            "word_embed_proj_dim": 128,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "ffn_dim": 256,
            "max_position_embeddings": 256,
        },
    ),
    "GPT-NeoX": ("GPTNeoXForCausalLM", _DECODER),
    "Llama": ("LlamaForCausalLM", {**_DECODER, "num_key_value_heads": 2}),
    "T5 encoder": (
        "T5EncoderModel",
        {
            "vocab_size": 1000,
            "d_model": 128,
            "d_kv": 32,
            "d_ff": 256,
            "num_layers": 3,
            "num_heads": 4,
        },
    ),
}
"""Family to the model class and the small configuration that it is built from."""

_SAME_OPERATOR = {"conv1d": "conv", "conv2d": "conv", "conv3d": "conv", "rmatmul": "matmul"}
"""Names of PyTorch's functions that are traced as one operator."""


@dataclass(frozen=True)
class Subject:
    """A model to be counted; ``build(fused)`` makes it with fused attention or without."""

    family: str
    name: str
    build: Callable[[bool], nn.Module]

    def inputs(self, module: nn.Module) -> tuple[int, ...] | Mapping[str, Tensor]:
        """One input, as `count_macs` takes it."""
        if self.family in TIMM:
            return tuple(module.pretrained_cfg["input_size"])
        return example_tokens(module, 1, _TOKENS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="count every model again")
    parser.add_argument(
        "--only", nargs="*", metavar="FAMILY", help="these families; writes nothing"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    subjects = list(_subjects())
    if options.only:
        _show([_count(one) for one in subjects if one.family in options.only])
        return
    rows = [] if options.fresh else _finished()
    done = {row["model"] for row in rows}
    waiting = [one for one in subjects if one.name not in done]
    for subject in track(waiting, description="models", console=Console(stderr=True)):
        rows.append(_count(subject))
        pd.DataFrame(rows).to_csv(_UNFINISHED, index=False)
    _show(rows)
    Console().print(f"rows in {write_rows(_NAME, rows)}")
    _UNFINISHED.unlink(missing_ok=True)


def _finished() -> list[dict[str, Any]]:
    """Rows of a run that was stopped."""
    if not _UNFINISHED.is_file():
        return []
    return pd.read_csv(_UNFINISHED, keep_default_na=False).to_dict("records")


def _subjects() -> Iterator[Subject]:
    for family, name in TIMM.items():
        yield Subject(family, name, _timm_builder(name))
    for family, (name, settings) in TRANSFORMERS.items():
        yield Subject(family, name, _transformers_builder(name, settings))


def _timm_builder(name: str) -> Callable[[bool], nn.Module]:
    def build(fused: bool) -> nn.Module:
        set_fused_attn(fused)
        try:
            return timm.create_model(name, pretrained=False)
        finally:
            set_fused_attn(True)

    return build


def _transformers_builder(name: str, settings: Mapping[str, Any]) -> Callable[[bool], nn.Module]:
    def build(fused: bool) -> nn.Module:
        kind = getattr(transformers, name)
        config = kind.config_class(**settings)
        if not fused:
            config._attn_implementation = "eager"
        return kind(config)

    return build


def _count(subject: Subject) -> dict[str, Any]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, unfused = (subject.build(fused).requires_grad_(False) for fused in (True, False))
    inputs = subject.inputs(module)
    record = count_macs(module, inputs)
    theirs = torchs_count(module, inputs)
    cross_check = sum(theirs.values())
    return {
        "model": subject.name,
        "family": subject.family,
        "library": "timm" if subject.family in TIMM else "transformers",
        "input": "x".join(map(str, inputs)) if isinstance(inputs, tuple) else f"{_TOKENS} tokens",
        "params": record.params,
        "macs": record.macs,
        "cross_check": cross_check,
        "relative_difference": round(record.macs / cross_check - 1, 6),
        "explanation": _explanation(record, theirs),
        "unsupported": _unsupported(record),
        "unfused_macs": count_macs(unfused, inputs).macs,
        "fvcore_total": record.macs + sum(record.not_in_macs.values()),
        "fvcore_without_handles": _fvcore_alone(module, inputs),
        "timm": timm.__version__,
        "transformers": transformers.__version__,
    }


def torchs_count(module: nn.Module, inputs: tuple[int, ...] | Mapping[str, Tensor]) -> Counter[str]:
    """Half of what PyTorch's counter counts, by the function of PyTorch that the model called."""
    positional, keywords = _arguments(module, inputs)
    with (
        evaluating(module),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
        _ByFunction(counter) as calls,
    ):
        module(*positional, **keywords)
    elsewhere = counter.get_total_flops() - calls.flops.total()
    flops = calls.flops + Counter({"(elsewhere)": elsewhere})
    return Counter({name: count // 2 for name, count in flops.items()})


class _ByFunction(TorchFunctionMode):
    """Adds up by function what a counter counts while it runs."""

    def __init__(self, counter: FlopCounterMode) -> None:
        super().__init__()
        self.counter = counter
        self.flops = Counter[str]()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        before = self.counter.get_total_flops()
        result = func(*args, **(kwargs or {}))
        if spent := self.counter.get_total_flops() - before:
            name = getattr(func, "__name__", str(func)).strip("_")
            self.flops[_SAME_OPERATOR.get(name, name)] += spent
        return result


def _arguments(
    module: nn.Module, inputs: tuple[int, ...] | Mapping[str, Tensor]
) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (example_images(module, 1, inputs),), {}


def _fvcore_alone(module: nn.Module, inputs: tuple[int, ...] | Mapping[str, Tensor]) -> int:
    positional, keywords = _arguments(module, inputs)
    traced = Traced(module, tuple(keywords))
    with evaluating(module):
        analysis = FlopCountAnalysis(traced, (*positional, *keywords.values()))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return int(analysis.tracer_warnings("none").total())


def _explanation(record: CountRecord, theirs: Mapping[str, int]) -> str:
    """The operators whose counts differ, ours against PyTorch's."""
    if record.macs == sum(theirs.values()):
        return ""
    names = sorted(record.by_operator.keys() | theirs.keys())
    pairs = {name: (record.by_operator.get(name, 0), theirs.get(name, 0)) for name in names}
    return "; ".join(
        f"{name}: {ours:,} here, {other:,} there"
        for name, (ours, other) in pairs.items()
        if ours != other
    )


def _unsupported(record: CountRecord) -> str:
    if not record.unsupported:
        return ""
    listed = ", ".join(f"{calls} x {name}" for name, calls in record.unsupported.items())
    share = record.unsupported_share
    return f"{listed} (share {'unknown' if share is None else f'at most {share:.2%}'})"


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("family", "model", "MACs", "cross-check", "difference", "why / not counted")
    for row in rows:
        table.add_row(
            row["family"], row["model"], f"{row['macs'] / 1e6:,.1f} M",
            f"{row['cross_check'] / 1e6:,.1f} M", f"{row['relative_difference']:+.3%}",
            " / ".join(filter(None, (row["explanation"], row["unsupported"]))),
        )  # fmt: skip
    console = Console()
    console.print(table)
    near = [row for row in rows if abs(row["relative_difference"]) <= _TOLERANCE]
    explained = [row for row in rows if row not in near and row["explanation"]]
    fused = [row for row in rows if row["macs"] == row["unfused_macs"]]
    console.print(
        f"{len(near)} of {len(rows)} within {_TOLERANCE:.1%}, {len(explained)} more explained per "
        f"operator; {len(fused)} count alike fused and unfused"
    )


if __name__ == "__main__":
    main()
