"""Stock PPO of Stable-Baselines3, which knows no masks: an action that is not legal stands for the
next legal row.

``python examples/stock_ppo.py --steps 20000``; evaluate it like ``examples/stock_maskable_ppo.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from stable_baselines3 import PPO

from agents.ppo.vec_env import ShopVecEnv
from factory.io.catalogue import find_single_factory


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="stock PPO", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=200_000, help="decisions to learn from")
    parser.add_argument("--out", type=Path, default=Path("ppo.zip"))
    options = parser.parse_args(arguments)
    env = ShopVecEnv([find_single_factory("microfactory")], num_envs=16, illegal_actions="replace")
    model = PPO(
        "MultiInputPolicy", env, n_steps=128, batch_size=512, gamma=0.999, verbose=1, seed=0
    )
    model.learn(options.steps)
    model.save(options.out)


if __name__ == "__main__":
    main()
