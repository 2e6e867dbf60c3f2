"""The definition of each distiller of token states, for one sequence without padding, in loops."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from search_spaces import TokenStates


def _divergence(student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    """Mean over heads and rows of KL(teacher || student) for distributions by row."""
    rows = [
        (t * (t.log() - s.log())).sum()
        for ours, theirs in zip(student, teacher, strict=True)
        for s, t in zip(ours, theirs, strict=True)
    ]
    return torch.stack(rows).mean()


def _parts(heads: Tensor, number: int) -> list[Tensor]:
    """The joined heads of ``(1, head, token, head_dim)`` as so many ``(token, dim)``."""
    joined = torch.cat(list(heads[0]), dim=1)  # token, width
    dim = joined.shape[1] // number
    return [joined[:, part * dim : (part + 1) * dim] for part in range(number)]


def _scores(left: Tensor, right: Tensor) -> Tensor:
    return left @ right.T / math.sqrt(left.shape[1])


def _attention(states: TokenStates, layer: int) -> list[Tensor]:
    """Scores of each head, minus infinity where a token does not look."""
    scores = [
        _scores(query, key)
        for query, key in zip(states.queries[layer][0], states.keys[layer][0], strict=True)
    ]
    if not states.causal:
        return scores
    future = torch.ones_like(scores[0]).triu(1).bool()
    return [part.masked_fill(future, -math.inf) for part in scores]


def minilm_v1(student: TokenStates, teacher: TokenStates) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    heads = zip(_attention(student, -1), _attention(teacher, -1), strict=True)
    rows = []
    for ours, theirs in heads:
        for s, t in zip(ours.softmax(-1), theirs.softmax(-1), strict=True):
            seen = t > 0
            rows.append((t[seen] * (t[seen].log() - s[seen].log())).sum())
    total = total + torch.stack(rows).mean()
    return total + _relation(student.values[-1], teacher.values[-1], teacher.values[-1].shape[1])


def _relation(student: Tensor, teacher: Tensor, number: int) -> Tensor:
    ours, theirs = (
        [_scores(part, part).softmax(-1) for part in _parts(heads, number)]
        for heads in (student, teacher)
    )
    return _divergence(ours, theirs)


def minilm_v2(student: TokenStates, teacher: TokenStates) -> Tensor:
    number = teacher.queries[-1].shape[1]
    kinds = ("queries", "keys", "values")
    pairs = [(getattr(student, kind)[-1], getattr(teacher, kind)[-1]) for kind in kinds]
    return torch.stack([_relation(ours, theirs, number) for ours, theirs in pairs]).sum()


def autodistil_mse(student: TokenStates, teacher: TokenStates) -> Tensor:
    number = teacher.queries[-1].shape[1]
    total = []
    for kind in ("queries", "keys", "values"):
        ours, theirs = (
            torch.stack([_scores(part, part) for part in _parts(getattr(s, kind)[-1], number)])
            for s in (student, teacher)
        )
        total.append((ours - theirs).square().mean())
    return torch.stack(total).sum()


def last_hidden(student: TokenStates, teacher: TokenStates) -> Tensor:
    return (student.hidden[-1] - teacher.hidden[-1]).square().mean()


def tinybert(student: TokenStates, teacher: TokenStates) -> Tensor:
    """Two layers of the student, four of the teacher: 1 learns from 2, 2 from 4."""
    total = (student.hidden[0] - teacher.hidden[0]).square().mean()
    for layer, taught in ((1, 2), (2, 4)):
        total = total + (student.hidden[layer] - teacher.hidden[taught]).square().mean()
        squares = [
            (s - t)[t.isfinite()].square()
            for s, t in zip(
                _attention(student, layer - 1), _attention(teacher, taught - 1), strict=True
            )
        ]
        total = total + torch.cat(squares).mean()
    return total


def word_kd(student: TokenStates, teacher: TokenStates) -> Tensor:
    assert student.logits is not None
    assert teacher.logits is not None
    s, t = student.logits[0].softmax(-1), teacher.logits[0].softmax(-1)  # token, vocabulary
    return _divergence([s], [t])


BY_HAND: dict[str, Callable[[TokenStates, TokenStates], Tensor]] = {
    "minilm_v1": minilm_v1,
    "minilm_v2": minilm_v2,
    "autodistil_mse": autodistil_mse,
    "autodistil_kl": minilm_v2,  # where the relation heads divide the width
    "tinybert": tinybert,
    "last_hidden": last_hidden,
    "word_kd": word_kd,
}
