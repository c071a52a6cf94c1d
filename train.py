"""Train a policy: ``python train.py --config configs/training/quick.toml``; killed or interrupted,
``python train.py --resume RUN`` goes on.

A run's folder holds its config, TensorBoard events, checkpoints and the best policy, which
``evaluate.py`` plays by the folder's name. docs/training.md explains all.
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
    """Parse, call, print; returns the exit status."""
    options = read_options(arguments)
    write_all_letters()
    folder = options.resume or options.out
    try:
        return train(options)
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. Checkpoints are kept; python train.py --resume {folder or 'RUN'} goes"
            " on from the last.",
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
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("configs/training/quick.toml"),
        help="what to do (default: %(default)s)",
    )
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="change a setting; may be repeated",
    )
    parser.add_argument("--seed", type=int, help="training seed (default: the config's)")
    parser.add_argument(
        "--seeds",
        type=int,
        help="train with that many seeds, one after the other, from the config's on",
    )
    parser.add_argument("--out", type=Path, help="folder of the run (default: runs/CONFIG-SEED)")
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with the run in this folder"
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where the network learns (default: the GPU if there is one)",
    )
    parser.add_argument(
        "--no-test", action="store_true", help="do not score the policy on test seeds at the end"
    )
    return parser.parse_args(arguments)


def train(options: argparse.Namespace) -> int:
    """One run, or several with different seeds."""
    if options.resume is not None:
        run(read_config(options.resume / "config.toml"), options.resume, options, resume=True)
        return 0
    changes = [*options.changes, *([f"seed={options.seed}"] if options.seed is not None else [])]
    config = read_config(options.config, changes)
    for seed in range(config.seed, config.seed + (options.seeds or 1)):
        folder = options.out or RUNS / f"{options.config.stem}-{seed}"
        if options.out is not None and options.seeds:
            folder = options.out / f"seed-{seed}"
        run(config.model_copy(update={"seed": seed}), folder, options, resume=False)
    return 0


def run(config: TrainingConfig, folder: Path, options: argparse.Namespace, *, resume: bool) -> None:
    """Train, then compare with the rules on test seeds."""
    say("loading the libraries that learn, and the simulator ...")
    import torch

    from agents.training.trainer import Trainer

    warm_up()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "--device cuda: torch finds no GPU here. Install a build of torch for your GPU, or"
            " leave --device away to learn on the processor."
        )
    device = (
        options.device
        if options.device != "auto"
        else ("cuda" if torch.cuda.is_available() else "cpu")
    )
    names = config.scenario.validation_factories or config.scenario.factories
    references = {
        name: (str(rule), rule) for name, rule in ((name, best_tuned_rule(name)) for name in names)
    }
    trainer = Trainer(
        config,
        folder,
        prior=find_prior(config),
        references=references,
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


def improve(config: TrainingConfig, folder: Path) -> None:
    """Let the policy learn from lookahead over itself; the best on the validation episodes becomes
    the run's."""
    from agents.network.trained_policy import copy_policy
    from agents.policy_improvement.expert_iteration import ExpertIteration, expert_iteration_config

    start = folder / "expert_iteration" / "start"
    if not (start / "manifest.json").exists():
        copy_policy(folder / "policy", start)
    improvement = ExpertIteration(
        start, folder / "expert_iteration", expert_iteration_config(config), config.threads
    )
    best = improvement.run()
    copy_policy(best, folder / "policy")
    print(
        f"After learning from lookahead: {improvement.best_cost:.3f} of the trained policy's cost."
        f" Policy: {folder / 'policy'}, from {best}"
    )


def export(folder: Path) -> None:
    """Write the run's policy as a bundle; without the extra it can be done later."""
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
    """Weights of the evolved index that the network starts as."""
    if config.network.prior != "index" or config.network.init_from is not None:
        return None
    name = config.network.prior_factory or config.scenario.factories[0]
    index = tuned_index(name)
    if index is None:
        raise ConfigError(
            f"network.prior = 'index'; no index was evolved for {name}. Run python evaluate.py"
            f" --tune --factory {name}, or start as 'atcs'."
        )
    return dict(index.weights)


def compare(config: TrainingConfig, folder: Path) -> None:
    """Score the policy, some tuned rules and the index on test seeds, and print the table."""
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
