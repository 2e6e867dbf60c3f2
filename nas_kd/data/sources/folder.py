"""``folder:PATH``: image files in one folder per class.

Either ``PATH/train/CLASS/*.png`` with optional ``val`` and ``test`` folders beside ``train``, or
``PATH/CLASS/*.png``, from which the validation images are cut. With ``?labels=false`` all images in
``PATH/train``, or else ``PATH``, at any depth and without labels. ``Train`` and other spellings
count as splits where they cannot be classes: they hold folders, or lie beside splits alone.

Classes are numbered by their names in the order of characters: ``B`` before ``a``, ``10`` before
``9``. With ``?classes=FILE`` they are numbered as that file names them, one in a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from nas_kd.data.images import Images
from nas_kd.data.lazy import open_image
from nas_kd.data.sources.raw import RawSplits, Request, lazy_images, like
from nas_kd.errors import UsageError
from nas_kd.source_spec import SourceSpec

_ROLES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""Name of a folder, in small letters, to the split in it; earlier names go first."""


@dataclass(frozen=True)
class _Files:
    paths: tuple[str, ...]

    def __call__(self, index: int) -> Image.Image:
        return open_image(self.paths[index])


def load_folder(spec: SourceSpec, request: Request) -> RawSplits:
    """The images of a folder, decoded once where they fit in memory."""
    root = Path(spec.target).expanduser()
    where = f"data folder:{root}"
    if not root.is_dir():
        raise UsageError(f"{where}: there is no such folder.")
    splits = _split_folders(root)
    train_folder = splits.get("train")
    listed = spec.word("classes")
    if not spec.flag("labels", True):
        if listed is not None:
            raise UsageError(f"{where}: classes= numbers labels, and labels=false has none.")
        images = _unlabelled(train_folder or root, request, where)
        return RawSplits(root.resolve().name, images, images, None, [])
    if splits and train_folder is None and _only_splits(root):
        found = " and ".join(folder.name for folder in splits.values())
        raise UsageError(
            f"{where}: beside {found} there is no folder train; put the training images into one."
        )
    classes = _class_names(train_folder or root, where)
    if listed is not None:
        classes = _in_order(classes, Path(listed).expanduser(), where)
    train = _read(train_folder or root, classes, request, where, complete=True)
    parts: dict[str, Images | None] = {"validation": None, "test": None}
    if train_folder is not None:
        others = like(train, request)
        for role in parts:
            folder = splits.get(role)
            parts[role] = None if folder is None else _read(folder, classes, others, where)
    return RawSplits(root.resolve().name, train, parts["validation"], parts["test"], classes)


def _split_folders(root: Path) -> dict[str, Path]:
    """Split to its folder."""
    folders, alone = _class_folders(root), _only_splits(root)
    exact_first = sorted(folders, key=lambda folder: folder.name not in _ROLES)
    found: dict[str, Path] = {}
    for name, role in _ROLES.items():
        for folder in exact_first:
            if folder.name.casefold() == name and (
                folder.name == name or alone or _class_folders(folder)
            ):
                found.setdefault(role, folder)
    return found


def _only_splits(root: Path) -> bool:
    return all(folder.name.casefold() in _ROLES for folder in _class_folders(root))


def _class_names(folder: Path, where: str) -> list[str]:
    names = [child.name for child in _class_folders(folder)]
    if not names:
        raise UsageError(
            f"{where}: {folder} holds no class folders; put the images of each class in a folder "
            f"of its own, or pre-train without labels: ?labels=false."
        )
    return names


def _in_order(names: list[str], file: Path, where: str) -> list[str]:
    """The names as the lines of ``file`` order them."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{where}: classes={file} cannot be read ({error}).") from error
    ordered = [line.strip() for line in lines if line.strip()]
    if sorted(ordered) == sorted(names):
        return ordered
    differ = sorted(set(ordered) ^ set(names)) or [n for n in names if ordered.count(n) > 1]
    raise UsageError(
        f"{where}: classes={file} must name every class folder once, one in a line; these are not "
        f"in both, or there twice: {', '.join(differ[:5])}."
    )


def _class_folders(folder: Path) -> list[Path]:
    return sorted(
        child
        for child in folder.iterdir()
        if child.is_dir() and not child.name.startswith((".", "__"))
    )


def _unlabelled(folder: Path, request: Request, where: str) -> Images:
    files = _image_files(folder)
    if not files:
        raise UsageError(f"{where}: {folder} holds no images.")
    labels = torch.zeros(len(files), dtype=torch.int64)
    return lazy_images(_Files(tuple(files)), labels, request, f"{where}, {folder}")


def _image_files(folder: Path) -> list[str]:
    from torchvision.datasets.folder import IMG_EXTENSIONS

    return sorted(
        str(path)
        for path in folder.rglob("*")
        if path.suffix.lower() in IMG_EXTENSIONS and path.is_file()
    )


def _read(
    folder: Path, classes: list[str], request: Request, where: str, *, complete: bool = False
) -> Images:
    """The images in the folders of the classes, each of which must hold some if ``complete``."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    found = {child.name for child in _class_folders(folder)}
    if strange := sorted(found - set(classes)):
        raise UsageError(
            f"{where}: {folder} has classes that the training images lack "
            f"({', '.join(strange[:5])}); rename or remove them."
        )
    paths: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        files = _image_files(folder / name)
        paths += files
        labels += [label] * len(files)
    if not paths:
        raise UsageError(f"{where}: {folder} holds no images ({', '.join(IMG_EXTENSIONS)}).")
    if complete and (empty := [name for i, name in enumerate(classes) if i not in set(labels)]):
        raise UsageError(
            f"{where}: no images ({', '.join(IMG_EXTENSIONS)}) are in "
            f"{', '.join(str(folder / name) for name in empty[:5])}"
            f"{', ...' if len(empty) > 5 else ''}. Fill or remove these folders."
        )
    return lazy_images(_Files(tuple(paths)), torch.tensor(labels), request, f"{where}, {folder}")
