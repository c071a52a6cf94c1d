"""Quality of searched plans: ``python -m benchmarks.plan_quality --out FOLDER``.

Snapshots of six factories are taken at random moments of simulated episodes of the seed block
``tune``. Of each, the costs of these plans are compared:

``best_rule``
    the best tuned rule, the first member of every search
``all_rules``
    the cheapest of all 43 tuned rules
``search_0.2``, ``search_1``, ``search_5``
    the search with 0.2, 1 and 5 s
``cp_sat``
    CP-SAT with 60 s from the search's plan of 0.2 s, on some of the snapshots; it does not know
    orders whose material is missing

Each snapshot is a unit of work that is kept: after Ctrl-C, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.machine import busy_cores
from benchmarks.plans.plan_units import FACTORIES, SECONDS, SnapshotUnit
from evaluation.runner import provenance
from factory.progress import Progress
from factory.work_units.local_processes import LocalProcesses
from factory.work_units.result_store import Store
from factory.work_units.units import JsonObject, run_units


def compare(results: Sequence[JsonObject], name: str, base: str) -> dict[str, float] | None:
    """Return mean, best and worst cost of a plan relative to another one; None without data."""
    ratios = [
        result["costs"][name] / result["costs"][base]
        for result in results
        if name in result["costs"] and base in result["costs"] and result["costs"][base] > 0
    ]
    if not ratios:
        return None
    return {
        "snapshots": len(ratios),
        "mean": float(np.mean(ratios)),
        "best": min(ratios),
        "worst": max(ratios),
        "dearer": sum(ratio > 1 + 1e-9 for ratio in ratios),
    }


def print_table(results: Sequence[JsonObject], title: str) -> None:
    """Print the comparisons of some snapshots."""
    print(f"\n{title}: {len(results)} snapshots")
    names = [f"search_{seconds:g}" for seconds in SECONDS]
    pairs = [(name, base) for base in ("best_rule", "all_rules", "cp_sat") for name in names]
    for name, base in [*pairs, ("cp_sat", "best_rule")]:
        figures = compare(results, name, base)
        if figures is not None:
            print(
                f"{name} against {base}, {figures['snapshots']}: mean {figures['mean'] - 1:+.1%},"
                f" best {figures['best'] - 1:+.1%}, worst {figures['worst'] - 1:+.1%},"
                f" dearer in {figures['dearer']}"
            )


def read_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="quality of searched plans",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--snapshots", type=int, default=200, help="number of snapshots")
    parser.add_argument("--solver", type=int, default=30, help="snapshots that CP-SAT plans, too")
    parser.add_argument("--solver-seconds", type=float, default=60.0, help="time of CP-SAT")
    parser.add_argument("--processes", type=int, default=1, help="number of processes")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write the figures."""
    options = read_arguments()
    units = [
        SnapshotUnit(
            FACTORIES[i % len(FACTORIES)],
            i // len(FACTORIES),
            options.solver_seconds if i < options.solver else 0.0,
        )
        for i in range(options.snapshots)
    ]
    load = busy_cores()
    with Progress("planning snapshots", len(units)) as progress:
        workers = LocalProcesses(options.processes)
        results = run_units(units, Store(options.out), workers, lambda _: progress.step())
    for name in FACTORIES:
        chosen = zip(results, units, strict=True)
        print_table([result for result, unit in chosen if unit.factory == name], name)
    print_table(results, "all")
    content = {
        "units": [asdict(unit) for unit in units],
        "results": results,
        "load_before": load,
        **provenance.collect_provenance(),
    }
    (options.out / "plan_quality.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
