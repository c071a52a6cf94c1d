"""One policy from several: ``python -m agents.policy_improvement.distillation runs/one POLICY
POLICY ...``.

Runs with different seeds err differently, so the mean of what their networks say decides better
than each of them. One network learns to say the same (policy distillation, Rusu et al. 2016):
episodes of the block ``train`` are played by the mean of the members' log-probabilities, and a copy
of the first member is fitted to it; its critics are fitted to the mean of theirs. What has been
played is kept: interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from agents.network.packed_tables import CriticFeatures, PackedTables
from agents.network.pointer_network import NetworkOutput, PointerNetwork, SegmentOps
from agents.network.ragged import sample_actions, segment_argmax
from agents.network.trained_policy import TrainedPolicy, inherited_facts, load_policy, save_policy
from agents.policy_improvement.decision_dataset import (
    DecisionDataset,
    concatenate,
    load_dataset,
    save_dataset,
)
from agents.policy_improvement.supervised_fit import OptimiserConfig, PolicyOutput, fit
from agents.training.mixture import factories_of
from agents.training.validation import ValidationSuite
from envs.batch import Batch
from envs.seed_splits import episode_seeds, first_episode_of
from factory.io.catalogue import split_names
from factory.io.shipped_files import find_shipped
from factory.progress import say

_SHOPS = 64
"""Episodes that are played side by side; a piece of the work."""
_TURN = 0
"""Among the turns that share the block ``train``; the rounds of an improvement begin with 1."""
_DRAWN_SHARE = 0.1
"""Share of the decisions that are drawn, so that shops are met that the best choices do not bring
about."""


@dataclass(frozen=True)
class TeacherTargets(DecisionDataset):
    """N decisions with what the members say of them."""

    counted_by: ClassVar[dict[str, str]] = {**DecisionDataset.counted_by, "log_probs": "count"}

    log_probs: NDArray[np.float32]  # [R] log-probabilities
    values: NDArray[
        np.float32
        # [N, 2] in units of reward: of the privileged critic, and of the one that sees what the
        # actor sees
    ]


@dataclass(frozen=True)
class DistillationConfig:
    """How policies are made into one; changed settings need another folder."""

    factories: tuple[str, ...]
    episodes: int = 640
    update_epochs: int = 6
    minibatch_size: int = 512
    learning_rate: float = 1e-3  # falls linearly to a twentieth
    vf_coef: float = 0.5  # of the critics' squared errors, in deviations of the returns
    validation_episodes: int = 512
    seed: int = 0


class TeacherEnsemble:
    """Policies that decide together.

    Parameters
    ----------
    policies
        With their critics.
    factories
        The episodes take turns with them.
    """

    def __init__(self, policies: Sequence[TrainedPolicy], factories: Sequence[str]) -> None:
        self.policies = policies
        self.batch = Batch(factories_of(factories, 1), num_envs=_SHOPS)
        self._critic_features = CriticFeatures(self.batch)

    def play(self, first_episode: int) -> TeacherTargets:
        """Play :data:`_SHOPS` whole episodes; the decisions at which there was a choice."""
        batch, random, found = (
            self.batch,
            np.random.default_rng(first_episode),
            list[TeacherTargets](),
        )
        batch.reset(
            episode_seeds("train", _SHOPS, first_episode),
            (first_episode + np.arange(_SHOPS)) % len(batch.factories),
        )
        while not batch.ended.all():
            tables, told = self._ask()
            found.append(told.take(np.flatnonzero((told.count > 1) & ~batch.ended)))
            best, drawn, unused = (
                np.empty(_SHOPS, np.int64),
                np.empty(_SHOPS, np.int64),
                np.empty(_SHOPS),
            )
            segment_argmax(told.log_probs, tables.first, best)
            sample_actions(told.log_probs, tables.first, random.random(_SHOPS), drawn, unused)
            batch.step(
                tables.to_actions(np.where(random.random(_SHOPS) < _DRAWN_SHARE, drawn, best)),
                autoreset=False,
            )
        return concatenate(found)

    def _ask(self) -> tuple[PackedTables, TeacherTargets]:
        """The tables as the first member reads them, and what all say of them."""
        privileged = torch.from_numpy(self._critic_features.update())
        read, shares, values = list[PackedTables](), list[Tensor](), list[Tensor]()
        for policy in self.policies:
            assert policy.critic is not None  # checked by distil
            tables = PackedTables.from_tables(self.batch.tables, policy.network.weights)
            with torch.inference_mode():
                output: NetworkOutput = policy.network(tables.network_input)
                shares.append(output.segments.log_softmax(output.logits))
                values.append(
                    policy.network.denormalise_value(
                        torch.stack([policy.critic(output, privileged), output.values], dim=1)
                    )
                )
            read.append(tables)
        tables, network_input = read[0], read[0].network_input
        with torch.inference_mode():
            mean = SegmentOps(network_input.sample, _SHOPS).log_softmax(
                torch.stack(shares).mean(dim=0)
            )
        told = TeacherTargets(
            rows=network_input.rows.numpy(),
            prior=network_input.prior.numpy(),
            count=np.diff(tables.first),
            machines=network_input.machines.numpy(),
            shop=network_input.shop.numpy(),
            privileged=self._critic_features.values,
            log_probs=mean.numpy(),
            values=torch.stack(values).mean(dim=0).numpy(),
        )
        return tables, told


def fit_student(
    start: TrainedPolicy, told: TeacherTargets, settings: DistillationConfig, threads: int = 1
) -> TrainedPolicy:
    """A copy of ``start`` that says what was told: the loss of a decision is KL(told, said) over
    its legal choices, plus the critics' squared errors."""
    optimiser_config = OptimiserConfig(
        settings.update_epochs, settings.minibatch_size, settings.learning_rate, threads
    )
    return fit(
        start,
        told,
        partial(_loss, settings, start.network),
        optimiser_config,
        np.random.default_rng(settings.seed),
        "fit",
    )


