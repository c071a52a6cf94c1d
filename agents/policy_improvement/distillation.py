"""Distillation: one policy from several.

``python -m agents.policy_improvement.distillation POLICY POLICY ... runs/one``

Policies from different seeds make different errors, so the ensemble of their networks outperforms
its members. One network is fitted to the ensemble (policy distillation, Rusu et al. 2016): episodes
of the block ``train`` are played by the mean of the teachers' log-probabilities, and a copy of the
first teacher is fitted to that mean, its critics to the mean of the critics. An interrupted run
resumes where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.network.critic_features import CriticFeatures
from agents.network.packed_tables import PackedTables
from agents.network.pointer_network import NetworkOutput, PointerNetwork, SegmentOps
from agents.network.ragged import sample_actions, segment_argmax
from agents.network.trained_policy import TrainedPolicy, load_policy, save_policy
from agents.policy_folder import inherited_facts
from agents.policy_improvement.dataset_pieces import PieceError, make_pieces
from agents.policy_improvement.decision_dataset import DecisionDataset, concatenate
from agents.policy_improvement.supervised_fit import OptimiserConfig, PolicyOutput, fit
from agents.training.mixture import factories_of
from agents.training.validation import ValidationSuite
from envs.batch import Batch
from envs.seed_splits import episode_seeds, first_episode_of
from factory.io.catalogue import split_names
from factory.io.shipped_files import find_shipped
from factory.progress import say
from factory.validation.arguments import check_count
from factory.work_units.local_processes import LocalProcesses
from factory.work_units.result_store import claim_folder
from factory.work_units.units import digest

_EPISODES = 64
"""Episodes that are played in parallel: a piece of the work."""
_TURN = 0
"""Turn of distillation in the block ``train``; iterations of expert iteration begin with 1."""
_EXPLORATION_SHARE = 0.1
"""Share of decisions that are sampled, so that the data hold more states than the greedy ensemble
visits."""


@dataclass(frozen=True)
class TeacherTargets(DecisionDataset):
    """N decisions with the teachers' log-probabilities and values."""

    counted_by: ClassVar[dict[str, str]] = {**DecisionDataset.counted_by, "log_probs": "count"}

    log_probs: NDArray[np.float32]  # [R] log-probabilities
    # [N, 2] in units of reward: of the privileged critic, and of the critic with the actor's inputs
    values: NDArray[np.float32]


@dataclass(frozen=True)
class DistillationConfig:
    """Settings of distillation; changed settings need another folder."""

    factories: tuple[str, ...]
    episodes: int = 640
    update_epochs: int = 6
    minibatch_size: int = 512
    learning_rate: float = 1e-3  # falls linearly to a twentieth
    vf_coef: float = 0.5  # weight of the critics' squared errors, in deviations of the returns
    validation_episodes: int = 512
    seed: int = 0


