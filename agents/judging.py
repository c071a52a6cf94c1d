"""Decisions of a policy judged by lookahead: what each of its best few choices would be worth, in the same imagined futures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from agents.actor_critic import PackedTables
from agents.gathering import mean_process_times
from agents.lookahead import LookaheadPolicy
from agents.network import Described
from agents.packing import draw_rows
from agents.privileged import PRIVILEGED_FEATURES, WINDOWS, describe_future
from envs.batch import Batch
from envs.seeds import episode_seeds
from factory.model import Factory
from factory.writing import write_atomically

SHOPS = 8
"""Episodes that are played side by side."""
DRAWN_SHARE = 0.1
"""Share of the decisions that are drawn from the policy's probabilities, so that judged shops are not only those that it brings about itself."""
JUDGED_SHARE = 0.35
"""Share of the decisions that are judged, so that they come from more episodes."""


@dataclass(frozen=True)
class Judged:
    """N decisions with R legal rows together, of which T were tried."""

    rows: NDArray[np.float32]  # [R, W] as the network reads them
    prior: NDArray[np.float32]  # [R]
    count: NDArray[np.int64]  # [N] legal rows of each
    machines: NDArray[np.float32]  # [N, M, MACHINE_FEATURES]
    shop: NDArray[np.float32]  # [N, SHOP_FEATURES]
    privileged: NDArray[np.float32]  # [N, PRIVILEGED_FEATURES]
    tried: NDArray[np.int64]  # [T] place of each tried row among its decision's
    tried_count: NDArray[np.int64]  # [N]; the policy's own choice comes first
    gain: NDArray[np.float64]  # [T] mean discounted reward less that of the policy's own choice

    def __len__(self) -> int:
        return len(self.count)

    def described(self) -> Described:
        """As the network takes them."""
        sample = np.repeat(np.arange(len(self)), self.count)
        return Described(*(torch.from_numpy(part) for part in (self.rows, self.prior, sample, self.machines, self.shop)))

    def tried_places(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Place among all rows, and number of the decision, of each tried row ``[T]``."""
        decision = np.repeat(np.arange(len(self)), self.tried_count)
        first = np.cumsum(self.count) - self.count
        return torch.from_numpy(first[decision] + self.tried), torch.from_numpy(decision)

    def take(self, numbers: NDArray[np.int64]) -> Judged:
        """Some of the decisions, in that order."""
        rows, tried = _places(self.count, numbers), _places(self.tried_count, numbers)
        return Judged(
            self.rows[rows],
            self.prior[rows],
            self.count[numbers],
            self.machines[numbers],
            self.shop[numbers],
            self.privileged[numbers],
            self.tried[tried],
            self.tried_count[numbers],
            self.gain[tried],
        )


def _places(count: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the items of some owners, who have ``count`` items each, one owner after the other."""
    first, own = (np.cumsum(count) - count)[numbers], count[numbers]
    return np.asarray(np.repeat(first - (np.cumsum(own) - own), own) + np.arange(own.sum()), np.int64)


def join(parts: Sequence[Judged]) -> Judged:
    """All decisions of some."""
    return Judged(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Judged)))


def write_judged(path: Path, judged: Judged) -> None:
    """Write an ``.npz`` file, whole or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, **{one.name: getattr(judged, one.name) for one in fields(Judged)})
    write_atomically(path, buffer.getvalue())


def read_judged(path: Path) -> Judged:
    """Read what :func:`write_judged` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return Judged(**{one.name: arrays[one.name] for one in fields(Judged)})


class Judge:
    """Plays episodes of the block ``train`` and judges decisions at which the policy is not sure.

    Parameters
    ----------
    ahead
        Policy, number of choices, futures and horizon.
    factories
        The episodes take turns with them.
    first_episode
        Of the block.
    """

    def __init__(self, ahead: LookaheadPolicy, factories: Sequence[Factory], first_episode: int) -> None:
        self.ahead, self.episode = ahead, first_episode
        self.batch = Batch(factories, num_envs=SHOPS)
        ahead.watch(self.batch)
        self.random = np.random.default_rng(first_episode)
        self._units = mean_process_times(self.batch.arrays)
        self._loads = np.zeros((self.batch.shop.centres.shape[1], 1 + len(WINDOWS)))
        self._privileged = np.zeros((SHOPS, PRIVILEGED_FEATURES), np.float32)

    def judge(self) -> Judged:
        """Decisions of the next :data:`SHOPS` whole episodes."""
        batch, found = self.batch, list[Judged]()
        batch.reset(episode_seeds("train", SHOPS, self.episode), (self.episode + np.arange(SHOPS)) % len(batch.factories))
        self.ahead.seed = self.episode
        self.episode += SHOPS
        while not batch.over.all():
            batch.step(self._play(found), autoreset=False)
        return join(found)

    def _play(self, found: list[Judged]) -> NDArray[np.int64]:
        """Rows of the next step; some of its decisions are judged and put into ``found``."""
        batch, ahead = self.batch, self.ahead
        seen = batch.tables
        tables = PackedTables(seen.candidates, seen.machines, seen.shop, seen.action_mask, ahead.trained.network.weights)
        describe_future(batch.arrays, batch.shop, self._units, self._loads, self._privileged)
        with torch.inference_mode():
            looked = ahead.trained.network(tables.described)
            probabilities = looked.segments.log_softmax(looked.logits).exp().numpy()
        drawn, unused = np.empty(SHOPS, np.int64), np.empty(SHOPS)
        draw_rows(looked.logits.numpy(), tables.first, self.random.random(SHOPS), drawn, unused)
        is_drawn, is_judged = self.random.random(SHOPS) < DRAWN_SHARE, self.random.random(SHOPS) < JUDGED_SHARE
        chosen = np.zeros(SHOPS, np.int64)
        for e in np.flatnonzero(np.diff(tables.first) > 0).tolist():
            here = slice(tables.first[e], tables.first[e + 1])
            tried = ahead.worth_trying(probabilities[here])
            chosen[e] = drawn[e] if is_drawn[e] else tried[0]
            if is_judged[e] and len(tried) > 1 and not batch.over[e]:
                found.append(self._judge(e, tables, here, tried))
        return tables.to_actions(chosen)

    def _judge(self, e: int, tables: PackedTables, here: slice, tried: NDArray[np.int64]) -> Judged:
        rewards = self.ahead.rewards(e, tables.table_rows[here][tried]).mean(axis=0)
        described = tables.described
        return Judged(
            rows=described.rows[here].numpy().copy(),
            prior=described.prior[here].numpy().copy(),
            count=np.array([here.stop - here.start]),
            machines=described.machines[e : e + 1].numpy().copy(),
            shop=described.shop[e : e + 1].numpy().copy(),
            privileged=self._privileged[e : e + 1].copy(),
            tried=tried.astype(np.int64),
            tried_count=np.array([len(tried)]),
            gain=rewards - rewards[0],
        )
