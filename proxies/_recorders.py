"""The recorders that one pass needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from proxies._activation_patterns import PatternRecorder
from proxies._blocks import BlockRecorder
from proxies._channel_correlations import CorrelationRecorder
from proxies._channel_moments import MomentRecorder
from proxies._channel_saliency import SaliencyRecorder
from proxies._layer_slopes import SlopeRecorder
from proxies._norm_statistics import NormRecorder
from proxies._recording import FeatureRecorder, HeadRecorder, Recorder
from proxies._weights import NORMS, WEIGHTED


class Recorders:
    """One of each kind; those that ``needs`` does not ask for watch nothing.

    Args:
        needs: Facts to record, see `Probe.announce`.
        features: Names of the feature maps, the last one before pooling.
        head: Name of the classifier.
    """

    def __init__(self, needs: Collection[str], features: Sequence[str], head: str) -> None:
        self.features = FeatureRecorder(_recorded(needs, features))
        self.head = HeadRecorder(head if {"pooled", "head_gradient"}.intersection(needs) else None)
        self.patterns = PatternRecorder(kernel="relu" in needs, words="relu_words" in needs)
        self.blocks = BlockRecorder(
            head, moments="block_moments" in needs, maps="block_responses" in needs
        )
        self.layers = MomentRecorder(WEIGHTED if "layer_moments" in needs else (), head)
        self.norms = MomentRecorder(NORMS if "norm_moments" in needs else (), head)
        self.statistics = NormRecorder(wanted="norm_statistics" in needs)
        self.correlations = CorrelationRecorder(wanted="channel_correlations" in needs)
        self.slopes = SlopeRecorder(wanted="layer_slopes" in needs)
        self.saliency = SaliencyRecorder(wanted="channel_saliency" in needs)

    def __iter__(self) -> Iterator[Recorder]:
        yield self.features
        yield self.head
        yield self.patterns
        yield self.blocks
        yield self.layers
        yield self.norms
        yield self.statistics
        yield self.correlations
        yield self.slopes
        yield self.saliency


def _recorded(needs: Collection[str], features: Sequence[str]) -> Sequence[str]:
    if "features" in needs:
        return features
    return features[-1:] if "last_feature" in needs else ()
