"""A first filter: the students that training-free proxies rank highest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from nas_kd.data.text import TokenSequences
from nas_kd.errors import UsageError
from proxies import PROXIES, log_rank_fusion, score_student
from search_spaces import Arch, Sizes, TextTask, TransformerSpace
from studies.failing_proxy import failing_proxy_named

_SEQUENCES = 16
_CLASSES = 2
_MODEL = "model"


def require_proxies_of_text(names: Sequence[str]) -> None:
    """Raises `UsageError` for proxies that are unknown, or show a network noise for its input:
    students of text read numbers of tokens, and noise has none."""
    if of_noise := [name for name in names if PROXIES.get(name).input == "noise"]:
        raise UsageError(
            f"proxies: {', '.join(of_noise)} look at how a network answers to noise, and students "
            "of text read tokens. Take others, such as w_pca, head_importance or decoder_params."
        )


def best_by_proxies(
    space: TransformerSpace,
    sizes: Mapping[Arch, Sizes],
    names: Sequence[str],
    text: TokenSequences,
    task: TextTask,
    *,
    count: int,
    seed: int,
    told: Callable[[int], None],
) -> list[Arch]:
    """The ``count`` students with the highest scores; several proxies are fused by their ranks.

    Students are freshly initialised classifiers of two classes. Proxies that look at labels see
    random ones: the text has none, and what they measure is how gradients flow.

    Args:
        space: Where the students are from.
        sizes: Students, with their sizes for proxies that read those.
        names: Of proxies, see `require_proxies_of_text`.
        text: Its longest sequences are the batch.
        task: What students are built for.
        count: How many are wanted.
        seed: Of the initial weights and the labels.
        told: Of how many students are scored.

    Raises:
        UsageError: A proxy is unknown, or needs what students of text do not have.
        NasKdError: A proxy failed.
    """
    tokens = _tokens(text)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(_CLASSES, (len(tokens),), generator=generator)
    classifier = replace(task, num_classes=_CLASSES)
    rows = {}
    for number, (arch, size) in enumerate(sizes.items(), start=1):
        with failing_proxy_named(arch):
            rows[arch] = score_student(
                lambda arch=arch: Reader(space.build(arch, classifier)),  # type: ignore[misc]
                tokens,
                labels,
                proxies=names,
                features=lambda reader: [
                    f"{_MODEL}.{name}" for name in space.features(_inner(reader))
                ],
                head=lambda reader: f"{_MODEL}.{space.head(_inner(reader))}",
                seed=seed,
                costs={name: float(value) for name, value in vars(size).items()},
            )
        told(number)
    frame = pd.DataFrame(list(rows.values()), index=[arch.key for arch in rows])
    score = log_rank_fusion(frame)
    return sorted(rows, key=lambda arch: (-score[arch.key], arch.key))[:count]


class Reader(nn.Module):
    """A classifier of texts that takes its tokens as numbers ``(batch, token)`` of any type."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model  # the name is `_MODEL`

    def forward(self, tokens: Tensor) -> Any:
        return self.model(input_ids=tokens.long())


def _inner(reader: nn.Module) -> nn.Module:
    return reader.get_submodule(_MODEL)


def _tokens(text: TokenSequences) -> Tensor:
    """The longest sequences, cut to the length of the shortest of them, ``(batch, token)``."""
    batch = text.batch(text.by_length()[:_SEQUENCES])
    shortest = int(batch["attention_mask"].sum(1).min())
    return batch["input_ids"][:, :shortest].float()
