"""Evaluate policies: ``python evaluate.py --factory microfactory --policies rules,index``.

All policies play the same episodes of the seed block ``test``. Each is compared with the best rule,
which is chosen on the block ``validate``; rules have parameters that were tuned on the block
``tune``. Every scored schedule must pass an independent verifier. The same command resumes after an
interruption. docs/evaluation.md describes the method and the result files.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

from tqdm import tqdm

from agents.compilation import warm_up
from evaluation.benchmark import Benchmark, BenchmarkConfig
from evaluation.option_numbers import not_negative_option, positive_option, seconds_option
from evaluation.reporting.console_tables import format_results
from evaluation.reporting.results import Results
from evaluation.runner import provenance
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.scenarios import NamedScenario, find_scenarios
from evaluation.tuned_parameters import read_tuned
from factory.io.atomic_write import is_writable, write_atomically
from factory.io.catalogue import split_names
from factory.io.cost_changes import read_cost_changes
from factory.io.shipped_files import command_of
from factory.model import Factory
from factory.validation.errors import FactoryError
from factory.validation.names import write_all_letters
from factory.work_units.ray_cluster import open_workers
from factory.work_units.units import Workers

POLICIES = (
    "policies, separated by commas: rules (all of them), index, random, a rule such as"
    " ATCS or ATCS(k1=2; k2=0.5), a planner (rollout, lookahead(policy=FOLDER), cpsat(seconds=1) or"
    " clairvoyant), the folder of a trained policy, a checkpoint.zip, or path.py:Name; name=policy"
    " renames a policy"
)
CONFIG_OPTIONS = (
    "episodes",
    "planner_episodes",
    "validation_episodes",
    "block",
    "first",
    "versus",
    "call_timeout",
    "tuned",
)
"""Options that are fields of the benchmark's configuration."""
UNRECORDED = ("--out", "--processes", "--cluster")
"""Options that change no result."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = read_options(arguments)
    write_all_letters()
    try:
        check_options(options)
        with open_workers(options.cluster, options.processes, warm_up) as workers:
            if options.tune:
                return tune(options, workers)
            if options.suite:
                return run_public_suite(options, workers)
            return evaluate(options, workers)
    except OSError as error:
        print(f"evaluate.py: {_describe_os_error(error)}", file=sys.stderr)
        return 2
    except (FactoryError, ValueError) as error:
        print(f"evaluate.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            f"\nInterrupted. Finished work is kept in {options.out}; the same command resumes it.",
            file=sys.stderr,
        )
        return 130


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    return make_parser().parse_args(arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").replace("``", ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subject = parser.add_argument_group("what to evaluate")
    _add_subject(subject)
    _add_public_instances(subject)
    subject.add_argument(
        "--set",
        dest="costs",
        action="append",
        default=[],
        metavar="costs.KEY=VALUE",
        help="change a cost rate of the factories, for example costs.energy=0; may be repeated."
        " docs/reference/factory_file.md lists the keys (default: the rates of the files)",
    )
    protocol = parser.add_argument_group("protocol")
    _add_episodes(protocol)
    _add_rules_of_play(protocol)
    _add_execution(parser.add_argument_group("execution"))
    return parser


def _add_subject(group: argparse._ArgumentGroup) -> None:
    """Add the options for factories and policies."""
    group.add_argument(
        "--factory",
        "--factories",
        dest="factories",
        default="microfactory",
        metavar="NAMES",
        help="names or TOML files of factories, separated by commas, or all for every shipped one"
        " (default: %(default)s)",
    )
    group.add_argument(
        "--orders",
        type=Path,
        metavar="FILE",
        help="order book (CSV), for a single factory (default: the factory's own demand)",
    )
    group.add_argument(
        "--policies",
        metavar="LIST",
        help=f"{POLICIES} (default: rules, and index if it was tuned for every factory)",
    )
    group.add_argument(
        "--tune",
        action="store_true",
        help="search the parameters of all rules and of the index instead of evaluating (default:"
        " evaluate)",
    )


def _add_public_instances(group: argparse._ArgumentGroup) -> None:
    """Add the options for public instances."""
    group.add_argument(
        "--suite",
        metavar="NAME",
        help="evaluate on public instances instead of factories: replay, wtsds, jsp, fjsp,"
        " fjsp_sdst, sdst_jsp or sdst_pfsp (default: evaluate on factories)",
    )
    group.add_argument(
        "--instances",
        type=Path,
        metavar="DIR",
        help="folder of the instances of the suite; needed with --suite, without a default",
    )
    group.add_argument(
        "--first-machine",
        type=int,
        choices=(0, 1),
        help="number of the first machine in the instances, where a file is ambiguous (default: as"
        " the numbers in each file say)",
    )


def _add_episodes(group: argparse._ArgumentGroup) -> None:
    """Add the options for episodes and seeds."""
    for name, default, subject in (
        ("--episodes", 256, "scored episodes"),
        ("--planner-episodes", 20, "scored episodes that planners play"),
        ("--validation-episodes", 128, "episodes on which the best rule is chosen"),
    ):
        text = f"number of {subject} (default: %(default)s)"
        group.add_argument(name, type=positive_option, default=default, metavar="N", help=text)
    group.add_argument(
        "--block",
        default="test",
        choices=("validate", "test"),
        help="seed block of the scored episodes (default: %(default)s)",
    )
    group.add_argument(
        "--first",
        type=not_negative_option,
        default=0,
        metavar="N",
        help="index of the first scored episode in the block (default: %(default)s)",
    )


def _add_rules_of_play(group: argparse._ArgumentGroup) -> None:
    """Add the options for the rule to compare with, tuned parameters and time limits."""
    group.add_argument(
        "--versus",
        metavar="RULE",
        help="rule to compare policies with (default: the best on the validation episodes)",
    )
    group.add_argument(
        "--tuned",
        type=Path,
        metavar="DIR",
        help="folder of tuned parameters, read, or with --tune written (default:"
        " configs/evaluation/tuned)",
    )
    group.add_argument(
        "--patience",
        dest="call_timeout",
        type=seconds_option,
        default=60.0,
        metavar="SECONDS",
        help="time limit of one call of a policy from a file or a checkpoint, in seconds; inf for"
        " none (default: %(default)g)",
    )


def _add_execution(group: argparse._ArgumentGroup) -> None:
    """Add the options that change no result."""
    group.add_argument(
        "--processes",
        type=positive_option,
        default=os.cpu_count() or 1,
        metavar="N",
        help="number of processes; changes no result (default: the number of cores)",
    )
    group.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="Ray cluster that does the work in place of --processes; changes no result. HOST:PORT,"
        " or auto for the one of this machine (default: this machine without Ray)",
    )
    group.add_argument(
        "--out",
        type=Path,
        default=Path("results/evaluation"),
        metavar="DIR",
        help="folder of the results, and of finished work that the same command resumes (default:"
        " %(default)s)",
    )


def check_options(options: argparse.Namespace) -> None:
    """Raise ValueError if a folder is none, or an option would be ignored."""
    ignored = {
        "--suite": ("orders", "versus") if options.suite else (),
        "--tune": ("suite", "policies", "versus") if options.tune else (),
    }
    for other, names in ignored.items():
        for name in names:
            if getattr(options, name) is not None:
                raise ValueError(f"--{name} has no effect with {other}. Leave one of them out.")
    for name in ("instances", "first_machine"):
        if getattr(options, name) is not None and not options.suite:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{option} belongs to public instances. Name their suite: --suite.")
    for name, remedy in (
        ("instances", "Give the folder of the public benchmarks, or of your own instances"),
        *([] if options.tune else [("tuned", "Give the one that --tune has written")]),
    ):
        folder = getattr(options, name)
        if folder is not None and not folder.is_dir():
            raise ValueError(f"--{name} {folder}: there is no such folder. {remedy}.")
    if not is_writable(options.out):
        raise ValueError(f"--out {options.out}: the folder cannot be written. Give another.")


def _describe_os_error(error: OSError) -> str:
    """Return file and reason of an error of the system, with the remedy."""
    if error.filename is None or error.strerror is None:
        return f"{error}. Make room or give other paths, and run the same command again."
    return f"{error.filename}: {error.strerror}. Make it accessible, or give another path."


def evaluate(options: argparse.Namespace, workers: Workers) -> int:
    """Evaluate policies in scenarios, write the results and the report."""
    from evaluation.reporting.report import write_report

    costs = read_cost_changes(options.costs)
    scenarios = find_scenarios(split_names(options.factories), options.orders, costs)
    results = _run_benchmark(scenarios, options, workers)
    factories = {
        scenario.name: scenario.source
        for scenario in scenarios
        if isinstance(scenario.source, Factory)
    }
    reports = write_report(options.out, factories)
    print(format_results(results))
    _print_files([options.out / "results.json", options.out / "episodes.csv", *reports])
    return 1 if _has_failures(results) else 0


def _run_benchmark(
    scenarios: list[NamedScenario], options: argparse.Namespace, workers: Workers
) -> Results:
    contenders = parse_contenders(options.policies or _default_policies(scenarios, options.tuned))
    config = BenchmarkConfig(
        **{name: getattr(options, name) for name in CONFIG_OPTIONS}, workers=workers
    )
    command = describe_command(sys.argv[1:])
    with tqdm(unit=" episodes", smoothing=0.05, dynamic_ncols=True) as bar:
        benchmark = Benchmark(
            scenarios, contenders, config, options.out, command=command, advance=bar.update
        )
        bar.reset(total=benchmark.size())
        results = benchmark.run()
        bar.total = bar.n
    return results


def _has_failures(results: Results) -> bool:
    return any(
        policy.failed is not None
        for scenario in results.scenarios.values()
        for policy in scenario.policies.values()
    )


def _print_files(files: list[Path]) -> None:
    print(f"Written: {', '.join(map(str, files))}")


def describe_command(arguments: list[str]) -> str:
    """Return the command without options that change no result (:data:`UNRECORDED`)."""
    kept, skip = list[str](), False
    for argument in arguments:
        if not skip and argument.partition("=")[0] not in UNRECORDED:
            kept.append(argument)
        skip = not skip and argument in UNRECORDED
    return shlex.join([*command_of("evaluate").split(), *kept])


def _default_policies(scenarios: list[NamedScenario], folder: Path | None) -> str:
    """Return all rules, and the index if it was tuned for every scenario."""
    for scenario in scenarios:
        tuned = read_tuned(scenario.name, folder)
        if tuned is None or tuned.index is None:
            return "rules"
    return "rules,index"


def tune(options: argparse.Namespace, workers: Workers) -> int:
    """Search the parameters of rules and index for each factory."""
    from evaluation.tuning.tune import run_tuning

    run_tuning(
        split_names(options.factories),
        options.tuned,
        options.out,
        workers=workers,
        orders=options.orders,
        costs=read_cost_changes(options.costs),
    )
    return 0


def run_public_suite(options: argparse.Namespace, workers: Workers) -> int:
    """Evaluate policies on public instances, write the results and the report."""
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
            workers=workers,
            call_timeout=options.call_timeout,
            begin=bar.reset,
            advance=bar.update,
            first_machine=options.first_machine,
        )
    content = {**provenance.collect_provenance(), **results}
    files = [options.out / "results.json", options.out / "report.md"]
    write_atomically(files[0], json.dumps(content, indent=1, allow_nan=False) + "\n")
    write_atomically(files[1], report_suite(results))
    print(f"{format_suite(results)}\n")
    _print_files(files)
    return 1 if any(failures(results)) else 0


if __name__ == "__main__":
    sys.exit(main())
