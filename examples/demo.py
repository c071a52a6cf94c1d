"""``make demo``: one episode of a factory under a dispatching rule, verified, with its key figures
and a Gantt picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import gymnasium

from agents.rules.registry import Rule, parse_rule
from envs.registration import ENV_ID
from factory.schedule.gantt import draw_gantt
from factory.schedule.kpis import Kpis, kpis
from factory.schedule.records import Schedule
from factory.validation.names import write_all_letters
from factory.verification.verifier import verify


def run_episode(factory: str, rule: Rule, seed: int) -> tuple[Schedule, Kpis]:
    """Play one episode through the Gymnasium interface; the verifier has accepted what comes
    back."""
    env: Any = gymnasium.make(ENV_ID, factory=factory, disable_env_checker=True).unwrapped
    observation, _ = env.reset(seed=seed)
    over = False
    while not over:
        observation, _, terminated, truncated, _ = env.step(rule.decide(observation))
        over = terminated or truncated
    schedule = env.schedule()
    verify(schedule, env.factory, env.order_book)
    figures = kpis(schedule, env.factory)
    return schedule, figures


def describe(schedule: Schedule, figures: Kpis) -> str:
    """The key figures as a table."""
    bill, hours = figures.bill, schedule.tick_minutes / 60
    lines = [
        ("orders completed", f"{figures.completed}"),
        ("makespan", f"{figures.makespan * hours:.1f} h"),
        ("on time", f"{figures.on_time_share:.0%}"),
        (
            "mean / 95 % tardiness",
            f"{figures.mean_tardiness_hours:.2f} / {figures.p95_tardiness_hours:.2f} h",
        ),
        ("mean flow time", f"{figures.mean_flow_hours:.2f} h"),
        (
            "orders in progress",
            f"{figures.mean_orders_in_progress:.1f} (most {figures.max_orders_in_progress})",
        ),
        (
            "changeovers",
            (
                f"{figures.changeovers} ({figures.changeovers_per_order:.2f} an order,"
                f" {figures.changeover_hours:.1f} h)"
            ),
        ),
        ("machines processing", f"{figures.use.processing:.0%}"),
        ("machines changing over", f"{figures.use.changeover:.0%}"),
        ("energy", f"{bill.energy_kwh:.0f} kWh"),
        ("CO2e", f"{bill.co2_kg:.0f} kg"),
        ("waste", f"{bill.waste_kg:.1f} kg"),
        *((f"cost: {name}", f"{value:.2f}") for name, value in bill.terms.items()),
        ("cost: total", f"{figures.total_cost:.2f}"),
    ]
    return "\n".join(f"  {name:24s} {value}" for name, value in lines)


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--factory",
        default="microfactory",
        help="name of a shipped factory, or a TOML file (default: %(default)s)",
    )
    parser.add_argument(
        "--rule",
        default="ATCS",
        help='dispatching rule, e.g. "ATCS(k1=2, k2=0.5)" (default: %(default)s)',
    )
    parser.add_argument("--seed", type=int, default=1, help="of the episode (default: %(default)s)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo"),
        help="folder for pictures and tables (default: %(default)s)",
    )
    arguments = parser.parse_args()
    write_all_letters()
    rule = parse_rule(arguments.rule)
    print(
        f"{arguments.factory} under {rule}, seed {arguments.seed} (the first run compiles the"
        " simulator, about a minute) ...",
        flush=True,
    )
    schedule, figures = run_episode(arguments.factory, rule, arguments.seed)
    print(describe(schedule, figures))
    write_files(arguments.factory, schedule, arguments.out)


def write_files(factory: str, schedule: Schedule, folder: Path) -> None:
    """Gantt picture, schedule as JSON and CSV."""
    from factory.io.catalogue import find_single_factory

    folder.mkdir(parents=True, exist_ok=True)
    draw_gantt(schedule, find_single_factory(factory), folder / "gantt.png")
    (folder / "schedule.json").write_text(schedule.to_json(), encoding="utf-8")
    schedule.to_csv(folder)
    print(
        f"Accepted by the verifier. Gantt chart: {folder / 'gantt.png'}; schedule:"
        f" {folder / 'schedule.json'} and {folder}/*.csv"
    )


if __name__ == "__main__":
    main()
