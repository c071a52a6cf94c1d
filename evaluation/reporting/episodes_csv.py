"""Table of all scored episodes, ``episodes.csv``: the data of distributions and differences."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from evaluation.reporting.results import METRICS


class EpisodeRow(NamedTuple):
    """One episode of one training run of a policy."""

    factory: str
    policy: str
    training_seed: int  # index of the training run
    episode: int  # index in its block
    seed: int
    metrics: dict[str, float]  # by the names of METRICS


_KEYS = ("factory", "policy", "training_seed", "episode", "seed")


def to_csv(rows: Iterable[EpisodeRow]) -> str:
    """Return the text of ``episodes.csv``; floats are written so that they read back exactly."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_KEYS, *METRICS])
    for row in rows:
        writer.writerow([*row[:5], *(repr(row.metrics[name]) for name in METRICS)])
    return text.getvalue()


def read_episodes(path: Path) -> Iterator[EpisodeRow]:
    """Yield the rows of ``episodes.csv``."""
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            metrics = {name: float(line[name]) for name in METRICS}
            yield EpisodeRow(
                line["factory"],
                line["policy"],
                int(line["training_seed"]),
                int(line["episode"]),
                int(line["seed"]),
                metrics,
            )
