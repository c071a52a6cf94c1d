"""Datasets of decisions for supervised learning: network inputs, packed one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from agents.network.pointer_network import NetworkInput

Dataset = TypeVar("Dataset", bound="DecisionDataset")


@dataclass(frozen=True)
class DecisionDataset:
    """N decisions with R legal rows together."""

    counted_by: ClassVar[dict[str, str]] = {"rows": "count", "prior": "count"}
    """Fields with several items for each decision, and the field that holds their number."""

    rows: NDArray[np.float32]  # [R, W] encoded as the network reads them
    prior: NDArray[np.float32]  # [R]
    count: NDArray[np.int64]  # [N] legal rows of each decision
    machines: NDArray[np.float32]  # [N, M, MACHINE_FEATURES]
    shop: NDArray[np.float32]  # [N, SHOP_FEATURES]
    privileged: NDArray[np.float32]  # [N, PRIVILEGED_FEATURES]

    def __len__(self) -> int:
        return len(self.count)

    def network_input(self) -> NetworkInput:
        """Return all decisions as input of the network."""
        sample = np.repeat(np.arange(len(self)), self.count)
        parts = (self.rows, self.prior, sample, self.machines, self.shop)
        return NetworkInput(*map(torch.from_numpy, parts))

    @cached_property
    def _first_items(self) -> dict[str, NDArray[np.int64]]:
        """Index of each decision's first item, by the field that holds the number of items."""
        return {
            count: np.cumsum(getattr(self, count)) - getattr(self, count)
            for count in set(self.counted_by.values())
        }

    def take(self: Dataset, decisions: NDArray[np.int64]) -> Dataset:
        """Return the decisions with the given indices, in that order."""
        items = {
            count: ragged_indices(first[decisions], getattr(self, count)[decisions])
            for count, first in self._first_items.items()
        }
        columns = {}
        for name, column in as_arrays(self).items():
            count = self.counted_by.get(name)
            columns[name] = column[decisions if count is None else items[count]]
        return replace(self, **columns)

    def minibatches(
        self: Dataset, update_epochs: int, size: int, random: np.random.Generator
    ) -> Iterator[Dataset]:
        """Yield minibatches of ``size`` decisions, in a new random order each epoch.

        The remainder of an epoch that does not fill a minibatch is left out.
        """
        for _ in range(update_epochs):
            order = random.permutation(len(self))
            for begin in range(0, len(order) - size + 1, size):
                yield self.take(order[begin : begin + size])


def ragged_indices(first: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices of the items of N owners, one owner after the other.

    Owner i has ``count[i]`` items, from index ``first[i]`` on.
    """
    # Item j of the result belongs to owner i and is number j - (items of the owners before i).
    offsets = first - (np.cumsum(count) - count)
    return np.asarray(np.repeat(offsets, count) + np.arange(count.sum()), np.int64)


def concatenate(parts: Sequence[Dataset]) -> Dataset:
    """Return one dataset with all decisions of ``parts``."""
    names = as_arrays(parts[0])
    return replace(
        parts[0],
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names},
    )


def newest(parts: Sequence[Dataset], size: int) -> Dataset:
    """Return the last ``size`` decisions of ``parts`` together."""
    kept, room = list[Dataset](), size
    for part in reversed(parts):
        if len(part) > room:
            part = part.take(np.arange(len(part) - room, len(part)))
        kept.append(part)
        room -= len(part)
        if room == 0:
            break
    return concatenate(kept[::-1])


def as_arrays(dataset: DecisionDataset) -> dict[str, Any]:
    """Return the arrays of a dataset by name."""
    return {field.name: getattr(dataset, field.name) for field in fields(dataset)}


def load_dataset(path: Path, kind: type[Dataset]) -> Dataset:
    """Read a dataset from an ``.npz`` file of :mod:`agents.policy_improvement.dataset_pieces`."""
    with np.load(path, allow_pickle=False) as arrays:
        return kind(**{field.name: arrays[field.name] for field in fields(kind)})
