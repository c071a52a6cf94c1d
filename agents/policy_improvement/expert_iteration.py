"""Expert iteration: a trained policy learns from lookahead search over itself.

``python -m agents.policy_improvement.expert_iteration policies/microfactory runs/improved``

After Anthony, Tian and Barber (2017), Thinking fast and slow with deep learning and tree search,
with advantages of actions in place of the search's choices. Each iteration makes search targets on
episodes of the block ``train`` (:mod:`agents.policy_improvement.lookahead_targets`), then fits the
network to all targets so far (:mod:`agents.policy_improvement.advantage_fit`). An interrupted run
resumes where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agents.compilation import warm_up
from agents.network.minibatch import single_torch_thread
from agents.network.trained_policy import TrainedPolicy, load_policy, save_policy
from agents.policy_folder import inherited_facts
from agents.policy_improvement.advantage_fit import fit_to_targets
from agents.policy_improvement.dataset_pieces import PieceError, make_pieces, piece_files
from agents.policy_improvement.decision_dataset import load_dataset, newest
from agents.policy_improvement.expert_iteration_config import ExpertIterationConfig
from agents.policy_improvement.lookahead_targets import (
    SEARCH_EPISODES,
    SearchTargetGenerator,
    SearchTargets,
)
from agents.search.lookahead import LookaheadPolicy
from agents.training.mixture import factories_of
from agents.training.validation import ValidationSuite
from envs.seed_splits import first_episode_of
from factory.io.catalogue import split_names
from factory.io.shipped_files import find_shipped
from factory.progress import say
from factory.validation.arguments import check_count
from factory.work_units.local_processes import LocalProcesses
from factory.work_units.ray_cluster import open_workers
from factory.work_units.result_store import claim_folder
from factory.work_units.units import Workers, digest


class ExpertIteration:
    """A run of expert iteration in a folder.

    Parameters
    ----------
    source
        Folder of the policy to begin with.
    folder
        Folder of the run: ``expert_iteration.json`` with the settings, and ``iteration-1`` and so
        on with the search targets of an iteration and the policy after it.
    config
        Settings of the run.
    processes
        Number of processes that make search targets, and of threads that fit; it does not change
        the result.
    workers
        Workers that make search targets in place of these processes, such as a cluster.

    Raises
    ------
    ValueError
        If the folder holds a run with other settings, the policy has no critic, seed or iterations
        are out of range, or a folder in ``extra_data`` has no search targets.
    """

    def __init__(
        self,
        source: Path,
        folder: Path,
        config: ExpertIterationConfig,
        processes: int,
        workers: Workers | None = None,
    ) -> None:
        self.source, self.folder = source, folder
        self.config, self.processes = config, processes
        self.workers = workers or LocalProcesses(processes)
        self.manifest = _manifest_of(source)
        first_episode_of(config.seed, config.iterations)
        if load_policy(source).critic is None:
            raise ValueError(
                f"{source}: was kept without its critic, which lookahead needs. Give a folder that"
                " train.py wrote."
            )
        self.extra_data = [path for name in config.extra_data for path in _target_files(Path(name))]
        settings = {name: value for name, value in asdict(config).items() if name != "iterations"}
        claim_folder(
            folder / "expert_iteration.json",
            {**settings, "source_sha256": self.manifest["weights_sha256"]},
        )
        self.validation_suite = ValidationSuite(config.factories, config.validation_episodes)
        self.costs = [self._evaluate(load_policy(source))]
        self.best, self.best_cost = source, self._compare(self.costs[0])

    def run(self) -> Path:
        """Run all iterations; return the folder of the best policy on the validation episodes."""
        policy_folder = self.source
        targets = [load_dataset(path, SearchTargets) for path in self.extra_data]
        for iteration in range(1, self.config.iterations + 1):
            here = self.folder / f"iteration-{iteration}"
            targets += self._generate(policy_folder, here / "targets", iteration)
            if not (here / "policy" / "manifest.json").exists():
                # The single parts are dropped: a million decisions take 2 GB.
                targets = [newest(targets, self.config.buffer_size)]
                better = fit_to_targets(
                    load_policy(policy_folder), targets[0], self.config, iteration, self.processes
                )
                self._save(here / "policy", better, iteration, len(targets[0]))
            policy_folder = here / "policy"
            self.costs.append(_manifest_of(policy_folder)["validation"])
            cost = self._compare(self.costs[-1])
            print(
                f"iteration {iteration}: {cost:.4f} of the first policy's cost on"
                f" {self.config.validation_episodes} episodes of validate",
                flush=True,
            )
            if cost < self.best_cost:
                self.best, self.best_cost = policy_folder, cost
        return self.best

    def _generate(self, policy: Path, folder: Path, iteration: int) -> list[SearchTargets]:
        """Return the search targets of an iteration; finished pieces are read from ``folder``."""
        config = self.config
        first_episode = first_episode_of(config.seed, iteration)
        factories = [
            factory.model_dump(mode="json") for factory in factories_of(config.factories, 1)
        ]
        inputs = digest(
            _manifest_of(policy)["weights_sha256"],
            factories,
            first_episode,
            config.top_k,
            config.num_futures,
            config.horizon,
        )
        return make_pieces(
            partial(_generate_piece, policy, config, first_episode),
            config.episodes,
            SEARCH_EPISODES,
            SearchTargets,
            inputs=inputs,
            folder=folder,
            workers=self.workers,
            label=f"iteration {iteration}",
        )

    @single_torch_thread()
    def _evaluate(self, policy: TrainedPolicy) -> dict[str, float]:
        say(f"playing {self.config.validation_episodes} validation episodes in each factory ...")
        results = self.validation_suite.evaluate_all(policy)
        return {name: result.total_cost for name, result in results.items()}

    def _compare(self, costs: Mapping[str, float]) -> float:
        """Return the geometric mean over factories of cost by the first policy's cost."""
        return float(np.exp(np.mean([np.log(costs[name] / self.costs[0][name]) for name in costs])))

    def _save(self, folder: Path, policy: TrainedPolicy, iteration: int, decisions: int) -> None:
        facts = inherited_facts(self.manifest, self._evaluate(policy))
        # Paths mean nothing on another machine: only their number is kept.
        settings = {**asdict(self.config), "extra_data": len(self.config.extra_data)}
        facts["expert_iteration"] = {
            "iterations": iteration,
            "decisions": decisions,
            "settings": json.loads(json.dumps(settings)),
        }
        config_text = (self.source / "config.toml").read_text(encoding="utf-8")
        save_policy(folder, policy, config_text, facts)


