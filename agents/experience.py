"""What PPO learns from: decisions of E environments over T steps, their legal rows packed, discounted by elapsed time."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.maskable.buffers import MaskableRolloutBuffer, MaskableRolloutBufferSamples

from agents.network import Described
from agents.packing import advantages_by_time, gather_rows
from agents.scaling import MACHINE_FEATURES, ROW_FEATURES, SHOP_FEATURES

_ROWS_AT_FIRST = 8  # a decision, on average; the buffer grows where there are more


class PackedBuffer(MaskableRolloutBuffer):
    """A rollout buffer that stock ``MaskablePPO.train`` reads, of packed observations.

    Parameters
    ----------
    buffer_size, n_envs
        T and E.
    machine_rows
        Rows of the machine table.
    seed
        Of the order in which minibatches are drawn.
    """

    def __init__(
        self, buffer_size: int, observation_space: Any, action_space: Any, device: Any = "cpu", *, machine_rows: int, seed: int = 0, **settings: Any
    ) -> None:
        self.machine_rows = machine_rows
        self.random = np.random.default_rng(seed)
        self.batch_number = 0
        super().__init__(buffer_size, observation_space, action_space, device, **settings)

    def reset(self) -> None:
        """Empty the buffer; its memory stays."""
        steps, envs = self.buffer_size, self.n_envs
        if not hasattr(self, "rows"):
            capacity = steps * envs * _ROWS_AT_FIRST
            self.rows: NDArray[np.float32] = np.zeros((capacity, ROW_FEATURES), np.float32)
            self.prior: NDArray[np.float32] = np.zeros(capacity, np.float32)
            self.first: NDArray[np.int64] = np.zeros(steps * envs + 1, np.int64)
            self.machines: NDArray[np.float32] = np.zeros((steps, envs, self.machine_rows, MACHINE_FEATURES), np.float32)
            self.shop: NDArray[np.float32] = np.zeros((steps, envs, SHOP_FEATURES), np.float32)
            self.chosen: NDArray[np.int64] = np.zeros((steps, envs), np.int64)
            self.ends: NDArray[np.bool_] = np.zeros((steps, envs), np.bool_)
            self.rewards: Any = np.zeros((steps, envs))
            self.elapsed, self.horizon, self.trace = (np.zeros((steps, envs)) for _ in range(3))
            self.next_values = np.zeros((steps, envs), np.float32)
            for name in ("values", "log_probs", "advantages", "returns"):
                setattr(self, name, np.zeros((steps, envs), np.float32))
        self.next_values[:] = 0.0
        self.ends[:] = False
        self.pos, self.full, self.batch_number = 0, False, 0

    def store_observation(self, described: Described, first: NDArray[np.int64]) -> None:
        """Keep what the network read before the step at hand; ``first [E + 1]`` are the places of each environment's rows."""
        start = int(self.first[self.pos * self.n_envs])
        end = start + len(described.rows)
        while end > len(self.rows):
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
            self.prior = np.concatenate([self.prior, np.zeros_like(self.prior)])
        self.rows[start:end] = described.rows.cpu().numpy()
        self.prior[start:end] = described.prior.cpu().numpy()
        self.first[self.pos * self.n_envs : (self.pos + 1) * self.n_envs + 1] = first + start
        self.machines[self.pos] = described.machines.cpu().numpy()
        self.shop[self.pos] = described.shop.cpu().numpy()

    def store_step(self, **columns: NDArray[Any]) -> None:
        """Keep what came of the step: ``chosen, log_probs, values, rewards, elapsed, horizon, trace, ends, next_values``, each ``[E]``."""
        for name, column in columns.items():
            getattr(self, name)[self.pos] = column
        self.pos += 1
        self.full = self.pos == self.buffer_size

    def estimate_advantages(self, last_values: NDArray[np.float32]) -> None:
        """Fill ``advantages`` and ``returns``, in units of reward.

        Raises
        ------
        FloatingPointError
            If a value or reward is not finite.
        """
        advantages_by_time(self.rewards, self.values, last_values, self.next_values, self.elapsed, self.ends, self.horizon, self.trace, self.advantages)
        if not np.isfinite(self.advantages).all():
            step, env = np.argwhere(~np.isfinite(self.advantages))[-1]
            raise FloatingPointError(f"advantage of step {step}, environment {env} is {self.advantages[step, env]}: a value or reward is not finite.")
        np.add(self.advantages, self.values, out=self.returns)

    def get(self, batch_size: int | None = None) -> Generator[MaskableRolloutBufferSamples]:  # type: ignore[override]
        """Minibatches in random order; ``observations`` is :class:`agents.network.Described`, ``actions`` are places among its rows."""
        size = self.buffer_size * self.n_envs
        order = self.random.permutation(size)
        for start in range(0, size, batch_size or size):
            yield self._get_samples(order[start : start + (batch_size or size)])
            self.batch_number += 1

    def _get_samples(self, batch_inds: NDArray[np.int64], env: Any = None) -> MaskableRolloutBufferSamples:  # type: ignore[override]
        count = int((self.first[batch_inds + 1] - self.first[batch_inds]).sum())
        rows, prior = np.empty((count, ROW_FEATURES), np.float32), np.empty(count, np.float32)
        sample, first = np.empty(count, np.int64), np.empty(len(batch_inds) + 1, np.int64)
        gather_rows(self.rows, self.prior, self.first, batch_inds, rows, prior, sample, first)
        machines, shop = self.machines.reshape(-1, *self.machines.shape[2:])[batch_inds], self.shop.reshape(-1, SHOP_FEATURES)[batch_inds]
        described = Described(*(torch.from_numpy(part).to(self.device) for part in (rows, prior, sample, machines, shop)))
        scalars = (self.flat(name)[batch_inds] for name in ("values", "log_probs", "advantages", "returns"))
        actions = first[:-1] + self.flat("chosen")[batch_inds]
        return MaskableRolloutBufferSamples(described, *(self.to_torch(part) for part in (actions, *scalars)), None)  # type: ignore[arg-type,call-arg]

    def flat(self, name: str) -> NDArray[Any]:
        """A column in the order of samples, ``[T E]``."""
        column: NDArray[Any] = getattr(self, name)
        return column.reshape(-1)


def samples_of(first: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sample of each row ``[R]``."""
    return np.repeat(np.arange(len(first) - 1), np.diff(first))
