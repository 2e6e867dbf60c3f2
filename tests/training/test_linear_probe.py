"""Linear probes."""

from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from nas_kd.errors import UsageError
from nas_kd.training.linear_probe import chosen_linear_probe, fit_linear_probe


def test_it_finds_the_minimum_that_scikit_learn_finds() -> None:
    embeddings, labels = _overlapping(0)
    decay = 1e-2
    probe = fit_linear_probe(embeddings, labels, decay=decay)
    inputs = (embeddings - probe.mean) / probe.std
    theirs = LogisticRegression(C=1 / (decay * len(inputs)), tol=1e-8, max_iter=1000)
    theirs.fit(inputs.numpy(), labels.numpy())
    torch.testing.assert_close(
        probe.weight.double(), torch.from_numpy(theirs.coef_).double(), rtol=0, atol=2e-3
    )
    ours = probe.logits(embeddings).softmax(1).double()
    expected = torch.from_numpy(theirs.predict_proba(inputs.numpy())).double()
    torch.testing.assert_close(ours, expected, rtol=0, atol=2e-3)


def test_units_of_the_embedding_do_not_matter() -> None:
    embeddings, labels = _overlapping(1)
    units = torch.logspace(-3, 3, embeddings.shape[1])
    plain = fit_linear_probe(embeddings, labels, decay=1e-3)
    other = fit_linear_probe(embeddings * units + 5 * units, labels, decay=1e-3)
    torch.testing.assert_close(
        other.logits(embeddings * units + 5 * units), plain.logits(embeddings), rtol=0, atol=0.05
    )


def test_a_constant_channel_does_no_harm() -> None:
    embeddings, labels = _overlapping(2)
    embeddings[:, 0] = 3
    probe = fit_linear_probe(embeddings, labels, decay=1e-3)
    assert probe.logits(embeddings).isfinite().all()
    assert probe.accuracy(embeddings, labels) > 0.5


def test_the_decay_is_chosen_on_images_held_out() -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(120, 100, generator=generator)  # one channel tells, all others lure
    labels = (embeddings[:, 0] + 0.5 * torch.randn(120, generator=generator) > 0).long()
    decays = (10.0, 1e-1, 1e-8)
    chosen = chosen_linear_probe(embeddings, labels, seed=0, decays=decays)
    fits = [fit_linear_probe(embeddings, labels, decay=decay) for decay in decays]
    matching = [torch.equal(fit.weight, chosen.weight) for fit in fits]
    assert sum(matching) == 1
    assert not matching[2]
    again = chosen_linear_probe(embeddings, labels, seed=0, decays=decays)
    assert torch.equal(again.weight, chosen.weight)


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="no embeddings"):
        fit_linear_probe(torch.zeros(0, 3), torch.zeros(0).long(), decay=0.1)


def _overlapping(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(3, 6, generator=generator)
    labels = torch.arange(150) % 3
    return centres[labels] + torch.randn(150, 6, generator=generator), labels
