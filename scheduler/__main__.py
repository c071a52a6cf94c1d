"""An exported policy at work: ``python -m scheduler
decide|plan|explain|what-if|serve|replay|shadow|snapshot ...``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agents.rules.registry import make_rule
from envs.seed_splits import episode_seeds
from factory.io.catalogue import find_single_factory
from factory.model import Factory
from factory.validation.text_files import drop_mark
from scheduler.decisions import explanations
from scheduler.decisions.bundle import Bundle, BundleError
from scheduler.decisions.decider import BUDGET_SECONDS, Decider
from scheduler.decisions.loaded_policy import LoadedPolicy, load_scheduler_policy
from scheduler.floor.floor import ShopFloor, take_snapshot
from scheduler.log.decision_log import DecisionLog, DecisionLogError
from scheduler.log.replay import replay, report_shadow
from scheduler.plans.planner import PlanError, Planner
from scheduler.plans.schema import Plan
from scheduler.plans.stability import freeze, measure_nervousness
from scheduler.plans.what_if import Change, what_if
from scheduler.service.auth import TOKEN_VARIABLE, check_address
from scheduler.service.engine import PLAN_SECONDS, Engine
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import SnapshotError, format_errors, read_snapshot
from scheduler.snapshot.schema import Snapshot
from scheduler.text_report import format_plan, format_replay, format_shadow

_LAST_PORT = 65_535
_CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...])


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0, or 1 with what is wrong on stderr."""
    options = _parse(arguments)
    try:
        print(options.run(options), flush=True)
    except (ValueError, OSError, PlanError, DecisionLogError) as error:
        if isinstance(error, BrokenPipeError):  # whoever reads has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(error, file=sys.stderr)
        return 1
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scheduler", description="An exported policy at work."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    decide = commands.add_parser("decide", help="what every free machine is to do now")
    decide.set_defaults(run=_decide)
    decide.add_argument(
        "--shadow",
        action="store_true",
        help="let the fallback rule decide, and tell beside it what the policy would have done",
    )
    decide.add_argument("--log", type=Path, help="SQLite file that the decisions are appended to")
    plan = commands.add_parser(
        "plan", help="a complete schedule, with the expected completion of each order"
    )
    plan.set_defaults(run=_plan)
    plan.add_argument("--by", choices=("policy", "rule"), default="policy", help="who decides")
    plan.add_argument(
        "--previous", type=Path, help="JSON file with a plan, to tell how much of it moves"
    )
    plan.add_argument(
        "--frozen",
        type=int,
        default=0,
        help="ticks from the clock in which nothing of the previous plan moves",
    )
    plan.add_argument(
        "--text", action="store_true", help="tables and a chart in characters instead of JSON"
    )
    explain = commands.add_parser(
        "explain",
        help=(
            "the alternatives of the next decision, what separates them, and what the fallback rule"
            " would do"
        ),
    )
    explain.set_defaults(run=_explain)
    tried = commands.add_parser("what-if", help="the plan before and after changes")
    tried.set_defaults(run=_what_if)
    tried.add_argument(
        "--change",
        action="append",
        required=True,
        help='JSON, for example \'{"change": "machine_down", "machine": "paint-1", "until": 500}\'',
    )
    for command in (plan, tried):
        command.add_argument(
            "--futures",
            type=int,
            default=0,
            help="futures to sample, for the 10, 50 and 90 %% dates of each order",
        )
        command.add_argument("--seed", type=int, default=0, help="of the futures")
    for command in (decide, plan, explain, tried):
        command.add_argument("snapshot", type=Path, help="JSON file, or - for standard input")
        command.add_argument(
            "--budget",
            type=_positive,
            default=1000 * BUDGET_SECONDS,
            help="milliseconds for one decision, then the fallback rule decides",
        )
    serve = commands.add_parser("serve", help="the HTTP service and the planner's page")
    serve.set_defaults(run=_serve)
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help=(
            f"address to listen at; others than this machine's own need a token in {TOKEN_VARIABLE}"
        ),
    )
    serve.add_argument("--port", type=_port, default=8080, help="0: any free one, told in the log")
    serve.add_argument(
        "--log",
        type=Path,
        default=Path("decisions.sqlite"),
        help="SQLite file that decisions are appended to",
    )
    serve.add_argument(
        "--shadow",
        action="store_true",
        help="let the fallback rule decide, and log beside it what the policy would have done",
    )
    serve.add_argument(
        "--budget",
        type=_positive,
        default=1000 * BUDGET_SECONDS,
        help="milliseconds for one decision, then the fallback rule decides",
    )
    serve.add_argument("--plan-seconds", type=_positive, default=PLAN_SECONDS, help="for one plan")
    serve.add_argument(
        "--rate", type=float, default=1000.0, help="requests a second of one client; 0: no limit"
    )
    again = commands.add_parser("replay", help="take the decisions of a log again and compare")
    again.set_defaults(run=_replay)
    shadow = commands.add_parser(
        "shadow",
        help="where policy and rule differ in a log of shadow mode, and what that would cost",
    )
    shadow.set_defaults(run=_shadow)
    shadow.add_argument("--futures", type=int, default=16, help="that judge each difference")
    shadow.add_argument("--most", type=int, default=100, help="differences that are judged")
    for command in (plan, tried, shadow):
        command.add_argument(
            "--seconds",
            type=_positive,
            default=PLAN_SECONDS,
            help="time for one plan; a what-if makes two",
        )
    for command in (again, shadow):
        command.add_argument("log", type=Path, help="SQLite file that serve or decide wrote")
        command.add_argument("--first", type=int, default=1, help="number of the first entry")
        command.add_argument("--json", action="store_true", help="JSON instead of text")
    for command in (decide, plan, explain, tried, serve, again, shadow):
        command.add_argument(
            "--bundle",
            type=Path,
            required=command is not serve,
            help="folder that python -m agents.network.onnx_export wrote",
        )
        command.add_argument(
            "--factory",
            help="name or TOML file; by default the one that the policy was trained for",
        )
    snapshot = commands.add_parser(
        "snapshot", help="a snapshot of a simulated moment, to try things with"
    )
    snapshot.add_argument("--factory", default="microfactory", help="name or TOML file")
    snapshot.add_argument("--episode", type=int, default=0, help="of the seed block tune")
    snapshot.add_argument(
        "--decisions", type=int, default=200, help="decisions that ATCS takes before it"
    )
    snapshot.set_defaults(run=_snapshot)
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    """Return a positive number; infinity is none too large.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none.
    """
    with contextlib.suppress(ValueError):
        if (value := float(text)) > 0:
            return value
    raise argparse.ArgumentTypeError(f"{text}; it must be a positive number")


