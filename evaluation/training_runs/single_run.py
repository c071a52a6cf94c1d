"""One training run: PPO, expert iteration, export, and the comparison with baselines."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from agents.training.config import TrainingConfig
from agents.training.config_errors import ConfigError
from agents.training.run_lock import FolderLock
from agents.training.stop_request import StopRequest
from evaluation.benchmark import warm_up
from evaluation.reporting.console_tables import format_results
from evaluation.runner import provenance
from evaluation.training_runs.baselines import best_rules, find_prior
from evaluation.training_runs.changed_factories import write_changed_factories
from evaluation.training_runs.final_comparison import compare_trained, write_summary
from evaluation.training_runs.learning_curves import find_curves, write_curves
from factory.progress import say


def run_training(
    config: TrainingConfig,
    folder: Path,
    asked_device: str,
    stop: StopRequest,
    *,
    resume: bool,
    compared: bool,
) -> None:
    """Train a policy, improve it if the config says so, export it, compare it with baselines.

    Parameters
    ----------
    config
        Config of the run.
    folder
        Folder of the run.
    asked_device
        ``cpu``, ``cuda``, or ``auto`` for the GPU if there is one.
    stop
        Request to stop, which is followed between rollouts.
    resume
        Continue the run in the folder.
    compared
        Compare the policy with the baselines on test episodes at the end.
    """
    say(f"{folder}: loading the libraries for training, and the simulator ...")
    from agents.training.trainer import Trainer

    device = find_device(asked_device)
    with FolderLock(folder):
        warm_up()
        if not resume:
            config = write_changed_factories(config, folder)
        trainer = Trainer(
            config,
            folder,
            prior=find_prior(config),
            references={name: (str(rule), rule) for name, rule in best_rules(config).items()},
            device=device,
            facts={**provenance.collect_provenance(), "changed_costs": config.costs.changes()},
            stop=stop,
        )
        trainer.resume() if resume else trainer.begin()
        print(
            f"Best on the validation episodes: {trainer.best_ratio:.3f} of the best rule's cost."
            f" Policy: {folder / 'policy'}"
        )
        stop.check()
        if config.expert_iteration.iterations:
            improve(config, folder)
        finish(config, folder, compared=compared)


def finish(config: TrainingConfig, folder: Path, *, compared: bool) -> None:
    """Export the policy, draw its curve, compare it with the baselines and write the summary."""
    if config.logging.export_bundle:
        export(folder)
    write_curves(find_curves([folder]), folder)
    if compared:
        say("comparing the policy with rules on test episodes ...")
        with tqdm(unit=" episodes", smoothing=0.05, dynamic_ncols=True) as bar:
            results = compare_trained(
                config, folder, lambda size: bar.reset(total=size), bar.update
            )
            bar.total = bar.n
        print(format_results(results))
    write_summary(config, folder, compared=compared)
    print(f"Curve: {folder / 'curves.png'}. Events: tensorboard --logdir {folder / 'events'}")


def find_device(asked: str) -> str:
    """Return the device to train on, ``cpu`` or ``cuda``."""
    import torch

    has_gpu = torch.cuda.is_available()
    if asked == "cuda" and not has_gpu:
        raise ConfigError(
            "--device cuda: torch finds no GPU here. Install a build of torch for your GPU, or"
            " leave --device away to train on the CPU."
        )
    if asked == "auto":
        return "cuda" if has_gpu else "cpu"
    return asked


def improve(config: TrainingConfig, folder: Path) -> None:
    """Improve the run's policy by expert iteration, if that lowers the cost on validation episodes.

    The trained policy is kept in ``expert_iteration/start``.
    """
    from agents.policy_folder import copy_policy
    from agents.policy_improvement.expert_iteration import ExpertIteration
    from agents.policy_improvement.expert_iteration_config import expert_iteration_config

    start = folder / "expert_iteration" / "start"
    if not (start / "manifest.json").exists():
        copy_policy(folder / "policy", start)
    improvement = ExpertIteration(
        start, folder / "expert_iteration", expert_iteration_config(config), config.threads
    )
    best = improvement.run()
    copy_policy(best, folder / "policy")
    print(
        f"After expert iteration: {improvement.best_cost:.3f} of the trained policy's cost."
        f" Policy: {folder / 'policy'}, from {best}"
    )


def export(folder: Path) -> None:
    """Write the run's policy as a bundle; print the command for later if a library is missing."""
    try:
        from agents.network.onnx_export import write_bundle
        from agents.network.trained_policy import load_policy

        write_bundle(load_policy(folder / "policy"), folder / "policy", folder / "bundle")
    except ModuleNotFoundError as error:
        print(
            f"No bundle: {error.name} is not installed. Install the extra `scheduler`, then run "
            f"python -m agents.network.onnx_export {folder} {folder / 'bundle'}"
        )
    else:
        print(f"Bundle for schedulers: {folder / 'bundle'}")
