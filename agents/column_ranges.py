"""Ranges of the observation columns that a policy meets in the scenarios of its training."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.bundle_manifest import describe_origin
from agents.index.feature_table import network_input_hash
from agents.policy_folder import read_policy_files
from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.columns import MACHINE_INDEX
from envs.observation.tables import Tables
from envs.scenario import Scenario
from envs.seed_splits import episode_seeds
from factory.io.atomic_write import write_atomically
from factory.model import Factory, OrderBook
from factory.progress import Progress

MEAN_WINDOW = 200
"""Number of consecutive decisions whose mean is compared."""
_EPISODES = 64
"""Training episodes of each factory, or of each range of factories."""
_DRAWN = 16
"""Factories drawn from a range, or order books resampled from one."""
_STEPS = 800
"""Decisions of each episode that are looked at."""
_TABLES = ("candidates", "machines", "shop")

Decide = Callable[[dict[str, NDArray[Any]]], NDArray[np.int64] | np.int64]
"""Function that returns the rows of a batch of observations."""
_Source = tuple[Factory, OrderBook | None]
_KEPT = "column_ranges.json"


def measure_ranges(decide: Decide, config: str, names: Sequence[str]) -> dict[str, Any] | None:
    """Return the ranges of each column; None if no scenario of the training is found.

    The policy plays 64 training episodes of each scenario, up to 800 decisions each; the rule ATCS
    plays them too, as the rule decides in shadow mode and after an alarm.

    Parameters
    ----------
    decide
        Decisions of the policy.
    config
        Config of the training, whose section ``scenario`` names factories and order book.
    names
        Factories of the training, where the config names none.

    Returns
    -------
    ``window``, and for each table and column the lowest and highest value, and the lowest and
    highest mean of ``window`` consecutive decisions of an episode.
    """
    given = tomllib.loads(config).get("scenario", {})
    listed, orders = given.get("factories", names), given.get("orders")
    scenarios = [sources for name in listed if (sources := _find_sources(name, orders))]
    if not scenarios:
        return None
    ranges = ColumnRanges()
    with Progress("measuring the ranges of the columns") as progress:
        for sources in scenarios:
            for player in (decide, make_rule("ATCS").decide):
                _play(player, sources, ranges, progress)
    return ranges.listed()


def find_ranges(
    source: Path, make_decide: Callable[[dict[str, NDArray[Any]]], Decide], *, keep: bool = False
) -> dict[str, Any] | None:
    """Return the ranges of the columns of a policy folder: those kept there, or measured anew.

    Parameters
    ----------
    make_decide
        Function that returns the decisions of a network with these weights.
    keep
        Keep what was measured in the policy folder.
    """
    manifest, arrays = read_policy_files(source)
    measured_with = {"weights": manifest["weights_sha256"], "features": network_input_hash()}
    if (kept := read_kept_ranges(source, measured_with)) is not None:
        return kept
    config = (source / "config.toml").read_text(encoding="utf-8")
    factories = describe_origin(source)["training"]["factories"]
    ranges = measure_ranges(make_decide(arrays), config, factories)
    if keep and ranges is not None:
        keep_ranges(source, measured_with, ranges)
    return ranges


def read_kept_ranges(folder: Path, measured_with: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the ranges that :func:`keep_ranges` has written; None if there are none that fit.

    Parameters
    ----------
    folder
        Policy folder.
    measured_with
        Hashes of the weights and of the features, which must be those of then.
    """
    try:
        kept = json.loads((folder / _KEPT).read_text(encoding="utf-8"))
        return dict(kept["ranges"]) if kept["measured_with"] == measured_with else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def keep_ranges(folder: Path, measured_with: Mapping[str, str], ranges: dict[str, Any]) -> None:
    """Write ranges into a policy folder, so that its exports need not measure them again."""
    content = {"measured_with": dict(measured_with), "ranges": ranges}
    write_atomically(folder / _KEPT, json.dumps(content, sort_keys=True) + "\n")


