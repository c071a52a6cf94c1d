"""Stock MaskablePPO of sb3-contrib on the microfactory, with masks.

``python examples/stock_maskable_ppo.py --steps 20000`` trains it, and ``python evaluate.py
--factory microfactory --policies ATCS,mine=maskable_ppo.zip --episodes 16`` evaluates the
checkpoint beside the rules.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sb3_contrib import MaskablePPO

from agents.ppo.vec_env import ShopVecEnv
from factory.io.catalogue import find_single_factory


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the policy and save its checkpoint."""
    parser = argparse.ArgumentParser(
        description="stock MaskablePPO", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=200_000, help="number of training steps")
    parser.add_argument(
        "--out", type=Path, default=Path("maskable_ppo.zip"), help="file of the checkpoint"
    )
    options = parser.parse_args(arguments)
    env = ShopVecEnv([find_single_factory("microfactory")], num_envs=16)
    model = MaskablePPO(
        "MultiInputPolicy", env, n_steps=128, batch_size=512, gamma=0.999, verbose=1, seed=0
    )
    model.learn(options.steps)
    model.save(options.out)


if __name__ == "__main__":
    main()
