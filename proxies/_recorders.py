"""The recorders that one pass needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from proxies._activation_patterns import PatternRecorder
from proxies._blocks import BlockRecorder
from proxies._cancellation import CancellationFilter
from proxies._channel_correlations import CorrelationRecorder
from proxies._channel_moments import MomentRecorder
from proxies._channel_saliency import SaliencyRecorder
from proxies._layer_slopes import SlopeRecorder
from proxies._layout import ChannelAxes
from proxies._norm_statistics import NormRecorder
from proxies._recording import FeatureRecorder, HeadRecorder, Recorder
from proxies._weights import is_norm, is_weighted


class Recorders:
    """One of each kind; those that ``needs`` does not ask for watch nothing.

    Args:
        needs: Facts to record, see `Probe.announce`.
        features: Names of the feature maps, the last one before pooling.
        head: Name of the classifier.
        images: Size of the batch.
    """

    def __init__(
        self, needs: Collection[str], features: Sequence[str], head: str, images: int
    ) -> None:
        whole = {"block_moments", "block_responses", "channel_correlations"}
        self.axes = ChannelAxes(wanted=bool(whole.intersection(needs)))
        self.features = FeatureRecorder(_recorded(needs, features))
        self.head = HeadRecorder(head if {"pooled", "head_gradient"}.intersection(needs) else None)
        self.patterns = PatternRecorder(kernel="relu" in needs, words="relu_words" in needs)
        self.blocks = BlockRecorder(
            head,
            self.axes,
            moments="block_moments" in needs,
            maps="block_responses" in needs,
        )
        self.layers = MomentRecorder(is_weighted if "layer_moments" in needs else None, head)
        self.norms = MomentRecorder(is_norm if "norm_moments" in needs else None, head)
        self.statistics = NormRecorder(wanted="norm_statistics" in needs)
        self.correlations = CorrelationRecorder(
            images, self.axes, wanted="channel_correlations" in needs
        )
        self.slopes = SlopeRecorder(images, wanted="layer_slopes" in needs)
        self.cancelled = CancellationFilter(
            wanted=bool({"input_jacobian", "layer_slopes"}.intersection(needs))
        )
        self.saliency = SaliencyRecorder(images, wanted="channel_saliency" in needs)

    def __iter__(self) -> Iterator[Recorder]:
        yield self.axes  # first: it hears of a layer before the others ask
        yield self.features
        yield self.head
        yield self.patterns
        yield self.blocks
        yield self.layers
        yield self.norms
        yield self.statistics
        yield self.correlations
        yield self.slopes
        yield self.cancelled
        yield self.saliency


def _recorded(needs: Collection[str], features: Sequence[str]) -> Sequence[str]:
    if "features" in needs:
        return features
    return features[-1:] if "last_feature" in needs else ()
