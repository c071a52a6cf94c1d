"""Rollout buffer of PPO: decisions of E environments over T steps, their legal rows packed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.maskable.buffers import MaskableRolloutBuffer, MaskableRolloutBufferSamples

from agents.network.feature_sizes import (
    MACHINE_FEATURES,
    PRIVILEGED_FEATURES,
    ROW_FEATURES,
    SHOP_FEATURES,
)
from agents.network.minibatch import ActionBatch, CriticInput, Run
from agents.network.pointer_network import NetworkInput
from agents.network.ragged import gather_rows
from agents.ppo.gae import semi_markov_gae

_INITIAL_ROWS = 8  # for each decision, on average; the buffer grows if there are more


class RolloutBufferShard:
    """The part of a rollout buffer that one collector fills.

    It consists of the columns of the collector's environments, and the rows of their tables.

    Parameters
    ----------
    buffer
        Buffer of all environments.
    envs
        Range of the collector's environments in the buffer.
    """

    def __init__(self, buffer: RaggedRolloutBuffer, envs: slice) -> None:
        self._buffer, self.envs = buffer, envs
        capacity = buffer.buffer_size * (envs.stop - envs.start) * _INITIAL_ROWS
        self.rows: NDArray[np.float32] = np.zeros((capacity, ROW_FEATURES), np.float32)
        self.prior: NDArray[np.float32] = np.zeros(capacity, np.float32)
        self.used = self.pos = 0
        # values after the last step
        self.last_values: NDArray[np.float32] = np.zeros(envs.stop - envs.start, np.float32)

    def empty(self) -> None:
        """Empty the shard; its memory stays allocated."""
        self.used = self.pos = 0

    def store_observation(
        self, network_input: NetworkInput, first: NDArray[np.int64], privileged: NDArray[np.float32]
    ) -> None:
        """Store the inputs of network and critic at a decision.

        Parameters
        ----------
        first [E + 1]
            Index of each environment's first row, and the number of rows.
        """
        start, end = self.used, self.used + len(network_input.rows)
        while end > len(self.rows):
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
            self.prior = np.concatenate([self.prior, np.zeros_like(self.prior)])
        self.rows[start:end] = network_input.rows.numpy()
        self.prior[start:end] = network_input.prior.numpy()
        self.used = end
        buffer, cells = self._buffer, (self.pos, self.envs)
        buffer.first[cells] = first[:-1] + start
        buffer.count[cells] = np.diff(first)
        buffer.machines[cells] = network_input.machines.numpy()
        buffer.shop[cells] = network_input.shop.numpy()
        buffer.privileged[cells] = privileged

    def store_step(self, **columns: NDArray[Any]) -> None:
        """Store action and outcome of a step, as columns ``[E]`` by name.

        The names are chosen, log_probs, values, rewards, elapsed, discount_time, gae_time, ends and
        next_values.
        """
        for name, column in columns.items():
            getattr(self._buffer, name)[self.pos, self.envs] = column
        self.pos += 1


class RaggedRolloutBuffer(MaskableRolloutBuffer):
    """A rollout buffer of packed observations, which stock ``MaskablePPO.train`` reads.

    Collectors fill its :attr:`shards`; :meth:`finish` computes advantages and returns.

    Parameters
    ----------
    buffer_size, n_envs
        T and E.
    machine_rows
        Rows of the machine table.
    shares
        Number of environments of each shard; by default one shard has all.
    seed
        Seed of the order of minibatches.
    shards_a_minibatch
        Number of shards that each minibatch is split into.
    run
        Map function that makes these shards: ``map``, or that of a thread pool.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: Any,
        action_space: Any,
        device: Any = "cpu",
        *,
        machine_rows: int,
        shares: Sequence[int] = (),
        seed: int = 0,
        shards_a_minibatch: int = 1,
        run: Run = map,
        **settings: Any,
    ) -> None:
        self.machine_rows, self._shares = machine_rows, tuple(shares)
        self._shards_a_minibatch, self._run = shards_a_minibatch, run
        self.random = np.random.default_rng(seed)
        self.batch_index = 0
        super().__init__(buffer_size, observation_space, action_space, device, **settings)

    def reset(self) -> None:
        """Empty the buffer; its memory stays allocated."""
        if not hasattr(self, "shards"):
            self._allocate()
        for shard in self.shards:
            shard.empty()
        self.pos, self.full, self.batch_index = 0, False, 0

    def _allocate(self) -> None:
        shape = self.buffer_size, self.n_envs
        # index of the first row of each decision, and number of its rows
        self.first, self.count = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.machines: NDArray[np.float32] = np.zeros(
            (*shape, self.machine_rows, MACHINE_FEATURES), np.float32
        )
        self.shop: NDArray[np.float32] = np.zeros((*shape, SHOP_FEATURES), np.float32)
        self.privileged: NDArray[np.float32] = np.zeros((*shape, PRIVILEGED_FEATURES), np.float32)
        self.chosen: NDArray[np.int64] = np.zeros(shape, np.int64)
        self.ends: NDArray[np.bool_] = np.zeros(shape, np.bool_)
        self.rewards: Any = np.zeros(shape)
        self.elapsed, self.discount_time, self.gae_time = (np.zeros(shape) for _ in range(3))
        self.next_values = np.zeros(shape, np.float32)
        for name in ("values", "log_probs", "advantages", "returns"):
            setattr(self, name, np.zeros(shape, np.float32))
        ends = np.cumsum(self._shares or (self.n_envs,)).tolist()
        self.shards = [
            RolloutBufferShard(self, slice(begin, end))
            for begin, end in zip([0, *ends], ends, strict=False)
        ]

    def finish(self) -> None:
        """Join the rows of the shards, and fill ``advantages`` and ``returns``, in units of reward.

        Raises
        ------
        FloatingPointError
            If a value or reward is not finite.
        """
        self.rows, self.prior = (
            np.concatenate([getattr(shard, name)[: shard.used] for shard in self.shards])
            for name in ("rows", "prior")
        )
        offsets = np.cumsum([0, *(shard.used for shard in self.shards)])
        for shard, offset in zip(self.shards, offsets, strict=False):
            self.first[:, shard.envs] += offset
        last_values = np.concatenate([shard.last_values for shard in self.shards])
        semi_markov_gae(
            self.rewards,
            self.values,
            last_values,
            self.next_values,
            self.elapsed,
            self.ends,
            self.discount_time,
            self.gae_time,
            self.advantages,
        )
        if not np.isfinite(self.advantages).all():
            step, env = np.argwhere(~np.isfinite(self.advantages))[-1]
            raise FloatingPointError(
                f"advantage of step {step}, environment {env} is {self.advantages[step, env]}: a"
                " value or reward is not finite."
            )
        np.add(self.advantages, self.values, out=self.returns)
        self.pos, self.full = self.buffer_size, True

    def get(self, batch_size: int | None = None) -> Generator[MaskableRolloutBufferSamples]:  # type: ignore[override]
        """Yield minibatches in random order.

        ``observations`` is a list of :class:`agents.network.minibatch.ActionBatch`,
        which holds the actions too. ``actions`` are the indices of the samples in the buffer;
        ``old_values`` and ``returns`` stand twice, for two critics. A last sample that would be
        alone joins the minibatch before, as the advantages of one sample have no deviation.
        """
        size = self.buffer_size * self.n_envs
        order = self.random.permutation(size)
        starts = list(range(0, size, batch_size or size))
        if size - starts[-1] == 1 < size:
            starts.pop()
        for start, end in zip(starts, [*starts[1:], size], strict=True):
            yield self._get_samples(order[start:end])
            self.batch_index += 1

    def _get_samples(  # type: ignore[override]
        self, batch_inds: NDArray[np.int64], env: Any = None
    ) -> MaskableRolloutBufferSamples:
        shards = np.array_split(batch_inds, min(self._shards_a_minibatch, len(batch_inds)))
        observations = list(self._run(self._batch_of, shards))
        values, log_probs, advantages, returns = (
            self.flat(name)[batch_inds] for name in ("values", "log_probs", "advantages", "returns")
        )
        columns = (batch_inds, np.tile(values, 2), log_probs, advantages, np.tile(returns, 2))
        tensors: Any = (observations, *(self.to_torch(column) for column in columns), None)
        return MaskableRolloutBufferSamples(*tensors)

    def _batch_of(self, samples: NDArray[np.int64]) -> ActionBatch:
        """Return the inputs of network and critic, and the actions, of samples by their indices."""
        firsts, counts = self.flat("first")[samples], self.flat("count")[samples]
        first = np.concatenate([[0], np.cumsum(counts)])
        total = int(first[-1])
        rows = np.empty((total, ROW_FEATURES), np.float32)
        prior, sample = np.empty(total, np.float32), np.empty(total, np.int64)
        gather_rows(self.rows, self.prior, firsts, counts, rows, prior, sample)
        machines, shop, privileged = (
            getattr(self, name).reshape(-1, *getattr(self, name).shape[2:])[samples]
            for name in ("machines", "shop", "privileged")
        )
        chosen = first[:-1] + self.flat("chosen")[samples]
        arrays = (rows, prior, sample, machines, shop, privileged, first, chosen)
        tensors = [torch.from_numpy(array).to(self.device) for array in arrays]
        return ActionBatch(CriticInput(NetworkInput(*tensors[:5]), *tensors[5:7]), tensors[7])

    def flat(self, name: str) -> NDArray[Any]:
        """Return a column in the order of samples, ``[T E]``."""
        column: NDArray[Any] = getattr(self, name)
        return column.reshape(-1)
