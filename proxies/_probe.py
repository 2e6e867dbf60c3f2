"""`Probe`: one untrained network, one batch, and everything that proxies read from the two."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from proxies._batch import noise_like, require_batch, require_labels
from proxies._blocks import BlockResponse
from proxies._channel_moments import ChannelMoments
from proxies._evaluation_pass import EVALUATED, Evaluation, evaluate
from proxies._image_gradients import READINGS, image_gradients
from proxies._layer_slopes import LayerSlope
from proxies._norm_statistics import NormStatistics
from proxies._observation import OBSERVABLE, Observation, observe

_OWN_PASSES = frozenset({"half_gradients", "perturbed_feature", *READINGS})

FACTS = OBSERVABLE | EVALUATED | _OWN_PASSES
"""Facts that can be announced: of the shared forward pass, of the one in evaluation mode that
transformers need, or of passes of their own."""

_IMPLIED = {
    "head_gradient": frozenset({"pooled"}),
    "features": frozenset({"last_feature"}),
    "perturbed_feature": frozenset({"last_feature"}),
    **dict.fromkeys(READINGS, frozenset({"norm_statistics"})),
}
"""Facts that come with another one."""

_PERTURBATION = 0.01
"""Share of a second noise that is added to the images, as Zen-NAS does."""

_SMALLEST_HALF = 2
"""Images that batch normalisation needs where a map has one pixel."""


class Probe:
    """Facts of one network on one batch, computed when first read, and then kept.

    All announced facts come out of one forward pass in train mode (batch statistics). It builds no
    graph unless a gradient is announced. Reading a fact that was not announced adds it and repeats
    the pass, with the same values.

    The network is used as it is and comes back bit-identical: modes, buffers, ``requires_grad``,
    ``grad``, hooks. The global random state is left alone; layers that draw (dropout) draw from
    ``seed``.

    Args:
        model: Network from images ``(batch, channel, height, width)`` to logits
            ``(batch, class)``, or to an object with ``.logits``.
        inputs: Images or noise, ``(batch, channel, height, width)``, at least two.
        targets: Class indices, ``(batch,)``.
        features: Names of the modules whose outputs are the feature maps, shallow to deep; the
            last one is the map before global pooling.
        head: Name of the classifier, the last linear layer; its output must be the logits.
        costs: Counted ``macs`` and ``params`` of the network, and what else proxies read by
            ``costs`` (`Proxy.needs`).
        needs: Facts to announce, see `announce`.
        seed: Seeds layers that draw in the forward pass.
        student_widths: Of a teacher, how wide the inputs of the students' classifiers can be;
            empty where that is not known.

    Raises:
        UsageError: Inputs and targets do not fit each other.
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        *,
        features: Sequence[str],
        head: str,
        costs: Mapping[str, float] | None = None,
        needs: Collection[str] = (),
        seed: int = 0,
        student_widths: Collection[int] = (),
    ) -> None:
        require_batch(inputs, targets)
        parameter = next(model.parameters(), None)
        device = inputs.device if parameter is None else parameter.device
        self.model = model
        self.inputs = inputs.to(device)
        self.targets = targets.to(device)
        self.costs = dict(costs or {})
        self._features = list(features)
        self.head = head
        self.seed = seed
        self.student_widths = frozenset(student_widths)
        self._needs: frozenset[str] = frozenset({"logits"})
        self._observation: Observation | None = None
        self._to_evaluate: frozenset[str] = frozenset()
        self._evaluation: Evaluation | None = None
        self._images_read: frozenset[str] = frozenset()
        self._of_images: dict[str, list[Any]] = {}
        self._derived: dict[str, Tensor] = {}
        self.announce(needs)

    def announce(self, needs: Collection[str]) -> None:
        """Says which facts will be read, so that one forward pass serves them all.

        Args:
            needs: Names of facts, each that of a property or a method of the probe, or ``relu``
                (`activation_kernel`) and ``relu_words`` (`activation_words`); other needs of
                proxies (``labels``, ``teacher``, ``costs``, ``model``) take no pass and are
                ignored.
        """
        facts = frozenset(needs).union(*(_IMPLIED.get(need, ()) for need in needs)) & OBSERVABLE
        if not facts <= self._needs:
            self._needs |= facts
            self._observation = None
        evaluated = EVALUATED.intersection(needs)
        if not evaluated <= self._to_evaluate:
            self._to_evaluate |= evaluated
            self._evaluation = None
        self._images_read |= READINGS.keys() & needs

    @property
    def logits(self) -> Tensor:
        """``(batch, class)``."""
        return self._observe("logits").logits

    @property
    def features(self) -> dict[str, Tensor]:
        """Module name to its feature map, ``(batch, channel, height, width)``, shallow to deep."""
        seen = self._observe("features").recorded.features.maps
        return {name: self._reached(seen, name) for name in self._features}

    @property
    def last_feature(self) -> Tensor:
        """The feature map before global pooling, ``(batch, channel, height, width)``."""
        return self._last_of(self._observe("last_feature"))

    @property
    def pooled(self) -> Tensor:
        """Input of the classifier, ``(batch, channel)``."""
        return self._reached({self.head: self._observe("pooled").recorded.head.pooled}, self.head)

    @property
    def activation_kernel(self) -> Tensor:
        """Number of units that two images switch alike, ``(batch, batch)``, float64.

        With c the 0/1 pattern ``(batch, unit)`` of one call of one activation module (input > 0),
        the sum over calls of c c^T + (1 - c)(1 - c)^T.

        Raises:
            UsageError: The network calls no activation module; functional ones cannot be seen.
        """
        kernel = self._observe("relu").recorded.patterns.kernel
        if kernel is None:
            raise self._no_activations()
        return kernel

    @property
    def activation_words(self) -> list[Tensor]:
        """The different words of the units at each call of an activation, ``(word,)``, int64.

        The word of a unit tells for each image whether it is on; see `PatternRecorder`.

        Raises:
            UsageError: The network calls no activation module; functional ones cannot be seen.
        """
        words = self._observe("relu_words").recorded.patterns.words
        if not words:
            raise self._no_activations()
        return words

    @property
    def block_moments(self) -> list[ChannelMoments]:
        """Moments of the output of each block, in the order of the calls; see `block_names`."""
        return self._observe("block_moments").recorded.blocks.moments

    @property
    def block_responses(self) -> list[BlockResponse]:
        """How each block but the first passes gradients back to the block before."""
        return self._observe("block_responses").block_responses

    @property
    def layer_moments(self) -> list[ChannelMoments]:
        """Moments of the output of each convolution and linear layer but the classifier.

        In the order of the calls.
        """
        return self._observe("layer_moments").recorded.layers.moments

    @property
    def norm_moments(self) -> list[ChannelMoments]:
        """Moments of the output of each normalisation layer, in the order of the calls."""
        return self._observe("norm_moments").recorded.norms.moments

    @property
    def norm_statistics(self) -> list[NormStatistics]:
        """Statistics of the input of each batch normalisation, in the order of the calls."""
        return self._observe("norm_statistics").recorded.statistics.statistics

    @property
    def channel_correlations(self) -> list[float]:
        """For each module's output the least eigenvalue of its channels' correlations.

        On the first image; see `CorrelationRecorder`.
        """
        return self._observe("channel_correlations").recorded.correlations.least

    @cached_property
    def head_gradient(self) -> Tensor:
        """Gradient of the mean cross-entropy by the classifier's weight, ``(class, channel)``.

        In closed form, (softmax(logits) - onehot(targets))^T pooled / batch, in float64 on the
        CPU: no backward pass. The error of the true class is minus the sum of the others', so that
        it is not cancelled away where the softmax saturates.

        Raises:
            UsageError: The classifier's output is not the network's output.
        """
        output = self._observe("head_gradient").recorded.head.output
        pooled, logits = self.pooled, self.logits
        if output is None or not _equal(output.flatten(1), logits):
            raise UsageError(
                f"the output of the classifier {self.head!r} is not the output of "
                f"{type(self.model).__name__}, so the classifier's gradient has no closed form. "
                "Name the last linear layer, and let the network return its raw logits."
            )
        require_labels(self.targets, logits.shape[1])
        truth = self.targets.cpu()[:, None]  # (batch, 1)
        errors = torch.softmax(logits.cpu().double(), dim=1).scatter(1, truth, 0.0)
        errors = errors.scatter(1, truth, -errors.sum(1, keepdim=True))  # (batch, class)
        return errors.T @ pooled.cpu().double() / len(truth)

    @property
    def weight_gradients(self) -> dict[str, Tensor]:
        """Gradient of the mean cross-entropy by each convolution's and linear layer's weight.

        Parameter name to a tensor of the weight's shape; zero where the loss does not depend on it.
        """
        return self._observe("weight_gradients").weight_gradients

    @property
    def channel_saliency(self) -> dict[str, Tensor]:
        """Weight name to the saliency of its output channels, ``(channel,)``.

        Half the mean over the batch of the squared sum over positions of output times gradient of
        the mean cross-entropy; see `SaliencyRecorder`.
        """
        return self._observe("channel_saliency").recorded.saliency.saliency

    @property
    def hessian_gradients(self) -> dict[str, Tensor]:
        """The Hessian of the mean cross-entropy times its gradient, both by the layer weights.

        Parameter name to a tensor of the weight's shape.
        """
        return self._observe("hessian_gradients").hessian_gradients

    @property
    def input_jacobian(self) -> Tensor:
        """Gradient of the summed logits by the images, ``(batch, channel * height * width)``.

        Zero, and not what rounding makes of it, where batch normalisation cancels it; see
        `CancellationFilter`.
        """
        jacobian = self._observe("input_jacobian").input_jacobian
        return self._reached({"the images": jacobian}, "the images")

    @property
    def layer_slopes(self) -> list[LayerSlope]:
        """How the summed logits hang on each convolution and linear layer.

        One entry for each call of a layer on whose weight they depend, the last first.
        """
        return self._observe("layer_slopes").layer_slopes

    def evaluation(self, fact: str) -> Evaluation:
        """What the network shows in evaluation mode, in one pass for all announced facts.

        Args:
            fact: The one that is read: ``principal_shares``, ``query_maxima`` or
                ``attention_maxima``.

        Raises:
            UsageError: The network has none of the parts that are looked at; where there are no
                attention maps, ``attention_maxima`` stays empty instead.
        """
        self.announce([fact])
        if self._evaluation is None:
            self._evaluation = evaluate(self.model, self.inputs, self._to_evaluate)
        return self._evaluation

    @cached_property
    def half_gradients(self) -> dict[str, Tensor]:
        """`weight_gradients` of the first and the second half of the batch, one pass each.

        Parameter name to ``(2, *weight)``; empty for fewer than four images. The last image of an
        odd batch is not seen.
        """
        size = len(self.inputs) // 2
        if size < _SMALLEST_HALF:
            return {}
        halves = slice(size), slice(size, 2 * size)
        first, second = (
            self._pass(self.inputs[half], self.targets[half], ["weight_gradients"])
            for half in halves
        )
        return {
            name: torch.stack([gradient, second.weight_gradients[name]])
            for name, gradient in first.weight_gradients.items()
        }

    @cached_property
    def perturbed_feature(self) -> Tensor:
        """`last_feature` for the inputs plus 0.01 times standard normal noise, in another pass."""
        noise = noise_like(self.inputs, self.seed + 1)
        return self._last_of(
            self._pass(self.inputs + _PERTURBATION * noise, self.targets, ["last_feature"])
        )

    def of_images(self, fact: str) -> list[Any]:
        """What gradients of single images by the layer weights come to, in passes of their own.

        Batch normalisation uses the statistics of the whole batch as constants. All announced facts
        of this kind share the forward pass of an image. They can be large: a fact is handed over,
        and computed anew when it is read again.

        Args:
            fact: ``image_loss_signs``, the `summed_signs` of the gradients of the cross-entropy, or
                ``image_logit_gradients``, those of the summed logits `by_layer`.

        Returns:
            A part for every few images, in order.
        """
        self.announce([fact])
        if fact not in self._of_images:
            self._of_images = image_gradients(
                self.model,
                self.inputs,
                self.targets,
                readings={name: READINGS[name] for name in sorted(self._images_read)},
                statistics=self.norm_statistics,
                seed=self.seed,
            )
        return self._of_images.pop(fact)

    def derived(self, key: str, compute: Callable[[Probe], Tensor]) -> Tensor:
        """``compute(self)``, kept under ``key``: what a teacher's probe needs only once a study."""
        if key not in self._derived:
            self._derived[key] = compute(self)
        return self._derived[key]

    def _observe(self, fact: str) -> Observation:
        self.announce([fact])
        if self._observation is None:
            self._observation = self._pass(self.inputs, self.targets, self._needs)
        return self._observation

    def _pass(self, inputs: Tensor, targets: Tensor, needs: Collection[str]) -> Observation:
        return observe(
            self.model,
            inputs,
            targets,
            needs=needs,
            features=self._features,
            head=self.head,
            seed=self.seed,
        )

    def _last_of(self, observation: Observation) -> Tensor:
        if not self._features:
            raise UsageError("no feature map is named; name the one before global pooling.")
        return self._reached(observation.recorded.features.maps, self._features[-1])

    def _no_activations(self) -> UsageError:
        return UsageError(
            f"{type(self.model).__name__} calls no activation module, so its activation patterns "
            "cannot be read: hooks do not see functional activations. Use modules such as "
            "torch.nn.ReLU, torch.nn.GELU or torch.nn.SiLU, or leave out proxies that need `relu` "
            "or `relu_words`, such as naswot and swap."
        )

    def _reached(self, seen: Mapping[str, Tensor | None], name: str) -> Tensor:
        tensor = seen.get(name)
        if tensor is None:
            raise UsageError(
                f"{type(self.model).__name__} never calls its submodule {name!r} in a forward "
                "pass; name modules that it does call."
            )
        return tensor


def _equal(one: Tensor, other: Tensor) -> bool:
    """Equality in which NaN equals NaN."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
