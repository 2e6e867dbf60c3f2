"""Decoder parameters: the size of a transformer without its embeddings."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from proxies._probe import Probe
from proxies._proxy import Proxy


def decoder_params_score(student: Probe, teacher: Probe | None) -> float:
    """Number of parameters that are no embeddings, each one counted once.

    Embeddings are the tables of `torch.nn.Embedding`; a linear layer of the shape of the largest
    of them, which is the output layer of a language model, tied or not; and every parameter of
    shape ``(1, a, b)``, as are the tokens and positions that a vision transformer learns. Biases
    count, that of the output layer included.

    Source: Javaheripi et al., LiteTransformerSearch (LTS), NeurIPS 2022.
    """
    embeddings = {id(parameter) for parameter in _embeddings(student.model)}
    return float(
        sum(
            parameter.numel()
            for parameter in student.model.parameters()
            if id(parameter) not in embeddings
        )
    )


def _embeddings(model: nn.Module) -> Iterator[Tensor]:
    tables = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    yield from tables
    vocabulary = max(tables, key=Tensor.numel).shape if tables else None
    for module in model.modules():
        if isinstance(module, nn.Linear) and module.weight.shape == vocabulary:
            yield module.weight
    for parameter in model.parameters():
        if parameter.ndim == 3 and len(parameter) == 1:
            yield parameter


PROXY = Proxy(
    name="decoder_params",
    function=decoder_params_score,
    needs=frozenset({"model"}),
    initialisation="none",
    source="LTS, Javaheripi et al., NeurIPS 2022, arXiv 2203.02094",
    cost="free",
    batch="nothing",
    deviation=(
        "all parameters but the embeddings, where the source adds up attention and feed-forward "
        "parts; defined for every network"
    ),
)
