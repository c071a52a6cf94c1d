"""Training steps per second: this project's PPO and stock MaskablePPO, in one run.

``python -m benchmarks.training_speed --json FILE`` prints a table and writes the numbers. Both have
the same network, environment, rollout, minibatches and epochs. Stock MaskablePPO collects rollouts
through Stable-Baselines3's loop into its own dictionary buffer and evaluates all rows of the
candidate table, masked; this project's PPO collects without that loop and evaluates legal rows
only. The two are measured in turn several times; the median is reported. A step is one decision
that is collected and learned from.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from agents.index.policy import as_array, atcs_weights
from agents.network.features_torch import machine_features, row_features, shop_features
from agents.network.pointer_network import NetworkInput, symlog
from agents.ppo.actor_critic import PointerActorCriticPolicy
from agents.ppo.semi_markov_ppo import SemiMarkovPPO
from agents.ppo.vec_env import ShopVecEnv
from agents.training.memory import keep_memory
from agents.training.trainer import split_evenly
from benchmarks.machine import describe_hardware
from factory.io.catalogue import find_single_factory

_NEVER = -1e9  # logit of a row that is not legal


class PaddedPolicy(PointerActorCriticPolicy):
    """The same network over all rows, illegal ones masked, for stock MaskablePPO."""

    def _evaluate(self, observation: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return masked log-probabilities ``[N, A]`` and values ``[N]``."""
        network, legal = self.network, observation["action_mask"] > 0
        count, rows = legal.shape
        of_rows = observation["shop"].unsqueeze(1).expand(-1, rows, -1).flatten(0, 1)
        features = row_features(observation["candidates"].flatten(0, 1), of_rows)
        encoded = network.row_encoder(symlog(features)).view(count, rows, network.hidden_size)
        shown = encoded * legal.unsqueeze(2)
        mean = shown.sum(dim=1) / legal.sum(dim=1, keepdim=True).clamp(min=1)
        machines = network.pool_machines(
            machine_features(observation["machines"], observation["shop"])
        )
        summary = torch.cat(
            [mean, shown.amax(dim=1), machines, shop_features(observation["shop"])], dim=1
        )  # encodings are never negative
        context = network.context_part(network.context(summary)).unsqueeze(1)
        logits = (features @ network.prior).view(count, rows) + network.row_head(
            torch.relu_(network.row_part(encoded) + context)
        ).squeeze(2)
        log_probabilities = torch.log_softmax(
            torch.where(legal, logits, torch.full((), _NEVER)), dim=1
        )
        return log_probabilities, network.value_head(summary).squeeze(1)

    def forward(  # type: ignore[override]
        self, obs: dict[str, Tensor], deterministic: bool = False, action_masks: Any = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions, values and log-probabilities ``[N]``."""
        log_probabilities, values = self._evaluate(obs)
        actions = torch.multinomial(log_probabilities.exp(), 1).squeeze(1)
        return actions, values, log_probabilities.gather(1, actions[:, None]).squeeze(1)

    def evaluate_actions(  # type: ignore[override]
        self, obs: dict[str, Tensor], actions: Tensor, action_masks: Any = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return values, log-probabilities of ``actions`` and entropies ``[N]``."""
        log_probabilities, values = self._evaluate(obs)
        entropy = -(log_probabilities.exp() * log_probabilities).sum(dim=1)
        return values, log_probabilities.gather(1, actions[:, None]).squeeze(1), entropy

    def predict_values(self, obs: Any) -> Tensor:
        """Return values ``[N]``."""
        if isinstance(obs, NetworkInput):
            return super().predict_values(obs)
        return self._evaluate(obs)[1]


class _RolloutTimes(BaseCallback):
    """Times of the start of every rollout and of the end."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def _on_rollout_start(self) -> None:
        self.times.append(time.perf_counter())

    def _on_training_end(self) -> None:
        self.times.append(time.perf_counter())

    def _on_step(self) -> bool:
        return True


def measure(algorithm: str, settings: argparse.Namespace) -> float:
    """Return the steps per second of one algorithm, without its first rollout."""
    envs = settings.envs
    factories = [find_single_factory(settings.factory)]
    policy = {
        "prior": as_array(atcs_weights(2.0, 0.5, detour=0.0, wait=-3.0, ahead=-3.0)).tolist(),
        "prior_scale": 3.0,
        "hidden_size": 64,
    }
    common: dict[str, Any] = {
        "n_steps": settings.steps,
        "batch_size": settings.minibatch,
        "n_epochs": settings.epochs,
        "policy_kwargs": policy,
        "seed": 0,
    }
    model: MaskablePPO
    if algorithm == "ours":
        model = SemiMarkovPPO(
            [ShopVecEnv(factories, share) for share in split_evenly(envs, settings.threads)],
            device="cpu",
            **common,
        )
    else:
        model = MaskablePPO(PaddedPolicy, ShopVecEnv(factories, envs), device="cpu", **common)
    callback = _RolloutTimes()
    steps = envs * settings.steps
    model.learn(steps * (1 + settings.rollouts), callback=callback, log_interval=None)  # type: ignore[arg-type]
    times = callback.times
    return float(steps * (len(times) - 2) / (times[-1] - times[1]))


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="training steps per second",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--factory", default="microfactory", help="shipped factory, or a TOML file")
    parser.add_argument("--envs", type=int, default=256, help="number of environments")
    parser.add_argument(
        "--steps", type=int, default=64, help="steps of an environment in a rollout"
    )
    parser.add_argument("--minibatch", type=int, default=512, help="size of a minibatch")
    parser.add_argument("--epochs", type=int, default=2, help="epochs over each rollout")
    parser.add_argument("--rollouts", type=int, default=2, help="number of measured rollouts")
    parser.add_argument(
        "--repeats", type=int, default=3, help="measurements of each; the median is reported"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="number of threads"
    )
    return parser.parse_args(arguments)


def main() -> None:
    """Measure, print and write the figures."""
    settings = read_arguments()
    keep_memory()
    torch.set_num_threads(settings.threads)
    measured: dict[str, list[float]] = {"ours": [], "stock": []}
    for _ in range(settings.repeats):
        for algorithm, speeds in measured.items():
            speeds.append(measure(algorithm, settings))
    medians = {
        algorithm: round(statistics.median(speeds)) for algorithm, speeds in measured.items()
    }
    report = {
        "steps_per_second": medians,
        "ratio": round(medians["ours"] / medians["stock"], 2),
        "settings": {name: str(value) for name, value in vars(settings).items() if name != "json"},
        "machine": describe_hardware(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    print(
        f"this project {medians['ours']:,} steps/s, stock MaskablePPO {medians['stock']:,} steps/s;"
        f" ratio {report['ratio']}"
    )
    if settings.json:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        settings.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
