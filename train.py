"""Train a policy: ``python train.py --config configs/training/quick.toml``.

``python train.py --resume RUN`` resumes a run that was interrupted or killed. The folder of a run
holds its config, TensorBoard events, checkpoints and the best policy, which ``evaluate.py`` takes
by its path. docs/training.md explains configs and output.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.training.config import SEEDS, TrainingConfig, read_config
from agents.training.config_errors import ConfigError
from evaluation.benchmark import Benchmark, BenchmarkConfig, warm_up
from evaluation.reporting.console_tables import format_results
from evaluation.runner import provenance
from evaluation.runner.contenders import Contender, parse_contenders
from evaluation.runner.scenarios import find_scenarios
from evaluation.tuned_parameters import best_tuned_rule, tuned_index
from factory.io.atomic_write import is_writable
from factory.io.shipped_files import command_of
from factory.progress import say
from factory.validation.errors import FactoryError
from factory.validation.names import write_all_letters

RUNS = Path("runs")
CONFIG = Path("configs", "training", "quick.toml")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = read_options(arguments)
    write_all_letters()
    try:
        return train(options)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except MemoryError as error:
        message = (
            f"out of memory ({error}). Lower learning.num_envs, learning.num_steps,"
            " network.hidden_size or scenario.num_generated."
        )
    except FloatingPointError as error:
        message = f"{str(error).rstrip('.')}. Lower learning.learning_rate or network.prior_scale."
    except (ConfigError, FactoryError, ValueError, OSError, RuntimeError) as error:
        message = str(error)
    print(f"train.py: {message}", file=sys.stderr)
    return 2


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _add_settings(parser)
    parser.add_argument("--out", type=Path, help="folder of the run (default: runs/CONFIG-SEED)")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="continue the run in this folder, with its own config",
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
    options = parser.parse_args(arguments)
    check_resume(parser, options)
    return options


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that only a new run takes."""
    parser.add_argument(
        "--config",
        type=Path,
        help=f"TOML file with the settings of the run (default: {CONFIG.as_posix()})",
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
        type=_positive,
        metavar="N",
        help="train N policies one after the other, with consecutive seeds",
    )


def check_resume(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the program if ``--resume`` comes with options that a resumed run cannot follow."""
    if options.resume is not None:
        for name in ("config", "changes", "seed", "seeds", "out"):
            if getattr(options, name) not in (None, []):
                option = "--set" if name == "changes" else f"--{name}"
                parser.error(
                    f"{option} with --resume; a run continues with its own config. Leave {option}"
                    " out, or start a new run."
                )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def train(options: argparse.Namespace) -> int:
    """Make one run, or several with different seeds."""
    if options.resume is not None:
        resume(options)
        return 0
    file = CONFIG if options.config is None else options.config
    changes = [*options.changes, *([f"seed={options.seed}"] if options.seed is not None else [])]
    config = settle_baselines(read_config(file, changes))
    if not options.no_test:
        check_baselines(config, str(file))
    runs = find_folders(config, options, file.stem)
    for folder in runs.values():
        check_folder(folder)
    for seed, folder in runs.items():
        with hint_at_resuming(folder):
            run(config.model_copy(update={"seed": seed}), folder, options, resume=False)
    return 0


def resume(options: argparse.Namespace) -> None:
    """Continue the run in the folder ``--resume``."""
    file = options.resume / "config.toml"
    if not file.is_file():
        raise ConfigError(
            f"--resume {options.resume}: holds no run, as it has no config.toml. Give the folder of"
            " a run, or start one with --config and --out."
        )
    config = read_config(file)
    if not options.no_test:
        check_baselines(config, str(file))
    with hint_at_resuming(options.resume):
        run(config, options.resume, options, resume=True)


@contextmanager
def hint_at_resuming(folder: Path) -> Iterator[None]:
    """Print the command that resumes the run in a folder if it is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        if (folder / "config.toml").exists():
            say(f"Finished work is kept; {resume_command(folder)} continues.")
        raise


def find_folders(config: TrainingConfig, options: argparse.Namespace, name: str) -> dict[int, Path]:
    """Return the folders of the runs, by seed.

    Parameters
    ----------
    name
        Name of the config, for folders in ``runs``.
    """
    count = options.seeds or 1
    if config.seed + count > SEEDS:
        raise ConfigError(
            f"--seeds {count}: the last seed would be {config.seed + count - 1}; must be less than"
            f" {SEEDS}. Start at a lower seed."
        )
    seeds = range(config.seed, config.seed + count)
    if options.out is None:
        return {seed: RUNS / f"{name}-{seed}" for seed in seeds}
    if options.seeds is None:
        return {config.seed: options.out}
    return {seed: options.out / f"seed-{seed}" for seed in seeds}


def check_folder(folder: Path) -> None:
    """Check that a run can begin in a folder, before the first of several runs does.

    Raises
    ------
    ConfigError
        If it holds a run already, or cannot be written.
    """
    if (folder / "config.toml").exists():
        raise ConfigError(
            f"{folder}: holds a run already. Continue it with --resume {shlex.quote(str(folder))},"
            " or name another folder with --out."
        )
    if not is_writable(folder):
        raise ConfigError(
            f"{folder}: is no folder that can be written. Name another one with --out."
        )


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
            f"{setting}; no index was evolved for {', '.join(missing)}. Run"
            f" {command_of('evaluate')} --tune --factory {shlex.quote(missing[0])}, or take index"
            " out."
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


def resume_command(folder: Path) -> str:
    """Return the command that resumes a run."""
    return shlex.join([*command_of("train").split(), "--resume", str(folder)])


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
            f"network.prior = 'index'; no index was evolved for {name}. Run"
            f" {command_of('evaluate')} --tune --factory {shlex.quote(name)}, or set"
            " network.prior=atcs."
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
    command = resume_command(folder)
    results = Benchmark(
        find_scenarios(names), contenders, settings, folder / "evaluation", command=command
    ).run()
    print(format_results(results))


if __name__ == "__main__":
    sys.exit(main())