class TeacherEnsemble:
    """Policies that decide together, by the mean of their log-probabilities.

    Parameters
    ----------
    policies
        Policies with their critics.
    factories
        Names of factories, which the episodes cycle through.
    """

    def __init__(self, policies: Sequence[TrainedPolicy], factories: Sequence[str]) -> None:
        self.policies = policies
        self.batch = Batch(factories_of(factories, 1), num_envs=_EPISODES)
        self._critic_features = CriticFeatures(self.batch)

    def play(self, first_episode: int) -> TeacherTargets:
        """Play :data:`_EPISODES` whole episodes; return the decisions with more than one choice."""
        batch, parts = self.batch, list[TeacherTargets]()
        random = np.random.default_rng(first_episode)
        batch.reset(
            episode_seeds("train", _EPISODES, first_episode),
            (first_episode + np.arange(_EPISODES)) % len(batch.factories),
        )
        greedy, sampled = np.empty(_EPISODES, np.int64), np.empty(_EPISODES, np.int64)
        log_probs = np.empty(_EPISODES)  # not needed
        while not batch.ended.all():
            tables, targets = self._ask()
            parts.append(targets.take(np.flatnonzero((targets.count > 1) & ~batch.ended)))
            segment_argmax(targets.log_probs, tables.first, greedy)
            draws = random.random(_EPISODES)
            sample_actions(targets.log_probs, tables.first, draws, sampled, log_probs)
            explores = random.random(_EPISODES) < _EXPLORATION_SHARE
            batch.step(tables.to_actions(np.where(explores, sampled, greedy)), autoreset=False)
        return concatenate(parts)

    def _ask(self) -> tuple[PackedTables, TeacherTargets]:
        """Return the tables as the first teacher reads them, and the ensemble's output."""
        privileged = torch.from_numpy(self._critic_features.update())
        outputs = [self._forward(policy, privileged) for policy in self.policies]
        tables = outputs[0][0]
        network_input = tables.network_input
        with torch.inference_mode():
            log_probs = torch.stack([log_probs for _, log_probs, _ in outputs]).mean(dim=0)
            # The mean of log-probabilities is normalised again.
            log_probs = SegmentOps(network_input.sample, _EPISODES).log_softmax(log_probs)
        targets = TeacherTargets(
            rows=network_input.rows.numpy(),
            prior=network_input.prior.numpy(),
            count=np.diff(tables.first),
            machines=network_input.machines.numpy(),
            shop=network_input.shop.numpy(),
            privileged=self._critic_features.values,
            log_probs=log_probs.numpy(),
            values=torch.stack([values for _, _, values in outputs]).mean(dim=0).numpy(),
        )
        return tables, targets

    def _forward(
        self, policy: TrainedPolicy, privileged: Tensor
    ) -> tuple[PackedTables, Tensor, Tensor]:
        """Return tables, log-probabilities ``[R]`` and values ``[E, 2]`` of one teacher."""
        assert policy.critic is not None  # checked by distill
        packed = PackedTables.from_tables(self.batch.tables, policy.network.weights)
        with torch.inference_mode():
            output: NetworkOutput = policy.network(packed.network_input)
            values = torch.stack([policy.critic(output, privileged), output.values], dim=1)
            return (
                packed,
                output.segments.log_softmax(output.logits),
                policy.network.denormalise_value(values),
            )


def fit_student(
    start: TrainedPolicy, targets: TeacherTargets, config: DistillationConfig, threads: int = 1
) -> TrainedPolicy:
    """Return a copy of ``start``, fitted to the teachers.

    The loss of a decision is KL(teachers, student) over its legal choices, plus ``vf_coef`` times
    the critics' squared errors.
    """
    optimiser_config = OptimiserConfig(
        config.update_epochs, config.minibatch_size, config.learning_rate, threads
    )
    loss = partial(_loss, config, start.network)
    return fit(start, targets, loss, optimiser_config, np.random.default_rng(config.seed), "fit")


def _loss(
    config: DistillationConfig,
    network: PointerNetwork,
    output: PolicyOutput,
    batch: TeacherTargets,
) -> Tensor:
    log_probs = torch.from_numpy(batch.log_probs)
    divergence: Tensor = (log_probs.exp() * (log_probs - output.log_probs)).sum() / len(batch)
    values = (torch.from_numpy(batch.values).T - network.return_mean) / network.return_deviation
    return divergence + config.vf_coef * (output.values - values).square().mean()


def distill(folders: Sequence[Path], out: Path, config: DistillationConfig, processes: int) -> Path:
    """Write one policy from those in ``folders`` into ``out/policy``, and return that folder.

    Raises
    ------
    ValueError
        If a policy has no critic, the seed is out of range, or ``out`` was begun with other
        policies or settings.
    """
    first_episode_of(config.seed, _TURN)
    policies = [load_policy(folder) for folder in folders]
    for folder, policy in zip(folders, policies, strict=True):
        if policy.critic is None:
            raise ValueError(
                f"{folder}: was kept without its critic, which is fitted too. Give a folder that"
                " train.py wrote."
            )
    manifests = [_manifest_of(folder) for folder in folders]
    members = [manifest["weights_sha256"] for manifest in manifests]
    claim_folder(out / "distillation.json", {**asdict(config), "members_sha256": members})
    targets = _play(folders, members, out / "targets", config, processes)
    student = fit_student(policies[0], targets, config, processes)
    say(f"playing {config.validation_episodes} validation episodes in each factory ...")
    suite = ValidationSuite(config.factories, config.validation_episodes)
    costs = {name: result.total_cost for name, result in suite.evaluate_all(student).items()}
    facts = {
        **inherited_facts(manifests[0], costs),
        "steps": sum(int(manifest.get("steps", 0)) for manifest in manifests),
        "distilled": _provenance(manifests, config, len(targets)),
    }
    config_text = (folders[0] / "config.toml").read_text(encoding="utf-8")
    save_policy(out / "policy", student, config_text, facts)
    return out / "policy"


