"""A trained policy learns from lookahead over itself: ``python -m agents.policy_improvement.expert_iteration policies/microfactory runs/improved``.

Expert iteration (Anthony, Tian and Barber 2017, Thinking fast and slow with deep learning and tree search) with values instead of choices. Each round judges
decisions on episodes of the block ``train`` (:mod:`agents.policy_improvement.lookahead_targets`)
and fits the network to all judged so far: it comes to prefer what was worth more, the
more the more it was worth, and stays near what it was elsewhere. Its critics are held to what they said. Interrupted, it goes on where it was.
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

from agents.network.cpu_training.autograd import one_thread
from agents.network.pointer_network import Segments
from agents.network.trained_policy import TrainedPolicy, facts_of_successor, load_policy, save_policy
from agents.policy_improvement.decision_dataset import join, read_observed, write_observed
from agents.policy_improvement.lookahead_targets import SHOPS, Judge, Judged
from agents.policy_improvement.supervised_fit import Pace, Said, Speaker, fit
from agents.search.lookahead import LookaheadPolicy
from agents.training.config import TrainingConfig
from agents.training.mixture import factories_of
from agents.training.validation import Examination
from envs.seed_splits import first_episode_of
from factory.io.catalogue import split_names
from factory.progress import say


@dataclass(frozen=True)
class Settings:
    """How a policy is improved; changed settings need another folder, but for ``rounds``: more of them go on where the last ended."""

    factories: tuple[str, ...]
    rounds: int = 3
    episodes: int = 384  # of which decisions are judged, in each round
    candidates: int = 4
    futures: int = 3
    horizon: float = 4.0  # mean process times that are simulated
    remembered: int = 400_000  # most judged decisions that are learnt from, the newest
    epochs: int = 6
    minibatch: int = 512
    learning_rate: float = 2e-3  # falls linearly to a twentieth
    closeness: float = 0.05  # weight of the divergence from the policy at the start of the round
    entropy: float = 0.02  # weight of the entropy of the choice among those tried
    fidelity: float = 0.5  # weight of the critics' squared errors
    unit: float = 1.5e-3  # gain, as a share of the cost scale of an episode, that counts as 1
    validation_episodes: int = 512
    seed: int = 0
    also: tuple[str, ...] = ()  # folders of other improvements whose judged decisions are learnt from too


def settings_of(config: TrainingConfig) -> Settings:
    """Those of a training run's section ``improving``."""
    chosen, scenario = config.improving, config.scenario
    names = scenario.validate_on or scenario.factories
    return Settings(
        tuple(names),
        rounds=chosen.rounds,
        episodes=chosen.episodes,
        futures=chosen.futures,
        horizon=chosen.horizon,
        remembered=chosen.remembered,
        epochs=chosen.epochs,
        seed=config.seed,
    )


