"""A trained policy learns from lookahead over itself: ``python -m
agents.policy_improvement.expert_iteration policies/microfactory runs/expert_iteration``.

Expert iteration (Anthony, Tian and Barber 2017, Thinking fast and slow with deep learning and tree
search) with values instead of choices. Each round judges decisions on episodes of the block
``train`` (:mod:`agents.policy_improvement.lookahead_targets`) and fits the network to all judged so
far: it comes to prefer what was worth more, the more the more it was worth, and stays near what it
was elsewhere. Its critics are held to what they said. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from agents.network.minibatch import single_torch_thread
from agents.network.pointer_network import SegmentOps
from agents.network.trained_policy import TrainedPolicy, inherited_facts, load_policy, save_policy
from agents.policy_improvement.decision_dataset import concatenate, load_dataset, save_dataset
from agents.policy_improvement.lookahead_targets import (
    SEARCH_EPISODES,
    SearchTargetGenerator,
    SearchTargets,
)
from agents.policy_improvement.supervised_fit import (
    OptimiserConfig,
    PolicyForward,
    PolicyOutput,
    fit,
)
from agents.search.lookahead import LookaheadPolicy
from agents.training.config import TrainingConfig
from agents.training.mixture import factories_of
from agents.training.validation import ValidationSuite
from envs.seed_splits import first_episode_of
from factory.io.catalogue import split_names
from factory.io.shipped_files import find_shipped
from factory.progress import say


@dataclass(frozen=True)
class ExpertIterationConfig:
    """How a policy is improved; changed settings need another folder, but for ``iterations``: more
    of them go on where the last ended."""

    factories: tuple[str, ...]
    iterations: int = 3
    episodes: int = 384  # of which decisions are judged, in each round
    top_k: int = 4
    num_futures: int = 3
    horizon: float = 4.0  # mean process times that are simulated
    buffer_size: int = 400_000  # most judged decisions that are learnt from, the newest
    update_epochs: int = 6
    minibatch_size: int = 512
    learning_rate: float = 2e-3  # falls linearly to a twentieth
    kl_coef: float = 0.05  # weight of the divergence from the policy at the start of the round
    ent_coef: float = 0.02  # weight of the entropy of the choice among those tried
    value_coef: float = 0.5  # weight of the critics' squared errors
    advantage_unit: float = (
        1.5e-3  # gain, as a share of the cost scale of an episode, that counts as 1
    )
    validation_episodes: int = 512
    seed: int = 0
    extra_data: tuple[
        str, ...
    ] = ()  # folders of other improvements whose judged decisions are learnt from too


def expert_iteration_config(config: TrainingConfig) -> ExpertIterationConfig:
    """Those of a training run's section ``improving``."""
    chosen, scenario = config.expert_iteration, config.scenario
    names = scenario.validation_factories or scenario.factories
    return ExpertIterationConfig(
        tuple(names),
        iterations=chosen.iterations,
        episodes=chosen.episodes,
        num_futures=chosen.num_futures,
        horizon=chosen.horizon,
        buffer_size=chosen.buffer_size,
        update_epochs=chosen.update_epochs,
        seed=config.seed,
    )


