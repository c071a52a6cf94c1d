"""Kill a training run repeatedly, resume it each time, and compare the weights bit for bit.

``python -m benchmarks.kill_and_resume --kills 10`` compares with an undisturbed run and exits with
1 if any bit differs. Kills come at random moments, so early that nearly all of them hit a running
process.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from agents.training.checkpoints import read_newest

STEPS = "learning.total_timesteps=65536"
LATEST = 0.35
"""Latest moment of a kill, as a share of the undisturbed run's time; much of it passes before the
first rollout."""
COMMAND = [sys.executable, "train.py", "--no-test"]


def run_whole(config: Path, changes: list[str], folder: Path) -> float:
    """Train undisturbed and return the duration in seconds."""
    start = time.perf_counter()
    subprocess.run(
        [*COMMAND, "--config", str(config), *changes, "--out", str(folder)],
        check=True,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def run_killed(
    config: Path,
    changes: list[str],
    folder: Path,
    kills: int,
    longest: float,
    moments: random.Random,
) -> int:
    """Train with ``kills`` kills and return the number of kills that hit a running process.

    Each kill comes at most ``longest`` seconds after the start of the process.
    """
    hit = 0
    for attempt in range(kills + 1):
        arguments = ["--config", str(config), *changes, "--out", str(folder)]
        if (folder / "config.toml").exists():
            arguments = ["--resume", str(folder)]
        process = subprocess.Popen(
            [*COMMAND, *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            process.wait(moments.uniform(0.0, longest) if attempt < kills else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            hit += 1
        if attempt < kills:
            print(f"kill {attempt + 1}: {'hit' if process.returncode else 'the run had ended'}")
        else:
            print("undisturbed to the end")
    return hit


def same_weights(run: Path, other: Path) -> bool:
    """Return True if the last states of two runs have bit-equal weights and policies."""
    states = [read_newest(folder / "checkpoints")[0] for folder in (run, other)]
    if states[0] is None or states[1] is None:
        return False
    weights = [(folder / "policy" / "weights.npz").read_bytes() for folder in (run, other)]
    return weights[0] == weights[1] and all(
        torch.equal(value, states[1]["policy"][name]) for name, value in states[0]["policy"].items()
    )


def main() -> int:
    """Compare the runs and return the exit status."""
    parser = argparse.ArgumentParser(
        description="kill and resume", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("configs/training/smoke.toml"),
        help="configuration of the training run",
    )
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        help="change a setting, as for train.py",
    )
    parser.add_argument("--kills", type=int, default=10, help="number of kills")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments of the kills")
    options = parser.parse_args()
    changes = [part for change in (STEPS, *options.changes) for part in ("--set", change)]
    with tempfile.TemporaryDirectory() as name:
        whole, killed = Path(name) / "whole", Path(name) / "killed"
        seconds = run_whole(options.config, changes, whole)
        print(f"undisturbed: {seconds:.1f} s")
        moments = random.Random(options.seed)
        hit = run_killed(options.config, changes, killed, options.kills, LATEST * seconds, moments)
        same = same_weights(whole, killed)
    print(
        f"{hit} of {options.kills} kills hit a running process; weights"
        f" {'equal, bit for bit' if same else 'DIFFER'}"
    )
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