def _loss(
    settings: DistillationConfig, network: PointerNetwork, said: PolicyOutput, batch: TeacherTargets
) -> Tensor:
    wanted = torch.from_numpy(batch.log_probs)
    divergence: Tensor = (wanted.exp() * (wanted - said.log_probs)).sum() / len(batch)
    wanted_values = (
        torch.from_numpy(batch.values).T - network.return_mean
    ) / network.return_deviation
    return divergence + settings.vf_coef * (said.values - wanted_values).square().mean()


def distill(
    folders: Sequence[Path], out: Path, settings: DistillationConfig, processes: int
) -> Path:
    """One policy from those in ``folders``, into ``out/policy``, which is returned.

    Raises
    ------
    ValueError
        If a policy has no critic, there is no such seed, or ``out`` was begun with other policies
        or settings.
    """
    first_episode_of(settings.seed, _TURN)
    policies = [load_policy(folder) for folder in folders]
    manifests = [
        json.loads((folder / "manifest.json").read_text(encoding="utf-8")) for folder in folders
    ]
    for folder, policy in zip(folders, policies, strict=True):
        if policy.critic is None:
            raise ValueError(
                f"{folder}: was kept without its critic, which is fitted too. Give a folder that"
                " train.py wrote."
            )
    members = [manifest["weights_sha256"] for manifest in manifests]
    told = (
        json.dumps({**asdict(settings), "members_sha256": members}, indent=1, default=list) + "\n"
    )
    kept = out / "distillation.json"
    if kept.exists() and kept.read_text(encoding="utf-8") != told:
        raise ValueError(
            f"{kept}: was begun with other settings or from other policies. Name another folder."
        )
    out.mkdir(parents=True, exist_ok=True)
    kept.write_text(told, encoding="utf-8")
    decisions = _play(folders, out / "targets", settings, processes)
    policy = fit_student(policies[0], decisions, settings, processes)
    say(f"playing {settings.validation_episodes} validation episodes in each factory ...")
    costs = {
        name: found.total_cost
        for name, found in (
            ValidationSuite(settings.factories, settings.validation_episodes)
            .evaluate_all(policy)
            .items()
        )
    }
    facts = inherited_facts(manifests[0], costs)
    origin = [
        {
            name: manifest.get(name)
            for name in ("weights_sha256", "seed", "steps", "validation_ratio", "expert_iteration")
        }
        for manifest in manifests
    ]
    distilled = {
        "members": origin,
        "decisions": len(decisions),
        "settings": json.loads(json.dumps(asdict(settings))),
    }
    steps = sum(int(manifest.get("steps", 0)) for manifest in manifests)
    config = (folders[0] / "config.toml").read_text(encoding="utf-8")
    save_policy(out / "policy", policy, config, {**facts, "steps": steps, "distilled": distilled})
    return out / "policy"


