"""Every scored episode as a row of ``episodes.csv``: what distributions and paired differences are
drawn from."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from evaluation.reporting.results import METRICS


class EpisodeRow(NamedTuple):
    """One episode of one policy (of one of its training runs, ``training_seed`` 0, 1, ...).
    ``metrics`` are named in METRICS."""

    factory: str
    policy: str
    training_seed: int
    episode: int  # number in its block
    seed: int
    metrics: dict[str, float]


_KEYS = ("factory", "policy", "training_seed", "episode", "seed")


def to_csv(rows: Iterable[EpisodeRow]) -> str:
    """The text of ``episodes.csv``; floats so that they read back exactly."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_KEYS, *METRICS])
    for row in rows:
        writer.writerow([*row[:5], *(repr(row.metrics[name]) for name in METRICS)])
    return text.getvalue()


def read_episodes(path: Path) -> Iterator[EpisodeRow]:
    """Rows of ``episodes.csv``."""
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
