"""Train a policy: ``python train.py --config configs/training/quick.toml``.

The folder of a run holds its config, TensorBoard events, checkpoints, the best policy, which
``evaluate.py`` takes by its path, and a bundle for schedulers. Ctrl-C and SIGTERM write a
checkpoint; ``python train.py --resume RUN`` continues. docs/training.md explains all settings.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from agents.training.config import SEEDS, TrainingConfig, read_config
from agents.training.config_errors import ConfigError
from agents.training.resumption import change_resumed, keep_resumed
from agents.training.run_lock import FolderLock
from agents.training.stop_request import StopRequest, TrainingStopped
from evaluation.training_runs.baselines import check_start, settle_start
from evaluation.training_runs.cluster_runs import train_on_cluster
from evaluation.training_runs.run_summary import is_run_finished
from evaluation.training_runs.seed_runs import SeedRuns
from evaluation.training_runs.single_run import run_training
from factory.io.atomic_write import is_writable
from factory.io.shipped_files import command_of
from factory.progress import plain_warnings
from factory.validation.errors import FactoryError
from factory.validation.names import write_all_letters

RUNS = Path("runs")
DEFAULT_CONFIG = Path("configs/training/quick.toml")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = read_options(arguments)
    write_all_letters()
    if options.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    stop = StopRequest()
    try:
        with plain_warnings(), stop.listening():
            return train(options, stop)
    except KeyboardInterrupt as interrupt:
        print(f"\n{_explain_stop(options, interrupt)}", file=sys.stderr)
        return stop.exit_status
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


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 4096):  # a lock of sys.stdin would abort a regular end
        pass
    os._exit(1)


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.seeds is not None and options.seeds < 1:
        parser.error(f"--seeds {options.seeds}: must be 1 or more")
    if (
        options.cluster is not None
        and options.seeds is None
        and not SeedRuns.are_in(options.resume)
    ):
        parser.error(
            f"--cluster {options.cluster}: a single run trains on one machine. Add --seeds N, or"
            " leave --cluster out."
        )
    return options


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").replace("``", ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_settings(parser.add_argument_group("what to train"))
    _add_runs(parser.add_argument_group("runs"))
    _add_execution(parser.add_argument_group("execution"))
    return parser


def _add_settings(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--config",
        type=Path,
        help=f"TOML file with the settings of the run (default: {DEFAULT_CONFIG})",
    )
    group.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="change a setting, for example learning.total_timesteps=1000000, or a cost rate of the"
        " factories, for example costs.energy=0; may be repeated."
        " docs/reference/training_config.md lists all keys (default: no changes)",
    )
    group.add_argument(
        "--orders",
        metavar="FILE",
        help="order book (CSV) of a single factory; episodes play books resampled from it, and the"
        " factory needs no [demand] (default: orders are drawn from the demand)",
    )
    group.add_argument(
        "--tuned",
        metavar="DIR",
        help="folder of tuned parameters, as evaluate.py --tune --tuned DIR writes it (default:"
        " configs/evaluation/tuned, those of the shipped factories)",
    )


def _add_runs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="training seed, 0 to 32767; the first one with --seeds (default: that of the config)",
    )
    group.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="train N policies one after the other, with consecutive seeds, into seed-0 and so on"
        " of one folder; ends with a table over the seeds (default: one policy)",
    )
    group.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the run (default: runs/CONFIG-SEED, with --seeds runs/CONFIG-seeds)",
    )
    group.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="continue the run in this folder, or all runs of a folder of --seeds. --set may"
        " change logging keys, and increase learning.total_timesteps and"
        " expert_iteration.iterations (default: start a new run)",
    )


def _add_execution(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="device of the network (default: auto, the GPU if there is one)",
    )
    group.add_argument(
        "--no-test",
        action="store_true",
        help="do not compare the policy with the baselines on test seeds at the end (default:"
        " compare)",
    )
    group.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="Ray cluster that trains the runs of --seeds beside each other: HOST:PORT, or auto for"
        " the one that this machine belongs to (default: one after the other, here)",
    )
    group.add_argument(
        "--end-with-stdin",
        action="store_true",
        help="end at once when standard input is closed, as it is at the end of the program that"
        " started this one (default: go on)",
    )


def train(options: argparse.Namespace, stop: StopRequest) -> int:
    """Make one run, or several with different seeds."""
    changes = _changes(options)
    if options.resume is not None:
        _check_resume(options)
        folder = options.resume
        config = change_resumed(folder, changes)
    else:
        folder = _folder(options)
        config, notes = settle_start(read_config(options.config or DEFAULT_CONFIG, changes))
        folder = folder or RUNS / f"{_stem(options)}-{config.seed}"
        options.out = folder
        for note in notes:
            print(note)
        for place in [folder, *(folder / f"seed-{seed}" for seed in _seeds(config, options))]:
            check_folder(place)
    check_start(config)
    if options.seeds is None and not SeedRuns.are_in(options.resume):
        _run(config, folder, options, stop, resume=options.resume is not None)
        return 0
    with FolderLock(folder):
        seeds = SeedRuns.open(folder, config, options.seeds, resume=options.resume is not None)
        _train_seeds(seeds, changes, options, stop)
        print(seeds.finish())
    return 0


def _train_seeds(
    seeds: SeedRuns, changes: Sequence[str], options: argparse.Namespace, stop: StopRequest
) -> None:
    """Train all seeds that have not come to their ends."""
    runs = dict[Path, TrainingConfig]()
    for folder in seeds.folders:
        is_begun = (folder / "config.toml").is_file()
        config = change_resumed(folder, changes) if is_begun else seeds.config_of(folder)
        if is_run_finished(config, folder, compared=not options.no_test):
            print(f"{folder}: finished before; it is left as it is.")
        else:
            runs[folder] = config
    if options.cluster is None:
        for folder, config in runs.items():
            _run(config, folder, options, stop, resume=(folder / "config.toml").is_file())
    else:
        for folder, config in runs.items():
            if (folder / "config.toml").is_file():
                keep_resumed(folder, config)
        arguments = ["--device", options.device, *(["--no-test"] if options.no_test else [])]
        train_on_cluster(options.cluster, runs, arguments)


def _seeds(config: TrainingConfig, options: argparse.Namespace) -> range:
    """Return the seeds of a new folder of runs; none for a single run."""
    count = options.seeds or 0
    if count and config.seed + count > SEEDS:
        raise ConfigError(
            f"--seeds {count}: the last seed would be {config.seed + count - 1}; must be less than"
            f" {SEEDS}. Start at a lower seed."
        )
    return range(config.seed, config.seed + count)


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


def _changes(options: argparse.Namespace) -> list[str]:
    """Return all settings of the command line, as ``--set`` takes them."""
    changes = list(options.changes)
    if options.seed is not None and not SeedRuns.are_in(options.resume):
        changes.append(f"seed={options.seed}")
    paths = {name: getattr(options, name) for name in ("orders", "tuned")}
    return changes + [
        f"scenario.{name}='''{path}'''" for name, path in paths.items() if path is not None
    ]


def _check_resume(options: argparse.Namespace) -> None:
    """Refuse options that a resumed run cannot follow."""
    for name in ("config", "out"):
        if getattr(options, name) is not None:
            raise ConfigError(
                f"--resume {options.resume} with --{name} {getattr(options, name)}: a run has its"
                " own config and folder. Leave one of them out; --set changes single settings."
            )
    is_group = SeedRuns.are_in(options.resume)
    if options.seeds is not None and not is_group:
        raise ConfigError(
            f"--resume {options.resume} with --seeds {options.seeds}: the folder holds a single"
            " run. Leave --seeds out, or start the seeds in a folder of their own with --out."
        )
    if options.seed is not None and is_group:
        raise ConfigError(
            f"--resume {options.resume} with --seed {options.seed}: the folder holds several"
            " seeds. Leave --seed out, or resume the folder of that seed."
        )


def _stem(options: argparse.Namespace) -> str:
    return str((options.config or DEFAULT_CONFIG).stem)


def _folder(options: argparse.Namespace) -> Path | None:
    """Return the folder of a new run; None if its name depends on the seed of the config."""
    if options.out is not None:
        return Path(options.out)
    return RUNS / f"{_stem(options)}-seeds" if options.seeds else None


def _run(
    config: TrainingConfig,
    folder: Path,
    options: argparse.Namespace,
    stop: StopRequest,
    *,
    resume: bool,
) -> None:
    """Make one run, as the options say."""
    run_training(config, folder, options.device, stop, resume=resume, compared=not options.no_test)


def _explain_stop(options: argparse.Namespace, interrupt: KeyboardInterrupt) -> str:
    """Return the message about an interrupted run, with the command that continues it."""
    folder = options.resume or options.out
    if folder is None or not (folder / "config.toml").is_file():
        return "Interrupted before the training began; the same command starts it."
    command = [*command_of("train").split(), "--resume", str(folder)]
    if options.device != "auto":
        command += ["--device", options.device]
    if options.no_test:
        command.append("--no-test")
    done = "Interrupted. Finished work is kept."
    if isinstance(interrupt, TrainingStopped):
        done = (
            f"Stopped after {interrupt.decisions:,} decisions. Checkpoint: {interrupt.checkpoint}"
        )
    return f"{done}\nContinue: {shlex.join(command)}"


if __name__ == "__main__":
    sys.exit(main())
