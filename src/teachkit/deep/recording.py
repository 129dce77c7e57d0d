"""A training that is watched, written down, and goes on where it was cut off."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from tqdm.auto import tqdm

from teachkit import _check
from teachkit._files import write_whole
from teachkit.deep import checkpoint
from teachkit.deep.device import Place
from teachkit.deep.train import Step, Training

CURVES = "metrics.csv"


def train(
    training: Training,
    steps: int,
    *,
    folder: Path | str,
    config: Mapping[str, Any],
    every: int = 500,
    log_every: int = 50,
    here: Place | None = None,
) -> Iterator[Step]:
    """Yield the steps up to number ``steps``, saved every so often; a training that was cut off goes on.

    ``folder`` gets ``checkpoint.pt``, and ``metrics.csv`` with losses and norms of gradients. After an end at any
    moment, the same call yields what the first one would have yielded after its last checkpoint: on the CPU bit by
    bit.

    Args:
        training: at its start; brought to the checkpoint's state if there is one.
        steps: the number of the last step.
        folder: made if it does not exist; one that every process sees.
        config: what must be the same when it goes on, as JSON can hold it.
        every: steps from one checkpoint to the next; the last step is saved too.
        log_every: steps from one row of numbers to the next.
        here: this process's place; the first process alone writes.

    Raises:
        ValueError: if a number is out of range, or JSON can't hold the configuration.
        CheckpointError: if the checkpoint is damaged, no checkpoint, or of another configuration.
        FloatingPointError: if a loss is not finite; the last checkpoint, with finite ones, stays.
        OSError: if a file can't be written; what stood there stays.
    """
    every, log_every = _check.count("every", every), _check.count("log_every", log_every)
    path, writes = Path(folder) / checkpoint.NAME, here is None or here.rank == 0
    checkpoint.as_json(config)  # else it would fail at the first checkpoint
    if path.exists():
        checkpoint.load(path, training, config)

    def run() -> Iterator[Step]:
        rows = Rows(Path(folder) / CURVES, training) if writes else None
        try:
            for step in training.run(steps):
                if rows and step.step % log_every == 0:
                    rows.add(step)
                if writes and (step.step % every == 0 or step.step == steps):
                    checkpoint.save(path, training, config)
                yield step
        finally:
            if rows:
                rows.close()

    return run()


class Rows:
    """The numbers of a training in a file: one row now and then, flushed at once.

    Args:
        path: the file; rows after the training's step, which a run that was cut off has left, are dropped.
        training: between two steps.
    """

    def __init__(self, path: Path, training: Training) -> None:
        names = [part.net for part in training.parts]
        self._columns = ["step", *(f"{kind}_{name}" for name in names for kind in ("loss", "norm"))]
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [row for row in read_rows(path) if row["step"] <= training.step] if path.exists() else []
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(self._columns)
        writer.writerows([[int(row["step"]), *(row[name] for name in self._columns[1:])] for row in kept])
        with write_whole(path) as file:
            file.write(text.getvalue().encode())
        self._file: TextIO = path.open("a", newline="")

    def add(self, step: Step) -> None:
        """Write a step down."""
        values = [x.item() for name in step.losses for x in (step.losses[name], step.norms[name])]
        csv.writer(self._file).writerow([step.step, *values])
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_rows(path: Path | str) -> list[dict[str, float]]:
    """Return the rows of a file of numbers, without a last one that was cut off: one without the end of its line."""
    with Path(path).open(newline="") as file:
        columns, *rows = csv.reader(line for line in file if line.endswith("\n"))
    return [dict(zip(columns, map(float, row), strict=True)) for row in rows]


def progress(steps: Iterable[Step], total: int, batch: int, *, start: int = 0, quiet: bool = False) -> Iterator[Step]:
    """Yield the steps under a bar with samples a second, the time that is left, and now and then the losses.

    Args:
        steps: of a training.
        total: number of the last step.
        batch: samples of data in a step, over all turns.
        start: number of the step before the first.
        quiet: no bar.

    >>> list(progress([], 3, 64, quiet=True))
    []
    """
    with tqdm(total=total * batch, initial=start * batch, unit=" samples", unit_scale=True, disable=quiet) as bar:
        for step in steps:
            bar.update(step.step * batch - bar.n if not quiet else 0)
            if step.step % 50 == 0 and not quiet:
                bar.set_postfix({name: f"{loss.item():.3g}" for name, loss in step.losses.items()}, refresh=False)
            yield step