def _port(text: str) -> int:
    """Return the number of a port.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none.
    """
    with contextlib.suppress(ValueError):
        if 0 <= (value := int(text)) <= _LAST_PORT:
            return value
    raise argparse.ArgumentTypeError(f"{text}; it must lie between 0 and {_LAST_PORT}")


# --- commands -------------------------------------------------------------------------------------


def _decide(options: argparse.Namespace) -> str:
    factory, loaded = _load(options)
    decider, snapshot = (
        Decider(
            ShopFloor(factory), None, loaded.rule, options.budget / 1000, shadow=options.shadow
        ),
        _read(options, factory),
    )
    loaded.use_in(decider)
    decisions = decider.decide(snapshot)
    if options.log:
        with DecisionLog(options.log) as decision_log:
            decision_log.append(
                snapshot,
                decisions,
                policy=loaded.sha256,
                rule=str(loaded.rule),
                shadow=options.shadow,
            )
    return json.dumps([decision.model_dump() for decision in decisions], indent=1)


def _plan(options: argparse.Namespace) -> str:
    planner, snapshot = _open(options, options.seconds)
    factory = planner.decider.floor.factory
    if options.frozen < 0 or (options.frozen > 0 and options.previous is None):
        rule = "it must be at least 0, and needs a plan to keep to"
        raise ValueError(
            f"--frozen = {options.frozen}; {rule}. Give --previous PLAN, or leave it out."
        )
    previous = _read_plan(options.previous) if options.previous else None
    if previous is not None and options.frozen > 0:
        snapshot = freeze(snapshot, previous, options.frozen, factory)
    plan = planner.plan(snapshot, by=options.by, futures=options.futures, seed=options.seed)
    if previous is not None:
        plan = plan.model_copy(update={"nervousness": measure_nervousness(previous, plan)})
    return format_plan(plan) if options.text else plan.model_dump_json(indent=1)


