"""A supernet that starts from an earlier pre-training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.errors import UsageError
from nas_kd.training.pretraining.restored import load_supernet

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet


def take_weights(supernet: ElasticSupernet, run: Path) -> float:
    """Copies the weights of the supernet in the directory ``run``, but for the classifier.

    Returns:
        The share of the parameters that were copied.

    Raises:
        UsageError: The directory holds no finished supernet, or one of another shape.
    """
    theirs = load_supernet(run).state_dict()  # type: ignore[attr-defined]
    mine = supernet.state_dict()
    parent: Any = supernet.parent  # one of timm's models
    classifier = {id(p) for p in parent.get_classifier().parameters()}
    parameters = dict(supernet.named_parameters())
    body = {name for name in mine if id(parameters.get(name)) not in classifier}
    if misfits := sorted(n for n in body if n not in theirs or theirs[n].shape != mine[n].shape):
        raise UsageError(
            f"pretrain: the supernet in {run} has other weights ({', '.join(misfits[:3])}). Start "
            "from one of the same space, with the same options and images."
        )
    supernet.load_state_dict({name: theirs[name] for name in body}, strict=False)
    taken = sum(p.numel() for name, p in parameters.items() if name in body)
    return taken / sum(p.numel() for p in parameters.values())
