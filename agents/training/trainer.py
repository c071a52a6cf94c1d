"""A training run: from a config to a folder with events, checkpoints and the best policy.

Training is resumable: a run that was killed at any moment resumes to the same weights, bit for bit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from tqdm import tqdm

from agents.index.feature_table import FEATURES, network_input_hash
from agents.index.policy import RULE_FALLBACKS, atcs_weights
from agents.network.trained_policy import TrainedPolicy, load_policy, save_policy
from agents.policy import Policy
from agents.ppo.semi_markov_ppo import SemiMarkovPPO
from agents.ppo.vec_env import ShopVecEnv
from agents.training.checkpoints import State, read_newest, save_checkpoint
from agents.training.config import TrainingConfig, to_toml
from agents.training.memory import keep_memory
from agents.training.mixture import training_sources
from agents.training.resumption import keep_resumed
from agents.training.run_state import capture_model, restore_model
from agents.training.stop_request import StopRequest, TrainingStopped
from agents.training.tensorboard import TrainingLog
from agents.training.user_hooks import load_network_class, open_logging_hook
from agents.training.validation import ValidationResult, ValidationSuite, mean_ratio
from factory.io.atomic_write import write_atomically
from factory.progress import say

EPISODES_A_SEED = 2**32
"""Episodes of the block ``train`` that belong to one training seed."""


class TrainingError(RuntimeError):
    """A run that cannot begin, or cannot resume."""


class Trainer:
    """One training run.

    Parameters
    ----------
    config
        Settings of the run.
    folder
        Folder of the run: ``config.toml``, ``checkpoints/``, ``events/``, ``policy/`` (the best so
        far).
    prior
        Weights of the index that is the network's prior, by feature; None for the prior ``atcs`` or
        ``none`` of the config.
    references
        Name and policy of the rule to compare with on the validation episodes, by scenario.
    device
        ``cpu`` or ``cuda``.
    facts
        Entries for the policy's manifest, such as versions and commit.
    show
        Show a progress bar.
    stop
        Request to stop, which is followed between rollouts; None: none can come.
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
        stop: StopRequest | None = None,
    ) -> None:
        self.config, self.folder, self.show = config, folder, show
        self._prior, self._rules = prior, references
        self._device, self._facts = device, dict(facts or {})
        self.best_ratio, self.validations = float("inf"), list[dict[str, float]]()
        self._first_step, self._ended = 0, False
        self._stop = stop or StopRequest()
        self._network_class = load_network_class(config.network)

    # --- building ---------------------------------------------------------------------------------

    def _open(self) -> None:
        """Allocate environments and learner, and measure the reference rules."""
        config = self.config
        keep_memory()
        torch.set_num_threads(config.threads)
        if self.show:
            say("loading factories, and measuring the rules on the validation episodes ...")
        self.validation_suite = ValidationSuite(
            config.scenario.validation_factories or config.scenario.factories,
            config.logging.validation_episodes,
            config.scenario.orders,
        )
        self.reference = {
            name: self.validation_suite.evaluate(name, rule)
            for name, (_, rule) in self._rules.items()
        }
        self.model = SemiMarkovPPO(
            self._make_shops(),
            **config.learning.ppo_arguments(),
            policy_kwargs=self._initial_network(),
            seed=config.seed,
            device=self._device,
        )
        self.model.set_logger(Logger(folder=None, output_formats=[]))
        self.average = {
            name: value.clone() for name, value in self.model.policy.state_dict().items()
        }

    def _make_shops(self) -> list[ShopVecEnv]:
        """Return the environments of each thread; threads have separate ranges of episodes."""
        scenario, seed, threads = self.config.scenario, self.config.seed, self.config.threads
        sources = training_sources(
            scenario.factories, scenario.num_generated, scenario.orders, seed * EPISODES_A_SEED
        )
        return [
            ShopVecEnv(
                [factory for factory, _ in sources],
                num_envs,
                books=[book for _, book in sources],
                first_episode=seed * EPISODES_A_SEED + thread * (EPISODES_A_SEED // threads),
            )
            for thread, num_envs in enumerate(split_evenly(self.config.learning.num_envs, threads))
        ]

    def _initial_network(self) -> dict[str, Any]:
        """Return the arguments of :class:`agents.ppo.actor_critic.PointerActorCriticPolicy`."""
        network = self.config.network
        if network.init_from is None:
            return {
                "prior": self._prior_weights(),
                "fallbacks": RULE_FALLBACKS if network.prior == "atcs" else None,
                "prior_scale": network.prior_scale,
                "hidden_size": network.hidden_size,
                "network_class": self._network_class,
            }
        trained = load_policy(network.init_from)
        return {
            "prior": [0.0] * len(FEATURES),
            "prior_scale": 1.0,
            "hidden_size": trained.network.hidden_size,
            "weights": trained.network.state_dict(),
            "critic_weights": None if trained.critic is None else trained.critic.state_dict(),
        }

    def _prior_weights(self) -> list[float]:
        prior = self.config.network.prior
        if prior == "none":
            return [0.0] * len(FEATURES)
        if prior == "atcs" or self._prior is None:
            weights = atcs_weights(2.0, 0.5, detour=0.0, wait=0.0, ahead=0.0)
        else:
            weights = dict(self._prior)
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
                f"{self.folder}: holds a run already. Continue it with --resume {self.folder}, or"
                " name another folder with --out."
            )
        self._open()  # first, so that a run that cannot begin leaves no folder
        write_atomically(self.folder / "config.toml", to_toml(self.config))
        self.model.begin_episodes()
        self._train()

    def resume(self) -> None:
        """Continue from the newest undamaged checkpoint; from the start if there is none.

        Raises
        ------
        TrainingError
            If the checkpoint was made for other feature tables.
        """
        keep_resumed(self.folder, self.config)
        self._open()
        state, errors = read_newest(self.folder / "checkpoints")
        for error in errors:
            print(f"{error} The one before it is used.", file=sys.stderr)
        if state is None:
            self.model.begin_episodes()
        else:
            self._restore(state)
        self._train()

    def _train(self) -> None:
        total, done = self.config.learning.total_timesteps, self.model.num_timesteps
        hook = open_logging_hook(self.config, self.folder)
        self.log = TrainingLog(self.folder / "events", self._first_step, hook)
        with tqdm(
            total=total,
            initial=done,
            unit=" steps",
            unit_scale=True,
            disable=not self.show,
            dynamic_ncols=True,
            smoothing=0.05,
        ) as bar:
            self._bar, self._noted_rollouts = bar, self.model.rollouts
            try:
                if not (self._ended and done >= total):  # else everything was written before
                    self._learn(total, done)
            finally:
                self.log.close()
        self._write_validations()

    def _write_validations(self) -> None:
        """Write the figures of all validations so far, which learning curves are drawn from."""
        text = json.dumps(self.validations, indent=1) + "\n"
        write_atomically(self.folder / "validation.json", text)

    def _learn(self, total: int, done: int) -> None:
        """Train from step ``done`` to the end of the run, and write its final figures."""
        if not self.validations:
            self._validate()
        if done < total:
            with self._stop.deferred():
                self.model.learn(
                    total - done,
                    callback=_TrainerCallback(self),
                    log_interval=None,  # type: ignore[arg-type]
                    reset_num_timesteps=False,
                )
        self._finish()

    def between_rollouts(self) -> None:
        """Average the weights, then log, validate and save what is due after a rollout."""
        model, logging = self.model, self.config.logging
        if model.rollouts == self._noted_rollouts:
            return
        self._noted_rollouts = model.rollouts
        decay = self.config.learning.ema_decay
        for name, value in model.policy.state_dict().items():
            self.average[name].mul_(decay).add_(value, alpha=1 - decay)
        self.log.log_rollout(model.num_timesteps, model.stats, model.logger, model.n_envs)
        self._bar.update(model.num_timesteps - self._bar.n)
        if model.rollouts % logging.validation_interval == 0:
            self._validate()
        # The last checkpoint is left to _finish: nothing of a step may be written after its
        # checkpoint, or a run resumed from it would write it twice.
        is_last = model.num_timesteps >= self.config.learning.total_timesteps
        if self._stop.is_wanted and not is_last:
            raise TrainingStopped(self._save_checkpoint(), model.num_timesteps)
        if model.rollouts % logging.checkpoint_interval == 0 and not is_last:
            self._save_checkpoint()

    def _save_checkpoint(self) -> Path:
        """Write the state, after all events up to it: a resumed run does not write them again."""
        self.log.flush()
        state, kept = self._state(), self.config.logging.keep_checkpoints
        return save_checkpoint(self.folder / "checkpoints", self.model.num_timesteps, state, kept)

    def _validate(self) -> None:
        """Validate the averaged weights, and save them if they are the best so far."""
        step = self.model.num_timesteps
        results = self.validation_suite.evaluate_all(self.ema_policy())
        ratio = mean_ratio(results, self.reference)
        costs = {f"{name}.total_cost": result.total_cost for name, result in results.items()}
        self.validations.append({"step": step, "ratio": ratio, **costs})
        self._write_validations()
        self.log.log_validation(step, results, self.reference)
        if self.config.logging.log_gantt:
            self.log.log_gantt(step, results, self.validation_suite.factories)
        if ratio < self.best_ratio:
            self.best_ratio = ratio
            self._save_policy(step, ratio, results)
        self._bar.set_postfix_str(
            f"cost {ratio:.3f} of the best rule's (best {self.best_ratio:.3f})"
        )

    def ema_policy(self) -> TrainedPolicy:
        """Return the policy with averaged weights."""
        average = {name: value.cpu() for name, value in self.average.items()}
        network, critic = self.model.policy.copies_with(average)
        return TrainedPolicy(network, critic, self.config.learning.discount_time)

    def _save_policy(
        self, step: int, ratio: float, results: Mapping[str, ValidationResult]
    ) -> None:
        rules = {
            name: {"rule": rule, "total_cost": self.reference[name].total_cost}
            for name, (rule, _) in self._rules.items()
        }
        facts = {
            **self._facts,
            "seed": self.config.seed,
            "factories": list(self.config.scenario.factories),
            "steps": step,
            "validation": {name: result.total_cost for name, result in results.items()},
            "validation_ratio": ratio,
            "best_rules": rules,
        }
        save_policy(self.folder / "policy", self.ema_policy(), to_toml(self.config), facts)

    def _finish(self) -> None:
        """Write the last validation and the final figures, then the last checkpoint."""
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
        """Return everything that the rest of the run depends on."""
        return {
            **capture_model(self.model),
            "average": self.average,
            "best_ratio": self.best_ratio,
            "validations": json.dumps(self.validations),
            "ended": self._ended,
        }

    def _restore(self, state: State) -> None:
        if state["features"] != network_input_hash():
            raise TrainingError(
                f"{self.folder}: was trained on feature tables {state['features']}; the tables here"
                f" are {network_input_hash()}. Train anew."
            )
        restore_model(self.model, state)
        device = self.model.device
        self.average = {name: value.to(device) for name, value in state["average"].items()}
        self.best_ratio = state["best_ratio"]
        self.validations = json.loads(state["validations"])
        self._first_step, self._ended = state["steps"] + 1, state.get("ended", False)


class _TrainerCallback(BaseCallback):
    """Callback that calls the trainer between rollouts."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self._trainer = trainer

    def _on_rollout_start(self) -> None:
        self._trainer.between_rollouts()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self._trainer.between_rollouts()


def split_evenly(num_envs: int, parts: int) -> list[int]:
    """Return the sizes of up to ``parts`` nearly equal parts of ``num_envs``; no part is empty."""
    whole, rest = divmod(num_envs, parts)
    sizes = [whole + (part < rest) for part in range(parts)]
    return [size for size in sizes if size]
