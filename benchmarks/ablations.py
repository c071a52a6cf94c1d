"""Ablations of training: the same short run without one part at a time.

``python -m benchmarks.ablations --steps 4000000 --json FILE`` trains each variant with the same
settings and seeds. It reports the cost on the episodes of ``validate`` as a share of the best tuned
rule's, for the weights with the lowest cost there and for the last ones, and steps per second.
``--processes`` variants run at a time, with one thread each.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from agents.ppo.rollout_collector import RolloutCollector
from agents.training import trainer as training
from agents.training.config import TrainingConfig, parse_config
from agents.training.mixture import training_sources
from agents.training.trainer import Trainer
from benchmarks.machine import describe_hardware
from evaluation.tuned_parameters import best_tuned_rule, tuned_index
from factory.io.atomic_write import write_atomically
from factory.model import Factory

FACTORY = "microfactory"
_SHORT_WAIT = 2
"""Ticks after which a wait ends in the variant with short waits: about the time between two events
of this factory."""

_MEAN_GAP = 6.0
"""Mean ticks between two decisions of the factory under its index."""


@dataclass(frozen=True)
class Variant:
    """A variant of training without one part."""

    name: str
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    change: str = ""  # name of the patch


VARIANTS = (
    Variant("all parts"),
    Variant("discount and GAE per decision", change="decisions"),
    Variant("no prior", {"network": {"prior": "none"}}),
    Variant(
        "prior: ATCS instead of the evolved index",
        {"network": {"prior": "atcs", "prior_scale": 2.0}},
    ),
    Variant("Huber loss instead of squared error", change="huber"),
    Variant("waits end after two minutes", change="short waits"),
    Variant("critic without privileged features", change="plain critic"),
    Variant("no entropy bonus", {"learning": {"ent_coef": 0.0, "final_ent_coef": 0.0}}),
    Variant("GAE time of 25 mean process times", {"learning": {"gae_time": 25.0}}),
)


def with_short_waits(factory: Factory) -> Factory:
    """Return the factory with waits that end after :data:`_SHORT_WAIT` ticks."""
    centres = tuple(
        centre.model_copy(update={"longest_wait": _SHORT_WAIT}) for centre in factory.work_centres
    )
    return factory.model_copy(update={"work_centres": centres})


@contextlib.contextmanager
def patched(change: str) -> Iterator[None]:
    """Take a part away within the context."""
    with contextlib.ExitStack() as stack:
        if change == "huber":
            stack.enter_context(
                mock.patch("torch.nn.functional.mse_loss", torch.nn.functional.smooth_l1_loss)
            )
        elif change == "plain critic":
            stack.enter_context(
                mock.patch(
                    "agents.network.critic_features.privileged_critic_features", return_value=None
                )
            )
        elif change == "decisions":
            stack.enter_context(mock.patch.object(RolloutCollector, "elapsed", _one_mean_gap))
        elif change == "short waits":
            stack.enter_context(
                mock.patch.object(
                    training,
                    "training_sources",
                    lambda *settings: [
                        (with_short_waits(factory), book)
                        for factory, book in training_sources(*settings)
                    ],
                )
            )
        yield


def _one_mean_gap(self: RolloutCollector) -> np.ndarray[Any, Any]:
    """Return the mean time between decisions for every environment."""
    return np.full(self.shops.num_envs, _MEAN_GAP)


def run(work: tuple[Variant, int, int]) -> dict[str, Any]:
    """Train one variant with one seed and return the figures."""
    variant, seed, steps = work
    data: dict[str, Any] = {
        "seed": seed,
        "threads": 1,
        "learning": {"total_timesteps": steps},
        "logging": {"log_gantt": False, "checkpoint_interval": 1000},
    }
    for section, settings in variant.settings.items():
        data[section] = {**data.get(section, {}), **settings}
    config: TrainingConfig = parse_config(data, variant.name)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, patched(variant.change):
        index, rule = tuned_index(FACTORY), best_tuned_rule(FACTORY)
        trainer = Trainer(
            config,
            Path(folder) / "run",
            prior=index.weights if index else None,
            references={FACTORY: (str(rule), rule)},
            show=False,
        )
        trainer.begin()
    seconds = time.perf_counter() - start
    best, last = trainer.best_ratio, trainer.validations[-1]["ratio"]
    print(
        f"{variant.name}, seed {seed}: best {best:.3f}, last {last:.3f} of the best rule's cost,"
        f" {steps / seconds:,.0f} steps/s",
        flush=True,
    )
    return {
        "variant": variant.name,
        "seed": seed,
        "best": best,
        "last": last,
        "steps_per_second": steps / seconds,
    }


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="ablations", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--json", type=Path, help="file of the numbers; runs of this length in it are not repeated"
    )
    parser.add_argument("--steps", type=int, default=4_000_000, help="training steps of a run")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds of each variant")
    parser.add_argument("--only", default="", help="run variants whose name contains this")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="number of runs at a time"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the variants that the file does not hold, and write the figures."""
    options = read_arguments(arguments)
    runs = _read_runs(options.json, options.steps)
    finished = {(each["variant"], each["seed"]) for each in runs}
    work = [
        (variant, seed, options.steps)
        for variant in VARIANTS
        if options.only in variant.name
        for seed in range(options.seeds)
        if (variant.name, seed) not in finished
    ]
    with multiprocessing.get_context("spawn").Pool(options.processes, maxtasksperchild=1) as pool:
        for result in pool.imap_unordered(run, work):
            runs.append(result)
            if options.json:
                _write_runs(options.json, runs, options.steps)


def _read_runs(path: Path | None, steps: int) -> list[dict[str, Any]]:
    """Return the runs of that length in a file."""
    if path is None or not path.exists():
        return []
    report = json.loads(path.read_text(encoding="utf-8"))
    return list(report["runs"]) if report["steps"] == steps else []


def _write_runs(path: Path, runs: list[dict[str, Any]], steps: int) -> None:
    report = {
        "runs": runs,
        "steps": steps,
        "machine": describe_hardware(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    write_atomically(path, json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
