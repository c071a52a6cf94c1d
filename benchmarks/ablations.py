"""What each part of the training brings: the same short run with one part taken away, ``python -m
benchmarks.ablations --steps 4000000 --json FILE``.

Each variant is trained with the same settings and seeds; reported are the cost on the episodes of
``validate`` as a share of the best tuned rule's, of the weights that did best there and of the last
ones, and steps a second. Several variants at a time (``--processes``), with one thread each.
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
from agents.training.mixture import factories_of
from agents.training.trainer import Trainer
from benchmarks.env_speed import processor
from evaluation.tuned_parameters import best_tuned_rule, tuned_index
from factory.io.atomic_write import write_atomically
from factory.model import Factory

FACTORY = "microfactory"
_SHORT_WAIT = 2
"""Ticks after which a wait ends in the variant without lasting waits: about the time between two
events of this factory."""


@dataclass(frozen=True)
class Variant:
    """A part taken away."""

    name: str
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    change: str = ""  # what is patched


VARIANTS = (
    Variant("all parts"),
    Variant("discount and trace per decision", change="decisions"),
    Variant("no prior: start from scratch", {"network": {"prior": "none"}}),
    Variant(
        "prior: ATCS instead of the evolved index",
        {"network": {"prior": "atcs", "prior_scale": 2.0}},
    ),
    Variant("Huber loss instead of squared error", change="huber"),
    Variant("waits end after two minutes", change="short waits"),
    Variant("critic sees what the actor sees", change="plain critic"),
    Variant("no entropy bonus", {"learning": {"ent_coef": 0.0, "final_ent_coef": 0.0}}),
    Variant("trace of 25 mean process times", {"learning": {"gae_time": 25.0}}),
)


def with_short_waits(factory: Factory) -> Factory:
    """The factory with waits that end after :data:`_SHORT_WAIT` ticks."""
    centres = tuple(
        centre.model_copy(update={"longest_wait": _SHORT_WAIT}) for centre in factory.work_centres
    )
    return factory.model_copy(update={"work_centres": centres})


@contextlib.contextmanager
def patched(change: str) -> Iterator[None]:
    """Take a part away for as long as the context lasts."""
    with contextlib.ExitStack() as stack:
        if change == "huber":
            stack.enter_context(
                mock.patch("torch.nn.functional.mse_loss", torch.nn.functional.smooth_l1_loss)
            )
        elif change == "plain critic":
            stack.enter_context(
                mock.patch(
                    "agents.ppo.rollout_collector.privileged_critic_features", return_value=None
                )
            )
        elif change == "decisions":
            stack.enter_context(mock.patch.object(RolloutCollector, "elapsed", _one_mean_gap))
        elif change == "short waits":
            whole = factories_of
            stack.enter_context(
                mock.patch.object(
                    training,
                    "factories_of",
                    lambda *names: [with_short_waits(factory) for factory in whole(*names)],
                )
            )
        yield


def _one_mean_gap(self: RolloutCollector) -> np.ndarray[Any, Any]:
    """As long for every decision as they are apart on average."""
    return np.full(self.shops.num_envs, _mean_gap)


_mean_gap = 6.0
"""Mean ticks between two decisions of the factory under its evolved index."""


def run(work: tuple[Variant, int, int]) -> dict[str, Any]:
    """Train one variant with one seed."""
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
        made = Trainer(
            config,
            Path(folder) / "run",
            prior=index.weights if index else None,
            references={FACTORY: (str(rule), rule)},
            show=False,
        )
        made.begin()
    seconds = time.perf_counter() - start
    best, last = made.best_ratio, made.validations[-1]["ratio"]
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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="ablations", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--json",
        type=Path,
        help="write the numbers to this file; what it holds of this length is not run again",
    )
    parser.add_argument("--steps", type=int, default=4_000_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="", help="only variants whose name contains this")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    wanted = [
        (variant, seed, options.steps)
        for variant in VARIANTS
        if options.only in variant.name
        for seed in range(options.seeds)
    ]
    found = _read_runs(options.json, options.steps)
    there = {(one["variant"], one["seed"]) for one in found}
    work = [
        (variant, seed, steps)
        for variant, seed, steps in wanted
        if (variant.name, seed) not in there
    ]
    with multiprocessing.get_context("spawn").Pool(options.processes, maxtasksperchild=1) as pool:
        for one in pool.imap_unordered(run, work):
            found.append(one)
            if options.json:
                _write_runs(options.json, found, options.steps)


def _read_runs(path: Path | None, steps: int) -> list[dict[str, Any]]:
    """Runs of that length that a file holds already."""
    if path is None or not path.exists():
        return []
    report = json.loads(path.read_text(encoding="utf-8"))
    return list(report["runs"]) if report["steps"] == steps else []


def _write_runs(path: Path, runs: list[dict[str, Any]], steps: int) -> None:
    report = {
        "runs": runs,
        "steps": steps,
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
        },
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    write_atomically(path, json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
