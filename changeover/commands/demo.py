"""Play one episode of a factory under a dispatching rule.

The schedule is verified; key figures are printed, and a Gantt chart and tables are written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium

from agents.rules.registry import Rule, parse_rule
from envs.registration import ENV_ID
from factory.model import Factory
from factory.schedule.gantt import draw_gantt
from factory.schedule.kpis import Kpis, kpis
from factory.schedule.operating_times import OperatingKpis
from factory.schedule.records import Schedule
from factory.validation.names import write_all_letters
from factory.verification.verifier import verify


def run_episode(factory: str, rule: Rule, seed: int) -> tuple[Schedule, Factory]:
    """Play one episode through the Gymnasium interface, and verify its schedule."""
    env: Any = gymnasium.make(ENV_ID, factory=factory, disable_env_checker=True).unwrapped
    observation, _ = env.reset(seed=seed)
    over = False
    while not over:
        observation, _, terminated, truncated, _ = env.step(rule.decide(observation))
        over = terminated or truncated
    schedule = env.schedule()
    verify(schedule, env.factory, env.order_book)
    return schedule, env.factory


def describe(schedule: Schedule, figures: Kpis) -> str:
    """Return the key figures as a table."""
    bill, hours = figures.bill, schedule.tick_minutes / 60
    tardiness = f"{figures.mean_tardiness_hours:.2f} / {figures.p95_tardiness_hours:.2f} h"
    in_progress = f"{figures.mean_orders_in_progress:.1f} (max {figures.max_orders_in_progress})"
    changeovers = (
        f"{figures.changeovers} ({figures.changeovers_per_order:.2f} per order,"
        f" {figures.changeover_hours:.1f} h)"
    )
    lines = {
        "orders completed": f"{figures.completed}",
        "makespan": f"{figures.makespan * hours:.1f} h",
        "on time": f"{figures.on_time_share:.0%}",
        "mean / 95 % tardiness": tardiness,
        "mean flow time": f"{figures.mean_flow_hours:.2f} h",
        "orders in progress": in_progress,
        "changeovers": changeovers,
        "machines processing": f"{figures.use.processing:.0%}",
        "machines changing over": f"{figures.use.changeover:.0%}",
        "energy": f"{bill.energy_kwh:.0f} kWh",
        "CO2e": f"{bill.co2_kg:.0f} kg",
        "waste": f"{bill.waste_kg:.1f} kg",
    }
    if figures.operating is not None:
        lines |= _describe_operating(figures.operating)
    for name, value in bill.terms.items():
        lines[f"cost: {name}"] = f"{value:.2f}"
    lines["cost: total"] = f"{figures.total_cost:.2f}"
    return "\n".join(f"  {name:24s} {value}" for name, value in lines.items())


def _describe_operating(figures: OperatingKpis) -> dict[str, str]:
    """Return the figures of closures, people and maintenance, by name."""
    late = f"{figures.maintenance_late} late" if figures.maintenance_late else "none late"
    return {
        "open time used": f"{figures.open_utilisation:.0%}",
        "overtime": f"{figures.overtime_hours:.1f} h",
        "people at work": f"{figures.staff_hours:.0f} h ({figures.staff_utilisation:.0%} of duty)",
        "maintenance": f"{figures.maintenance_done} done, {late}",
    }


def demo_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="changeover demo",
        description=(__doc__ or "").replace("``", ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--factory",
        default="microfactory",
        help="name of a shipped factory, or a TOML file (default: %(default)s)",
    )
    parser.add_argument(
        "--rule",
        default="ATCS",
        help='dispatching rule, such as "ATCS(k1=2, k2=0.5)" (default: %(default)s)',
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of the episode (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo"),
        help="folder of the chart and the tables (default: %(default)s)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit status."""
    options = demo_parser().parse_args(arguments)
    write_all_letters()
    try:
        run_demo(options)
    except (ValueError, OSError) as error:
        print(f"changeover demo: {error}", file=sys.stderr)
        return 2
    return 0


def run_demo(options: argparse.Namespace) -> None:
    """Play the episode, print its key figures and write its files."""
    rule = parse_rule(options.rule)
    print(
        f"{options.factory} under {rule}, seed {options.seed} (the first run compiles the"
        " simulator, which takes about a minute) ...",
        flush=True,
    )
    schedule, factory = run_episode(options.factory, rule, options.seed)
    print(describe(schedule, kpis(schedule, factory)))
    write_files(schedule, factory, options.out)


def write_files(schedule: Schedule, factory: Factory, folder: Path) -> None:
    """Write the Gantt chart, and the schedule as JSON and CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_gantt(schedule, factory, folder / "gantt.png")
    (folder / "schedule.json").write_text(schedule.to_json(), encoding="utf-8")
    schedule.to_csv(folder)
    print(
        f"Accepted by the verifier. Gantt chart: {folder / 'gantt.png'}; schedule:"
        f" {folder / 'schedule.json'} and {folder}/*.csv"
    )
