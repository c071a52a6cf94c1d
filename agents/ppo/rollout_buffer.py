"""What PPO learns from: decisions of E environments over T steps, their legal rows packed,
discounted by elapsed time."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.maskable.buffers import MaskableRolloutBuffer, MaskableRolloutBufferSamples

from agents.network.critic_features import PRIVILEGED_FEATURES
from agents.network.feature_sizes import MACHINE_FEATURES, ROW_FEATURES, SHOP_FEATURES
from agents.network.minibatch import ActionBatch, CriticInput, Run
from agents.network.pointer_network import NetworkInput
from agents.network.ragged import gather_rows
from agents.ppo.gae import semi_markov_gae

_INITIAL_ROWS = 8  # a decision, on average; the buffer grows where there are more


class RolloutBufferShard:
    """What one gatherer keeps: its environments' columns of the buffer, and the rows of their
    tables.

    Parameters
    ----------
    buffer
        Whose columns it fills.
    envs
        Its environments among the buffer's.
    """

    def __init__(self, buffer: RaggedRolloutBuffer, envs: slice) -> None:
        self._buffer, self.envs = buffer, envs
        capacity = buffer.buffer_size * (envs.stop - envs.start) * _INITIAL_ROWS
        self.rows: NDArray[np.float32] = np.zeros((capacity, ROW_FEATURES), np.float32)
        self.prior: NDArray[np.float32] = np.zeros(capacity, np.float32)
        self.used = self.pos = 0
        self.last_values: NDArray[np.float32] = np.zeros(
            envs.stop - envs.start, np.float32
        )  # after the last step

    def empty(self) -> None:
        """Begin again; the memory stays."""
        self.used = self.pos = 0

    def store_observation(
        self, network_input: NetworkInput, first: NDArray[np.int64], privileged: NDArray[np.float32]
    ) -> None:
        """Keep what was read before the step at hand; ``first [E + 1]`` are the places of each
        environment's rows."""
        start, end = self.used, self.used + len(network_input.rows)
        while end > len(self.rows):
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
            self.prior = np.concatenate([self.prior, np.zeros_like(self.prior)])
        self.rows[start:end] = network_input.rows.numpy()
        self.prior[start:end] = network_input.prior.numpy()
        self.used = end
        buffer, place = self._buffer, (self.pos, self.envs)
        buffer.first[place] = first[:-1] + start
        buffer.count[place] = np.diff(first)
        buffer.machines[place] = network_input.machines.numpy()
        buffer.shop[place] = network_input.shop.numpy()
        buffer.privileged[place] = privileged

    def store_step(self, **columns: NDArray[Any]) -> None:
        """Keep what came of the step: ``chosen, log_probs, values, rewards, elapsed, discount_time,
        gae_time, ends, next_values``, each ``[E]``."""
        for name, column in columns.items():
            getattr(self._buffer, name)[self.pos, self.envs] = column
        self.pos += 1


