"""Search targets: advantages of a policy's best few actions, estimated in sampled futures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from agents.network.critic_features import CriticFeatures
from agents.network.packed_tables import PackedTables
from agents.network.ragged import sample_actions
from agents.policy_improvement.decision_dataset import DecisionDataset, concatenate
from agents.search.lookahead import LookaheadPolicy
from envs.batch import Batch
from envs.seed_splits import episode_seeds
from factory.model import Factory

SEARCH_EPISODES = 8
"""Episodes that are played in parallel."""
EXPLORATION_SHARE = 0.1
"""Share of decisions that are sampled from the policy, so that the data hold more states than the
greedy policy visits."""
TARGET_SHARE = 0.7
"""Share of decisions that become targets: neighbouring decisions are alike, so fewer of them in
more episodes teach more."""


@dataclass(frozen=True)
class SearchTargets(DecisionDataset):
    """N decisions with the advantages of T simulated rows together."""

    counted_by: ClassVar[dict[str, str]] = {
        **DecisionDataset.counted_by,
        "tried": "tried_count",
        "action_advantage": "tried_count",
    }

    tried: NDArray[np.int64]  # [T] index of each simulated row among its decision's legal rows
    tried_count: NDArray[np.int64]  # [N]; the policy's own choice comes first
    # [T] mean discounted reward less that of the policy's own choice
    action_advantage: NDArray[np.float64]

    def tried_rows(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return index among all rows, and index of the decision, of each simulated row ``[T]``."""
        decision = np.repeat(np.arange(len(self)), self.tried_count)
        first = np.cumsum(self.count) - self.count
        return torch.from_numpy(first[decision] + self.tried), torch.from_numpy(decision)


class SearchTargetGenerator:
    """Generator of search targets from decisions at which the policy is uncertain.

    It plays episodes of the block ``train``.

    Parameters
    ----------
    ahead
        Policy, with its number of choices, futures and horizon.
    factories
        Factories, which the episodes cycle through.
    first_episode
        Index of the first episode in the block.
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
        """Return targets from the next :data:`SEARCH_EPISODES` whole episodes."""
        batch, targets = self.batch, list[SearchTargets]()
        batch.reset(
            episode_seeds("train", SEARCH_EPISODES, self.episode),
            (self.episode + np.arange(SEARCH_EPISODES)) % len(batch.factories),
        )
        self.ahead.seed = self.episode
        self.episode += SEARCH_EPISODES
        while not batch.ended.all():
            batch.step(self._play(targets), autoreset=False)
        return concatenate(targets)

    def _play(self, targets: list[SearchTargets]) -> NDArray[np.int64]:
        """Return the actions of the next step; append the targets of some of its decisions."""
        batch, ahead, random = self.batch, self.ahead, self.random
        tables = PackedTables.from_tables(batch.tables, ahead.trained.network.weights)
        self._critic_features.update()
        with torch.inference_mode():
            output = ahead.trained.network(tables.network_input)
            probabilities = output.segments.log_softmax(output.logits).exp().numpy()
        sampled = np.empty(SEARCH_EPISODES, np.int64)
        log_probs = np.empty(SEARCH_EPISODES)  # not needed
        draws = random.random(SEARCH_EPISODES)
        sample_actions(output.logits.numpy(), tables.first, draws, sampled, log_probs)
        explores = random.random(SEARCH_EPISODES) < EXPLORATION_SHARE
        is_target = random.random(SEARCH_EPISODES) < TARGET_SHARE
        chosen = np.zeros(SEARCH_EPISODES, np.int64)
        for e in np.flatnonzero(np.diff(tables.first) > 0).tolist():
            rows = slice(tables.first[e], tables.first[e + 1])
            tried = ahead.promising_rows(probabilities[rows])
            chosen[e] = sampled[e] if explores[e] else tried[0]
            if is_target[e] and len(tried) > 1 and not batch.ended[e]:
                targets.append(self._target(e, tables, rows, tried))
        return tables.to_actions(chosen)

    def _target(
        self, e: int, tables: PackedTables, rows: slice, tried: NDArray[np.int64]
    ) -> SearchTargets:
        """Return the target of one decision, whose legal rows are ``rows`` of the packed tables."""
        rewards = self.ahead.rewards(e, tables.table_rows[rows][tried]).mean(axis=0)
        network_input = tables.network_input
        return SearchTargets(
            rows=network_input.rows[rows].numpy().copy(),
            prior=network_input.prior[rows].numpy().copy(),
            count=np.array([rows.stop - rows.start]),
            machines=network_input.machines[e : e + 1].numpy().copy(),
            shop=network_input.shop[e : e + 1].numpy().copy(),
            privileged=self._critic_features.values[e : e + 1].copy(),
            tried=tried.astype(np.int64),
            tried_count=np.array([len(tried)]),
            action_advantage=rewards - rewards[0],
        )
