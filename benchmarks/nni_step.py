"""Time of a search step against NNI's own DARTS on its own NAS-Bench-201 space.

    pip install 'nas-kd[nni]'
    python -m benchmarks.nni_step [--steps 40] [--channels 16] [--cells 5] [--batch 64] [--seed 0]

Both search first-order DARTS in the same skeleton: channels, cells, batches of random images of
32 x 32, SGD and its clipping, Adam, float32, threads. Their steps, one of alpha and one of the
weights, take turns in one process, now ours first and now NNI's: a callback of NNI's trainer runs
ours before or after each of its own. Reading batches is in the time of neither. What differs is
NNI's own: affine batch norms in cells, the training accuracy that its evaluator logs, and whatever
Lightning does around a step.

One row a step and a ``summary`` row with the median of the ratios of neighbouring steps; the first
three are for warming up.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch.optim import SGD
from torch.utils.data import TensorDataset

from benchmarks.record import write_rows
from nas_kd.data import DataSplits, TensorImages
from nas_kd.errors import UsageError
from nas_kd.training.darts.session import SearchSession
from nas_kd.training.darts.settings import SearchSettings
from nas_kd.training.pretraining import METHODS, Job
from nas_kd.training.processes import make_accelerator
from search_spaces import NasBench201

_WARM_UP = 3
_SIDE, _CLASSES = 32, 10
_MOMENTUM = 0.9

Step = Callable[[], float]
"""Takes the next step; the seconds that it took."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--cells", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.steps <= _WARM_UP:
        parser.error(f"the first {_WARM_UP} steps are not counted; give more")
    settings = METHODS.get("darts").settings(batch_size=options.batch)
    steps = _taken_in_turn(options, settings)
    counted = steps[_WARM_UP:]
    summary = {
        "kind": "summary",
        **{name: float(np.median([row[name] for row in counted])) for name in counted[0]},
        "largest_ratio": max(row["ratio"] for row in counted),
        **vars(options),
        "threads": torch.get_num_threads(),
        "nni": version("nni"),
        "lightning": version("pytorch-lightning"),
    }
    path = write_rows("nni_step", [*({"kind": "step", **row} for row in steps), summary])
    ratio = summary["ratio"]
    Console().print(f"a step takes {ratio:.2f} times as long as NNI's; rows in {path}")


def random_images(images: int, seed: int) -> DataSplits:
    """Images and labels without any meaning, for time alone."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.rand(images, 3, _SIDE, _SIDE, generator=generator)
    whole = TensorImages(pixels, torch.arange(images) % _CLASSES)
    return DataSplits(
        name="random",
        train=whole,
        validation=whole.subset(range(_CLASSES)),
        test=None,
        num_classes=_CLASSES,
        input_shape=(3, _SIDE, _SIDE),
        classes=[str(label) for label in range(_CLASSES)],
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
    )


def _taken_in_turn(options: argparse.Namespace, settings: SearchSettings) -> list[dict[str, float]]:
    """Seconds of our steps and of NNI's, and their ratio, in the order of the steps."""
    try:
        from nni.nas.evaluator.pytorch import Classification, DataLoader
        from nni.nas.execution import SequentialExecutionEngine
        from nni.nas.hub.pytorch import NasBench201 as NniSpace
        from nni.nas.space import RawFormatModelSpace
        from nni.nas.strategy import DARTS
        from pytorch_lightning import Callback
    except ImportError as error:
        raise UsageError(
            f"benchmarks: NNI is not there ({error}); pip install 'nas-kd[nni]'."
        ) from error

    class InTurn(Callback):  # type: ignore[misc]
        """Takes the time of NNI's steps, and ours before those of even number or after the odd."""

        def __init__(self, ours: Step, advance: Callable[[], None]) -> None:
            self._ours, self._advance = ours, advance
            self._began = self._ours_s = 0.0
            self.steps: list[dict[str, float]] = []

        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, number: int) -> None:
            if number % 2 == 0:
                self._ours_s = self._ours()
            self._began = time.perf_counter()

        def on_train_batch_end(
            self, trainer: Any, module: Any, outputs: Any, batch: Any, number: int
        ) -> None:
            nni_s = time.perf_counter() - self._began
            if number % 2:
                self._ours_s = self._ours()
            row = {"ours_s": self._ours_s, "nni_s": nni_s, "ratio": self._ours_s / nni_s}
            self.steps.append(row)
            self._advance()

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("steps", total=options.steps)
        in_turn = InTurn(_our_step(options, settings), lambda: progress.advance(task))
        images = options.batch * options.steps
        data = TensorDataset(*random_images(images, options.seed).train.batch(range(images)))
        loaders = [DataLoader(data, batch_size=options.batch) for _ in range(2)]
        evaluator = Classification(
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            optimizer=partial(SGD, momentum=_MOMENTUM),
            num_classes=_CLASSES,
            train_dataloaders=loaders[0],
            val_dataloaders=loaders[1],
            max_epochs=1,
            callbacks=[in_turn],
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        torch.manual_seed(options.seed)
        space = NniSpace(
            stem_out_channels=options.channels,
            num_modules_per_stack=options.cells,
            num_labels=_CLASSES,
        )
        search = DARTS(
            arc_learning_rate=settings.alpha_learning_rate,
            gradient_clip_val=settings.gradient_clip,
        )
        search(RawFormatModelSpace.from_model(space, evaluator), SequentialExecutionEngine())
    return in_turn.steps


def _our_step(options: argparse.Namespace, settings: SearchSettings) -> Step:
    images = 2 * options.batch * options.steps
    session = SearchSession(
        Job(
            space=NasBench201(options.channels, options.cells),
            settings=settings,
            data=f"benchmarks.nni_step:random_images?images={images}",
            teacher=None,
            checkpoint=None,
            image_size=None,
            seed=options.seed,
            accelerator=make_accelerator("no"),
        )
    )
    batches = enumerate(session.batches())

    def step() -> float:
        number, pair = next(batches)
        began = time.perf_counter()
        session.step(number, *pair)
        return time.perf_counter() - began

    return step


if __name__ == "__main__":
    main()
