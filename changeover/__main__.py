"""Command line ``changeover``, also ``python -m changeover``: a command for each thing to do."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NamedTuple

import changeover
from changeover.extras import describe_missing
from factory.validation.names import write_all_letters

CommandRun = Callable[[list[str]], int]


class Command(NamedTuple):
    """A command: its line in the list of commands, and what runs it."""

    summary: str
    run: CommandRun


def _plan(arguments: list[str]) -> int:
    from changeover.commands.plan import run_plan

    return run_plan(arguments)


def _what_if(arguments: list[str]) -> int:
    from changeover.commands.what_if import run_what_if

    return run_what_if(arguments)


def _check(arguments: list[str]) -> int:
    from changeover.commands.check import run_check

    return run_check(arguments)


def _train(arguments: list[str]) -> int:
    import train

    return train.main(arguments)


def _evaluate(arguments: list[str]) -> int:
    import evaluate

    return evaluate.main(arguments)


def _tune(arguments: list[str]) -> int:
    import evaluate

    return evaluate.main(["--tune", *arguments])


def _sweep(arguments: list[str]) -> int:
    import sweep

    return sweep.main(arguments)


def _curves(arguments: list[str]) -> int:
    from evaluation import curves

    return curves.main(arguments)


def _export(arguments: list[str]) -> int:
    from agents.network import onnx_export

    return onnx_export.main(arguments)


def _serve(arguments: list[str]) -> int:
    from scheduler import __main__ as scheduler

    return scheduler.main(["serve", *arguments])


def _scheduler(arguments: list[str]) -> int:
    from scheduler import __main__ as scheduler

    return scheduler.main(arguments)


def _demo(arguments: list[str]) -> int:
    from changeover.commands import demo

    return demo.main(arguments)


COMMANDS = {
    "plan": Command("plan a plant's orders from its own files", _plan),
    "what-if": Command("compare a plan with one after a change", _what_if),
    "check": Command("check a factory and an order list: dates, load, what is unused", _check),
    "train": Command("train a policy", _train),
    "sweep": Command("search the settings of a training", _sweep),
    "evaluate": Command("compare policies and rules on the same episodes", _evaluate),
    "tune": Command("tune the rules and the index for a factory", _tune),
    "curves": Command("draw the learning curves of training runs", _curves),
    "export": Command("make a bundle for the scheduler from a trained policy", _export),
    "serve": Command("run the HTTP service and the planner's page", _serve),
    "scheduler": Command("decide, explain or replay with a bundle", _scheduler),
    "demo": Command("simulate one episode and draw its Gantt chart", _demo),
}
"""Commands by name, in the order of the help text."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status: 0, 1 or 2 for an error, 130 after Ctrl-C."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["--version"]:
        print(changeover.__version__)
        return 0
    options = _parser().parse_args(given[:1])
    write_all_letters()
    try:
        return COMMANDS[options.command].run(given[1:])
    except BrokenPipeError:  # the reader of the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        problem = describe_missing(error)
        if problem is None:
            raise
        print(f"changeover {options.command}: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nchangeover {options.command}: interrupted.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    width = max(len(name) for name in COMMANDS)
    listed = "\n".join(
        f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()
    )
    parser = argparse.ArgumentParser(
        prog="changeover",
        usage="changeover COMMAND ...",
        description="Plan and schedule small plants with sequence-dependent changeovers.",
        epilog=f"commands:\n{listed}\n\nchangeover COMMAND --help shows the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    parser.add_argument(
        "command", choices=COMMANDS, metavar="COMMAND", help="one of the commands below"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
