"""Decisions as the network reads them, packed one after the other, that are learnt from again and
again: what judging and distilling keep."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from agents.network.pointer_network import NetworkInput
from factory.io.atomic_write import write_atomically

Self = TypeVar("Self", bound="DecisionDataset")


@dataclass(frozen=True)
class DecisionDataset:
    """N decisions with R legal rows together."""

    counted_by: ClassVar[dict[str, str]] = {"rows": "count", "prior": "count"}
    """Fields of which a decision has several items, each with the field that says how many."""

    rows: NDArray[np.float32]  # [R, W] as the network reads them
    prior: NDArray[np.float32]  # [R]
    count: NDArray[np.int64]  # [N] legal rows of each
    machines: NDArray[np.float32]  # [N, M, MACHINE_FEATURES]
    shop: NDArray[np.float32]  # [N, SHOP_FEATURES]
    privileged: NDArray[np.float32]  # [N, PRIVILEGED_FEATURES]

    def __len__(self) -> int:
        return len(self.count)

    def network_input(self) -> NetworkInput:
        """As the network takes them."""
        sample = np.repeat(np.arange(len(self)), self.count)
        return NetworkInput(
            *(
                torch.from_numpy(part)
                for part in (self.rows, self.prior, sample, self.machines, self.shop)
            )
        )

    @cached_property
    def _begins(self) -> dict[str, NDArray[np.int64]]:
        """Place of each decision's first item, by the field that says how many it has."""
        return {
            count: np.cumsum(getattr(self, count)) - getattr(self, count)
            for count in set(self.counted_by.values())
        }

    def take(self: Self, numbers: NDArray[np.int64]) -> Self:
        """Some of the decisions, in that order."""
        places = {
            count: ragged_indices(begins[numbers], getattr(self, count)[numbers])
            for count, begins in self._begins.items()
        }
        return replace(
            self,
            **{
                one.name: getattr(self, one.name)[
                    places.get(self.counted_by.get(one.name, ""), numbers)
                ]
                for one in fields(self)
            },
        )

    def minibatches(
        self: Self, update_epochs: int, size: int, random: np.random.Generator
    ) -> Iterator[Self]:
        """All decisions ``update_epochs`` times, each time in another order, ``size`` at a time;
        what is left over at the end of an epoch is left out."""
        for _ in range(update_epochs):
            order = random.permutation(len(self))
            for begin in range(0, len(order) - size + 1, size):
                yield self.take(order[begin : begin + size])


def ragged_indices(begins: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the items of some owners, one owner after the other: ``count [N]`` items each, from
    the places ``begins [N]`` on."""
    return np.asarray(
        np.repeat(begins - (np.cumsum(count) - count), count) + np.arange(count.sum()), np.int64
    )


def concatenate(parts: Sequence[Self]) -> Self:
    """All decisions of some."""
    return replace(
        parts[0],
        **{
            one.name: np.concatenate([getattr(part, one.name) for part in parts])
            for one in fields(parts[0])
        },
    )


def save_dataset(path: Path, dataset: DecisionDataset) -> None:
    """Write an ``.npz`` file, whole or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, **{one.name: getattr(dataset, one.name) for one in fields(dataset)})
    write_atomically(path, buffer.getvalue())


def load_dataset(path: Path, kind: type[Self]) -> Self:
    """Read what :func:`save_dataset` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return kind(**{one.name: arrays[one.name] for one in fields(kind)})