def _find_sources(name: str, orders: str | None) -> list[_Source]:
    """Return factories and order books of the episodes of a name; none if it is not found."""
    if orders is not None and not Path(orders).exists():
        return []
    try:
        scenario = Scenario(name, orders, resample=orders is not None)
    except (ValueError, OSError):
        return []
    seeds = [int(seed) for seed in episode_seeds("train", _EPISODES)]
    drawn = [
        scenario.draw(seed) for seed in seeds[: _DRAWN if scenario.changes_every_episode else 1]
    ]
    return [source for source in drawn if source[1] is not None or source[0].demand is not None]


class ColumnRanges:
    """Ranges of single values, and of means over consecutive decisions."""

    def __init__(self) -> None:
        self._values = dict[str, NDArray[np.float64]]()  # table -> [2, F]
        self._means = dict[str, NDArray[np.float64]]()

    def add_values(self, table: str, rows: NDArray[Any]) -> None:
        """Take in rows ``[N, F]`` of a table."""
        _extend(self._values, table, rows)

    def add_episode(self, table: str, means: NDArray[np.float64]) -> None:
        """Take in the means of the rows of each decision of an episode, ``[T, F]``."""
        if len(means) >= MEAN_WINDOW:
            sums = np.cumsum(np.vstack([np.zeros(means.shape[1]), means]), axis=0)
            _extend(self._means, table, (sums[MEAN_WINDOW:] - sums[:-MEAN_WINDOW]) / MEAN_WINDOW)

    def listed(self) -> dict[str, Any]:
        """Return the ranges as a manifest lists them.

        Where no episode was long enough for a mean, the range of the values stands for it.
        """
        listed: dict[str, Any] = {"window": MEAN_WINDOW}
        for table, values in self._values.items():
            columns = np.vstack([values, self._means.get(table, values)]).T
            listed[table] = [[float(f"{value:.7g}") for value in column] for column in columns]
        return listed


def _extend(ranges: dict[str, NDArray[np.float64]], table: str, rows: NDArray[Any]) -> None:
    if len(rows):
        both = np.stack([rows.min(axis=0), rows.max(axis=0)]).astype(np.float64)
        known = ranges.get(table, both)
        ranges[table] = np.stack([np.minimum(known[0], both[0]), np.maximum(known[1], both[1])])


def _play(decide: Decide, sources: list[_Source], ranges: ColumnRanges, progress: Progress) -> None:
    """Play the training episodes of one scenario."""
    factories, books = [source[0] for source in sources], [source[1] for source in sources]
    batch = Batch(factories, books=books, num_envs=_EPISODES)
    tables = batch.reset(np.asarray(episode_seeds("train", _EPISODES), np.uint64))
    means: dict[str, list[NDArray[np.float64]]] = {name: [] for name in _TABLES}
    lengths = np.zeros(_EPISODES, np.int64)
    for _ in range(_STEPS):
        active = ~batch.ended
        if not active.any():
            break
        lengths += active
        for name, (table, shown) in _shown_rows(tables).items():
            ranges.add_values(name, table[shown & active[:, None]])
            total = np.einsum("eaf,ea->ef", table, shown, dtype=np.float64)
            means[name].append(total / np.maximum(1, shown.sum(axis=1, keepdims=True)))
        rows = np.asarray(decide(_observation(tables)), np.int64)
        tables = batch.step(np.maximum(rows, 0), autoreset=False)
        progress.step()
    for name, steps in means.items():
        by_episode = np.swapaxes(np.array(steps, np.float64), 0, 1)
        for episode, length in zip(by_episode, lengths.tolist(), strict=True):
            ranges.add_episode(name, episode[:length])


def _observation(tables: Tables) -> dict[str, NDArray[Any]]:
    return {
        "candidates": tables.candidates,
        "machines": tables.machines,
        "shop": tables.shop,
        "action_mask": tables.action_mask,
    }


def _shown_rows(tables: Tables) -> dict[str, tuple[NDArray[Any], NDArray[np.bool_]]]:
    """Return the tables ``[E, A, F]``, and which of their rows count, ``[E, A]``."""
    exists = tables.machines[:, :, MACHINE_INDEX["exists"]] > 0
    always = np.ones((len(tables.shop), 1), np.bool_)
    return {
        "candidates": (tables.candidates, tables.action_mask),
        "machines": (tables.machines, exists),
        "shop": (tables.shop[:, None], always),
    }
