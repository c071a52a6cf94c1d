"""Command line of an exported policy: ``python -m scheduler COMMAND ...``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agents.bundle_manifest import read_bundle_key
from agents.rules.registry import make_rule
from envs.seed_splits import episode_seeds
from factory.io.catalogue import find_single_factory
from factory.model import Factory
from factory.validation.text_files import drop_mark
from scheduler.access.access_tokens import TOKEN_VARIABLE, GuardError, TokenFile, rotate_token
from scheduler.access.auth import (
    check_address,
    check_proxy,
    check_trusted_host,
    is_loopback,
)
from scheduler.command_options import parse_options
from scheduler.decisions.blocked_work import find_blocked_machines
from scheduler.decisions.bundle import Bundle, read_manifest
from scheduler.decisions.bundle_files import BundleError
from scheduler.decisions.decider import Decider
from scheduler.decisions.loaded_policy import (
    BundleAdmission,
    LoadedPolicy,
    load_scheduler_policy,
)
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.log.decision_log import DecisionLog
from scheduler.log.entry_format import DecisionLogError
from scheduler.log.replay import replay, report_shadow
from scheduler.outcomes.choice_costs import explain_with_costs
from scheduler.outcomes.policy_monitor import MonitorSettings
from scheduler.plans.changes import CHANGE_KINDS, Change
from scheduler.plans.errors import PlanError
from scheduler.plans.schema import Plan
from scheduler.plans.work_limit import PLAN_SECONDS
from scheduler.portfolio.planner import Planner
from scheduler.service.engine import Engine
from scheduler.service_log import report_tokens
from scheduler.simulated_plant import simulate
from scheduler.snapshot.calendar import snapshot_dates
from scheduler.snapshot.parse_errors import format_errors
from scheduler.snapshot.read import SnapshotError, read_snapshot
from scheduler.snapshot.schema import Snapshot
from scheduler.text_report import format_plan, format_replay, format_shadow

_CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...])


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0, or 1 with the problems on stderr."""
    options = parse_options(arguments)
    try:
        print(_COMMANDS[options.command](options), flush=True)
    except (ValueError, OSError, PlanError, DecisionLogError) as error:
        if isinstance(error, BrokenPipeError):  # the reader of the output has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(error, file=sys.stderr)
        return 1
    return 0


# --- commands -------------------------------------------------------------------------------------


def _decide(options: argparse.Namespace) -> str:
    factory, loaded = _load(options)
    budget, shadow = options.budget / 1000, options.shadow
    decider = Decider(ShopFloor(factory), None, loaded.rule, budget, shadow=shadow)
    loaded.use_in(decider)
    snapshot = _read_snapshot(options, factory)
    decisions = decider.decide(snapshot)
    blocked = find_blocked_machines(decider.floor, snapshot_dates(snapshot, factory))
    if options.log:
        policy, rule = loaded.sha256, str(loaded.rule)
        with DecisionLog(options.log) as decision_log:
            decision_log.append(snapshot, decisions, policy=policy, rule=rule, shadow=shadow)
    answer = {
        "decisions": [decision.model_dump() for decision in decisions],
        "blocked": [machine.model_dump() for machine in blocked],
        "set_aside": [part.model_dump() for part in snapshot.set_aside],
    }
    return json.dumps(answer, indent=1)


def _plan(options: argparse.Namespace) -> str:
    planner, snapshot = _open(options, _simulation_seconds(options))
    if options.frozen < 0 or (options.frozen > 0 and options.previous is None):
        rule = "it must be at least 0, and needs a previous plan"
        raise ValueError(
            f"--frozen = {options.frozen}; {rule}. Give --previous PLAN, or leave it out."
        )
    plan = planner.plan(
        snapshot,
        by=options.by,
        seconds=options.seconds,
        futures=options.futures,
        seed=options.seed,
        previous=_read_plan(options.previous) if options.previous else None,
        frozen=options.frozen,
    )
    return format_plan(plan) if options.text else plan.model_dump_json(indent=1)


