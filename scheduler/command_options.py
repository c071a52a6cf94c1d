"""Command line of ``python -m scheduler``: commands and their options."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from agents.bundle_manifest import KEY_VARIABLE
from scheduler.access.access_tokens import ROLES, TOKEN_VARIABLE
from scheduler.decisions.decider import BUDGET_SECONDS
from scheduler.log.decision_log import LogFailure
from scheduler.log.rotation import LogRetention, parse_retention
from scheduler.outcomes.watch_options import add_watch_options
from scheduler.plans.work_limit import PLAN_SECONDS
from scheduler.portfolio.planner import SEARCH_SECONDS

_LAST_PORT = 65_535
_Commands = dict[str, argparse.ArgumentParser]


def parse_options(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; ``command`` of the result is the command's name."""
    return scheduler_parser().parse_args(arguments)


def scheduler_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; each command has a parser of its own."""
    parser = argparse.ArgumentParser(
        prog="python -m scheduler",
        description="Decisions, plans and the HTTP service of an exported policy.",
    )
    subparsers = parser.add_subparsers(required=True, metavar="command", dest="command")
    helps = {
        "decide": "decide for every free machine",
        "plan": "make a complete schedule, with the expected completion of each order",
        "explain": (
            "show the alternatives of the next decision, their differences, and the choice of the"
            " fallback rule"
        ),
        "what-if": "compare the plan before and after changes",
        "serve": "run the HTTP service and the planner's page",
        "token": "give a role of the service a new token",
        "replay": "repeat the decisions of a log and compare",
        "shadow": "report where policy and rule differ in a log of shadow mode, and the costs",
        "snapshot": "write a snapshot of a simulated plant, to try things with",
        "warm": "compile all that the service runs, once after an installation",
    }
    commands = {name: subparsers.add_parser(name, help=text) for name, text in helps.items()}
    _add_decide_options(commands)
    _add_plan_options(commands)
    _add_serve_options(commands)
    _add_token_options(commands)
    _add_log_options(commands)
    _add_snapshot_options(commands)
    _add_warm_options(commands)
    _add_common_options(commands)
    return parser


def _add_decide_options(commands: _Commands) -> None:
    decide = commands["decide"]
    decide.add_argument("--log", type=Path, help="SQLite file that the decisions are appended to")
    for name in ("decide", "serve"):
        commands[name].add_argument(
            "--shadow",
            action="store_true",
            help="let the fallback rule decide, and report the policy's choice beside it",
        )
    for name in ("decide", "plan", "explain", "what-if", "serve"):
        commands[name].add_argument(
            "--budget",
            type=_positive,
            default=1000 * BUDGET_SECONDS,
            help="milliseconds for one decision; then the fallback rule decides",
        )


def _add_plan_options(commands: _Commands) -> None:
    plan, what_if = commands["plan"], commands["what-if"]
    plan.add_argument(
        "--previous", type=Path, help="JSON file of a plan, to report how much of it moves"
    )
    plan.add_argument(
        "--frozen",
        type=int,
        default=0,
        help="ticks from the clock in which nothing of the previous plan moves",
    )
    plan.add_argument(
        "--text",
        action="store_true",
        help="tables and a Gantt chart in characters instead of JSON",
    )
    what_if.add_argument(
        "--change",
        action="append",
        required=True,
        help='JSON, for example \'{"change": "machine_down", "machine": "paint-1", "until": 500}\'',
    )
    for command in (plan, what_if):
        command.add_argument(
            "--futures",
            type=int,
            default=0,
            help="number of sampled futures, for the 10, 50 and 90 %% dates of each order",
        )
        command.add_argument(
            "--seed", type=int, default=0, help="seed of the sampled futures and of the search"
        )
        _add_search_options(command)
    _add_explain_options(commands["explain"])
    commands["shadow"].add_argument(
        "--seconds", type=_positive, default=PLAN_SECONDS, help="time limit for one difference"
    )


def _add_explain_options(explain: argparse.ArgumentParser) -> None:
    futures = "number of sampled futures in which the costs of alternatives are compared"
    explain.add_argument("--futures", type=int, default=0, help=futures)
    explain.add_argument("--seed", type=int, default=0, help="seed of the sampled futures")


def _add_search_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--by",
        choices=("search", "policy", "rule"),
        default="search",
        help="search for the cheapest plan, or let the policy or the rule decide alone",
    )
    command.add_argument(
        "--seconds",
        type=_positive,
        help=(
            f"time for the search of one plan (default: {SEARCH_SECONDS:g}), or limit for a plan of"
            f" the policy or the rule (default: {PLAN_SECONDS:g}); a what-if makes two plans"
        ),
    )


def _add_serve_options(commands: _Commands) -> None:
    serve = commands["serve"]
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help=(
            f"address to listen on; others than loopback need a token in {TOKEN_VARIABLE}, or"
            " --token-file"
        ),
    )
    serve.add_argument(
        "--port", type=_port, default=8080, help="port; 0: any free one, which the log names"
    )
    serve.add_argument(
        "--foreign",
        choices=("refuse", "compare"),
        default="refuse",
        help=(
            "a bundle that was not trained on the factory, or has no tuned rule for it: refuse it,"
            " or use it if it costs no more than the rule on simulated days"
        ),
    )
    serve.add_argument(
        "--rate",
        type=_not_negative,
        default=1000.0,
        help="requests per second and client, with bursts of two seconds; 0: no limit",
    )
    _add_deadline_options(serve)
    _add_access_options(serve)
    _add_serve_log_options(serve)
    _add_watch_options(serve)


def _add_watch_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "--floor-minutes",
        type=_positive,
        default=10.0,
        help="age from which the page calls the newest floor old; inf: never",
    )
    add_watch_options(serve)


def _add_deadline_options(serve: argparse.ArgumentParser) -> None:
    plan = "deadline of plans, explanations and what-ifs"
    serve.add_argument("--plan-seconds", type=_positive, default=PLAN_SECONDS, help=plan)
    decide = "deadline of decisions"
    serve.add_argument("--decide-seconds", type=_positive, default=2.0, help=decide)
    serve.add_argument(
        "--grace-seconds",
        type=_positive,
        default=10.0,
        help="time from SIGTERM to the end of the process, whatever is being worked on",
    )


def _add_access_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "--token-file",
        type=Path,
        help=(
            "file with the tokens of the roles, made at the first start; by default beside the log,"
            f" decisions.tokens, unless {TOKEN_VARIABLE} is set"
        ),
    )
    serve.add_argument(
        "--no-token",
        action="store_true",
        help="let every program of this machine do everything; only on loopback",
    )
    serve.add_argument(
        "--trusted-host",
        action="append",
        default=[],
        metavar="NAME",
        help=(
            "name of the service that requests may have in their Host header, besides localhost,"
            " --host and addresses; can be repeated; * trusts all"
        ),
    )
    serve.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="address of a proxy whose X-Forwarded-For names the client; can be repeated",
    )


def _add_token_options(commands: _Commands) -> None:
    token = commands["token"]
    token.add_argument(
        "--token-file",
        type=Path,
        default=Path("decisions.tokens"),
        help="file with the tokens; a running service notices the change",
    )
    token.add_argument("--role", choices=ROLES, default="plan", help="role of the new token")
    token.add_argument(
        "--keep", action="store_true", help="keep the old tokens of the role valid beside it"
    )


def _add_serve_log_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "--log",
        type=Path,
        default=Path("decisions.sqlite"),
        help="SQLite file that decisions are appended to",
    )
    serve.add_argument(
        "--log-keep",
        type=_retention,
        metavar="AGE,SIZE",
        help=(
            "rotate the log each day, and remove rotated files beyond an age in days or weeks, a"
            " total size, or both: 90d, 12w, 20GB, 90d,20GB; by default one file has all entries"
        ),
    )
    serve.add_argument(
        "--log-failure",
        choices=get_args(LogFailure),
        default="refuse",
        help=(
            "while the log cannot be written: refuse decisions with status 503, or answer them"
            " with logged: false"
        ),
    )


def _add_log_options(commands: _Commands) -> None:
    shadow = commands["shadow"]
    shadow.add_argument(
        "--futures", type=int, default=16, help="number of sampled futures for each difference"
    )
    shadow.add_argument(
        "--most", type=int, default=100, help="maximum number of differences to simulate"
    )
    for command in (commands["replay"], shadow):
        command.add_argument("log", type=Path, help="SQLite file that serve or decide wrote")
        command.add_argument("--first", type=int, default=1, help="number of the first entry")
        command.add_argument("--json", action="store_true", help="JSON instead of text")


def _add_snapshot_options(commands: _Commands) -> None:
    snapshot = commands["snapshot"]
    snapshot.add_argument("--factory", default="microfactory", help="name or TOML file")
    snapshot.add_argument("--episode", type=int, default=0, help="episode of the seed block tune")
    snapshot.add_argument(
        "--decisions", type=int, default=200, help="number of decisions by ATCS before the snapshot"
    )
    for name in ("decide", "plan", "explain", "what-if"):
        commands[name].add_argument(
            "snapshot", type=Path, help="JSON file, or - for standard input"
        )
        commands[name].add_argument(
            "--strict",
            action="store_true",
            help="refuse the snapshot if an order or a lock is bad, instead of putting it aside",
        )


def _add_warm_options(commands: _Commands) -> None:
    commands["warm"].add_argument(
        "--processes",
        type=_at_least_one,
        metavar="N",
        help="maximum number of processes (default: the number of cores)",
    )


def _add_common_options(commands: _Commands) -> None:
    for name, command in commands.items():
        if name not in ("snapshot", "token", "warm"):
            command.add_argument(
                "--bundle",
                type=Path,
                required=name != "serve",
                help="folder that python -m agents.network.onnx_export wrote",
            )
            command.add_argument(
                "--factory",
                help="name or TOML file; by default the one that the policy was trained for",
            )
            command.add_argument(
                "--bundle-key",
                type=Path,
                metavar="FILE",
                help=(
                    "file with the key that the bundle must be signed with; by default the key in"
                    f" {KEY_VARIABLE}, if any"
                ),
            )


def _positive(text: str) -> float:
    """Return a positive number; infinity is allowed."""
    return _number(text, lambda value: value > 0, "a positive number")


def _not_negative(text: str) -> float:
    """Return a number of at least 0; infinity is allowed."""
    return _number(text, lambda value: value >= 0, "a number of at least 0")


def _number(text: str, holds: Callable[[float], bool], rule: str) -> float:
    with contextlib.suppress(ValueError):
        if holds(value := float(text)):
            return value
    raise argparse.ArgumentTypeError(f"{text}; it must be {rule}")


def _at_least_one(text: str) -> int:
    """Return a whole number of at least one.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is anything else.
    """
    with contextlib.suppress(ValueError):
        if (value := int(text)) > 0:
            return value
    raise argparse.ArgumentTypeError(f"{text}; it must be a whole number of at least 1")


def _retention(text: str) -> LogRetention:
    """Return the limits of a log's rotated files.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is anything else.
    """
    try:
        return parse_retention(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _port(text: str) -> int:
    """Return the number of a port.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is anything else.
    """
    with contextlib.suppress(ValueError):
        if 0 <= (value := int(text)) <= _LAST_PORT:
            return value
    raise argparse.ArgumentTypeError(f"{text}; it must lie between 0 and {_LAST_PORT}")