def _target_files(folder: Path) -> list[Path]:
    """Return the files of another run's search targets, the oldest first."""
    iterations = sorted(
        folder.glob("iteration-*"), key=lambda path: int(path.name.removeprefix("iteration-"))
    )
    paths = [path for iteration in iterations for path in piece_files(iteration / "targets")]
    if not paths:
        raise ValueError(
            f"{folder}: holds no search targets (iteration-1/targets and so on). Give the folder of"
            " another run of expert iteration."
        )
    return paths


def _generate_piece(
    policy: Path, config: ExpertIterationConfig, first_episode: int, index: int
) -> SearchTargets:
    ahead = LookaheadPolicy(
        load_policy(policy),
        candidates=config.top_k,
        futures=config.num_futures,
        horizon=config.horizon,
    )
    first = first_episode + index * SEARCH_EPISODES
    return SearchTargetGenerator(ahead, factories_of(config.factories, 1), first).generate()


# --- command --------------------------------------------------------------------------------------

_COUNTS = {
    "iterations": "iterations in all; more than before continue a finished run",
    "episodes": "episodes played for search targets in each iteration",
    "num_futures": "sampled futures in which each choice is simulated",
    "buffer_size": "newest search targets that the policy is fitted to",
    "update_epochs": "passes over the search targets in each fit",
    "seed": "seed of episodes, futures and fit",
}
"""Help texts of the options that are whole numbers."""


