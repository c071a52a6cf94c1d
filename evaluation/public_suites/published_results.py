"""What other programs' rules came to on public instances: completions of the replayed streams,
weighted tardiness on ``wtsds``.

A rule that is asked for without parameters has those of the published run, and plays once for each
published setting, so that figures compare one by one.
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
"""Rules of the replay's reference that are called otherwise here; times are in thousandths of a
unit."""

NEXT_QUEUE_RULES = ("WINQ", "PT+WINQ", "PT+WINQ+SL", "2PT+WINQ+NPT", "GECCO10")
"""Rules that look at the work in the next queue: with changeovers, programs differ in what they
count as such."""

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
    """What a rule came to on an instance.

    Parameters
    ----------
    name
        What the source calls it.
    rule
        The same rule here.
    value
        Objective value, in units of the file.
    completions
        Completion date of every job in ticks, by its number; None where only the value was
        published.
    """

    name: str
    rule: Rule
    value: float
    completions: tuple[int, ...] | None = None


def read_published(
    suite: str, folder: Path, instances: Sequence[Instance]
) -> dict[str, list[Published]]:
    """Published results of rules by name of the instance; none where the suite or the folder has no
    such file."""
    found: dict[str, list[Published]] = {instance.name: [] for instance in instances}
    folder = suite_folder(suite, folder)
    if suite == "replay" and (file := folder / "expected_completions.csv").is_file():
        by_name = {instance.name: instance for instance in instances}
        for (name, rule), completions in read_expected_completions(file).items():
            if name in by_name:
                _check_length(f"{file}: {name}, {rule}", completions, by_name[name])
                value = weighted_tardiness(by_name[name], completions)
                found[name].append(
                    Published(rule, parse_rule(REPLAY_RULES.get(rule, rule)), value, completions)
                )
    if suite == "wtsds" and (file := folder / "rule_baselines.csv").is_file():
        rows = {
            f"wt_sds_{row.text('n')}": row
            for row in read_rows(file, ("n", *BASELINES, "k1", "k2", "g_k1", "g_k2"))
        }
        for name in found.keys() & rows.keys():
            found[name] = [
                Published(column, rule_of(rows[name]), rows[name].number(column))
                for column, rule_of in BASELINES.items()
            ]
    return found


def _check_length(place: str, completions: Sequence[int], instance: Instance) -> None:
    """Check that there is a completion for each job.

    Raises
    ------
    ValueError
        If there is not: the file is of another instance of that name.
    """
    jobs = len(instance.book.orders)
    if len(completions) != jobs:
        rule = f"{place} = {len(completions)} completions; must have one for each of {jobs} jobs"
        raise ValueError(f"{rule}. Rename the instance, or remove the line.")


def weighted_tardiness(instance: Instance, completions: Sequence[int]) -> float:
    """Sum of w_j T_j in units of the file, for completion dates in ticks by number of the job."""
    late = (
        order.weight * max(0, completions[int(order.order_id)] - order.due_date)
        for order in instance.book.orders
    )
    return sum(late) / instance.ticks_per_unit


def settle(contender: Contender, published: Sequence[Published]) -> list[Contender]:
    """The contender with all its parameters, for an instance; several where its rule was published
    with several settings and none was asked for.

    The first of them has the name that was asked for, each further one the name of the source.

    Raises
    ------
    ValueError
        If it is the index, which is searched for one factory.
    """
    if contender.kind == "index":
        raise ValueError(
            "index: its weights are searched for one factory, which public instances are not. Leave"
            " it out of --policies."
        )
    if contender.kind != "rule" or contender.parameters:
        return [contender.settle(None)]
    same = [one for one in published if one.rule.name == contender.base]
    names = [contender.name, *(one.name for one in same[1:])] if same else []
    return [
        replace(contender, name=name, parameters=dict(one.rule.values))
        for name, one in zip(names, same, strict=True)
    ] or [contender.settle(None)]


def find_published(contender: Contender, published: Sequence[Published]) -> Published | None:
    """The published result of a settled contender, if it is a rule that has one with these very
    parameters."""
    if contender.kind != "rule":
        return None
    return next(
        (
            one
            for one in published
            if one.rule.name == contender.base
            and dict(one.rule.values) == dict(contender.parameters)
        ),
        None,
    )


def is_comparable(contender: Contender, instance: Instance) -> bool:
    """Whether the rule means the same to every program on this instance."""
    several_operations = any(len(product.operations) > 1 for product in instance.factory.products)
    has_changeovers = any(centre.attributes for centre in instance.factory.work_centres)
    return not (contender.base in NEXT_QUEUE_RULES and several_operations and has_changeovers)