def _explain(options: argparse.Namespace) -> str:
    planner, snapshot = _open(options)
    explanation = explain_with_costs(planner, snapshot, futures=options.futures, seed=options.seed)
    return explanation.model_dump_json(indent=1)


def _what_if(options: argparse.Namespace) -> str:
    changes = _parse_changes(options.change)
    planner, snapshot = _open(options, _simulation_seconds(options))
    comparison = planner.what_if(
        snapshot,
        changes,
        by=options.by,
        seconds=options.seconds,
        futures=options.futures,
        seed=options.seed,
    )
    return comparison.model_dump_json(indent=1)


def _serve(options: argparse.Namespace) -> str:
    # These need FastAPI and uvicorn, unlike other commands.
    from scheduler.service.app import create_app
    from scheduler.service.middleware import AccessPolicy
    from scheduler.service.server import freeze_memory, serve

    token = os.environ.get(TOKEN_VARIABLE, "")
    check_address(options.host, token, has_file=options.token_file is not None)
    for name in options.trusted_host:
        check_trusted_host(name)
    proxies = tuple(map(check_proxy, options.trusted_proxy))
    token_file = _open_token_file(options, token)
    factory = _find_factory(options)
    hours: float = options.compare_hours
    engine = Engine(
        factory,
        options.bundle,
        DecisionLog(options.log, options.log_keep),
        budget=options.budget / 1000,
        shadow=options.shadow,
        plan_seconds=options.plan_seconds,
        decide_seconds=options.decide_seconds,
        log_failure=options.log_failure,
        admission=BundleAdmission(read_bundle_key(options.bundle_key), options.foreign),
        monitoring=MonitorSettings(hours) if hours > 0 else None,
        on_drift=options.on_drift,
        floor_minutes=options.floor_minutes,
    )
    message = engine.loaded.note or (engine.loaded.fault if options.bundle else None)
    if message:
        print(f"Note: {message}", file=sys.stderr, flush=True)
    access_policy = AccessPolicy(
        token=token,
        token_file=token_file,
        open_reads=not token and is_loopback(options.host),
        trusted_hosts=(options.host, *options.trusted_host),
        trusted_proxies=proxies,
        rate=options.rate,
    )
    app = create_app(engine, access_policy, when_ready=freeze_memory)
    serve(app, engine, options.host, options.port, options.grace_seconds)
    return "stopped"


def _open_token_file(options: argparse.Namespace, token: str) -> TokenFile | None:
    """Open the token file, if there is one; it is made at the first start."""
    if options.no_token:
        if token or options.token_file or not is_loopback(options.host):
            rule = "it goes with neither a token nor an address beyond this machine"
            raise GuardError(f"--no-token: {rule}. Leave it out.")
        return None
    if token and options.token_file is None:
        return None
    return TokenFile(options.token_file or _token_file_beside(options.log), report_tokens)


def _token_file_beside(log: Path) -> Path:
    return log.with_suffix(".tokens")


def _token(options: argparse.Namespace) -> str:
    return rotate_token(options.token_file, options.role, keep=options.keep)


def _replay(options: argparse.Namespace) -> str:
    factory, loaded = _load(options, strict=True)
    decider = Decider(ShopFloor(factory), loaded.bundle, loaded.rule)
    result = replay(decider, options.log, loaded.sha256, options.first)
    return result.model_dump_json(indent=1) if options.json else format_replay(result)


def _shadow(options: argparse.Namespace) -> str:
    factory, loaded = _load(options, strict=True)
    planner = Planner(Decider(ShopFloor(factory), loaded.bundle, loaded.rule), options.seconds)
    report = report_shadow(
        planner, options.log, futures=options.futures, most=options.most, first=options.first
    )
    return report.model_dump_json(indent=1) if options.json else format_shadow(report)


