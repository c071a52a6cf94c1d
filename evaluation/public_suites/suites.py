"""Public instances under any policy: values, gaps to the best known, completions compared with a
reference simulator.

On these instances nobody is tuned: a rule has the parameters that were asked for, those of a
published run (:mod:`evaluation.public_suites.published_results`), or defaults. On
``wtsds`` ATC and ATCS are those of the literature, with averages over the instance
(:mod:`agents.rules.static_instances`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from evaluation.public_suites.instance_play import InstancePlay
from evaluation.public_suites.published_results import (
    Published,
    find_published,
    is_comparable,
    read_published,
    settle,
)
from evaluation.public_suites.tables import family_of, summarise_suite
from evaluation.runner.contenders import Contender
from factory.instances.read import SUITES, Instance, read_suite
from factory.io.work_units import JsonObject, Store, run_units
from factory.validation.errors import suggest

DIGITS = 6
"""Decimals of values: the bill of a makespan is a sum of floats that should give a whole number."""


def run_suite(
    suite: str,
    folder: Path,
    contenders: Sequence[Contender],
    out: Path,
    *,
    processes: int,
    patience: float,
    begin: Callable[[int], None],
    advance: Callable[[int], None],
    first_machine: int | None = None,
) -> JsonObject:
    """Play every instance of a suite under every contender; a contender that fails on an instance
    spares the others and the other instances.

    Parameters
    ----------
    folder
        Where the public benchmarks lie, or files of the suite.
    out
        Where finished plays are kept (``.units``).
    patience
        Longest time in seconds for one call of a guest.
    begin, advance
        Told the number of schedules that are to be made, and of each few that are.
    first_machine
        Number of the first machine in the files, where they do not tell.

    Returns
    -------
    dict
        ``suite``, ``instances.{instance}.{policy}``, ``about.{instance}``, ``summary.{policy}`` and
        ``families.{family}.{policy}``, as docs/evaluation.md describes them.

    Raises
    ------
    ValueError
        If there is no such suite or instance, or a contender that cannot play any.
    """
    if suite not in SUITES:
        raise ValueError(
            f"--suite {suite!r} is not known. {suggest(suite, SUITES)}; the suites are"
            f" {', '.join(SUITES)}."
        )
    instances = list(read_suite(suite, folder, first_machine))
    published = read_published(suite, folder, instances)
    units = [
        unit
        for instance in instances
        for unit in _plan(suite, instance, contenders, published[instance.name], patience)
    ]
    begin(sum(unit.size for unit in units))
    played = run_units(units, Store(out / ".units"), processes, advance)
    results: dict[str, JsonObject] = {instance.name: {} for instance in instances}
    for unit, result in zip(units, played, strict=True):
        results[unit.instance.name] |= dict(_judge(unit, result, published[unit.instance.name]))
    about = {instance.name: _describe(suite, instance) for instance in instances}
    return {"suite": suite, "instances": results, "about": about, **summarise_suite(results, about)}


def _plan(
    suite: str,
    instance: Instance,
    contenders: Sequence[Contender],
    published: Sequence[Published],
    patience: float,
) -> Iterator[InstancePlay]:
    """The rules together, as each takes but a moment; whoever plans ahead or comes from outside
    alone."""
    settled = {one.name: one for contender in contenders for one in settle(contender, published)}
    if rules := tuple(one for one in settled.values() if one.kind == "rule"):
        yield InstancePlay(suite, instance, rules, patience)
    for one in settled.values():
        if one.kind != "rule":
            yield InstancePlay(suite, instance, (one,), patience)


def _judge(
    unit: InstancePlay, result: JsonObject, published: Sequence[Published]
) -> Iterator[tuple[str, JsonObject]]:
    """What each contender of a unit came to, by name."""
    for contender in unit.contenders:
        entry = result.get("played", {}).get(
            contender.name, {"failed": result.get("failed")}
        )  # none at all: the process died
        if "failed" in entry:
            yield contender.name, entry
        else:
            yield (
                contender.name,
                rate(
                    unit.instance,
                    contender,
                    entry["cost"],
                    entry["completions"],
                    find_published(contender, published),
                ),
            )


def rate(
    instance: Instance,
    contender: Contender,
    cost: float,
    completions: Sequence[int],
    published: Published | None,
) -> JsonObject:
    """Value, reference and gap; and whether it agrees with what was published of the same rule.

    ``gap`` = value / reference - 1; None where the reference is 0 or unknown. The replay knows no
    best value: its reference is what the rule came to in the other simulator, where it means the
    same there.
    """
    value, reference = round(cost / instance.ticks_per_unit, DIGITS), instance.reference
    agreement: JsonObject = {}
    if published is not None and published.completions is not None:
        comparable = is_comparable(contender, instance)
        reference = round(published.value, DIGITS) if comparable else None
        agreement = {
            "published_as": published.name,
            "comparable": comparable,
            **compare_completions(completions, published.completions),
        }
    elif published is not None:
        agreement = {
            "published_as": published.name,
            "published": published.value,
            "agrees": value == published.value,
        }
    parameters = {"parameters": dict(contender.parameters)} if contender.parameters else {}
    return {
        "value": value,
        "reference": reference,
        "gap": value / reference - 1 if reference else None,
        **parameters,
        **agreement,
    }


def compare_completions(completions: Sequence[int], expected: Sequence[int]) -> JsonObject:
    """Whether every job is completed at the expected tick, how many were compared, how many differ,
    and the first that does."""
    differing = [
        job
        for job, (date, other) in enumerate(zip(completions, expected, strict=True))
        if date != other
    ]
    first = (
        {
            "job": differing[0],
            "completed": completions[differing[0]],
            "expected": expected[differing[0]],
        }
        if differing
        else None
    )
    return {
        "exact": not differing,
        "compared": len(expected),
        "differing": len(differing),
        "first_difference": first,
    }


def _describe(suite: str, instance: Instance) -> JsonObject:
    return {
        "family": family_of(suite, instance.name),
        "objective": instance.objective,
        "reference_kind": instance.reference_kind,
        "is_test": instance.is_test,
        "first_machine": instance.first_machine,
    }
