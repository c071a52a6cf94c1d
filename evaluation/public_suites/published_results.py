"""Published results of rules on public instances.

They are completions of the replayed streams, and weighted tardiness on ``wtsds``. A rule without
parameters in its entry has those of the published run, and plays once for each published setting,
so that the figures can be compared one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agents.rules.registry import Rule, make_rule, parse_rule
from evaluation.runner.contenders import Contender
from factory.instances.read import Instance, read_expected_completions, suite_folder
from factory.validation.text_files import CsvRow, read_rows

REPLAY_RULES = {"ATC3": "ATC(k=3)", "DK(50)": "DK(k=50000)", "GECCO10": "GECCO10(unit=1000)"}
"""Rules of the replay's reference that have other names here; times are in thousandths of a
unit."""

NEXT_QUEUE_RULES = ("WINQ", "PT+WINQ", "PT+WINQ+SL", "2PT+WINQ+NPT", "GECCO10")
"""Rules over the work in the next queue, which programs define differently with changeovers."""

BASELINES: dict[str, Callable[[CsvRow], Rule]] = {
    "EDD": lambda row: make_rule("EDD"),
    "WSPT": lambda row: make_rule("WSPT"),
    "SST": lambda row: make_rule("SST"),
    "ATC2": lambda row: make_rule("ATC", k=2),
    "ATCS_LP": lambda row: make_rule("ATCS", k1=row.number("k1"), k2=row.number("k2")),
    "ATCS_LP_k2clip1": lambda row: make_rule(
        "ATCS", k1=row.number("k1"), k2=max(1.0, row.number("k2"))
    ),
    "ATCS_grid56": lambda row: make_rule("ATCS", k1=row.number("g_k1"), k2=row.number("g_k2")),
}
"""Columns of ``rule_baselines.csv``, and the rule of each for an instance: ATCS with the k1 and k2
that Lee, Bhaskaran and Pinedo (1997) estimate from the instance (the file has them with three
decimals), the same with k2 at least 1, and the best of 56 settings for the instance."""


@dataclass(frozen=True)
class Published:
    """The published result of a rule on an instance.

    Parameters
    ----------
    name
        Name of the rule in the source.
    rule
        The rule in this project.
    value
        Objective value, in units of the file.
    completions
        Completion date of every job in ticks, in the order of the jobs; None where only the value
        was published.
    """

    name: str
    rule: Rule
    value: float
    completions: tuple[int, ...] | None = None


def read_published(
    suite: str, folder: Path, instances: Sequence[Instance]
) -> dict[str, list[Published]]:
    """Return published results by name of the instance, none where there is no file of them."""
    results: dict[str, list[Published]] = {instance.name: [] for instance in instances}
    folder = suite_folder(suite, folder)
    if suite == "replay" and (file := folder / "expected_completions.csv").is_file():
        by_name = {instance.name: instance for instance in instances}
        for (name, rule), completions in read_expected_completions(file).items():
            if name in by_name:
                _check_length(f"{file}: {name}, {rule}", completions, by_name[name])
                value = weighted_tardiness(by_name[name], completions)
                own_rule = parse_rule(REPLAY_RULES.get(rule, rule))
                results[name].append(Published(rule, own_rule, value, completions))
    if suite == "wtsds" and (file := folder / "rule_baselines.csv").is_file():
        columns = ("n", *BASELINES, "k1", "k2", "g_k1", "g_k2")
        rows = {f"wt_sds_{row.text('n')}": row for row in read_rows(file, columns)}
        for name in results.keys() & rows.keys():
            results[name] = [
                Published(column, rule_of(rows[name]), rows[name].number(column))
                for column, rule_of in BASELINES.items()
            ]
    return results


def _check_length(where: str, completions: Sequence[int], instance: Instance) -> None:
    """Raise ValueError unless there is a completion for each job.

    The file may describe another instance of the same name.
    """
    jobs = len(instance.book.orders)
    if len(completions) != jobs:
        raise ValueError(
            f"{where} = {len(completions)} completions; must have one for each of {jobs} jobs."
            " Rename the instance, or remove the line."
        )


def weighted_tardiness(instance: Instance, completions: Sequence[int]) -> float:
    """Return the sum of w_j T_j in units of the file, for completion dates in ticks by job."""
    terms = (
        order.weight * max(0, completions[int(order.order_id)] - order.due_date)
        for order in instance.book.orders
    )
    return sum(terms) / instance.ticks_per_unit


def settle(contender: Contender, published: Sequence[Published]) -> list[Contender]:
    """Return the contender with all its parameters, for an instance.

    There are several contenders where the rule was published with several settings and the entry
    has none. The first has the requested name, each further one the name of its source.

    Raises
    ------
    ValueError
        If the contender is the index, which is searched for one factory.
    """
    if contender.kind == "index":
        raise ValueError(
            "index: its weights are searched for one factory, which public instances are not. Leave"
            " it out of --policies."
        )
    if contender.kind != "rule" or contender.parameters:
        return [contender.settle(None)]
    same_rule = [result for result in published if result.rule.name == contender.base]
    if not same_rule:
        return [contender.settle(None)]
    names = [contender.name, *(result.name for result in same_rule[1:])]
    return [
        replace(contender, name=name, parameters=dict(result.rule.values))
        for name, result in zip(names, same_rule, strict=True)
    ]


def find_published(contender: Contender, published: Sequence[Published]) -> Published | None:
    """Return the published result of a rule with these parameters; None if there is none."""
    if contender.kind != "rule":
        return None
    parameters = dict(contender.parameters)
    for result in published:
        if result.rule.name == contender.base and dict(result.rule.values) == parameters:
            return result
    return None


def is_comparable(contender: Contender, instance: Instance) -> bool:
    """Return True if every program defines the rule equally on this instance."""
    several_operations = any(len(product.operations) > 1 for product in instance.factory.products)
    has_changeovers = any(centre.attributes for centre in instance.factory.work_centres)
    return not (contender.base in NEXT_QUEUE_RULES and several_operations and has_changeovers)
