"""Train a policy: ``python train.py --config configs/training/quick.toml``.

``python train.py --resume RUN`` resumes a run that was interrupted or killed. The folder of a run
holds its config, TensorBoard events, checkpoints and the best policy, which ``evaluate.py`` takes
by its path. docs/training.md explains configs and output.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from agents.training.config import ConfigError, TrainingConfig, read_config
from evaluation.benchmark import Benchmark, BenchmarkConfig, warm_up
from evaluation.reporting.console_tables import format_results
from evaluation.runner import provenance
from evaluation.runner.contenders import Contender, parse_contenders
from evaluation.runner.scenarios import find_scenarios
from evaluation.tuned_parameters import best_tuned_rule, tuned_index
from factory.progress import say
from factory.validation.errors import FactoryError
from factory.validation.names import write_all_letters

RUNS = Path("runs")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = read_options(arguments)
    write_all_letters()
    folder = options.resume or options.out
    try:
        return train(options)
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. Checkpoints are kept; python train.py --resume {folder or 'RUN'}"
            " continues from the last.",
            file=sys.stderr,
        )
        return 130
    except (
        ConfigError,
        FactoryError,
        ValueError,
        OSError,
        RuntimeError,
        FloatingPointError,
    ) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("configs/training/quick.toml"),
        help="TOML file with the settings of the run (default: %(default)s)",
    )
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override a setting, for example learning.total_timesteps=1000000; may be repeated",
    )
    parser.add_argument("--seed", type=int, help="training seed (default: seed of the config)")
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="train N policies one after the other, with consecutive seeds",
    )
    parser.add_argument("--out", type=Path, help="folder of the run (default: runs/CONFIG-SEED)")
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="continue the run in this folder"
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="device of the network (default: the GPU if there is one)",
    )
    parser.add_argument(
        "--no-test",
        action="store_true",
        help="do not compare the policy with the baselines on test seeds at the end",
    )
    return parser.parse_args(arguments)


def train(options: argparse.Namespace) -> int:
    """Make one run, or several with different seeds."""
    if options.resume is not None:
        config = read_config(options.resume / "config.toml")
        if not options.no_test:
            check_baselines(config, str(options.resume / "config.toml"))
        run(config, options.resume, options, resume=True)
        return 0
    changes = [*options.changes, *([f"seed={options.seed}"] if options.seed is not None else [])]
    config = settle_baselines(read_config(options.config, changes))
    if not options.no_test:
        check_baselines(config, str(options.config))
    for seed in range(config.seed, config.seed + (options.seeds or 1)):
        folder = options.out or RUNS / f"{options.config.stem}-{seed}"
        if options.out is not None and options.seeds:
            folder = options.out / f"seed-{seed}"
        run(config.model_copy(update={"seed": seed}), folder, options, resume=False)
    return 0


def factories_without_index(config: TrainingConfig) -> list[str]:
    """Return the factories of the final comparison that no index was evolved for."""
    names = config.scenario.validation_factories or config.scenario.factories
    return [name for name in names if tuned_index(name) is None]


def settle_baselines(config: TrainingConfig) -> TrainingConfig:
    """Return the config without the default baseline ``index`` if a factory has none."""
    missing = factories_without_index(config)
    if "baselines" in config.logging.model_fields_set or not missing:
        return config
    print(f"logging.baselines: index is left out, as none was evolved for {', '.join(missing)}.")
    kept = ",".join(name for name in config.logging.baselines.split(",") if name != "index")
    logging = config.logging.model_copy(update={"baselines": kept})
    return config.model_copy(update={"logging": logging})


def check_baselines(config: TrainingConfig, where: str) -> None:
    """Check the final comparison before training, which may take hours.

    Parameters
    ----------
    where
        Config file, for the error.

    Raises
    ------
    ConfigError
        If a baseline is unknown, is called like the trained policy, or is the index of a factory
        that has none.
    FactoryError
        If the factories cannot be compared in one table.
    """
    find_scenarios(config.scenario.validation_factories or config.scenario.factories)
    setting = f"{where}: logging.baselines = {config.logging.baselines!r}"
    try:
        contenders = parse_contenders(config.logging.baselines)
    except ValueError as error:
        raise ConfigError(f"{setting}; {error}") from None
    if any(contender.name == "policy" for contender in contenders):
        raise ConfigError(
            f"{setting}; the trained policy is called 'policy' in the table. Give the baseline"
            " another name: other=PATH."
        )
    missing = factories_without_index(config)
    if missing and any(contender.kind == "index" for contender in contenders):
        raise ConfigError(
            f"{setting}; no index was evolved for {', '.join(missing)}. Run python evaluate.py"
            f" --tune --factory {shlex.quote(missing[0])}, or take index out."
        )


def run(config: TrainingConfig, folder: Path, options: argparse.Namespace, *, resume: bool) -> None:
    """Train a policy, improve it if the config says so, then compare it with the baselines."""
    say("loading the libraries for training, and the simulator ...")
    from agents.training.trainer import Trainer

    warm_up()
    device = find_device(options.device)
    names = config.scenario.validation_factories or config.scenario.factories
    rules = {name: best_tuned_rule(name) for name in names}
    trainer = Trainer(
        config,
        folder,
        prior=find_prior(config),
        references={name: (str(rule), rule) for name, rule in rules.items()},
        device=device,
        facts=provenance.collect_provenance(),
    )
    if resume:
        trainer.resume()
    else:
        trainer.begin()
    print(
        f"Best on the validation episodes: {trainer.best_ratio:.3f} of the best rule's cost."
        f" Policy: {folder / 'policy'}"
    )
    if config.expert_iteration.iterations:
        improve(config, folder)
    if not options.no_test:
        compare(config, folder)
    if config.logging.export_bundle:
        export(folder)
    print(f"Events: tensorboard --logdir {folder / 'events'}")


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


def find_prior(config: TrainingConfig) -> dict[str, float] | None:
    """Return the weights of the evolved index that is the network's prior; None for others."""
    if config.network.prior != "index" or config.network.init_from is not None:
        return None
    name = config.network.prior_factory or config.scenario.factories[0]
    index = tuned_index(name)
    if index is None:
        raise ConfigError(
            f"network.prior = 'index'; no index was evolved for {name}. Run python evaluate.py"
            f" --tune --factory {shlex.quote(name)}, or set network.prior=atcs."
        )
    return dict(index.weights)


def compare(config: TrainingConfig, folder: Path) -> None:
    """Score the policy and the baselines on test seeds, and print the table."""
    names = list(config.scenario.validation_factories or config.scenario.factories)
    contenders = [
        *parse_contenders(config.logging.baselines),
        Contender("policy", "learned", paths=(str(folder / "policy"),)),
    ]
    settings = BenchmarkConfig(episodes=config.logging.test_episodes, processes=2)
    command = shlex.join(["python", "train.py", "--resume", str(folder)])
    results = Benchmark(
        find_scenarios(names), contenders, settings, folder / "evaluation", command=command
    ).run()
    print(format_results(results))


if __name__ == "__main__":
    sys.exit(main())
