"""The files of a run that the dashboard offers, where they lie."""

from __future__ import annotations

import io
import json
import mimetypes
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from optuna.artifacts import ArtifactMeta
from optuna.artifacts.exceptions import ArtifactNotFound

from nas_kd.errors import UsageError
from nas_kd.export import precision_file
from nas_kd.report.architecture import drawing_of_entry
from nas_kd.report.architecture_plot import architecture_png
from nas_kd.report.keys import key_of
from nas_kd.report.pretraining.writing import drawing_of_found_cell
from nas_kd.training.pretraining import PretrainingFolder
from studies.run_directory import RunDirectory, state_name

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Artifact:
    """A file to be looked at and downloaded.

    Attributes:
        name: The file's name for people.
        owner: Whose it is: a candidate's key, or empty for the run.
        content: The file, or what makes it when it is asked for.
    """

    name: str
    owner: str
    content: Path | Callable[[], bytes]

    @property
    def identifier(self) -> str:
        """The same each time the dashboard is opened."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"nas-kd:{self.owner}/{self.name}"))

    @property
    def meta(self) -> str:
        """What Optuna keeps of an artifact beside its study or trial."""
        kind = mimetypes.guess_type(self.name)[0] or "application/octet-stream"
        return json.dumps(asdict(ArtifactMeta(self.identifier, self.name, kind, None)))

    def open(self) -> BinaryIO:
        return self.content.open("rb") if isinstance(self.content, Path) else self._made()

    def _made(self) -> BinaryIO:
        assert not isinstance(self.content, Path)
        return io.BytesIO(self.content())


class RunArtifacts:
    """An artifact store (Optuna's protocol) of files that stay where they are."""

    def __init__(self) -> None:
        self._offered: Mapping[str, Artifact] = {}

    def offer(self, artifacts: Iterable[Artifact]) -> None:
        """Takes the place of what was offered before."""
        self._offered = {artifact.identifier: artifact for artifact in artifacts}

    def open_reader(self, artifact_id: str) -> BinaryIO:
        try:
            return self._offered[artifact_id].open()
        except (KeyError, FileNotFoundError) as error:
            raise ArtifactNotFound(artifact_id) from error

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        raise UsageError("dashboard: it only reads the run; nothing can be uploaded.")

    def remove(self, artifact_id: str) -> None:
        raise UsageError("dashboard: it only reads the run; nothing can be deleted.")


def run_files(run: RunDirectory) -> list[Artifact]:
    """What is said of the whole run."""
    names = ("report.html", "front.png", "candidates.csv")
    return [Artifact(name, "", run.path / name) for name in names if (run.path / name).is_file()]


def pretraining_files(folder: PretrainingFolder, document: Mapping[str, Any]) -> Iterator[Artifact]:
    """Report, metrics and facts of a pre-training, and a picture of the cell that it found."""
    for name in ("report.html", "metrics.png", "metrics.csv", "supernet.json"):
        if (path := folder.path / name).is_file():
            yield Artifact(name, "", path)
    drawing = drawing_of_found_cell(document)
    if drawing is not None:
        yield Artifact("architecture.png", "", lambda: architecture_png(drawing))


def candidate_files(run: RunDirectory, document: Mapping[str, Any]) -> dict[str, list[Artifact]]:
    """Canonical key to the files of the delivered student and of each finalist.

    The student has its ONNX files and manifest, a finalist the untrained file on which its latency
    was measured and what is known of it; each has a picture of its architecture.
    """
    student = document.get("student") or {}
    found = {
        key_of(entry["arch"]): list(_finalist_files(run, document, entry))
        for entry in document.get("finalists") or []
    }
    if student.get("arch"):
        found[key_of(student["arch"])] = list(_student_files(run, document))
    return found


def _student_files(run: RunDirectory, document: Mapping[str, Any]) -> Iterator[Artifact]:
    student = document["student"]
    key = key_of(student["arch"])
    directory = run.student(1)
    for path in [*sorted(directory.glob("*.onnx")), directory / "manifest.json"]:
        if path.is_file():
            yield Artifact(path.name, key, path)
    yield _picture(document, student)


def _finalist_files(
    run: RunDirectory, document: Mapping[str, Any], entry: Entry
) -> Iterator[Artifact]:
    key = key_of(entry["arch"])
    name = state_name(key)
    precision = str((document.get("budget") or {}).get("precision") or "fp32")
    onnx = precision_file(run.path / "work" / "candidates" / f"{name}.onnx", precision)
    if onnx.is_file():
        yield Artifact(precision_file(Path("untrained.onnx"), precision).name, key, onnx)
    yield Artifact("finalist.json", key, lambda: _finalist_document(run, entry))
    yield _picture(document, entry)


def _finalist_document(run: RunDirectory, entry: Entry) -> bytes:
    measured = run.path / "work" / "latency" / f"{state_name(key_of(entry['arch']))}.json"
    try:
        latency = json.loads(measured.read_text(encoding="utf-8"))["latency"]
    except (OSError, ValueError, KeyError, TypeError):
        latency = None
    finalist = {"schema": "nas-kd.finalist/1", **entry, "latency": latency}
    return json.dumps(finalist, indent=2).encode()


def _picture(document: Mapping[str, Any], entry: Entry) -> Artifact:
    def draw() -> bytes:
        return architecture_png(drawing_of_entry(document, entry))

    return Artifact("architecture.png", key_of(entry["arch"]), draw)
