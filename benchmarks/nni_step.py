"""Time of a search step against NNI's own DARTS on its own NAS-Bench-201 space.

    pip install 'nas-kd[nni]'
    python -m benchmarks.nni_step [--steps 40] [--channels 16] [--cells 5] [--batch 64]

Both search first-order DARTS in the same skeleton with the same batches of random images. Their
steps (one of alpha, one of the weights) take turns in one process: a callback of NNI's trainer
takes ours before each of its own. Reported is the median of the ratios of neighbouring steps.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch
from rich.console import Console
from torch.utils.data import TensorDataset

from benchmarks.record import write_rows
from nas_kd.data import DataSplits, TensorImages
from nas_kd.errors import UsageError
from nas_kd.training.darts.session import SearchSession
from nas_kd.training.pretraining import METHODS, Job
from nas_kd.training.processes import make_accelerator
from search_spaces import NasBench201

_WARM_UP = 3
_SIDE, _CLASSES = 32, 10


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--cells", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    ours, theirs = _times(options)
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)][_WARM_UP:]
    row = {
        **vars(options),
        "ours_seconds": statistics.median(ours[_WARM_UP:]),
        "nni_seconds": statistics.median(theirs[_WARM_UP:]),
        "ratio": statistics.median(ratios),
        "largest_ratio": max(ratios),
        "threads": torch.get_num_threads(),
    }
    path = write_rows("nni_step", [row])
    Console().print(f"a step takes {row['ratio']:.2f} times as long as NNI's; row in {path}")


def _times(options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Seconds of our steps and of NNI's, in turn."""
    try:
        from nni.nas.evaluator.pytorch import Classification, DataLoader
        from nni.nas.experiment import NasExperiment
        from nni.nas.hub.pytorch import NasBench201 as NniSpace
        from nni.nas.strategy import DARTS
        from pytorch_lightning import Callback
    except ImportError as error:
        raise UsageError(
            f"benchmarks: NNI is not there ({error}); pip install 'nas-kd[nni]'."
        ) from error

    class InTurn(Callback):  # type: ignore[misc]
        """Takes our step before each of NNI's, and the time of both."""

        def __init__(self, steps: Iterator[None]) -> None:
            self._steps = steps
            self.ours: list[float] = []
            self.theirs: list[float] = []
            self._began = 0.0

        def on_train_batch_start(self, *seen: Any) -> None:
            began = time.perf_counter()
            next(self._steps)
            self._began = time.perf_counter()
            self.ours.append(self._began - began)

        def on_train_batch_end(self, *seen: Any) -> None:
            self.theirs.append(time.perf_counter() - self._began)

    in_turn = InTurn(_our_steps(options))
    data = random_images(options.batch * options.steps, seed=0).train.batch(
        torch.arange(options.batch * options.steps)
    )
    loaders = [DataLoader(TensorDataset(*data), batch_size=options.batch) for _ in range(2)]
    evaluator = Classification(
        learning_rate=0.025,
        optimizer=torch.optim.SGD,
        num_classes=_CLASSES,
        train_dataloaders=loaders[0],
        val_dataloaders=loaders[1],
        max_epochs=1,
        callbacks=[in_turn],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    space = NniSpace(
        stem_out_channels=options.channels,
        num_modules_per_stack=options.cells,
        num_labels=_CLASSES,
    )
    NasExperiment(space, evaluator, DARTS(gradient_clip_val=5.0)).run()
    return in_turn.ours, in_turn.theirs


def _our_steps(options: argparse.Namespace) -> Iterator[None]:
    images = 2 * options.batch * options.steps
    session = SearchSession(
        Job(
            space=NasBench201(options.channels, options.cells),
            settings=METHODS.get("darts").settings(batch_size=options.batch),
            data=f"benchmarks.nni_step:random_images?images={images}",
            teacher=None,
            checkpoint=None,
            image_size=None,
            seed=0,
            accelerator=make_accelerator("no"),
        )
    )
    for number, pair in enumerate(session.batches()):
        session.step(number, *pair)
        yield


if __name__ == "__main__":
    main()
