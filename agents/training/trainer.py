"""A training run: from a config to a folder with events, checkpoints and the best policy; killed at
any moment, it goes on to the very same weights."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from tqdm import tqdm

from agents.index.features import FEATURES
from agents.index.policy import atcs_weights
from agents.network.pointer_network import Critic, PointerNetwork
from agents.network.trained_policy import (
    TrainedPolicy,
    load_policy,
    network_input_hash,
    save_policy,
)
from agents.policy import Policy
from agents.ppo.semi_markov_ppo import SemiMarkovPPO
from agents.ppo.vec_env import ShopVecEnv
from agents.training.checkpoints import State, read_newest, save_checkpoint
from agents.training.config import TrainingConfig, to_toml
from agents.training.memory import keep_memory
from agents.training.mixture import factories_of
from agents.training.tensorboard import TrainingLog
from agents.training.validation import ValidationResult, ValidationSuite, mean_ratio
from factory.io.atomic_write import write_atomically
from factory.jit.array_struct import ArrayStruct
from factory.progress import say

EPISODES_A_SEED = 2**32
"""Episodes of the block ``train`` that belong to one training seed."""


class TrainingError(RuntimeError):
    """A run that cannot begin, or cannot go on."""


class Trainer:
    """One training run.

    Parameters
    ----------
    config
        What it is told.
    folder
        Its folder: ``config.toml``, ``checkpoints/``, ``events/``, ``policy/`` (the best so far).
    prior
        Weights of the index that the network starts as, by feature; None: as the config's ``atcs``
        or ``none`` has it.
    references
        The rule to compare with on the validation episodes, by scenario.
    device
        ``cpu`` or ``cuda``.
    facts
        Versions, commit and the like for the policy's manifest.
    show
        Whether to show a progress bar.
    """

    def __init__(
        self,
        config: TrainingConfig,
        folder: Path,
        *,
        prior: Mapping[str, float] | None,
        references: Mapping[str, tuple[str, Policy]],
        device: str = "cpu",
        facts: Mapping[str, Any] | None = None,
        show: bool = True,
    ) -> None:
        self.config, self.folder, self.show = config, folder, show
        self._prior, self._rules, self._device, self._facts = (
            prior,
            references,
            device,
            dict(facts or {}),
        )
        self.best_ratio, self.validations = float("inf"), list[dict[str, float]]()
        self._first_step, self._ended = 0, False

    # --- building ---------------------------------------------------------------------------------

    def _open(self) -> None:
        config, learning = self.config, self.config.learning
        keep_memory()
        torch.set_num_threads(config.threads)
        self.validation_suite = ValidationSuite(
            config.scenario.validation_factories or config.scenario.factories,
            config.logging.validation_episodes,
        )
        if self.show:
            say("playing the validation episodes under the best rules ...")
        self.reference = {
            name: self.validation_suite.evaluate(name, rule)
            for name, (_, rule) in self._rules.items()
        }
        factories, threads = (
            factories_of(config.scenario.factories, config.scenario.num_generated),
            config.threads,
        )
        shops = [
            ShopVecEnv(
                factories,
                envs,
                first_episode=config.seed * EPISODES_A_SEED + number * (EPISODES_A_SEED // threads),
            )
            for number, envs in enumerate(split_evenly(learning.num_envs, threads))
        ]
        first, last = learning.learning_rate, learning.final_learning_rate
        self.model = SemiMarkovPPO(
            shops,
            discount_time=learning.discount_time,
            gae_time=learning.gae_time,
            n_steps=learning.num_steps,
            batch_size=learning.minibatch_size,
            n_epochs=learning.update_epochs,
            learning_rate=lambda left: last + (first - last) * left,
            ent_coef_schedule=(learning.ent_coef, learning.final_ent_coef),
            clip_range=learning.clip_range,
            target_kl=learning.target_kl,
            vf_coef=learning.vf_coef,
            max_grad_norm=learning.max_grad_norm,
            policy_kwargs=self._start(),
            seed=config.seed,
            device=self._device,
        )
        self.model.set_logger(Logger(folder=None, output_formats=[]))
        self.average = {
            name: value.clone() for name, value in self.model.policy.state_dict().items()
        }

    def _start(self) -> dict[str, Any]:
        """The network at the start, as :class:`agents.ppo.actor_critic.PointerActorCriticPolicy`
        takes it."""
        network = self.config.network
        if network.init_from is None:
            return {
                "prior": self._prior_weights(),
                "prior_scale": network.prior_scale,
                "hidden_size": network.hidden_size,
            }
        trained = load_policy(network.init_from)
        critic = None if trained.critic is None else trained.critic.state_dict()
        whole = {"weights": trained.network.state_dict(), "critic_weights": critic}
        return {
            "prior": [0.0] * len(FEATURES),
            "prior_scale": 1.0,
            "hidden_size": trained.network.hidden_size,
            **whole,
        }

    def _prior_weights(self) -> list[float]:
        start = self.config.network.prior
        if start == "none":
            return [0.0] * len(FEATURES)
        weights = (
            atcs_weights(2.0, 0.5, detour=0.0, wait=-3.0, ahead=-3.0)
            if start == "atcs" or self._prior is None
            else self._prior
        )
        return [float(weights.get(feature.name, 0.0)) for feature in FEATURES]

    # --- running ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the run in a new folder.

        Raises
        ------
        TrainingError
            If the folder holds a run already.
        """
        if (self.folder / "config.toml").exists():
            raise TrainingError(
                f"{self.folder}: holds a run already. Go on with --resume {self.folder}, or name"
                " another folder with --out."
            )
        write_atomically(self.folder / "config.toml", to_toml(self.config))
        self._open()
        self.model.begin_episodes()
        self._train()

    def resume(self) -> None:
        """Go on where the newest whole checkpoint was written; from the start if there is none.

        Raises
        ------
        TrainingError
            If the checkpoint was made for other feature tables.
        """
        self._open()
        state, complaints = read_newest(self.folder / "checkpoints")
        for complaint in complaints:
            print(f"{complaint} The one before it is used.", file=sys.stderr)
        if state is None:
            self.model.begin_episodes()
        else:
            self._restore(state)
        self._train()

    def _train(self) -> None:
        total, done = self.config.learning.total_timesteps, self.model.num_timesteps
        self.log = TrainingLog(self.folder / "events", self._first_step)
        with tqdm(
            total=total,
            initial=done,
            unit=" steps",
            unit_scale=True,
            disable=not self.show,
            dynamic_ncols=True,
            smoothing=0.05,
        ) as bar:
            self._bar, self._seen = bar, self.model.rollouts
            try:
                if not (self._ended and done >= total):  # else everything was written before
                    self._learn(total, done)
            finally:
                self.log.close()
        write_atomically(
            self.folder / "validation.json", json.dumps(self.validations, indent=1) + "\n"
        )

    def _learn(self, total: int, done: int) -> None:
        """Go from step ``done`` to the run's end, and keep its final figures."""
        if not self.validations:
            self._validate()
        if done < total:
            self.model.learn(
                total - done,
                callback=_TrainerCallback(self),
                log_interval=None,  # type: ignore[arg-type]
                reset_num_timesteps=False,
            )
        self._finish()

    def between_rollouts(self) -> None:
        """What happens after a rollout has been learnt from."""
        model, logging = self.model, self.config.logging
        if model.rollouts == self._seen:
            return
        self._seen = model.rollouts
        decay = self.config.learning.ema_decay
        for name, value in model.policy.state_dict().items():
            self.average[name].mul_(decay).add_(value, alpha=1 - decay)
        self.log.log_rollout(model.num_timesteps, model.stats, model.logger, model.n_envs)
        self._bar.update(model.num_timesteps - self._bar.n)
        if model.rollouts % logging.validation_interval == 0:
            self._validate()
        # The last checkpoint is left to _finish: nothing of a step may be written after its
        # checkpoint, or a run that goes on from there would write it twice.
        is_last = model.num_timesteps >= self.config.learning.total_timesteps
        if model.rollouts % logging.checkpoint_interval == 0 and not is_last:
            self._save_checkpoint()

    def _save_checkpoint(self) -> None:
        """Write the state, after all points up to it: a run that goes on from there does not write
        them again."""
        self.log.flush()
        state, kept = self._state(), self.config.logging.keep_checkpoints
        save_checkpoint(self.folder / "checkpoints", self.model.num_timesteps, state, kept)

    def _validate(self) -> None:
        """Measure the averaged weights, and keep them if they are the best so far."""
        step, policy = self.model.num_timesteps, self.ema_policy()
        found = self.validation_suite.evaluate_all(policy)
        ratio = mean_ratio(found, self.reference)
        self.validations.append(
            {
                "step": step,
                "ratio": ratio,
                **{f"{name}.total_cost": one.total_cost for name, one in found.items()},
            }
        )
        self.log.log_validation(step, found, self.reference)
        if self.config.logging.log_gantt:
            self.log.log_gantt(step, found, self.validation_suite.factories)
        if ratio < self.best_ratio:
            self.best_ratio = ratio
            self._save_policy(step, ratio, found)
        self._bar.set_postfix_str(
            f"cost {ratio:.3f} of the best rule's (best {self.best_ratio:.3f})"
        )

    def ema_policy(self) -> TrainedPolicy:
        """The policy with averaged weights."""
        average = {name: value.cpu() for name, value in self.average.items()}
        network = PointerNetwork(
            average["network.prior"], hidden_size=self.model.policy.network.hidden_size
        )
        network.load_state_dict(_under("network.", average))
        critic = Critic(network)
        critic.load_state_dict(_under("critic.", average))
        return TrainedPolicy(network, critic, self.config.learning.discount_time)

    def _save_policy(self, step: int, ratio: float, found: Mapping[str, ValidationResult]) -> None:
        rules = {
            name: {"rule": rule, "total_cost": self.reference[name].total_cost}
            for name, (rule, _) in self._rules.items()
        }
        facts = {
            **self._facts,
            "seed": self.config.seed,
            "factories": list(self.config.scenario.factories),
            "steps": step,
            "validation": {name: one.total_cost for name, one in found.items()},
            "validation_ratio": ratio,
            "best_rules": rules,
        }
        save_policy(self.folder / "policy", self.ema_policy(), to_toml(self.config), facts)

    def _finish(self) -> None:
        """Write the last validation and the run's figures, then the last checkpoint."""
        step = self.model.num_timesteps
        if not self.validations or self.validations[-1]["step"] != step:
            self._validate()
        settings = {
            key: value
            for section in ("network", "learning")
            for key, value in getattr(self.config, section)
            if isinstance(value, str | int | float)
        }
        self.log.log_end(
            step,
            {"seed": self.config.seed, **settings},
            {"final/ratio_to_best_rule": self.best_ratio},
        )
        self._ended = True
        self._save_checkpoint()

    # --- state ------------------------------------------------------------------------------------

    def _state(self) -> State:
        """Everything that what comes depends on."""
        model = self.model
        batches = [collector.shops.batch for collector in model.collectors]
        return {
            "features": network_input_hash(),
            "policy": model.policy.state_dict(),
            "optimizer": model.policy.optimizer.state_dict(),
            "average": self.average,
            "steps": model.num_timesteps,
            "updates": model._n_updates,
            "rollouts": model.rollouts,
            "random": [json.dumps(source.bit_generator.state) for source in self._random_sources()],
            "torch_random": torch.get_rng_state(),
            "episodes": [collector.shops.source.number for collector in model.collectors],
            "shops": [_to_tensors(batch.shop) for batch in batches],
            "tables": [_to_tensors(batch.tables) for batch in batches],
            "best_ratio": self.best_ratio,
            "validations": json.dumps(self.validations),
            "ended": self._ended,
        }

    def _random_sources(self) -> list[np.random.Generator]:
        return [
            *(collector.random for collector in self.model.collectors),
            self.model.rollout_buffer.random,
        ]

    def _restore(self, state: State) -> None:
        model = self.model
        if state["features"] != network_input_hash():
            raise TrainingError(
                f"{self.folder}: was trained on feature tables {state['features']}; the tables here"
                f" are {network_input_hash()}. Train anew."
            )
        model.policy.load_state_dict(state["policy"])
        model.policy.optimizer.load_state_dict(state["optimizer"])
        self.average = {name: value.to(model.device) for name, value in state["average"].items()}
        model.num_timesteps, model._n_updates, model.rollouts = (
            state["steps"],
            state["updates"],
            state["rollouts"],
        )
        for source, kept in zip(self._random_sources(), state["random"], strict=True):
            source.bit_generator.state = json.loads(kept)
        torch.set_rng_state(state["torch_random"])
        for collector, episode, shop, tables in zip(
            model.collectors, state["episodes"], state["shops"], state["tables"], strict=True
        ):
            collector.shops.source.number = episode
            _from_tensors(collector.shops.batch.shop, shop)
            _from_tensors(collector.shops.batch.tables, tables)
        model.go_on()
        self.best_ratio, self.validations = state["best_ratio"], json.loads(state["validations"])
        self._first_step, self._ended = state["steps"] + 1, state.get("ended", False)


class _TrainerCallback(BaseCallback):
    """Calls the trainer between rollouts."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self._trainer = trainer

    def _on_rollout_start(self) -> None:
        self._trainer.between_rollouts()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self._trainer.between_rollouts()


def _under(prefix: str, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of one part of a policy."""
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def split_evenly(envs: int, parts: int) -> list[int]:
    """``envs`` dealt out to ``parts`` as evenly as can be; parts that would get none are left
    out."""
    return [
        share
        for share in (envs // parts + (number < envs % parts) for number in range(parts))
        if share
    ]


def _to_tensors(struct: ArrayStruct) -> dict[str, torch.Tensor]:
    """Bytes of all arrays of a bundle."""
    return {
        field.name: torch.from_numpy(_bytes_of(struct, field.name).copy())
        for field in fields(struct)
    }


def _from_tensors(struct: ArrayStruct, kept: Mapping[str, torch.Tensor]) -> None:
    for field in fields(struct):
        _bytes_of(struct, field.name)[:] = kept[field.name].numpy()


def _bytes_of(struct: ArrayStruct, name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return getattr(struct, name).view(np.ndarray).reshape(-1).view(np.uint8)