def _read_plan(path: Path) -> Plan:
    try:
        return Plan.model_validate_json(drop_mark(path.read_bytes(), str(path)))
    except ValidationError as error:
        raise SnapshotError(f"{path}: {format_errors(error, 'plan')}") from None


def _explain(options: argparse.Namespace) -> str:
    planner, snapshot = _open(options)
    return explanations.explain(planner.decider, snapshot).model_dump_json(indent=1)


def _what_if(options: argparse.Namespace) -> str:
    planner, snapshot = _open(options, options.seconds)
    try:
        changes = _CHANGES.validate_json(f"[{','.join(options.change)}]")
    except ValidationError as error:
        raise SnapshotError(format_errors(error, "--change")) from None
    return what_if(
        planner, snapshot, changes, futures=options.futures, seed=options.seed
    ).model_dump_json(indent=1)


def _serve(options: argparse.Namespace) -> str:
    from scheduler.service.server import serve  # FastAPI and uvicorn, which nothing else needs

    token = os.environ.get(TOKEN_VARIABLE, "")
    check_address(options.host, token)
    factory, _ = _load(options)
    engine = Engine(
        factory,
        options.bundle,
        DecisionLog(options.log),
        budget=options.budget / 1000,
        shadow=options.shadow,
        plan_seconds=options.plan_seconds,
    )
    serve(engine, options.host, options.port, token=token, rate=options.rate)
    return "stopped"


def _replay(options: argparse.Namespace) -> str:
    factory, loaded = _load(options, strict=True)
    found = replay(
        Decider(ShopFloor(factory), loaded.bundle, loaded.rule),
        options.log,
        loaded.sha256,
        options.first,
    )
    return found.model_dump_json(indent=1) if options.json else format_replay(found)


def _shadow(options: argparse.Namespace) -> str:
    factory, loaded = _load(options, strict=True)
    planner = Planner(Decider(ShopFloor(factory), loaded.bundle, loaded.rule), options.seconds)
    found = report_shadow(
        planner, options.log, futures=options.futures, most=options.most, first=options.first
    )
    return found.model_dump_json(indent=1) if options.json else format_shadow(found)


def _snapshot(options: argparse.Namespace) -> str:
    factory = find_single_factory(options.factory)
    shop = simulate(
        factory,
        make_rule("ATCS"),
        int(episode_seeds("tune", 1, options.episode)[0]),
        options.decisions,
    )
    return take_snapshot(ShopFloor(factory), shop, 0).model_dump_json(
        indent=1, exclude_defaults=True
    )


# --- what they have in common ---------------------------------------------------------------------


def _load(options: argparse.Namespace, *, strict: bool = False) -> tuple[Factory, LoadedPolicy]:
    """The factory and its policy; a bundle that cannot be trusted leaves the rule to decide, with a
    line about it, unless ``strict``."""
    if strict:
        Bundle(options.bundle)
    name = options.factory or (_trained_for(options.bundle) if options.bundle else "microfactory")
    factory = find_single_factory(name)
    loaded = load_scheduler_policy(options.bundle, factory.name)
    if loaded.fault and options.bundle:
        print(f"{loaded.fault} {loaded.rule} decides.", file=sys.stderr)
    return factory, loaded


def _trained_for(folder: Path) -> str:
    """The first factory that a bundle names, even of one that cannot be trusted."""
    try:
        return str(
            json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["training"][
                "factories"
            ][0]
        )
    except (OSError, ValueError, LookupError, TypeError):
        raise BundleError(
            f"{folder}: no manifest tells the factory. Give it with --factory, or another bundle."
        ) from None


def _open(options: argparse.Namespace, seconds: float = PLAN_SECONDS) -> tuple[Planner, Snapshot]:
    factory, loaded = _load(options)
    decider = Decider(ShopFloor(factory), None, loaded.rule, options.budget / 1000)
    loaded.use_in(decider)
    return Planner(decider, seconds), _read(options, factory)


def _read(options: argparse.Namespace, factory: Factory) -> Snapshot:
    return read_snapshot(
        sys.stdin.buffer.read() if str(options.snapshot) == "-" else options.snapshot.read_bytes(),
        factory,
    )


if __name__ == "__main__":
    sys.exit(main())