def _snapshot(options: argparse.Namespace) -> str:
    factory = find_single_factory(options.factory)
    seed = int(episode_seeds("tune", 1, options.episode)[0])
    shop = simulate(factory, make_rule("ATCS"), seed, options.decisions)
    snapshot = take_snapshot(ShopFloor(factory), shop, 0)
    return snapshot.model_dump_json(indent=1, exclude_defaults=True)


def _warm(options: argparse.Namespace) -> str:
    from scheduler.compile_command import compile_everything

    return compile_everything(options.processes)


_COMMANDS = {
    "decide": _decide,
    "plan": _plan,
    "explain": _explain,
    "what-if": _what_if,
    "serve": _serve,
    "token": _token,
    "replay": _replay,
    "shadow": _shadow,
    "snapshot": _snapshot,
    "warm": _warm,
}


# --- shared steps ---------------------------------------------------------------------------------


def _load(options: argparse.Namespace, *, strict: bool = False) -> tuple[Factory, LoadedPolicy]:
    """Load the factory and its policy.

    If the bundle fails verification, the rule decides, and stderr has the reason. With ``strict``
    it is refused.
    """
    key = read_bundle_key(options.bundle_key)
    if strict:
        Bundle(options.bundle, key)
    factory = _find_factory(options)
    admission = BundleAdmission(key, "accept" if strict else "compare")
    loaded = load_scheduler_policy(options.bundle, factory, admission)
    if loaded.fault and options.bundle:
        says_who = loaded.fault.endswith("decides.")
        text = loaded.fault if says_who else f"{loaded.fault} {loaded.rule} decides."
        print(text, file=sys.stderr)
    if loaded.note:
        print(f"Note: {loaded.note}", file=sys.stderr)
    return factory, loaded


def _find_factory(options: argparse.Namespace) -> Factory:
    """Return the factory that is named, or the first that the bundle was trained on."""
    name = options.factory or (_trained_for(options.bundle) if options.bundle else "microfactory")
    return find_single_factory(name)


def _trained_for(folder: Path) -> str:
    """Return the first factory that a bundle names, verified or not."""
    try:
        return str(read_manifest(folder)["training"]["factories"][0])
    except (ValueError, LookupError, TypeError):
        raise BundleError(
            f"{folder}: no manifest names the factory. Give it with --factory, or another bundle."
        ) from None


def _simulation_seconds(options: argparse.Namespace) -> float | None:
    return None if options.by == "search" else options.seconds


def _open(options: argparse.Namespace, seconds: float | None = None) -> tuple[Planner, Snapshot]:
    """Return planner and snapshot; a simulation takes at most some seconds (None: the default)."""
    factory, loaded = _load(options)
    decider = Decider(ShopFloor(factory), None, loaded.rule, options.budget / 1000)
    loaded.use_in(decider)
    planner = Planner(decider, PLAN_SECONDS if seconds is None else seconds)
    return planner, _read_snapshot(options, factory)


def _read_snapshot(options: argparse.Namespace, factory: Factory) -> Snapshot:
    path: Path = options.snapshot
    if str(path) == "-":
        content = sys.stdin.buffer.read()
    else:
        content = _read_file(path, "Give a JSON file, or - for standard input")
    return read_snapshot(content, factory, strict=options.strict)


def _read_plan(path: Path) -> Plan:
    content = _read_file(path, "Give a JSON file that python -m scheduler plan wrote")
    try:
        return Plan.model_validate_json(drop_mark(content, str(path)))
    except ValidationError as error:
        raise SnapshotError(format_errors(error, "plan", prefix=str(path))) from None


def _read_file(path: Path, remedy: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}). {remedy}.") from None


def _parse_changes(texts: list[str]) -> tuple[Change, ...]:
    try:
        return _CHANGES.validate_json(f"[{','.join(texts)}]")
    except ValidationError as error:
        raise SnapshotError(
            format_errors(error, "--change", prefix="changes", tags=CHANGE_KINDS)
        ) from None


if __name__ == "__main__":
    sys.exit(main())
