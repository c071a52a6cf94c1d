"""Decisions of a policy judged by lookahead: what each of its best few choices would be worth, in
the same imagined futures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from agents.network.packed_tables import CriticFeatures, PackedTables
from agents.network.ragged import sample_actions
from agents.policy_improvement.decision_dataset import DecisionDataset, concatenate
from agents.search.lookahead import LookaheadPolicy
from envs.batch import Batch
from envs.seed_splits import episode_seeds
from factory.model import Factory

SEARCH_EPISODES = 8
"""Episodes that are played side by side."""
EXPLORATION_SHARE = 0.1
"""Share of the decisions that are drawn from the policy's probabilities, so that judged shops are
not only those that it brings about itself."""
TARGET_SHARE = 0.7
"""Share of the decisions that are judged: more of them in fewer futures teach more than fewer in
more, and neighbours are alike."""


@dataclass(frozen=True)
class SearchTargets(DecisionDataset):
    """N decisions of which T rows together were tried."""

    counted_by: ClassVar[dict[str, str]] = {
        **DecisionDataset.counted_by,
        "tried": "tried_count",
        "action_advantage": "tried_count",
    }

    tried: NDArray[np.int64]  # [T] place of each tried row among its decision's
    tried_count: NDArray[np.int64]  # [N]; the policy's own choice comes first
    action_advantage: NDArray[
        np.float64
    ]  # [T] mean discounted reward less that of the policy's own choice

    def tried_rows(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Place among all rows, and number of the decision, of each tried row ``[T]``."""
        decision = np.repeat(np.arange(len(self)), self.tried_count)
        first = np.cumsum(self.count) - self.count
        return torch.from_numpy(first[decision] + self.tried), torch.from_numpy(decision)


class SearchTargetGenerator:
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

    def __init__(
        self, ahead: LookaheadPolicy, factories: Sequence[Factory], first_episode: int
    ) -> None:
        self.ahead, self.episode = ahead, first_episode
        self.batch = Batch(factories, num_envs=SEARCH_EPISODES)
        ahead.bind(self.batch)
        self.random = np.random.default_rng(first_episode)
        self._critic_features = CriticFeatures(self.batch)

    def generate(self) -> SearchTargets:
        """Decisions of the next :data:`SEARCH_EPISODES` whole episodes."""
        batch, found = self.batch, list[SearchTargets]()
        batch.reset(
            episode_seeds("train", SEARCH_EPISODES, self.episode),
            (self.episode + np.arange(SEARCH_EPISODES)) % len(batch.factories),
        )
        self.ahead.seed = self.episode
        self.episode += SEARCH_EPISODES
        while not batch.ended.all():
            batch.step(self._play(found), autoreset=False)
        return concatenate(found)

    def _play(self, found: list[SearchTargets]) -> NDArray[np.int64]:
        """Rows of the next step; some of its decisions are judged and put into ``found``."""
        batch, ahead = self.batch, self.ahead
        tables = PackedTables.from_tables(batch.tables, ahead.trained.network.weights)
        self._critic_features.update()
        with torch.inference_mode():
            output = ahead.trained.network(tables.network_input)
            probabilities = output.segments.log_softmax(output.logits).exp().numpy()
        drawn, unused = np.empty(SEARCH_EPISODES, np.int64), np.empty(SEARCH_EPISODES)
        sample_actions(
            output.logits.numpy(), tables.first, self.random.random(SEARCH_EPISODES), drawn, unused
        )
        is_drawn, is_judged = (
            self.random.random(SEARCH_EPISODES) < EXPLORATION_SHARE,
            self.random.random(SEARCH_EPISODES) < TARGET_SHARE,
        )
        chosen = np.zeros(SEARCH_EPISODES, np.int64)
        for e in np.flatnonzero(np.diff(tables.first) > 0).tolist():
            here = slice(tables.first[e], tables.first[e + 1])
            tried = ahead.promising_rows(probabilities[here])
            chosen[e] = drawn[e] if is_drawn[e] else tried[0]
            if is_judged[e] and len(tried) > 1 and not batch.ended[e]:
                found.append(self._generate(e, tables, here, tried))
        return tables.to_actions(chosen)

    def _generate(
        self, e: int, tables: PackedTables, here: slice, tried: NDArray[np.int64]
    ) -> SearchTargets:
        rewards = self.ahead.rewards(e, tables.table_rows[here][tried]).mean(axis=0)
        network_input = tables.network_input
        return SearchTargets(
            rows=network_input.rows[here].numpy().copy(),
            prior=network_input.prior[here].numpy().copy(),
            count=np.array([here.stop - here.start]),
            machines=network_input.machines[e : e + 1].numpy().copy(),
            shop=network_input.shop[e : e + 1].numpy().copy(),
            privileged=self._critic_features.values[e : e + 1].copy(),
            tried=tried.astype(np.int64),
            tried_count=np.array([len(tried)]),
            action_advantage=rewards - rewards[0],
        )