def main(arguments: list[str] | None = None) -> int:
    """Improve a policy; return 0, or 2 with the error on stderr."""
    options = _read_options(arguments)
    try:
        config = _config_of(options)
        with open_workers(getattr(options, "cluster", None), options.processes, warm_up) as workers:
            run = ExpertIteration(
                options.policy, options.folder, config, options.processes, workers
            )
            best = run.run()
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. Finished search targets are kept in {options.folder}; the same command"
            " resumes.",
            file=sys.stderr,
        )
        return 130
    except (ValueError, OSError, PieceError) as error:
        print(f"agents.policy_improvement.expert_iteration: {error}", file=sys.stderr)
        return 2
    print(f"Best on validate: {best} ({run.best_cost:.4f} of the first policy's cost)")
    return 0


_DESCRIPTION = (
    "Improve a trained policy by expert iteration: lookahead search over the policy makes targets,"
    " and the policy is fitted to them."
)


def _read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    defaults = ExpertIterationConfig(())
    parser = argparse.ArgumentParser(
        prog="python -m agents.policy_improvement.expert_iteration",
        description=_DESCRIPTION,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "policy", type=find_shipped, help="folder of a trained policy with its critic"
    )
    parser.add_argument(
        "folder", type=Path, help="folder of the run; an interrupted run in it is resumed"
    )
    parser.add_argument(
        "--factories",
        help="names or TOML files, separated by commas; otherwise those the policy was trained on",
        default=argparse.SUPPRESS,
    )
    _add_execution(parser)
    parser.add_argument(
        "--extra-data",
        nargs="+",
        metavar="FOLDER",
        default=argparse.SUPPRESS,
        help="folders of other runs on the same factories, whose search targets are added",
    )
    for name, text in _COUNTS.items():
        default = getattr(defaults, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=text)
    parser.add_argument(
        "--kl-coef",
        type=float,
        default=defaults.kl_coef,
        help="weight of the KL divergence from the policy before the iteration",
    )
    return parser.parse_args(arguments)


def _add_execution(parser: argparse.ArgumentParser) -> None:
    """Add the options that change no result."""
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="processes that simulate, and threads that fit; the result does not depend on them",
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="Ray cluster that simulates in place of the processes: HOST:PORT, or auto for the one"
        " of this machine; the result does not depend on it",
        default=argparse.SUPPRESS,
    )


def _config_of(options: argparse.Namespace) -> ExpertIterationConfig:
    """Return the settings that the options ask for."""
    if not (math.isfinite(options.kl_coef) and options.kl_coef >= 0):
        default = ExpertIterationConfig(()).kl_coef
        raise ValueError(
            f"--kl-coef {options.kl_coef}: must be a number of at least 0. Try {default}."
        )
    for name in ("processes", *_COUNTS):
        least = {"iterations": 0, "num_futures": 2, "seed": 0}.get(name, 1)
        option = f"--{name.replace('_', '-')}"
        check_count(option, getattr(options, name), least, "Choose a larger number.")
    if "factories" in options:
        factories = split_names(options.factories)
    else:
        load_policy(options.policy)  # raises if the folder is no policy
        factories = list(_manifest_of(options.policy)["factories"])
    chosen: dict[str, Any] = {name: getattr(options, name) for name in (*_COUNTS, "kl_coef")}
    extra_data = tuple(getattr(options, "extra_data", ()))
    return ExpertIterationConfig(tuple(factories), extra_data=extra_data, **chosen)


def _manifest_of(policy: Path) -> dict[str, Any]:
    return dict(json.loads((policy / "manifest.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    sys.exit(main())
