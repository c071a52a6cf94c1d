"""Kill a training run again and again at random moments, resume it each time, and compare its
weights bit for bit with those of a run left in peace.

``python -m benchmarks.kill_and_resume --kills 10`` exits with 1 if any bit differs. Kills come so
early that all of them should hit the run at work.
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
"""Latest moment of a kill, as a share of the whole run's time; much of it passes before the first
rollout."""
COMMAND = [sys.executable, "train.py", "--no-test"]


def run_whole(config: Path, changes: list[str], folder: Path) -> float:
    """Train without a disturbance; the seconds it took."""
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
    """Train with ``kills`` kills, each up to ``longest`` seconds after its start; how many hit a
    run that was still at work."""
    hit = 0
    for attempt in range(kills + 1):
        begun = (folder / "config.toml").exists()
        arguments = (
            ["--resume", str(folder)]
            if begun
            else ["--config", str(config), *changes, "--out", str(folder)]
        )
        process = subprocess.Popen(
            [*COMMAND, *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            process.wait(moments.uniform(0.0, longest) if attempt < kills else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            hit += 1
        print(
            f"kill {attempt + 1}: {'hit' if process.returncode else 'the run had ended'}"
            if attempt < kills
            else "left in peace"
        )
    return hit


def same_weights(one: Path, other: Path) -> bool:
    """Whether the last states of two runs have the same weights, optimiser and policy to the
    bit."""
    states = [read_newest(folder / "checkpoints")[0] for folder in (one, other)]
    if states[0] is None or states[1] is None:
        return False
    same = all(
        torch.equal(value, states[1]["policy"][name]) for name, value in states[0]["policy"].items()
    )
    return (
        same
        and (one / "policy" / "weights.npz").read_bytes()
        == (other / "policy" / "weights.npz").read_bytes()
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description="kill and resume", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=Path("configs/training/smoke.toml"))
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        help="change a setting, as for train.py",
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    changes = [part for change in (STEPS, *options.changes) for part in ("--set", change)]
    with tempfile.TemporaryDirectory() as name:
        whole, killed = Path(name) / "whole", Path(name) / "killed"
        seconds = run_whole(options.config, changes, whole)
        print(f"left in peace: {seconds:.1f} s")
        hit = run_killed(
            options.config,
            changes,
            killed,
            options.kills,
            LATEST * seconds,
            random.Random(options.seed),
        )
        same = same_weights(whole, killed)
    print(
        f"{hit} of {options.kills} kills hit a run at work; weights"
        f" {'equal, bit for bit' if same else 'DIFFER'}"
    )
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