class RaggedRolloutBuffer(MaskableRolloutBuffer):
    """A rollout buffer that stock ``MaskablePPO.train`` reads, of packed observations;
    :attr:`parts` fill it, :meth:`finish` closes it.

    Parameters
    ----------
    buffer_size, n_envs
        T and E.
    machine_rows
        Rows of the machine table.
    shares
        Environments of each part; by default one part has all.
    seed
        Of the order in which minibatches are drawn.
    parts_a_minibatch, run
        Into how many parts each minibatch is dealt out, and what puts them together, in threads or
        not.
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
        parts_a_minibatch: int = 1,
        run: Run = map,
        **settings: Any,
    ) -> None:
        self.machine_rows, self._shares = machine_rows, tuple(shares)
        self._parts, self._run = parts_a_minibatch, run
        self.random = np.random.default_rng(seed)
        self.batch_number = 0
        super().__init__(buffer_size, observation_space, action_space, device, **settings)

    def reset(self) -> None:
        """Empty the buffer; its memory stays."""
        steps, envs = self.buffer_size, self.n_envs
        if not hasattr(self, "parts"):
            self.first, self.count = (
                np.zeros((steps, envs), np.int64) for _ in range(2)
            )  # of the rows of each decision
            self.machines: NDArray[np.float32] = np.zeros(
                (steps, envs, self.machine_rows, MACHINE_FEATURES), np.float32
            )
            self.shop: NDArray[np.float32] = np.zeros((steps, envs, SHOP_FEATURES), np.float32)
            self.privileged: NDArray[np.float32] = np.zeros(
                (steps, envs, PRIVILEGED_FEATURES), np.float32
            )
            self.chosen: NDArray[np.int64] = np.zeros((steps, envs), np.int64)
            self.ends: NDArray[np.bool_] = np.zeros((steps, envs), np.bool_)
            self.rewards: Any = np.zeros((steps, envs))
            self.elapsed, self.discount_time, self.gae_time = (
                np.zeros((steps, envs)) for _ in range(3)
            )
            self.next_values = np.zeros((steps, envs), np.float32)
            for name in ("values", "log_probs", "advantages", "returns"):
                setattr(self, name, np.zeros((steps, envs), np.float32))
            ends = np.cumsum(self._shares or (envs,)).tolist()
            self.parts = [
                RolloutBufferShard(self, slice(begin, end))
                for begin, end in zip([0, *ends], ends, strict=False)
            ]
        for part in self.parts:
            part.empty()
        self.pos, self.full, self.batch_number = 0, False, 0

    def finish(self) -> None:
        """Put the parts' rows together and fill ``advantages`` and ``returns``, in units of reward.

        Raises
        ------
        FloatingPointError
            If a value or reward is not finite.
        """
        self.rows, self.prior = (
            np.concatenate([getattr(part, name)[: part.used] for part in self.parts])
            for name in ("rows", "prior")
        )
        before = np.cumsum([0, *(part.used for part in self.parts)])
        for part, start in zip(self.parts, before, strict=False):
            self.first[:, part.envs] += start
        last_values = np.concatenate([part.last_values for part in self.parts])
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
        """Minibatches in random order; ``observations`` is a list of
        :class:`agents.network.minibatch.ActionBatch`, which knows what was chosen.

        ``actions`` are the samples' numbers in the buffer; ``old_values`` and ``returns`` stand
        twice, for two critics.
        """
        size = self.buffer_size * self.n_envs
        order = self.random.permutation(size)
        for start in range(0, size, batch_size or size):
            yield self._get_samples(order[start : start + (batch_size or size)])
            self.batch_number += 1

    def _get_samples(  # type: ignore[override]
        self, batch_inds: NDArray[np.int64], env: Any = None
    ) -> MaskableRolloutBufferSamples:
        parts = list(
            self._run(self._batch_of, np.array_split(batch_inds, min(self._parts, len(batch_inds))))
        )
        values, log_probs, advantages, returns = (
            self.flat(name)[batch_inds] for name in ("values", "log_probs", "advantages", "returns")
        )
        scalars = (
            self.to_torch(part)
            for part in (batch_inds, np.tile(values, 2), log_probs, advantages, np.tile(returns, 2))
        )
        return MaskableRolloutBufferSamples(parts, *scalars, None)  # type: ignore[arg-type,call-arg]

    def _batch_of(self, numbers: NDArray[np.int64]) -> ActionBatch:
        """What the network reads of the samples with these numbers."""
        firsts, counts = self.flat("first")[numbers], self.flat("count")[numbers]
        first = np.concatenate([[0], np.cumsum(counts)])
        total = int(first[-1])
        rows, prior, sample = (
            np.empty((total, ROW_FEATURES), np.float32),
            np.empty(total, np.float32),
            np.empty(total, np.int64),
        )
        gather_rows(self.rows, self.prior, firsts, counts, rows, prior, sample)
        machines, shop, privileged = (
            getattr(self, name).reshape(-1, *getattr(self, name).shape[2:])[numbers]
            for name in ("machines", "shop", "privileged")
        )
        read = (
            rows,
            prior,
            sample,
            machines,
            shop,
            privileged,
            first,
            first[:-1] + self.flat("chosen")[numbers],
        )
        tensors = [torch.from_numpy(part).to(self.device) for part in read]
        return ActionBatch(CriticInput(NetworkInput(*tensors[:5]), *tensors[5:7]), tensors[7])

    def flat(self, name: str) -> NDArray[Any]:
        """A column in the order of samples, ``[T E]``."""
        column: NDArray[Any] = getattr(self, name)
        return column.reshape(-1)
