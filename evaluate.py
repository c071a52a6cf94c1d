"""Measure policies honestly: ``python evaluate.py --factory microfactory --policies rules,index
--episodes 256 --out results/mine``.

Everybody meets the same episodes of the seed block ``test``; the rule to beat is chosen on
``validate`` after its parameters were searched on ``tune``; every scored schedule passes the
verifier. Interrupted or killed, the same command goes on where it was. docs/evaluation.md explains
all.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

from tqdm import tqdm

from evaluation.benchmark import Benchmark, BenchmarkConfig
from evaluation.reporting.console_tables import format_results
from evaluation.runner import provenance
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.scenarios import NamedScenario, find_scenarios
from evaluation.tuned_parameters import read_tuned
from factory.io.atomic_write import write_atomically
from factory.io.catalogue import split_names
from factory.model import Factory
from factory.validation.errors import FactoryError
from factory.validation.names import write_all_letters

POLICIES = (
    "with commas: rules, index, ATCS(k1=2; k2=0.5), rollout, cpsat(seconds=1), clairvoyant, a"
    " checkpoint.zip, path.py:Name, name=policy"
)


def main(arguments: list[str] | None = None) -> int:
    """Parse, call, print; returns the exit status."""
    options = read_options(arguments)
    write_all_letters()
    try:
        if options.tune:
            return tune(options)
        if options.suite:
            return run_public_suite(options)
        return evaluate(options)
    except (FactoryError, ValueError, OSError) as error:
        print(f"evaluate.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. What is done is kept in {options.out}; the same command goes on from"
            " there.",
            file=sys.stderr,
        )
        return 130


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_argument_group("what is evaluated")
    what.add_argument(
        "--factory",
        "--factories",
        dest="factories",
        default="microfactory",
        help="names or TOML files, with commas; all (default: %(default)s)",
    )
    what.add_argument("--orders", type=Path, help="a plant's own orders (CSV), for one factory")
    what.add_argument(
        "--policies", help=f"{POLICIES} (default: rules, and the index where it was tuned)"
    )
    what.add_argument(
        "--suite",
        help="public instances instead: replay, wtsds, jsp, fjsp, fjsp_sdst, sdst_jsp, sdst_pfsp",
    )
    what.add_argument(
        "--instances", type=Path, help="folder of the public instances, or of your own"
    )
    first_help = "number of the first machine in the instances, where they do not tell"
    what.add_argument("--first-machine", type=int, choices=(0, 1), help=first_help)
    what.add_argument(
        "--tune",
        action="store_true",
        help=(
            "search the parameters of all rules and of the index for the factories, on the block"
            " tune"
        ),
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--episodes", type=_positive, default=256, help="scored episodes (default: %(default)s)"
    )
    how.add_argument(
        "--planner-episodes",
        type=_positive,
        default=20,
        help="of these, how many planners play (default: %(default)s)",
    )
    how.add_argument(
        "--validation-episodes",
        type=_positive,
        default=128,
        help="episodes that the best rule is chosen on (default: %(default)s)",
    )
    how.add_argument(
        "--block",
        default="test",
        choices=("validate", "test"),
        help="seed block of the scored episodes (default: %(default)s)",
    )
    how.add_argument(
        "--first",
        type=int,
        default=0,
        help="first scored episode of the block (default: %(default)s)",
    )
    how.add_argument("--versus", help="compare with this rule instead of the best")
    how.add_argument(
        "--tuned", type=Path, help="folder of tuned parameters (default: configs/evaluation/tuned)"
    )
    how.add_argument(
        "--patience",
        type=float,
        default=60.0,
        help="seconds that a policy from outside may take over one call (default: %(default)s)",
    )
    how.add_argument(
        "--processes",
        type=_positive,
        default=os.cpu_count() or 1,
        help="how many work at once (default: all cores)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/evaluation"),
        help="folder for results (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def evaluate(options: argparse.Namespace) -> int:
    """Score policies in scenarios and report."""
    from evaluation.reporting.report import write_report

    scenarios = find_scenarios(split_names(options.factories), options.orders)
    contenders = parse_contenders(options.policies or _usual_policies(scenarios, options.tuned))
    names = (
        "episodes",
        "planner_episodes",
        "validation_episodes",
        "block",
        "first",
        "versus",
        "processes",
        "patience",
        "tuned",
    )
    settings = BenchmarkConfig(**{name: getattr(options, name) for name in names})
    command = describe_command(sys.argv[1:])
    with tqdm(unit=" episodes", smoothing=0.05, dynamic_ncols=True) as bar:
        benchmark = Benchmark(
            scenarios, contenders, settings, options.out, command=command, advance=bar.update
        )
        bar.reset(total=benchmark.size())
        results = benchmark.run()
        bar.total = bar.n
    files = write_report(options.out, _factories(scenarios))
    print(format_results(results))
    print(
        "Written:"
        f" {', '.join(str(file) for file in (options.out / 'results.json', options.out / 'episodes.csv', *files))}"
    )
    return (
        0
        if all(
            policy.failed is None
            for scenario in results.scenarios.values()
            for policy in scenario.policies.values()
        )
        else 1
    )


def describe_command(arguments: list[str]) -> str:
    """The command without what changes no figure: where results go, and how many processes work."""
    kept, skip = list[str](), False
    for argument in arguments:
        if not skip and argument.partition("=")[0] not in ("--out", "--processes"):
            kept.append(argument)
        skip = not skip and argument in ("--out", "--processes")
    return shlex.join(["python", "evaluate.py", *kept])


def _usual_policies(scenarios: list[NamedScenario], tuned: Path | None) -> str:
    """All rules, and the index if it was tuned for every scenario."""
    found = [read_tuned(scenario.name, tuned) for scenario in scenarios]
    return (
        "rules,index"
        if all(one is not None and one.index is not None for one in found)
        else "rules"
    )


def _factories(scenarios: list[NamedScenario]) -> dict[str, Factory]:
    """Factories whose schedules can be drawn."""
    return {
        scenario.name: scenario.source
        for scenario in scenarios
        if isinstance(scenario.source, Factory)
    }


def tune(options: argparse.Namespace) -> int:
    """Search parameters of rules and index for each factory."""
    from evaluation.tuning.tune import run_tuning

    run_tuning(
        split_names(options.factories),
        options.tuned,
        options.out,
        processes=options.processes,
        orders=options.orders,
    )
    return 0


def run_public_suite(options: argparse.Namespace) -> int:
    """Score policies on public instances."""
    from evaluation.public_suites.suites import run_suite
    from evaluation.public_suites.tables import failures, format_suite, report_suite

    if options.instances is None:
        raise ValueError("--suite needs --instances, the folder of the public benchmarks. Give it.")
    with tqdm(unit=" schedules", smoothing=0.05, dynamic_ncols=True) as bar:
        results = run_suite(
            options.suite,
            options.instances,
            parse_contenders(options.policies or "rules"),
            options.out,
            processes=options.processes,
            patience=options.patience,
            begin=bar.reset,
            advance=bar.update,
            first_machine=options.first_machine,
        )
    write_atomically(
        options.out / "results.json",
        json.dumps({**provenance.collect_provenance(), **results}, indent=1, allow_nan=False)
        + "\n",
    )
    write_atomically(options.out / "report.md", report_suite(results))
    print(
        f"{format_suite(results)}\n\nWritten: {options.out / 'results.json'},"
        f" {options.out / 'report.md'}"
    )
    return 1 if any(failures(results)) else 0


if __name__ == "__main__":
    sys.exit(main())
