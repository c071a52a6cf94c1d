"""Semi-Markov PPO: MaskablePPO with discount by elapsed time and normalised returns.

Decisions on a shop floor form a semi-Markov process: several may fall on one date, and hours may
pass between two. Discounted per decision, an agent learns to wait for ever, because every wait
postpones the costs that follow. Discount and generalised advantage estimation therefore run on the
shop's clock. ``MaskablePPO.train`` is used unchanged; rollout collection, rollout buffer and
advantage estimation are replaced.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import explained_variance, get_device

from agents.network.minibatch import Run
from agents.ppo.actor_critic import PointerActorCriticPolicy
from agents.ppo.rollout_buffer import RaggedRolloutBuffer
from agents.ppo.rollout_collector import RolloutCollector, RolloutStats
from agents.ppo.vec_env import ShopVecEnv, as_signed


class SemiMarkovPPO(MaskablePPO):
    """MaskablePPO on microfactories, with discount by elapsed time.

    The environments are :class:`agents.ppo.vec_env.ShopVecEnv`, and the policy is a
    :class:`agents.ppo.actor_critic.PointerActorCriticPolicy`.

    Parameters
    ----------
    shops
        Environments of each thread. On a CPU minibatches are split over as many threads.
    discount_time, gae_time
        Time constants of the discount and of generalised advantage estimation, in mean process
        times of the factory. If every decision takes one mean process time, they equal
        MaskablePPO's ``gamma = exp(-1 / discount_time)`` and ``gae_lambda = exp(-1 / gae_time)``.
    ent_coef_schedule
        Weight of the entropy bonus at the beginning and at the end of the training; linear between.
    renormalisation
        Weight of the newest returns in the running mean and deviation.
    policy_kwargs, settings
        Arguments of MaskablePPO.
    """

    policy: PointerActorCriticPolicy
    rollout_buffer: RaggedRolloutBuffer

    def __init__(
        self,
        shops: Sequence[ShopVecEnv],
        *,
        discount_time: float = 240.0,
        gae_time: float = 4.0,
        ent_coef_schedule: tuple[float, float] = (0.0, 0.0),
        renormalisation: float = 0.1,
        seed: int = 0,
        policy_kwargs: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.renormalisation, self.ent_coef_schedule = renormalisation, ent_coef_schedule
        self.stats = RolloutStats()
        self.rollouts = 0
        shares = [env.num_envs for env in shops]
        self._pool = ThreadPoolExecutor(
            len(shops), initializer=torch.set_num_threads, initargs=(1,)
        )
        run: Run = self._pool.map if len(shops) > 1 else map
        on_cpu = get_device(settings.get("device", "auto")).type == "cpu"
        machine_rows = shops[0].batch.tables.machines.shape[1]
        super().__init__(
            PointerActorCriticPolicy,
            shops[0],
            rollout_buffer_class=RaggedRolloutBuffer,
            rollout_buffer_kwargs={
                "machine_rows": machine_rows,
                "shares": shares,
                "seed": seed + 1,
                "shards_a_minibatch": len(shops) if on_cpu else 1,
                "run": run,
            },
            policy_kwargs={**(policy_kwargs or {}), "run": run},
            seed=seed,
            _init_setup_model=False,
            **settings,
        )
        self.n_envs = sum(shares)
        self._setup_model()
        self.collectors = [
            RolloutCollector(env, self.policy, [seed, index], discount_time, gae_time)
            for index, env in enumerate(shops)
        ]

    def begin_episodes(self) -> None:
        """Begin the first episodes of all environments."""
        list(self._pool.map(RolloutCollector.begin_episodes, self.collectors))
        self.continue_episodes()

    def continue_episodes(self) -> None:
        """Let :meth:`learn` continue the episodes in the shops, instead of resetting them."""
        # only MaskablePPO's set-up reads the last observation
        self._last_obs = as_signed(self.collectors[0].shops.batch.tables)

    def _setup_learn(self, *arguments: Any, **settings: Any) -> Any:
        """Set up as inherited, which may reset the first shops; reset the others with them."""
        before = self._last_obs
        result = super()._setup_learn(*arguments, **settings)
        if self._last_obs is not before:
            for collector in self.collectors[1:]:
                collector.shops.reset()
        return result

    # --- rollout collection -----------------------------------------------------------------------

    def collect_rollouts(
        self,
        env: Any,
        callback: BaseCallback,
        rollout_buffer: Any,
        n_rollout_steps: int,
        use_masking: bool = True,
    ) -> bool:
        """Fill the buffer with ``n_rollout_steps`` steps of every environment.

        Returns
        -------
        False if the callback, called once a rollout, ends the training.
        """
        buffer = self.rollout_buffer
        self.policy.set_training_mode(False)
        buffer.reset()
        callback.on_rollout_start()
        self.stats = RolloutStats()
        clock = time.perf_counter()
        for stats in self._collect(n_rollout_steps):
            self.stats.add(stats)
        self.num_timesteps += self.n_envs * n_rollout_steps
        buffer.finish()
        self._normalise_returns()
        self.stats.collect_seconds = time.perf_counter() - clock
        callback.update_locals(locals())
        if not callback.on_step():
            return False
        callback.on_rollout_end()
        return True

    def _collect(self, steps: int) -> list[RolloutStats]:
        futures = [
            self._pool.submit(collector.collect, shard, steps)
            for collector, shard in zip(self.collectors, self.rollout_buffer.shards, strict=True)
        ]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for collector in self.collectors:
                collector.stopped = True
            raise

    def _normalise_returns(self) -> None:
        buffer = self.rollout_buffer
        self.logger.record(
            "train/explained_variance_of_returns",
            explained_variance(buffer.flat("values"), buffer.flat("returns")),
        )
        self.policy.renormalise(buffer.returns, self.renormalisation if self.rollouts else 1.0)
        network = self.policy.network
        mean, deviation = float(network.return_mean), float(network.return_deviation)
        for column in (buffer.returns, buffer.values):
            column -= mean
            column /= deviation
        self.rollouts += 1

    # --- learning ---------------------------------------------------------------------------------

    def train(self) -> None:
        """Update the policy as MaskablePPO does.

        Raises
        ------
        FloatingPointError
            If an output of the network is not finite; it names rollout and minibatch.
        """
        start = time.perf_counter()
        first, last = self.ent_coef_schedule
        self.ent_coef = last + (first - last) * self._current_progress_remaining
        try:
            super().train()
        except FloatingPointError as error:
            raise FloatingPointError(
                f"rollout {self.rollouts}, minibatch {self.rollout_buffer.batch_index}: {error}"
            ) from None
        self.stats.learn_seconds = time.perf_counter() - start
