"""Projection heads with prototypes, for embeddings of every elastic width."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from nas_kd.training.elastic.linear import ElasticLinear

_INIT_STD = 0.02


class PrototypeHead(nn.Module):
    """An MLP of three layers onto the unit sphere, and the similarity to each prototype there.

    Args:
        width: Largest width of the embeddings.
        hidden: Channels inside the MLP.
        bottleneck: Dimension of the sphere.
        prototypes: How many; each is a direction with a length that starts at one.
        scaled: Whether narrower embeddings are scaled, see `ElasticLinear`.
    """

    def __init__(
        self, width: int, *, hidden: int, bottleneck: int, prototypes: int, scaled: bool
    ) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            ElasticLinear(width, hidden, scaled=scaled),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=_INIT_STD)
                nn.init.zeros_(layer.bias)
        self.prototypes = weight_norm(nn.Linear(bottleneck, prototypes, bias=False))
        nn.init.ones_(self.prototypes.parametrizations.weight.original0)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Embeddings ``(..., d)``, d at most the full width, to scores ``(..., prototype)``."""
        scores: Tensor = self.prototypes(F.normalize(self.mlp(embeddings), dim=-1))
        return scores


class PrototypeHeads(nn.ModuleList):
    """Independent heads, each with twice as many prototypes as the one before.

    Args:
        width: Largest width of the embeddings.
        heads: How many.
        prototypes: Of the first head.
        hidden: See `PrototypeHead`.
        bottleneck: See `PrototypeHead`.
        scaled: See `PrototypeHead`.

    Source: POA, section 3.3, "multiple projection heads".
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        prototypes: int,
        hidden: int,
        bottleneck: int,
        scaled: bool,
    ) -> None:
        super().__init__(
            PrototypeHead(
                width,
                hidden=hidden,
                bottleneck=bottleneck,
                prototypes=prototypes * 2**number,
                scaled=scaled,
            )
            for number in range(heads)
        )

    def prototype_parameters(self) -> list[nn.Parameter]:
        """The last layers', which rest at the start of a training."""
        return [p for name, p in self.named_parameters() if ".prototypes." in name]
