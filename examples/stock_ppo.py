"""Stock PPO of Stable-Baselines3, without masks: a legal row replaces an illegal action.

``python examples/stock_ppo.py --steps 20000`` trains it, and
``python evaluate.py --policies ATCS,mine=ppo.zip --episodes 16`` evaluates the checkpoint.
docs/training.md, "Stock algorithms", explains wrapper and features.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from agents.ppo.table_features import TableFeatures
from envs.elapsed_time_discount import ElapsedTimeDiscount
from envs.registration import ENV_ID


def make_env(factory: str) -> ElapsedTimeDiscount:
    """Return an environment by its id, discounted by elapsed time."""
    return ElapsedTimeDiscount(gymnasium.make(ENV_ID, factory=factory), discount_time=6.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the policy and save its checkpoint."""
    parser = argparse.ArgumentParser(
        description="stock PPO", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--factory", default="microfactory", help="name or file of the factory")
    parser.add_argument("--steps", type=int, default=200_000, help="number of training steps")
    parser.add_argument("--out", type=Path, default=Path("ppo.zip"), help="file of the checkpoint")
    options = parser.parse_args(arguments)
    env = make_vec_env(lambda: make_env(options.factory), n_envs=16, seed=0)
    model = PPO(
        "MultiInputPolicy",
        env,
        gamma=1.0,  # the wrapper discounts by elapsed time
        policy_kwargs={"features_extractor_class": TableFeatures},
        n_steps=128,
        batch_size=128,
        n_epochs=4,
        learning_rate=1e-3,
        gae_lambda=0.98,
        verbose=1,
        seed=0,
    )
    model.learn(options.steps)
    model.save(options.out)


if __name__ == "__main__":
    main()
