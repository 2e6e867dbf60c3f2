"""Training a supernet on images without looking at their labels."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nas_kd.data import DataSplits
from nas_kd.training.elastic.judging import shared_accuracy
from nas_kd.training.elastic.saving import save_supernet
from nas_kd.training.elastic.session import EpochSession

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet

_KNN = "knn_"


class _JudgedSettings(Protocol):
    @property
    def judge_every(self) -> int: ...


class UnlabelledSession(EpochSession):
    """A training whose losses do not say what its networks are worth.

    Where images have labels, it tells how many of the validation images are classified right by
    their nearest neighbours among training images, every ``judge_every`` epochs and at the end.

    Attributes:
        data: Its validation images judge; where they have labels, images are of the size that the
            networks take.
    """

    data: DataSplits

    @property
    @abstractmethod
    def backbone(self) -> ElasticSupernet:
        """What is judged and saved."""

    @property
    def attended_tokens(self) -> int:
        return self.backbone.attended_tokens

    def finish_epoch(self) -> dict[str, float]:
        settings: _JudgedSettings = self.job.settings
        due = self.epoch % settings.judge_every == 0 or self.epoch == self.total
        if not due or not self.data.num_classes:
            return {}
        space = self.backbone.space
        return {
            f"{_KNN}{name}": shared_accuracy(self.backbone, arch, self.data)
            for name, arch in (("largest", space.largest), ("smallest", space.smallest))
        }

    def best(self) -> str:
        judged = ", ".join(
            f"{value:.2%} ({name.removeprefix(_KNN)})" for name, value in self._judged().items()
        )
        told = super().best()
        return f"{told}, nearest neighbours {judged}" if judged else told

    def save(self, folder: Path) -> dict[str, Any]:
        return {**save_supernet(folder, self.backbone, self.data), **self._judged()}

    def _judged(self) -> dict[str, float]:
        return {name: value for name, value in self.last.items() if name.startswith(_KNN)}
