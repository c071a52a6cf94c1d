"""Training steps a second: ours against stock MaskablePPO with the same network, environment,
rollout, minibatches and epochs, in one run.

``python -m benchmarks.training_speed --json FILE`` prints a table and writes the numbers. Stock
MaskablePPO gathers through Stable-Baselines3's loop into its own dictionary buffer and evaluates
all rows of the candidate table, masked; ours gathers without it and evaluates legal rows alone. The
two are measured in turn, several times over; the median counts. A step is one decision gathered and
learnt from.
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
from benchmarks.env_speed import processor
from factory.io.catalogue import find_single_factory

_NEVER = -1e9  # logit of a row that is not legal


class PaddedPolicy(PointerActorCriticPolicy):
    """The same network over all rows of the tables, the illegal ones masked, for stock
    MaskablePPO."""

    def _look(self, observation: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Masked log-probabilities ``[N, A]`` and values ``[N]``."""
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
        """Actions, values and log-probabilities ``[N]``."""
        log_probabilities, values = self._look(obs)
        actions = torch.multinomial(log_probabilities.exp(), 1).squeeze(1)
        return actions, values, log_probabilities.gather(1, actions[:, None]).squeeze(1)

    def evaluate_actions(  # type: ignore[override]
        self, obs: dict[str, Tensor], actions: Tensor, action_masks: Any = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Values, log-probabilities of ``actions`` and entropies ``[N]``."""
        log_probabilities, values = self._look(obs)
        entropy = -(log_probabilities.exp() * log_probabilities).sum(dim=1)
        return values, log_probabilities.gather(1, actions[:, None]).squeeze(1), entropy

    def predict_values(self, obs: Any) -> Tensor:
        """Values ``[N]``."""
        return super().predict_values(obs) if isinstance(obs, NetworkInput) else self._look(obs)[1]


class _Ticks(BaseCallback):
    """The time at the start of every rollout and at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def _on_rollout_start(self) -> None:
        self.times.append(time.perf_counter())

    def _on_training_end(self) -> None:
        self.times.append(time.perf_counter())

    def _on_step(self) -> bool:
        return True


def measure(which: str, settings: argparse.Namespace) -> float:
    """Steps a second of one algorithm; its first rollout does not count."""
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
    if which == "ours":
        model = SemiMarkovPPO(
            [ShopVecEnv(factories, share) for share in split_evenly(envs, settings.threads)],
            device="cpu",
            **common,
        )
    else:
        model = MaskablePPO(PaddedPolicy, ShopVecEnv(factories, envs), device="cpu", **common)
    ticks = _Ticks()
    model.learn(envs * settings.steps * (1 + settings.rollouts), callback=ticks, log_interval=None)  # type: ignore[arg-type]
    return float(
        envs * settings.steps * (len(ticks.times) - 2) / (ticks.times[-1] - ticks.times[1])
    )


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="training steps a second",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--factory", default="microfactory")
    parser.add_argument("--envs", type=int, default=256)
    parser.add_argument("--steps", type=int, default=64, help="of every environment in a rollout")
    parser.add_argument("--minibatch", type=int, default=512)
    parser.add_argument(
        "--epochs", type=int, default=2, help="over each rollout, as in configs/training"
    )
    parser.add_argument("--rollouts", type=int, default=2, help="that are measured")
    parser.add_argument(
        "--repeats", type=int, default=3, help="measurements of each; their median counts"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(arguments)


def main() -> None:
    settings = read_arguments()
    keep_memory()
    torch.set_num_threads(settings.threads)
    found: dict[str, list[float]] = {"ours": [], "stock": []}
    for _ in range(settings.repeats):
        for which, speeds in found.items():
            speeds.append(measure(which, settings))
    medians = {which: round(statistics.median(speeds)) for which, speeds in found.items()}
    report = {
        "steps_per_second": medians,
        "ratio": round(medians["ours"] / medians["stock"], 2),
        "settings": {name: str(value) for name, value in vars(settings).items() if name != "json"},
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
        },
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    print(
        f"ours {medians['ours']:,} steps/s, stock MaskablePPO {medians['stock']:,} steps/s:"
        f" {report['ratio']} times"
    )
    if settings.json:
        settings.json.parent.mkdir(parents=True, exist_ok=True)
        settings.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
