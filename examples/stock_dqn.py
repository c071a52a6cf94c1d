"""Stock DQN of Stable-Baselines3, off-policy and without masks.

An illegal action is replaced by the next legal row. ``python examples/stock_dqn.py --steps 20000``
trains it; evaluate it like ``examples/stock_maskable_ppo.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from stable_baselines3 import DQN

from agents.ppo.vec_env import ShopVecEnv
from factory.io.catalogue import find_single_factory


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the policy and save its checkpoint."""
    parser = argparse.ArgumentParser(
        description="stock DQN", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=200_000, help="number of training steps")
    parser.add_argument("--out", type=Path, default=Path("dqn.zip"), help="file of the checkpoint")
    options = parser.parse_args(arguments)
    env = ShopVecEnv([find_single_factory("microfactory")], num_envs=4, illegal_actions="replace")
    starts = min(2_000, options.steps // 2)
    model = DQN(
        "MultiInputPolicy",
        env,
        buffer_size=20_000,
        learning_starts=starts,
        train_freq=4,
        gamma=0.999,
        verbose=1,
        seed=0,
    )
    model.learn(options.steps)
    model.save(options.out)


if __name__ == "__main__":
    main()