def _provenance(
    manifests: Sequence[dict[str, Any]], config: DistillationConfig, decisions: int
) -> dict[str, Any]:
    """Return the part of the manifest that tells how the policy was distilled."""
    names = ("weights_sha256", "seed", "steps", "validation_ratio", "expert_iteration")
    return {
        "members": [{name: manifest.get(name) for name in names} for manifest in manifests],
        "decisions": decisions,
        "settings": json.loads(json.dumps(asdict(config))),
    }


def _play(
    folders: Sequence[Path],
    members: Sequence[str],
    out: Path,
    config: DistillationConfig,
    processes: int,
) -> TeacherTargets:
    """Return all decisions; finished pieces are read from ``out``."""
    first_episode = first_episode_of(config.seed, _TURN)
    factories = [factory.model_dump(mode="json") for factory in factories_of(config.factories, 1)]
    pieces = make_pieces(
        partial(_play_piece, list(folders), config.factories, first_episode),
        config.episodes,
        _EPISODES,
        TeacherTargets,
        inputs=digest(members, factories, first_episode),
        folder=out,
        workers=LocalProcesses(processes),
        label="play",
    )
    return concatenate(pieces)


def _play_piece(
    folders: list[Path], factories: Sequence[str], first_episode: int, index: int
) -> TeacherTargets:
    teachers = TeacherEnsemble([load_policy(folder) for folder in folders], factories)
    return teachers.play(first_episode + index * _EPISODES)


# --- command --------------------------------------------------------------------------------------

_COUNTS = {
    "episodes": "episodes that the teachers play",
    "update_epochs": "passes over their decisions",
    "seed": "seed of episodes, exploration and fit",
}
"""Help texts of the options that are whole numbers."""


def main(arguments: list[str] | None = None) -> int:
    """Distill several policies into one; return 0, or 2 with the error on stderr."""
    options = _read_options(arguments)
    try:
        config = _config_of(options)
        policy = distill(options.policies, options.folder, config, options.processes)
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. Finished episodes are kept in {options.folder}; the same command"
            " resumes.",
            file=sys.stderr,
        )
        return 130
    except (ValueError, OSError, PieceError) as error:
        print(f"agents.policy_improvement.distillation: {error}", file=sys.stderr)
        return 2
    costs = ", ".join(
        f"{name} {cost:,.0f}" for name, cost in _manifest_of(policy)["validation"].items()
    )
    print(f"One policy from {len(options.policies)}: {policy} (total cost on validate: {costs})")
    return 0


def _read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m agents.policy_improvement.distillation",
        description="Distill several trained policies into one: a copy of the first is fitted to"
        " the mean of all.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "policies",
        type=find_shipped,
        nargs="+",
        help="folders of trained policies with their critics; the new one starts as the first",
    )
    parser.add_argument(
        "folder", type=Path, help="folder of the run; an interrupted run in it is resumed"
    )
    parser.add_argument(
        "--factories",
        help="names or TOML files, separated by commas; otherwise those the first policy was"
        " trained on",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="processes that play, and threads that fit; the result does not depend on them",
    )
    for name, text in _COUNTS.items():
        default = getattr(DistillationConfig(()), name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=text)
    return parser.parse_args(arguments)


def _config_of(options: argparse.Namespace) -> DistillationConfig:
    """Return the settings that the options ask for."""
    for name in ("processes", *_COUNTS):
        least = 0 if name == "seed" else 1
        option = f"--{name.replace('_', '-')}"
        check_count(option, getattr(options, name), least, "Choose a larger number.")
    if "factories" in options:
        factories = split_names(options.factories)
    else:
        load_policy(options.policies[0])  # raises if the folder is no policy
        factories = list(_manifest_of(options.policies[0])["factories"])
    return DistillationConfig(
        tuple(factories), **{name: getattr(options, name) for name in _COUNTS}
    )


def _manifest_of(policy: Path) -> dict[str, Any]:
    return dict(json.loads((policy / "manifest.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    sys.exit(main())
