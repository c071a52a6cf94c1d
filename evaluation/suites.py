"""Public instances under any policy: values, gaps to the best known, completions compared with a reference simulator.

On these instances nobody is tuned: rules have default parameters, or those that were asked for. On ``wtsds`` ATC and ATCS are those of the literature, with
averages over the instance (:mod:`agents.instance_rules`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from agents.instance_rules import STATIC, with_instance_means
from agents.play import play
from agents.rule_parameters import split_call
from agents.rules import find_rule, parse_rule
from envs.batch import Batch
from evaluation.contenders import Contender
from evaluation.episodes import DECISIONS_AN_OPERATION, describe_failure, seated
from evaluation.seeds import episode_seeds
from evaluation.sources import source_hash
from evaluation.statistics import mean_interval
from evaluation.units import JsonObject, Store, digest, run_units
from factory.instances import SUITES, Instance, read_expected_completions, read_suite
from factory.problems import suggest
from factory.schedule import Schedule, unload
from factory.verifier import verify

REPLAY_RULES = {"ATC3": "ATC(k=3)", "DK(50)": "DK(k=50000)", "GECCO10": "GECCO10(unit=1000)"}
"""Rules of the replay's reference that are called otherwise here; times are in thousandths of a unit."""

Completions = dict[tuple[str, str], tuple[int, ...]]


@dataclass(frozen=True)
class InstancePlay:
    """All contenders on one instance.

    Parameters
    ----------
    expected
        Completion date of every job by the reference's name of a rule, for the replay.
    """

    suite: str
    instance: Instance
    contenders: tuple[Contender, ...]
    patience: float
    expected: Mapping[str, tuple[int, ...]]

    @property
    def name(self) -> str:
        return f"{self.suite}: {self.instance.name}"

    @cached_property
    def key(self) -> str:
        problem = (self.instance.factory.model_dump(mode="json"), self.instance.book.model_dump(mode="json"))
        return digest("instance", source_hash(), self.suite, self.instance.name, problem, [contender.identity() for contender in self.contenders])

    @property
    def size(self) -> int:
        return 1

    @property
    def group(self) -> str:
        return self.name

    def run(self) -> JsonObject:
        """Result of each contender by name."""
        factory, book = self.instance.factory, self.instance.book
        operations = sum(len(product.operations) for product in factory.products)
        limit = DECISIONS_AN_OPERATION * operations
        batch = Batch([factory], [book], num_envs=1, job_rows=0, changeover_rows=0, dtype=np.float64, most_decisions=limit, log_length=1)
        return {contender.name: self._play(contender, batch) for contender in self.contenders}

    def _play(self, contender: Contender, batch: Batch) -> JsonObject:
        factory, book = self.instance.factory, self.instance.book
        try:
            with seated(contender, factory, 0, self.patience) as policy:
                static = self.suite == "wtsds" and contender.base in STATIC
                play(batch, with_instance_means(policy, factory, book) if static else policy, episode_seeds("test", 1))
            schedule = unload(factory, book, batch.arrays, batch.shop, 0)
            bill = verify(schedule, factory, book)
        except Exception as error:
            return {"failed": describe_failure(error, "test", (0, 0))}
        if self.suite == "replay":
            return self._compare(contender, schedule)
        return {"value": bill.total / self.instance.ticks_per_unit, "reference": self.instance.reference}

    def _compare(self, contender: Contender, schedule: Schedule) -> JsonObject:
        """Mean flow time, and every completion against the reference's."""
        completed = [order.completion_date for order in sorted(schedule.orders, key=lambda order: int(order.order_id))]
        released = sum(order.release_date for order in schedule.orders)
        unit = self.instance.ticks_per_unit * len(completed)
        expected = self.expected.get(contender.name)
        result: JsonObject = {"value": (sum(date or 0 for date in completed) - released) / unit, "reference": None}
        if expected is not None:
            differing = [job for job, (date, other) in enumerate(zip(completed, expected, strict=True)) if date != other]
            result |= {"reference": (sum(expected) - released) / unit, "exact": not differing, "compared": len(expected), "differing": len(differing)}
            result["first_difference"] = differing[0] if differing else None
        return result


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
) -> JsonObject:
    """Play every instance of a suite under every contender.

    Parameters
    ----------
    folder
        Where the public benchmarks lie.
    out
        Where finished instances are kept (``.units``).
    begin, advance
        Told the number of instances, and each that is done.

    Returns
    -------
    dict
        ``suite``, ``instances.{instance}.{policy}`` and ``summary.{family}.{policy}``, as docs/evaluation.md describes them.

    Raises
    ------
    ValueError
        If there is no such suite or instance.
    """
    if suite not in SUITES:
        raise ValueError(f"--suite {suite!r} is not known. {suggest(suite, SUITES)}; the suites are {', '.join(SUITES)}.")
    expected = _expected(suite, folder)
    settled = tuple(_settle(contender, suite, expected) for contender in contenders)
    units = [
        InstancePlay(suite, instance, settled, patience, {rule: dates for (name, rule), dates in expected.items() if name == instance.name})
        for instance in read_suite(suite, folder)
    ]
    begin(len(units))
    results = run_units(units, Store(out / ".units"), processes, advance)
    instances = {unit.instance.name: _with_gaps(unit.instance, result) for unit, result in zip(units, results, strict=True)}
    return {"suite": suite, "instances": instances, "summary": summarise(suite, instances, [contender.name for contender in settled])}


