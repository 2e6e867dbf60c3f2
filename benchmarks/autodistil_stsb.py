"""How near do sentence encoders under a budget come to their teacher?

    python -m benchmarks.autodistil_stsb [--budgets macs=25% macs=50% macs=75%]
        [--spaces autodistil] [--importance gradient] [--epochs 1] [--news 5000]
        [--precision bf16] [--fresh] [--folder DIR]

Teacher: all-MiniLM-L6-v2. Under every budget the student with the least held-out relation loss of
all the spaces' SuperLMs is taken and distilled by the similarities of the teacher's embeddings, on
sentences of AG News and, without their scores, of STS-B's training set. Spearman's correlation on
STS-B's dev set, which chooses nothing, stands beside the teacher's. One row a budget and one of the
teacher. An interrupted run goes on where it was; ``--fresh`` begins anew.
"""

from __future__ import annotations

import argparse
import shutil
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.autodistil_students import DROPOUT, Students, add_options, settings_of
from benchmarks.cifar10 import data_file
from benchmarks.minilm import glue, once, progress_bars
from benchmarks.record import write_rows
from nas_kd.data.text import LabelledTexts, load_corpus, load_labelled_texts
from nas_kd.training.checkpoint import CheckpointFile
from nas_kd.training.language import EmbeddingSettings, distil_embeddings, similarity_score
from nas_kd.training.processes import make_accelerator

_COLUMNS = "text=sentence1&second=sentence2&label=score&regression=true"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budgets", nargs="+", default=["macs=25%", "macs=50%", "macs=75%"])
    parser.add_argument("--spaces", nargs="+", default=["autodistil"])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--news", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    add_options(parser)
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(options.folder, ignore_errors=True)
    with Progress(console=Console(stderr=True)) as progress:
        rows = _rows(options, progress)
    path = write_rows("autodistil_stsb", rows)
    for row in rows:
        Console().print(f"{row['budget']}: Spearman {row['spearman']:.3f}, {row['macs']:,} MACs")
    Console().print(f"rows in {path}")


def _rows(options: argparse.Namespace, progress: Progress) -> list[dict[str, Any]]:
    told = progress_bars(progress)
    settings = settings_of(options)
    spaces = [
        Students(options.folder / name, name, settings, options.seed, told)
        for name in options.spaces
    ]
    task = load_labelled_texts(glue("STS-B", _COLUMNS))
    first = spaces[0].source
    teacher, tokenizer = first.teacher.model, first.teacher.tokenizer
    space = first.superlm.space
    rows = [
        {
            "budget": "teacher",
            "spearman": similarity_score(teacher, task, tokenizer),
            "macs": space.family.sizes(space.teacher, first.task).macs,
        }
    ]
    sentences = _sentences(task, options.news)
    for budget in options.budgets:
        kept = options.folder / "stsb" / f"{budget}.json"
        rows.append(
            once(kept, lambda b=budget: _student(options, b, spaces, sentences, task, told))
        )
    return rows


def _student(
    options: argparse.Namespace,
    budget: str,
    spaces: list[Students],
    sentences: list[str],
    task: LabelledTexts,
    told: Any,
) -> dict[str, Any]:
    """The best student under a budget, distilled and judged."""
    students, best = min(
        ((each, each.ranked(budget)[0]) for each in spaces), key=lambda found: found[1].loss
    )
    model = students.source.superlm.extract(best.arch)
    settings = EmbeddingSettings(
        epochs=options.epochs,
        batch_size=64,
        max_tokens=options.tokens,
        learning_rate=3e-4,
        dropout=DROPOUT,
        unit_steps=50,
        precision=options.precision,
    )
    distil_embeddings(
        model,
        sentences,
        students.source.teacher.tokenizer,
        teacher=students.source.teacher.model,
        settings=settings,
        seed=options.seed,
        accelerator=make_accelerator(options.precision),
        checkpoint=CheckpointFile(options.folder / "stsb" / budget, {"settings": str(settings)}),
        on_progress=told(f"{budget}: embeddings"),
    )
    return {
        "budget": budget,
        "space": students.source.superlm.space.name,
        "arch": best.arch.to_json(),
        "spearman": similarity_score(model, task, students.source.teacher.tokenizer),
        "macs": best.macs,
        "params": best.params,
        "relation_loss": best.loss,
        "sentences": len(sentences),
        "epochs": options.epochs,
    }


def _sentences(task: LabelledTexts, count: int) -> list[str]:
    news = load_corpus(
        f"tsv:{data_file('text_en.zip')}?files=agnews_*.tsv&column=1&header=false"
    ).texts
    return [*news[:count], *task.train.texts, *(task.train.seconds or ())]


if __name__ == "__main__":
    main()
