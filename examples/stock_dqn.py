"""Stock DQN of Stable-Baselines3, off-policy and without masks.

``python examples/stock_dqn.py --steps 20000`` trains it, and
``python evaluate.py --policies ATCS,mine=dqn.zip --episodes 16`` evaluates the checkpoint.
docs/training.md, "Stock algorithms", explains wrapper and features.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import gymnasium
from stable_baselines3 import DQN
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
        description="stock DQN", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--factory", default="microfactory", help="name or file of the factory")
    parser.add_argument("--steps", type=int, default=200_000, help="number of training steps")
    parser.add_argument("--out", type=Path, default=Path("dqn.zip"), help="file of the checkpoint")
    options = parser.parse_args(arguments)
    env = make_vec_env(lambda: make_env(options.factory), n_envs=4, seed=0)
    model = DQN(
        "MultiInputPolicy",
        env,
        gamma=1.0,  # the wrapper discounts by elapsed time
        policy_kwargs={"features_extractor_class": TableFeatures},
        buffer_size=50_000,
        gradient_steps=2,
        learning_starts=min(2_000, options.steps // 2),
        verbose=1,
        seed=0,
    )
    model.learn(options.steps)
    model.save(options.out)


if __name__ == "__main__":
    main()
