"""An exported policy from the command line: ``python -m scheduler decide|explain|snapshot ...``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from agents.rules import Rule, make_rule, parse_rule
from envs.seeds import episode_seeds
from factory.catalogue import find_single_factory
from scheduler import explanations
from scheduler.bundle import Bundle
from scheduler.decisions import BUDGET_SECONDS, Decider
from scheduler.floor import Floor, take_snapshot
from scheduler.simulated import simulate
from scheduler.snapshot import Snapshot, read_snapshot


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0, or 1 with what is wrong on stderr."""
    options = _parse(arguments)
    try:
        print(options.run(options))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scheduler", description="An exported policy at work.")
    commands = parser.add_subparsers(required=True, metavar="command")
    decide = commands.add_parser("decide", help="what every free machine is to do now")
    decide.set_defaults(run=_decide)
    explain = commands.add_parser("explain", help="the alternatives of the next decision, what separates them, and what the fallback rule would do")
    explain.set_defaults(run=_explain)
    for command in (decide, explain):
        command.add_argument("snapshot", type=Path, help="JSON file, or - for standard input")
        command.add_argument("--bundle", type=Path, required=True, help="folder that python -m agents.export wrote")
        command.add_argument("--factory", help="name or TOML file; by default the one that the policy was trained for")
        command.add_argument("--budget", type=float, default=1000 * BUDGET_SECONDS, help="milliseconds for one decision, then the fallback rule decides")
    snapshot = commands.add_parser("snapshot", help="a snapshot of a simulated moment, to try things with")
    snapshot.add_argument("--factory", default="microfactory", help="name or TOML file")
    snapshot.add_argument("--episode", type=int, default=0, help="of the seed block tune")
    snapshot.add_argument("--decisions", type=int, default=200, help="decisions that ATCS takes before it")
    snapshot.set_defaults(run=_snapshot)
    return parser.parse_args(arguments)


def _decide(options: argparse.Namespace) -> str:
    decider, snapshot = _open(options)
    return json.dumps([decision.model_dump() for decision in decider.decide(snapshot)], indent=1)


def _explain(options: argparse.Namespace) -> str:
    return explanations.explain(*_open(options)).model_dump_json(indent=1)


def _open(options: argparse.Namespace) -> tuple[Decider, Snapshot]:
    """A decider with the bundle, and the snapshot."""
    bundle = Bundle(options.bundle)
    factory = find_single_factory(options.factory or bundle.manifest["training"]["factories"][0])
    text = sys.stdin.buffer.read() if str(options.snapshot) == "-" else options.snapshot.read_bytes()
    return Decider(Floor(factory), bundle, fallback_rule(bundle, factory.name), options.budget / 1000), read_snapshot(text, factory)


def fallback_rule(bundle: Bundle, factory: str) -> Rule:
    """The rule that the manifest names for a factory; ATCS by default where it was never tuned for it."""
    named = bundle.manifest["fallback_rules"].get(factory)
    return parse_rule(named) if named else make_rule("ATCS")


def _snapshot(options: argparse.Namespace) -> str:
    factory = find_single_factory(options.factory)
    shop = simulate(factory, make_rule("ATCS"), int(episode_seeds("tune", 1, options.episode)[0]), options.decisions)
    return take_snapshot(Floor(factory), shop, 0).model_dump_json(indent=1, exclude_defaults=True)


if __name__ == "__main__":
    sys.exit(main())