def _expected(suite: str, folder: Path) -> Completions:
    return read_expected_completions(folder / "replay" / "expected_completions.csv") if suite == "replay" else {}


def _settle(contender: Contender, suite: str, expected: Completions) -> Contender:
    """The contender with default parameters; in the replay, a rule that was asked for by name has those of the reference."""
    if suite != "replay" or contender.kind != "rule" or contender.parameters:
        return contender.settle(None)
    reference = next((name for name in dict.fromkeys(rule for _, rule in expected) if find_rule_of(name) == contender.base), contender.name)
    rule = parse_rule(REPLAY_RULES.get(reference, contender.base))
    return Contender(reference, "rule", rule.name, parameters=dict(rule.values))


def find_rule_of(reference: str) -> str:
    """Our name of a rule of the replay's reference."""
    name, _ = split_call(REPLAY_RULES.get(reference, reference))
    return find_rule(name).name


def _with_gaps(instance: Instance, result: JsonObject) -> JsonObject:
    """Results by policy, with ``gap`` = value / reference - 1 (None where the reference is 0 or unknown)."""
    if "failed" in result and "reason" in result["failed"]:  # the process died
        return {"failed": result["failed"]}
    for entry in result.values():
        if "value" in entry:
            reference = entry["reference"]
            entry["gap"] = entry["value"] / reference - 1 if reference else None
    return {"about": {"objective": instance.objective, "reference_kind": instance.reference_kind, "is_test": instance.is_test}, **result}


# --- summaries ------------------------------------------------------------------------------------------------------------------


def family_of(suite: str, instance: str) -> str:
    """The group in which the literature reports an instance."""
    number = int(next(iter(re.findall(r"\d+", instance)), 0))
    if suite == "wtsds":
        return "1-40" if number <= 40 else "41-80" if number <= 80 else "81-120"
    if suite == "fjsp" and instance.endswith(("edata", "rdata", "vdata")):
        return instance[-5:]
    return re.match("[A-Za-z]*", instance)[0] or suite if suite in ("jsp", "fjsp") else suite  # type: ignore[index]


def summarise(suite: str, instances: Mapping[str, JsonObject], policies: Sequence[str]) -> JsonObject:
    """For each family and policy: gaps, how many references are reached, how many completions are exact."""
    families: dict[str, list[JsonObject]] = {}
    for name, result in instances.items():
        families.setdefault(family_of(suite, name), []).append(result)
    return {
        family: {policy: _summarise([result[policy] for result in results if policy in result]) for policy in policies} for family, results in families.items()
    }


def _summarise(entries: Sequence[JsonObject]) -> JsonObject:
    played = [entry for entry in entries if "value" in entry]
    rated = [entry for entry in played if entry["gap"] is not None]
    gaps = [entry["gap"] for entry in rated]
    summary: JsonObject = {"instances": len(entries), "verified": len(played), "failed": len(entries) - len(played)}
    if rated:
        interval = mean_interval(gaps) if len(gaps) > 1 else None
        summary |= {
            "mean_gap": float(np.mean(gaps)),
            "ci95": [interval.low, interval.high] if interval else None,
            "median_gap": median(gaps),
            "worst_gap": max(gaps),
            "gap_of_sums": sum(entry["value"] for entry in played if entry["reference"] is not None) / sum(entry["reference"] for entry in rated) - 1,
            "reached": sum(gap <= 0 for gap in gaps),
        }
    exact = [entry["exact"] for entry in played if "exact" in entry]
    return summary | ({"exact": sum(exact), "compared": len(exact)} if exact else {})


def describe_suite(results: Mapping[str, Any]) -> str:
    """Gap tables as Markdown, one for each family; the best policy first."""
    return "\n\n".join(_describe_family(results["suite"], family, policies) for family, policies in results["summary"].items())


def _describe_family(suite: str, family: str, policies: Mapping[str, JsonObject]) -> str:
    title = f"**{suite}**" if family == suite else f"**{suite}: {family}**"
    columns = ("policy", "instances", "mean gap", "95 % interval", "median", "worst", "gap of the sums", "reached", "exact", "failed")
    head = f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"
    ranked = sorted(policies.items(), key=lambda entry: entry[1].get("gap_of_sums", float("inf")))
    return "\n".join([title, "", head, *(_row(name, one) for name, one in ranked)])


def _row(name: str, one: JsonObject) -> str:
    def percent(key: str) -> str:
        return f"{one[key]:.1%}" if key in one else ""

    interval = f"{one['ci95'][0]:.1%} .. {one['ci95'][1]:.1%}" if one.get("ci95") else ""
    exact = f"{one['exact']} of {one['compared']}" if "exact" in one else ""
    cells = (name, one["instances"], percent("mean_gap"), interval, percent("median_gap"), percent("worst_gap"), percent("gap_of_sums"))
    return f"| {' | '.join(map(str, (*cells, one.get('reached', ''), exact, one['failed'])))} |"
