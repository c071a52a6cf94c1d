"""Search the settings of a training: ``python sweep.py --config configs/sweeps/quick.toml``.

Each trial trains a policy with other values of the keys that the sweep file names. Optuna suggests
the values, and Ray runs the trials, on the cores of this machine or on a cluster. The folder of the
sweep holds a run for each trial, the table of trials, a report and the best config, which
``train.py`` takes. Ctrl-C or a crash loses nothing but what came after the last checkpoints;
``python sweep.py --resume SWEEP`` continues. docs/cluster.md explains all.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from agents.training.config_errors import ConfigError
from agents.training.run_lock import FolderLock
from evaluation.benchmark import warm_up
from evaluation.sweeps.sweep_config import Sweep, read_sweep
from evaluation.training_runs.baselines import check_start
from factory.io.atomic_write import is_writable, write_atomically
from factory.io.shipped_files import command_of
from factory.progress import plain_warnings, say
from factory.validation.errors import FactoryError
from factory.validation.names import write_all_letters
from factory.work_units.ray_connection import connected
from factory.work_units.ray_nodes import prepare_nodes

SWEEP_FILE = "sweep.json"
"""File that marks the folder of a sweep, with all that it depends on."""
DEFAULT_CONFIG = Path("configs/sweeps/quick.toml")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = make_parser().parse_args(arguments)
    write_all_letters()
    folder = options.resume or options.out or Path("runs") / f"sweep-{_stem(options)}"
    try:
        with plain_warnings():
            return run_sweep(options, folder)
    except KeyboardInterrupt:
        print(f"\nInterrupted. {_explain_resume(folder)}", file=sys.stderr)
        return 130
    except (ConfigError, FactoryError, ValueError, OSError, RuntimeError) as error:
        print(f"sweep.py: {error}", file=sys.stderr)
        return 2


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").replace("``", ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_subject(parser.add_argument_group("what to search"))
    _add_execution(parser.add_argument_group("execution"))
    return parser


def _add_subject(subject: argparse._ArgumentGroup) -> None:
    subject.add_argument(
        "--config", type=Path, help=f"sweep file (TOML; default: {DEFAULT_CONFIG})"
    )
    subject.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the sweep file, for example trials=8 or early_stopping.method=none;"
        " may be repeated. docs/reference/sweep_file.md lists all keys (default: no changes)",
    )
    subject.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the sweep (default: runs/sweep-CONFIG)"
    )
    subject.add_argument(
        "--resume",
        type=Path,
        metavar="SWEEP",
        help="continue the sweep in this folder; --set may change trials, hours and"
        " concurrent_trials (default: start a new sweep)",
    )


def _add_execution(execution: argparse._ArgumentGroup) -> None:
    execution.add_argument(
        "--address",
        metavar="ADDRESS",
        help="Ray cluster to run on: HOST:PORT, or auto for the one that this machine belongs to"
        " (default: the cores of this machine)",
    )
    execution.add_argument(
        "--storage",
        metavar="URL",
        help="database of the Optuna study, for example sqlite:///study.db; a study of the same"
        " name goes on there, also with other machines (default: none)",
    )
    execution.add_argument(
        "--study", metavar="NAME", help="name of the study in --storage (default: that of the file)"
    )


def _stem(options: argparse.Namespace) -> str:
    return str((options.config or DEFAULT_CONFIG).stem)


def run_sweep(options: argparse.Namespace, folder: Path) -> int:
    """Run a new sweep, or continue one, and write its results."""
    sweep = _continue_sweep(options) if options.resume else _begin_sweep(options, folder)
    check_start(sweep.base)
    if not is_writable(folder):
        raise ConfigError(f"{folder}: the folder cannot be written. Name another with --out.")
    say("starting Ray ...")

    from evaluation.sweeps.sweep_progress import SweepProgress, write_all

    with FolderLock(folder), connected(options.address) as ray:
        prepare_nodes(ray, warm_up)
        from evaluation.sweeps.ray_sweep import open_storage, run_trials

        storage = open_storage(options.storage)
        write_atomically(folder / SWEEP_FILE, json.dumps(sweep.to_json(), indent=1) + "\n")
        with SweepProgress(sweep, folder) as progress:
            is_over = run_trials(
                sweep,
                folder,
                storage=storage,
                study_name=options.study or sweep.name,
                listener=progress.show,
            )
    print(write_all(sweep, folder))
    if not is_over:
        print(f"The time is over. {_explain_resume(folder)}")
    return 0


def _begin_sweep(options: argparse.Namespace, folder: Path) -> Sweep:
    if (folder / SWEEP_FILE).exists():
        raise ConfigError(
            f"{folder}: holds a sweep already. Continue it with --resume"
            f" {shlex.quote(str(folder))}, or name another folder with --out."
        )
    return read_sweep(options.config or DEFAULT_CONFIG, options.changes)


def _continue_sweep(options: argparse.Namespace) -> Sweep:
    for name in ("config", "out"):
        if getattr(options, name) is not None:
            raise ConfigError(
                f"--resume {options.resume} with --{name} {getattr(options, name)}: a sweep keeps"
                " its own file in its folder. Leave one of them out."
            )
    path = options.resume / SWEEP_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        sweep = Sweep.from_json(content)
    except OSError as error:
        raise ConfigError(
            f"--resume {options.resume}: {path.name} cannot be read ({error.strerror}). Give the"
            " folder of a sweep, or start one without --resume."
        ) from None
    except (ValueError, LookupError, TypeError) as error:
        raise ConfigError(
            f"{path}: is not the file of a sweep ({error}). Start the sweep anew with --out."
        ) from None
    return sweep.changed(options.changes)


def _explain_resume(folder: Path) -> str:
    if not (folder / SWEEP_FILE).is_file():
        return "No trial has begun; the same command starts the sweep."
    command = [*command_of("sweep").split(), "--resume", str(folder)]
    return f"Trials go on from their last checkpoints.\nContinue: {shlex.join(command)}"


if __name__ == "__main__":
    sys.exit(main())