def _play(
    folders: Sequence[Path], out: Path, settings: DistillationConfig, processes: int
) -> TeacherTargets:
    """All decisions, those that lie there already and the others."""
    pieces = -(-settings.episodes // _SHOPS)
    paths = [out / f"{piece:04d}.npz" for piece in range(pieces)]
    missing = [piece for piece, path in enumerate(paths) if not path.exists()]
    work = partial(_play_piece, list(folders), out, settings)
    with (
        multiprocessing.get_context("spawn").Pool(
            processes, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool,
        tqdm(
            total=pieces * _SHOPS,
            initial=(pieces - len(missing)) * _SHOPS,
            unit=" episodes",
            desc="play",
        ) as bar,
    ):
        for _ in pool.imap_unordered(work, missing) if missing else ():
            bar.update(_SHOPS)
    return concatenate([load_dataset(path, TeacherTargets) for path in paths])


def _play_piece(folders: list[Path], out: Path, settings: DistillationConfig, piece: int) -> None:
    members = TeacherEnsemble([load_policy(folder) for folder in folders], settings.factories)
    save_dataset(
        out / f"{piece:04d}.npz",
        members.play(first_episode_of(settings.seed, _TURN) + piece * _SHOPS),
    )


# --- command --------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Make several policies into one; 0, or 2 with what is wrong on stderr."""
    defaults = DistillationConfig(())
    parser = argparse.ArgumentParser(
        prog="python -m agents.policy_improvement.distillation",
        description=__doc__.split("\n\n")[0] if __doc__ else "",
    )
    parser.add_argument(
        "folder", type=Path, help="where it comes to lie; begun before, it goes on there"
    )
    parser.add_argument(
        "policies",
        type=find_shipped,
        nargs="+",
        help="folders of trained policies with their critics; the new one begins as the first",
    )
    parser.add_argument(
        "--factories",
        default="",
        help=(
            "names or files, with commas between; by default those that the first policy was"
            " trained on"
        ),
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="that play side by side, and threads that fit: no part of the result",
    )
    for name in ("episodes", "update_epochs", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    options = parser.parse_args(arguments)
    try:
        load_policy(options.policies[0])
        trained_on = json.loads(
            (options.policies[0] / "manifest.json").read_text(encoding="utf-8")
        )["factories"]
        names = tuple(split_names(options.factories)) if options.factories else tuple(trained_on)
        settings = DistillationConfig(
            names, episodes=options.episodes, update_epochs=options.update_epochs, seed=options.seed
        )
        policy = distill(options.policies, options.folder, settings, options.processes)
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. What was played is kept in {options.folder}; the same command"
            " goes on.",
            file=sys.stderr,
        )
        return 130
    except (ValueError, OSError) as error:
        print(f"agents.policy_improvement.distillation: {error}", file=sys.stderr)
        return 2
    found = json.loads((policy / "manifest.json").read_text(encoding="utf-8"))
    costs = ", ".join(f"{name} {cost:,.0f}" for name, cost in found["validation"].items())
    print(f"One policy from {len(options.policies)}: {policy} (total cost on validate: {costs})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