class ExpertIteration:
    """One policy being improved, in a folder.

    Parameters
    ----------
    source
        Folder of the policy to begin with.
    folder
        Of the improvement: ``expert_iteration.json``, ``iteration-1`` and so on with what was
        judged and the policy after it, ``policy`` with the best.
    settings
        How.
    processes
        That judge side by side, and threads that fit; what comes out does not depend on their
        number.

    Raises
    ------
    ValueError
        If the folder holds an improvement with other settings, the policy has no critic, there is
        no such seed or round, or a folder in ``extra_data`` holds none.
    """

    def __init__(
        self, source: Path, folder: Path, settings: ExpertIterationConfig, processes: int
    ) -> None:
        self.source, self.folder, self.settings, self.processes = (
            source,
            folder,
            settings,
            processes,
        )
        self.manifest = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
        first_episode_of(settings.seed, settings.iterations)
        if load_policy(source).critic is None:
            raise ValueError(
                f"{source}: was kept without its critic, which lookahead needs. Give a folder that"
                " train.py wrote."
            )
        self.extra_data = [path for name in settings.extra_data for path in _targets_in(Path(name))]
        begun_with = {
            name: value for name, value in asdict(settings).items() if name != "iterations"
        }
        told = (
            json.dumps(
                {**begun_with, "source_sha256": self.manifest["weights_sha256"]},
                indent=1,
                default=list,
            )
            + "\n"
        )
        kept = folder / "expert_iteration.json"
        if kept.exists() and kept.read_text(encoding="utf-8") != told:
            raise ValueError(
                f"{kept}: was begun with other settings or from another policy. Name another"
                " folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(told, encoding="utf-8")
        self.validation_suite = ValidationSuite(settings.factories, settings.validation_episodes)
        self.costs = [self._evaluate(load_policy(source))]
        self.best, self.best_cost = source, self._compare(self.costs[0])

    def run(self) -> Path:
        """All rounds; the folder of the best policy."""
        policy_folder, targets = (
            self.source,
            [load_dataset(path, SearchTargets) for path in self.extra_data],
        )
        for number in range(1, self.settings.iterations + 1):
            here = self.folder / f"iteration-{number}"
            targets += self._generate(policy_folder, here, number)
            if not (here / "policy" / "manifest.json").exists():
                targets = [
                    newest(targets, self.settings.buffer_size)
                ]  # the parts are not held beside it: a million decisions take 2 GB
                better = fit_to_targets(
                    load_policy(policy_folder), targets[0], self.settings, number, self.processes
                )
                self._save(here / "policy", better, number, len(targets[0]))
            policy_folder = here / "policy"
            self.costs.append(
                json.loads((policy_folder / "manifest.json").read_text(encoding="utf-8"))[
                    "validation"
                ]
            )
            cost = self._compare(self.costs[-1])
            print(
                f"round {number}: {cost:.4f} of the first policy's cost on"
                f" {self.settings.validation_episodes} episodes of validate",
                flush=True,
            )
            if cost < self.best_cost:
                self.best, self.best_cost = policy_folder, cost
        return self.best

    def _generate(self, policy: Path, here: Path, number: int) -> list[SearchTargets]:
        """The round's judged decisions, those that lie there already and the others."""
        pieces = -(-self.settings.episodes // SEARCH_EPISODES)
        paths = [here / "targets" / f"{piece:04d}.npz" for piece in range(pieces)]
        missing = [piece for piece, path in enumerate(paths) if not path.exists()]
        if missing:
            work = partial(_generate_piece, policy, self.settings, here / "targets", number)
            with (
                multiprocessing.get_context("spawn").Pool(
                    self.processes, initializer=torch.set_num_threads, initargs=(1,)
                ) as pool,
                tqdm(
                    total=pieces * SEARCH_EPISODES,
                    initial=(pieces - len(missing)) * SEARCH_EPISODES,
                    unit=" episodes",
                    desc=f"iteration {number}",
                ) as bar,
            ):
                for _ in pool.imap_unordered(work, missing):
                    bar.update(SEARCH_EPISODES)
        return [load_dataset(path, SearchTargets) for path in paths]

    @single_torch_thread()
    def _evaluate(self, policy: TrainedPolicy) -> dict[str, float]:
        say(f"playing {self.settings.validation_episodes} validation episodes in each factory ...")
        return {
            name: found.total_cost
            for name, found in self.validation_suite.evaluate_all(policy).items()
        }

    def _compare(self, costs: Mapping[str, float]) -> float:
        """Geometric mean over factories of the cost, as a share of the first policy's."""
        return float(np.exp(np.mean([np.log(costs[name] / self.costs[0][name]) for name in costs])))

    def _save(self, folder: Path, policy: TrainedPolicy, number: int, decisions: int) -> None:
        costs = self._evaluate(policy)
        facts = inherited_facts(self.manifest, costs)
        settings = json.loads(
            json.dumps({**asdict(self.settings), "extra_data": len(self.settings.extra_data)})
        )  # their number: paths say nothing elsewhere
        expert_iteration = {"iterations": number, "decisions": decisions, "settings": settings}
        save_policy(
            folder,
            policy,
            (self.source / "config.toml").read_text(encoding="utf-8"),
            {**facts, "expert_iteration": expert_iteration},
        )


def _targets_in(folder: Path) -> list[Path]:
    """What another improvement has judged so far, the oldest first."""
    paths = sorted(
        folder.glob("iteration-*/targets/*.npz"),
        key=lambda path: (int(path.parent.parent.name.removeprefix("iteration-")), path.name),
    )
    if not paths:
        raise ValueError(
            f"{folder}: holds no judged decisions (iteration-1/targets and so on). Give the folder"
            " of another improvement."
        )
    return paths


def newest(targets: Sequence[SearchTargets], most: int) -> SearchTargets:
    """The last ``most`` decisions of all."""
    kept, room = list[SearchTargets](), most
    for part in reversed(targets):
        kept.append(
            part if len(part) <= room else part.take(np.arange(len(part) - room, len(part)))
        )
        room -= len(kept[-1])
        if room == 0:
            break
    return concatenate(kept[::-1])


def _generate_piece(
    policy: Path, settings: ExpertIterationConfig, folder: Path, number: int, piece: int
) -> None:
    ahead = LookaheadPolicy(
        load_policy(policy),
        candidates=settings.top_k,
        futures=settings.num_futures,
        horizon=settings.horizon,
    )
    first_episode = first_episode_of(settings.seed, number) + piece * SEARCH_EPISODES
    save_dataset(
        folder / f"{piece:04d}.npz",
        SearchTargetGenerator(ahead, factories_of(settings.factories, 1), first_episode).generate(),
    )


# --- fitting --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TargetsWithReferencePolicy(SearchTargets):
    """Judged decisions, and what the policy at the start of the round says of them."""

    counted_by: ClassVar[dict[str, str]] = {
        **SearchTargets.counted_by,
        "reference_log_probs": "count",
    }

    reference_log_probs: NDArray[np.float32]  # [R] log-probabilities
    reference_values: NDArray[np.float32]  # [N, 2] normalised values


def fit_to_targets(
    start: TrainedPolicy,
    targets: SearchTargets,
    settings: ExpertIterationConfig,
    number: int,
    threads: int = 1,
) -> TrainedPolicy:
    """A copy of the policy that prefers what was judged to be worth more.

    The loss of a decision is minus the expected gain under its probabilities among the choices that
    were tried, in units of ``settings.advantage_unit``, plus ``kl_coef`` times the divergence
    KL(start, now) over all legal choices, minus ``ent_coef`` times the entropy, plus the critics'
    squared errors.
    """
    before = PolicyForward(start, threads).forward_all(targets)
    kept = {one.name: getattr(targets, one.name) for one in fields(targets)}
    referred = TargetsWithReferencePolicy(
        **kept,
        reference_log_probs=before.log_probs.numpy(),
        reference_values=before.values.T.contiguous().numpy(),
    )
    optimiser_config = OptimiserConfig(
        settings.update_epochs, settings.minibatch_size, settings.learning_rate, threads
    )
    return fit(
        start,
        referred,
        partial(_loss, settings),
        optimiser_config,
        np.random.default_rng([settings.seed, number]),
        f"fit {number}",
    )


def _loss(
    settings: ExpertIterationConfig, said: PolicyOutput, batch: TargetsWithReferencePolicy
) -> Tensor:
    places, decision = batch.tried_rows()
    log_probs = SegmentOps(decision, len(batch)).log_softmax(said.log_probs[places])
    shares = log_probs.exp()
    action_advantage = (
        shares * torch.from_numpy(batch.action_advantage).float()
    ).sum() / settings.advantage_unit
    entropy = -(shares * log_probs).sum()
    reference_log_probs = torch.from_numpy(batch.reference_log_probs)
    divergence = (reference_log_probs.exp() * (reference_log_probs - said.log_probs)).sum()
    errors = (said.values - torch.from_numpy(batch.reference_values).T).square().sum()
    total: Tensor = (
        -action_advantage
        + settings.kl_coef * divergence
        - settings.ent_coef * entropy
        + settings.value_coef * errors
    )
    return total / len(batch)


# --- command --------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Improve a policy; 0, or 2 with what is wrong on stderr."""
    defaults = ExpertIterationConfig(())
    parser = argparse.ArgumentParser(
        prog="python -m agents.policy_improvement.expert_iteration",
        description=__doc__.split("\n\n")[0] if __doc__ else "",
    )
    parser.add_argument(
        "policy", type=find_shipped, help="folder of a trained policy with its critic"
    )
    parser.add_argument(
        "folder", type=Path, help="folder of the improvement; begun before, it goes on there"
    )
    parser.add_argument(
        "--factories",
        default="",
        help="names or files, with commas between; by default those that the policy was trained on",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="that judge side by side, and threads that fit: no part of the result",
    )
    parser.add_argument(
        "--extra-data",
        nargs="+",
        default=(),
        help=(
            "folders of other improvements on the same factories: what they judged is learnt"
            " from too"
        ),
    )
    numbers = ("iterations", "episodes", "num_futures", "buffer_size", "update_epochs", "seed")
    for name in numbers:
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=int, default=getattr(defaults, name)
        )
    parser.add_argument(
        "--kl-coef",
        type=float,
        default=defaults.kl_coef,
        help="weight of the divergence from the policy at the start of a round",
    )
    options = parser.parse_args(arguments)
    try:
        if not (math.isfinite(options.kl_coef) and options.kl_coef >= 0):
            raise ValueError(
                f"--kl-coef {options.kl_coef}: must be a number of at least 0. Try"
                f" {defaults.kl_coef}."
            )
        if options.buffer_size < 1:
            raise ValueError(
                f"--buffer-size {options.buffer_size}: must be at least 1. Try"
                f" {defaults.buffer_size}."
            )
        names = (
            tuple(split_names(options.factories))
            if options.factories
            else tuple(_trained_on(options.policy))
        )
        chosen: dict[str, Any] = {name: getattr(options, name) for name in (*numbers, "kl_coef")}
        improvement = ExpertIteration(
            options.policy,
            options.folder,
            ExpertIterationConfig(names, extra_data=tuple(options.extra_data), **chosen),
            options.processes,
        )
        best = improvement.run()
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. What was judged is kept in {options.folder}; the same command"
            " goes on.",
            file=sys.stderr,
        )
        return 130
    except (ValueError, OSError) as error:
        print(f"agents.policy_improvement.expert_iteration: {error}", file=sys.stderr)
        return 2
    print(f"Best on validate: {best} ({improvement.best_cost:.4f} of the first policy's cost)")
    return 0


def _trained_on(policy: Path) -> list[str]:
    load_policy(policy)
    return list(json.loads((policy / "manifest.json").read_text(encoding="utf-8"))["factories"])


if __name__ == "__main__":
    sys.exit(main())