class Improvement:
    """One policy being improved, in a folder.

    Parameters
    ----------
    source
        Folder of the policy to begin with.
    folder
        Of the improvement: ``improvement.json``, ``round-1`` and so on with what was judged and the policy after it, ``policy`` with the best.
    settings
        How.
    processes
        That judge side by side, and threads that fit; what comes out does not depend on their number.

    Raises
    ------
    ValueError
        If the folder holds an improvement with other settings, the policy has no critic, there is no such seed or round, or a folder in ``also`` holds none.
    """

    def __init__(self, source: Path, folder: Path, settings: Settings, processes: int) -> None:
        self.source, self.folder, self.settings, self.processes = source, folder, settings, processes
        self.manifest = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
        first_episode_of(settings.seed, settings.rounds)
        if load_policy(source).critic is None:
            raise ValueError(f"{source}: was kept without its critic, which lookahead needs. Give a folder that train.py wrote.")
        self.also = [path for name in settings.also for path in _judged_in(Path(name))]
        begun_with = {name: value for name, value in asdict(settings).items() if name != "rounds"}
        told = json.dumps({**begun_with, "source_sha256": self.manifest["weights_sha256"]}, indent=1, default=list) + "\n"
        kept = folder / "improvement.json"
        if kept.exists() and kept.read_text(encoding="utf-8") != told:
            raise ValueError(f"{kept}: was begun with other settings or from another policy. Name another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(told, encoding="utf-8")
        self.examination = Examination(settings.factories, settings.validation_episodes)
        self.costs = [self._examine(load_policy(source))]
        self.best, self.best_cost = source, self._compare(self.costs[0])

    def run(self) -> Path:
        """All rounds; the folder of the best policy."""
        policy_folder, judged = self.source, [read_observed(path, Judged) for path in self.also]
        for number in range(1, self.settings.rounds + 1):
            here = self.folder / f"round-{number}"
            judged += self._judge(policy_folder, here, number)
            if not (here / "policy" / "manifest.json").exists():
                judged = [newest_of(judged, self.settings.remembered)]  # the parts are not held beside it: a million decisions take 2 GB
                better = improve(load_policy(policy_folder), judged[0], self.settings, number, self.processes)
                self._save(here / "policy", better, number, len(judged[0]))
            policy_folder = here / "policy"
            self.costs.append(json.loads((policy_folder / "manifest.json").read_text(encoding="utf-8"))["validation"])
            cost = self._compare(self.costs[-1])
            print(f"round {number}: {cost:.4f} of the first policy's cost on {self.settings.validation_episodes} episodes of validate", flush=True)
            if cost < self.best_cost:
                self.best, self.best_cost = policy_folder, cost
        return self.best

    def _judge(self, policy: Path, here: Path, number: int) -> list[Judged]:
        """The round's judged decisions, those that lie there already and the others."""
        pieces = -(-self.settings.episodes // SHOPS)
        paths = [here / "judged" / f"{piece:04d}.npz" for piece in range(pieces)]
        missing = [piece for piece, path in enumerate(paths) if not path.exists()]
        if missing:
            work = partial(_judge_piece, policy, self.settings, here / "judged", number)
            with (
                multiprocessing.get_context("spawn").Pool(self.processes, initializer=torch.set_num_threads, initargs=(1,)) as pool,
                tqdm(total=pieces * SHOPS, initial=(pieces - len(missing)) * SHOPS, unit=" episodes", desc=f"round {number}") as bar,
            ):
                for _ in pool.imap_unordered(work, missing):
                    bar.update(SHOPS)
        return [read_observed(path, Judged) for path in paths]

    @one_thread()
    def _examine(self, policy: TrainedPolicy) -> dict[str, float]:
        say(f"playing {self.settings.validation_episodes} validation episodes in each factory ...")
        return {name: found.total_cost for name, found in self.examination.examine_all(policy).items()}

    def _compare(self, costs: Mapping[str, float]) -> float:
        """Geometric mean over factories of the cost, as a share of the first policy's."""
        return float(np.exp(np.mean([np.log(costs[name] / self.costs[0][name]) for name in costs])))

    def _save(self, folder: Path, policy: TrainedPolicy, number: int, decisions: int) -> None:
        costs = self._examine(policy)
        facts = facts_of_successor(self.manifest, costs)
        settings = json.loads(json.dumps({**asdict(self.settings), "also": len(self.settings.also)}))  # their number: paths say nothing elsewhere
        improved = {"rounds": number, "judged_decisions": decisions, "settings": settings}
        save_policy(folder, policy, (self.source / "config.toml").read_text(encoding="utf-8"), {**facts, "improved": improved})


def _judged_in(folder: Path) -> list[Path]:
    """What another improvement has judged so far, the oldest first."""
    paths = sorted(folder.glob("round-*/judged/*.npz"), key=lambda path: (int(path.parent.parent.name.removeprefix("round-")), path.name))
    if not paths:
        raise ValueError(f"{folder}: holds no judged decisions (round-1/judged and so on). Give the folder of another improvement.")
    return paths


def newest_of(judged: Sequence[Judged], most: int) -> Judged:
    """The last ``most`` decisions of all."""
    kept, room = list[Judged](), most
    for part in reversed(judged):
        kept.append(part if len(part) <= room else part.take(np.arange(len(part) - room, len(part))))
        room -= len(kept[-1])
        if room == 0:
            break
    return join(kept[::-1])


def _judge_piece(policy: Path, settings: Settings, folder: Path, number: int, piece: int) -> None:
    ahead = LookaheadPolicy(load_policy(policy), candidates=settings.candidates, futures=settings.futures, horizon=settings.horizon)
    first_episode = first_episode_of(settings.seed, number) + piece * SHOPS
    write_observed(folder / f"{piece:04d}.npz", Judge(ahead, factories_of(settings.factories, 1), first_episode).judge())


# --- fitting ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Referred(Judged):
    """Judged decisions, and what the policy at the start of the round says of them."""

    counted_by: ClassVar[dict[str, str]] = {**Judged.counted_by, "log_before": "count"}

    log_before: NDArray[np.float32]  # [R] log-probabilities
    valued: NDArray[np.float32]  # [N, 2] normalised values


def improve(start: TrainedPolicy, judged: Judged, settings: Settings, number: int, threads: int = 1) -> TrainedPolicy:
    """A copy of the policy that prefers what was judged to be worth more.

    The loss of a decision is minus the expected gain under its probabilities among the choices that were tried, in units of ``settings.unit``, plus
    ``closeness`` times the divergence KL(start, now) over all legal choices, minus ``entropy`` times the entropy, plus the critics' squared errors.
    """
    before = Speaker(start, threads).ask_all(judged)
    kept = {one.name: getattr(judged, one.name) for one in fields(judged)}
    referred = Referred(**kept, log_before=before.log_shares.numpy(), valued=before.values.T.contiguous().numpy())
    pace = Pace(settings.epochs, settings.minibatch, settings.learning_rate, threads)
    return fit(start, referred, partial(_loss, settings), pace, np.random.default_rng([settings.seed, number]), f"fit {number}")


def _loss(settings: Settings, said: Said, batch: Referred) -> Tensor:
    places, decision = batch.tried_places()
    log_shares = Segments(decision, len(batch)).log_softmax(said.log_shares[places])
    shares = log_shares.exp()
    gain = (shares * torch.from_numpy(batch.gain).float()).sum() / settings.unit
    entropy = -(shares * log_shares).sum()
    log_before = torch.from_numpy(batch.log_before)
    divergence = (log_before.exp() * (log_before - said.log_shares)).sum()
    errors = (said.values - torch.from_numpy(batch.valued).T).square().sum()
    total: Tensor = -gain + settings.closeness * divergence - settings.entropy * entropy + settings.fidelity * errors
    return total / len(batch)


# --- command ------------------------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Improve a policy; 0, or 2 with what is wrong on stderr."""
    defaults = Settings(())
    parser = argparse.ArgumentParser(prog="python -m agents.policy_improvement.expert_iteration", description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("policy", type=Path, help="folder of a trained policy with its critic")
    parser.add_argument("folder", type=Path, help="folder of the improvement; begun before, it goes on there")
    parser.add_argument("--factories", default="", help="names or files, with commas between; by default those that the policy was trained on")
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="that judge side by side, and threads that fit: no part of the result",
    )
    parser.add_argument("--also", nargs="+", default=(), help="folders of other improvements on the same factories: what they judged is learnt from too")
    numbers = ("rounds", "episodes", "futures", "remembered", "epochs", "seed")
    for name in numbers:
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    parser.add_argument("--closeness", type=float, default=defaults.closeness, help="weight of the divergence from the policy at the start of a round")
    options = parser.parse_args(arguments)
    try:
        if not (math.isfinite(options.closeness) and options.closeness >= 0):
            raise ValueError(f"--closeness {options.closeness}: must be a number of at least 0. Try {defaults.closeness}.")
        if options.remembered < 1:
            raise ValueError(f"--remembered {options.remembered}: must be at least 1. Try {defaults.remembered}.")
        names = tuple(split_names(options.factories)) if options.factories else tuple(_trained_on(options.policy))
        chosen: dict[str, Any] = {name: getattr(options, name) for name in (*numbers, "closeness")}
        improvement = Improvement(options.policy, options.folder, Settings(names, also=tuple(options.also), **chosen), options.processes)
        best = improvement.run()
    except KeyboardInterrupt:
        print(f"\nInterrupted. What was judged is kept in {options.folder}; the same command goes on.", file=sys.stderr)
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
