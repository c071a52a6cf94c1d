"""Runs of policies on public instances: values, gaps, agreement with published results.

Nothing is tuned on these instances: a rule has the parameters in its entry, those of a published
run (:mod:`evaluation.public_suites.published_results`), or defaults. On ``wtsds`` ATC and ATCS
average over the instance, as published (:mod:`agents.rules.static_instances`).
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
from factory.validation.errors import suggest
from factory.work_units.result_store import Store
from factory.work_units.units import JsonObject, Workers, run_units

DIGITS = 6
"""Decimals of values. The bill of a makespan is a sum of floats whose exact value is whole."""


def run_suite(
    suite: str,
    folder: Path,
    contenders: Sequence[Contender],
    out: Path,
    *,
    workers: Workers,
    call_timeout: float,
    begin: Callable[[int], None],
    advance: Callable[[int], None],
    first_machine: int | None = None,
) -> JsonObject:
    """Play every instance of a suite under every contender.

    The failure of a contender on an instance does not affect other contenders and instances.

    Parameters
    ----------
    suite
        Name of the suite.
    folder
        Folder of the public benchmarks, or of files of the suite.
    contenders
        Policies that play.
    out
        Folder in which finished plays are kept (``.units``).
    workers
        Processes that play; they change no result.
    call_timeout
        Time limit in seconds of one call of a sandboxed policy.
    begin, advance
        Functions that receive the number of schedules in all, and the numbers of finished ones.
    first_machine
        Number of the first machine in the files, where they are ambiguous.

    Returns
    -------
    dict
        ``suite``, ``instances.{instance}.{policy}``, ``about.{instance}``, ``summary.{policy}`` and
        ``families.{family}.{policy}``, as docs/evaluation.md describes them.

    Raises
    ------
    ValueError
        If there is no such suite or instance, or a contender cannot play public instances.
    """
    if suite not in SUITES:
        remedy = suggest(suite, SUITES)
        if "Write one of" not in remedy:
            remedy += f"; the suites are {', '.join(SUITES)}"
        raise ValueError(f"--suite {suite!r} is not known. {remedy}.")
    instances = list(read_suite(suite, folder, first_machine))
    published = read_published(suite, folder, instances)
    units = [
        unit
        for instance in instances
        for unit in _plan(suite, instance, contenders, published[instance.name], call_timeout)
    ]
    begin(sum(unit.size for unit in units))
    played = run_units(units, Store(out / ".units"), workers, advance)
    results: dict[str, JsonObject] = {instance.name: {} for instance in instances}
    for unit, result in zip(units, played, strict=True):
        results[unit.instance.name] |= _rate_unit(unit, result, published[unit.instance.name])
    about = {instance.name: _describe(suite, instance) for instance in instances}
    return {"suite": suite, "instances": results, "about": about, **summarise_suite(results, about)}


def _plan(
    suite: str,
    instance: Instance,
    contenders: Sequence[Contender],
    published: Sequence[Published],
    call_timeout: float,
) -> Iterator[InstancePlay]:
    """Yield a unit of all rules, which are fast, and one for each other contender."""
    settled = {
        variant.name: variant
        for contender in contenders
        for variant in settle(contender, published)
    }
    rules = tuple(contender for contender in settled.values() if contender.kind == "rule")
    if rules:
        yield InstancePlay(suite, instance, rules, call_timeout)
    for contender in settled.values():
        if contender.kind != "rule":
            yield InstancePlay(suite, instance, (contender,), call_timeout)


def _rate_unit(
    unit: InstancePlay, result: JsonObject, published: Sequence[Published]
) -> dict[str, JsonObject]:
    """Return the rated result of each contender of a unit, by name."""
    rated = {}
    for contender in unit.contenders:
        # There is no field ``played`` if the process ended.
        lost = {"failed": result.get("failed")}
        entry = result.get("played", {}).get(contender.name, lost)
        if "failed" not in entry:
            reference = find_published(contender, published)
            entry = rate(unit.instance, contender, entry["cost"], entry["completions"], reference)
        rated[contender.name] = entry
    return rated


def rate(
    instance: Instance,
    contender: Contender,
    cost: float,
    completions: Sequence[int],
    published: Published | None,
) -> JsonObject:
    """Return value, reference and gap, and the agreement with the published result.

    ``gap`` = value / reference - 1; None where the reference is 0 or unknown. The replay has no
    best known value: its reference is the value of the rule in the other simulator, if both
    simulators define the rule equally.

    Parameters
    ----------
    cost
        Cost in ticks.
    completions
        Completion date of each job in ticks.
    published
        Published result of the rule; None if there is none.
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
    """Compare completion dates job by job.

    Returns
    -------
    dict
        ``exact`` (true if all are equal), the numbers ``compared`` and ``differing``, and the
        ``first_difference``, None if there is none.
    """
    differing = [
        job
        for job, (date, other) in enumerate(zip(completions, expected, strict=True))
        if date != other
    ]
    first = None
    if differing:
        job = differing[0]
        first = {"job": job, "completed": completions[job], "expected": expected[job]}
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
