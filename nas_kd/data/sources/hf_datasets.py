"""``hfds:NAME_OR_FOLDER``: a data set of the Hugging Face hub, or one saved on disk.

Options: ``image`` and ``label`` name the columns, ``config`` the configuration of the set. A
folder is read as saved by ``save_to_disk``, else as image files or Parquet. No code of the set is
run: versions of ``datasets`` that could are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nas_kd.data.checks import checked_labels
from nas_kd.data.images import Images
from nas_kd.data.sources.raw import RawSplits, Request, lazy_images, like
from nas_kd.errors import UsageError
from nas_kd.network import is_network_failure, unreachable
from nas_kd.source_spec import SourceSpec

_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
_LABEL_NAMES = ("label", "labels", "fine_label", "target", "class")


@dataclass(frozen=True)
class _Column:
    dataset: Any
    name: str

    def __call__(self, index: int) -> Image.Image:
        try:
            image = self.dataset[index][self.name]
        except (OSError, SyntaxError, ValueError) as error:
            raise UsageError(f"data: image {index} cannot be decoded ({error}).") from error
        if not isinstance(image, Image.Image):
            raise UsageError(
                f"data: column {self.name!r} holds {type(image).__name__}, not images."
            )
        return image


def load_hf_datasets(spec: SourceSpec, request: Request) -> RawSplits:
    """The splits of a data set, decoded once where they fit in memory."""
    where = f"data {spec.text}"
    found = open_sets(spec, where)
    splits = {
        role: next((found[name] for name in names if name in found), None)
        for role, names in _SPLITS.items()
    }
    train = splits["train"]
    if train is None:
        raise UsageError(f"{where}: there is no train split among {', '.join(found)}.")
    label = spec.word("label") or _label_column(train, where)
    image = spec.word("image") or _image_column(train, where)
    for column in (image, label):
        if column not in train.features:
            raise UsageError(
                f"{where}: there is no column {column!r} among {', '.join(train.features)}."
            )
    names = class_names(train, label)
    numbers = {
        role: None if split is None else _numbers(split, label, names, f"{where}, {role}")
        for role, split in splits.items()
    }
    if names is None:
        highest = max(int(part.max()) for part in numbers.values() if part is not None)
        names = [str(number) for number in range(highest + 1)]

    def images(role: str, asked: Request) -> Images | None:
        labels = numbers[role]
        if labels is None:
            return None
        checked = checked_labels(labels, f"{where}, {role}", len(names))
        return lazy_images(_Column(splits[role], image), checked, asked, f"{where}, {role}")

    first = images("train", request)
    if first is None:
        raise UsageError(f"{where}: there is no train split.")
    validation, test = (images(role, like(first, request)) for role in ("validation", "test"))
    return RawSplits(Path(spec.target).name, first, validation, test, names)


def open_sets(spec: SourceSpec, where: str) -> dict[str, Any]:
    """The splits of a data set by name; one that is not split is ``train``.

    Raises:
        UsageError: It cannot be loaded, or ``datasets`` is not installed or runs code of the set.
        NasKdError: The network cannot be reached.
    """
    try:
        import datasets
    except ImportError as error:
        raise UsageError(
            f"{where}: the package 'datasets' is missing; install it with "
            f"pip install 'nas-kd[data]'."
        ) from error
    if int(datasets.__version__.partition(".")[0]) < 4:
        raise UsageError(
            f"{where}: the package 'datasets' {datasets.__version__} may run code of a data set; "
            f"take version 4 or newer: pip install -U 'nas-kd[data]'."
        )
    folder = Path(spec.target).expanduser()
    saved = [folder / name for name in ("dataset_dict.json", "state.json")]
    try:
        if any(path.is_file() for path in saved):
            found = datasets.load_from_disk(str(folder))
        else:
            target = str(folder) if folder.is_dir() else spec.target
            found = datasets.load_dataset(target, spec.word("config"))
    except Exception as error:
        if is_network_failure(error):
            raise unreachable(
                where, instead="give the folder of a set saved with save_to_disk"
            ) from error
        raise UsageError(f"{where}: cannot be loaded ({error}). Check name and config.") from error
    return dict(found) if isinstance(found, dict) else {"train": found}


def class_names(dataset: Any, column: str) -> list[str] | None:
    """Names of the classes in a column of numbers; None where the data set does not name them."""
    names = getattr(dataset.features[column], "names", None)
    return None if names is None else list(map(str, names))


def _image_column(dataset: Any, where: str) -> str:
    for name, feature in dataset.features.items():
        if type(feature).__name__ == "Image":
            return str(name)
    raise UsageError(
        f"{where}: no column of {', '.join(dataset.features)} holds images; name it: ?image=COLUMN."
    )


def _label_column(dataset: Any, where: str) -> str:
    columns = dataset.features
    named = [name for name in _LABEL_NAMES if name in columns]
    typed = [name for name, kind in columns.items() if type(kind).__name__ == "ClassLabel"]
    if not named and not typed:
        raise UsageError(
            f"{where}: no column of {', '.join(columns)} looks like class labels; "
            f"name it: ?label=COLUMN."
        )
    return str((named or typed)[0])


def _numbers(dataset: Any, column: str, names: list[str] | None, where: str) -> np.ndarray:
    """Labels of a split, by the numbers of ``names`` where it names the same classes otherwise."""
    values = np.asarray(dataset[column])
    if values.dtype.kind not in "iu":
        raise UsageError(f"{where}: column {column!r} holds {values.dtype}, not class numbers.")
    own = class_names(dataset, column)
    if names is None or own is None or own == names:
        return values
    labels = checked_labels(values, where, len(own)).numpy()
    places = {name: number for number, name in enumerate(names)}
    if unknown := [own[number] for number in np.unique(labels) if own[number] not in places]:
        raise UsageError(
            f"{where}: column {column!r} holds {', '.join(unknown[:5])}, which the train split "
            f"does not name ({', '.join(names[:5])}). Name the classes alike in every split."
        )
    numbers: np.ndarray = np.array([places.get(name, -1) for name in own])[labels]
    return numbers
