"""Stock PPO of Stable-Baselines3, without masks.

An illegal action is replaced by the next legal row. ``python examples/stock_ppo.py --steps 20000``
trains it; evaluate it like ``examples/stock_maskable_ppo.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from stable_baselines3 import PPO

from agents.ppo.vec_env import ShopVecEnv
from factory.io.catalogue import find_single_factory


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the policy and save its checkpoint."""
    parser = argparse.ArgumentParser(
        description="stock PPO", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=200_000, help="number of training steps")
    parser.add_argument("--out", type=Path, default=Path("ppo.zip"), help="file of the checkpoint")
    options = parser.parse_args(arguments)
    env = ShopVecEnv([find_single_factory("microfactory")], num_envs=16, illegal_actions="replace")
    model = PPO(
        "MultiInputPolicy", env, n_steps=128, batch_size=512, gamma=0.999, verbose=1, seed=0
    )
    model.learn(options.steps)
    model.save(options.out)


if __name__ == "__main__":
    main()
