"""Students that compute with shared weights and hand their gradients back at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor

from search_spaces.supernets._observing import Observation, observe, states_of
from search_spaces.supernets._slicing import WeightSlices
from search_spaces.token_states import TokenStates

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class BorrowingStudent:
    """A student whose weights are views of the shared ones, with gradients of their own.

    The backward pass of a slice fills a gradient of the whole weight's size, that of a vocabulary
    above all, for every student. Here it stays of the student's size (of the embeddings, the rows
    that were read), and `give_back` adds it in place. Use: forward, backward, `give_back`, before
    the shared weights change.

    Args:
        network: A model of the student's shape without weights.
        slices: From where it takes them.
    """

    def __init__(self, network: PreTrainedModel, slices: WeightSlices) -> None:
        self._network = network
        self._slices = slices
        self._weights = {
            name: weight.detach().requires_grad_(weight.requires_grad)
            for name, weight in slices().items()
        }

    def __call__(self, x: Mapping[str, Tensor]) -> Observation:
        """What the student computes for tokens ``(batch, token)``, see `SuperLM.forward`."""
        with _sparse_rows(self._network):
            return observe(self._network, x, self._weights)

    def states(self, x: Mapping[str, Tensor], *, logits: bool = False) -> TokenStates:
        """Its states alone, see `states_of`."""
        with _sparse_rows(self._network if logits else self._network.base_model):
            return states_of(self._network, x, self._weights, logits=logits)

    def give_back(self) -> None:
        """Adds the gradients so far to those of the shared weights."""
        for name, weight in self._weights.items():
            if weight.grad is not None:
                self._slices.add_gradient(name, weight.grad)
                weight.grad = None


@contextmanager
def _sparse_rows(network: Any) -> Iterator[None]:
    """Within it the embeddings' gradient holds the rows that are read, unless an output layer
    reads all of them."""
    embeddings: Any = network.get_input_embeddings()
    output: Any = network.get_output_embeddings()
    sparse = embeddings.sparse
    embeddings.sparse = output is None or output.weight is not embeddings.weight
    try:
        yield
    finally:
        embeddings.sparse = sparse
