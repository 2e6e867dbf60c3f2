"""A supernet that starts from an earlier pre-training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nas_kd.data import DataSplits
from nas_kd.errors import UsageError
from nas_kd.training.pretraining.folder import PretrainingFolder
from nas_kd.training.pretraining.restored import load_supernet

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet


@dataclass(frozen=True)
class EarlierRun:
    """A finished pre-training of an elastic supernet, from which another one starts.

    Attributes:
        path: Its directory.
        scaled: Whether its narrower students scale their weights, see `ElasticSupernet`.
        mean: By which its images were normalised.
        std: Likewise.
    """

    path: Path
    scaled: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def open(cls, path: Path) -> Self:
        """The one in the directory ``path``.

        Raises:
            UsageError: There is none.
        """
        facts = finished(path).facts() or {}
        if "scaled" not in facts:
            raise UsageError(f"pretrain: {path} holds no elastic supernet. Give a run of one.")
        return cls(path, facts["scaled"], tuple(facts["mean"]), tuple(facts["std"]))

    def same_normalisation(self, data: DataSplits) -> DataSplits:
        """The images as the earlier run saw them.

        Raises:
            UsageError: They have another number of channels.
        """
        if len(self.mean) != len(data.mean):
            raise UsageError(
                f"pretrain: {self.path} was trained on images of {len(self.mean)} channels, and "
                f"{data.name} has {len(data.mean)}. Convert them with ?channels=."
            )
        return data.normalised(self.mean, self.std)

    def give_weights(self, supernet: ElasticSupernet) -> float:
        """Copies the weights of its supernet, but for the classifier.

        Returns:
            The share of the parameters that were copied.

        Raises:
            UsageError: ``supernet`` is of another shape, or scales its weights otherwise: narrower
                students would then compute something else than was trained.
        """
        if supernet.scaled != self.scaled:
            raise UsageError(
                f"pretrain: the supernet in {self.path} was trained with scaled={self.scaled}. "
                "Leave scaled out, or set it to that."
            )
        theirs = load_supernet(self.path).state_dict()  # type: ignore[attr-defined]
        mine = supernet.state_dict()
        parent: Any = supernet.parent  # one of timm's models
        classifier = {id(p) for p in parent.get_classifier().parameters()}
        parameters = dict(supernet.named_parameters())
        body = {name for name in mine if id(parameters.get(name)) not in classifier}
        if misfits := sorted(
            n for n in body if n not in theirs or theirs[n].shape != mine[n].shape
        ):
            raise UsageError(
                f"pretrain: the supernet in {self.path} has other weights "
                f"({', '.join(misfits[:3])}). Start from one of the same space, with the same "
                "options and images."
            )
        supernet.load_state_dict({name: theirs[name] for name in body}, strict=False)
        taken = sum(p.numel() for name, p in parameters.items() if name in body)
        return taken / sum(p.numel() for p in parameters.values())


def finished(path: Path) -> PretrainingFolder:
    """The directory of a finished pre-training.

    Raises:
        UsageError: It is none.
    """
    folder = PretrainingFolder(path)
    if folder.facts() is None:
        raise UsageError(
            f"pretrain: {path} holds no finished supernet to start from. Give the directory of a "
            "finished `nas-kd pretrain`."
        )
    return folder
