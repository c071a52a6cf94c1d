"""Tables of gaps on public instances, over a suite and for each family of the literature."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median

from evaluation.reporting.document import Table, to_markdown
from evaluation.reporting.markdown import escape
from evaluation.statistics.intervals import mean_interval
from factory.work_units.units import JsonObject

CONSOLE_POLICIES = 12
"""Number of policies in the terminal's table; the report has all."""

SETS_BY_PREFIX = {
    "mk": "brandimarte",
    "dpp": "dauzere",
    "mt": "barnes",
    "setb": "barnes",
    "seti": "barnes",
}
"""Sets of flexible job shops by the first letters of their names, where these differ from the name
of the set."""

COLUMNS = (
    "policy",
    "total",
    "mean gap",
    "95 % interval",
    "median",
    "worst",
    "gap of sums",
    "reached",
    "optimal",
    "exact",
    "agrees",
    "verified",
    "failed",
)
"""Columns of the tables; columns without entries are left out."""

_LEGEND = (
    "Total: sum of the values. Gap = value / reference - 1; the mean has a 95 % interval over"
    " instances. `reached`: value no worse than the reference; `optimal`: such instances with a"
    " proven optimum. Only verified schedules are counted. Nothing was tuned."
)

_NOTES = {
    "replay": (
        "The reference is the weighted tardiness under the same rule in the other simulator: gaps"
        " here measure agreement, not quality. `exact` counts streams in which every job is"
        " completed at the same tick. Streams on which programs define a rule differently (work in"
        " the next queue, where there are changeovers) are not counted. The reference adds decimal"
        " fractions as floats, so rounding breaks a few exact ties."
    ),
    "wtsds": (
        "The literature compares sums of the tardiness of a family (`gap of sums`), because gaps of"
        " single instances are huge where the optimum is close to 0. `agrees` counts instances on"
        " which the rule attains its published value."
    ),
    "sdst_pfsp": (
        "The best known values are those of permutation schedules; here jobs may overtake others."
    ),
}


def family_of(suite: str, instance: str) -> str:
    """Return the group in which the literature reports an instance.

    Other instances belong to the suite, or to the first letters of their names.
    """
    if suite == "replay":
        return re.sub(r"_s?\d+$", "", instance)
    number = re.fullmatch(r"(?:wt_sds_)?([0-9]+)", instance)
    if suite == "wtsds" and number:
        return _range_of(int(number[1]), {40: "1-40", 80: "41-80"}, "81-120")
    if suite == "sdst_pfsp" and number:
        return _range_of(int(number[1]), {120: "SSD-10", 240: "SSD-50", 360: "SSD-100"}, "SSD-125")
    if suite == "fjsp" and instance.endswith(("edata", "rdata", "vdata")):
        return f"hurink {instance[-5:]}"
    letters = re.findall(r"^[A-Za-z]+", instance) if suite in ("jsp", "fjsp") else []
    return SETS_BY_PREFIX.get(letters[0], letters[0]) if letters else suite


def _range_of(number: int, ends: Mapping[int, str], beyond: str) -> str:
    return next((family for end, family in ends.items() if number <= end), beyond)


def summarise_suite(
    instances: Mapping[str, JsonObject], about: Mapping[str, JsonObject]
) -> JsonObject:
    """Return ``summary.{policy}`` over all instances, and ``families.{family}.{policy}``.

    Parameters
    ----------
    instances
        Results by instance and policy.
    about
        ``family`` and ``reference_kind`` of each instance.
    """
    families = dict.fromkeys(entry["family"] for entry in about.values())
    members = {
        family: [name for name in instances if about[name]["family"] == family]
        for family in families
    }
    return {
        "summary": _summarise(instances, about, instances),
        "families": {
            family: _summarise(instances, about, names) for family, names in members.items()
        },
    }


def _summarise(
    instances: Mapping[str, JsonObject], about: Mapping[str, JsonObject], names: Iterable[str]
) -> JsonObject:
    """Return the figures of each policy over the named instances."""
    entries: dict[str, list[JsonObject]] = {}
    for name in names:
        for policy, entry in instances[name].items():
            is_optimum = about[name]["reference_kind"] == "optimum"
            entries.setdefault(policy, []).append({**entry, "is_optimum": is_optimum})
    return {policy: _figures(of_policy) for policy, of_policy in entries.items()}


def _figures(entries: Sequence[JsonObject]) -> JsonObject:
    """Return the gaps of one policy, and the counts of reached and published values."""
    played = [entry for entry in entries if "failed" not in entry]
    figures: JsonObject = {
        "instances": len(entries),
        "verified": len(played),
        "failed": len(entries) - len(played),
        "total_value": round(sum(entry["value"] for entry in played), 6),
        **_reference_figures([entry for entry in played if entry["reference"] is not None]),
    }
    comparable = [entry["exact"] for entry in played if entry.get("comparable")]
    if comparable:
        figures |= {"exact": sum(comparable), "compared": len(comparable)}
    agreeing = [entry["agrees"] for entry in played if "agrees" in entry]
    if agreeing:
        figures |= {"agrees": sum(agreeing), "published": len(agreeing)}
    return figures


def _reference_figures(known: Sequence[JsonObject]) -> JsonObject:
    """Return the figures over the instances with a reference; none if there are none."""
    if not known:
        return {}
    reached = [entry for entry in known if entry["value"] <= entry["reference"]]
    total = sum(entry["reference"] for entry in known)
    figures: JsonObject = {
        **_spread([entry["gap"] for entry in known if entry["gap"] is not None]),
        "references": len(known),
        "gap_of_sums": sum(entry["value"] for entry in known) / total - 1 if total else None,
        "reached": len(reached),
    }
    if any(entry["is_optimum"] for entry in known):
        figures["optimal"] = sum(entry["is_optimum"] for entry in reached)
    return figures


def _spread(gaps: Sequence[float]) -> JsonObject:
    if not gaps:
        return {}
    interval = mean_interval(gaps) if len(gaps) > 1 else None
    ci95 = [interval.low, interval.high] if interval else None
    return {
        "mean_gap": fmean(gaps),
        "ci95": ci95,
        "median_gap": median(gaps),
        "worst_gap": max(gaps),
    }


def failures(results: JsonObject) -> Iterator[str]:
    """Yield a sentence for each instance on which a policy failed."""
    for instance, by_policy in results["instances"].items():
        for policy, entry in by_policy.items():
            if "failed" in entry:
                failed = entry["failed"]
                yield f"{policy} on {instance}: {failed['reason']}: {failed['message']}"


def _differences(results: JsonObject) -> Iterator[str]:
    """Yield a sentence for each comparable result that differs from the published one."""
    for instance, by_policy in results["instances"].items():
        for policy, entry in by_policy.items():
            if entry.get("comparable") and not entry["exact"]:
                first = entry["first_difference"]
                dates = f"at tick {first['completed']} instead of {first['expected']}"
                yield (
                    f"{policy} on {instance}: {entry['differing']} of {entry['compared']} jobs,"
                    f" first job {first['job']}, completed {dates}"
                )
            if entry.get("agrees") is False:
                yield (
                    f"{policy} on {instance}: {entry['value']:g} instead of {entry['published']:g}"
                    f" ({entry['published_as']})"
                )


# --- text -----------------------------------------------------------------------------------------


def format_suite(results: JsonObject) -> str:
    """Return the best policies over the whole suite, for the terminal."""
    ranked = _rank(results["suite"], results["summary"])
    hidden = len(ranked) - CONSOLE_POLICIES
    lines = [_title(results), "", _table(ranked[:CONSOLE_POLICIES])]
    lines += [f"... and {hidden} more, all in the report"] if hidden > 0 else []
    return "\n".join([*lines, *(f"FAILED: {failure}" for failure in failures(results))])


def report_suite(results: JsonObject) -> str:
    """Return the report as Markdown.

    It has a table of all instances and one for each family, differences from published results, and
    failures.
    """
    suite = results["suite"]
    parts = [f"# Public instances: {suite}", _title(results), _LEGEND]
    parts += [_NOTES[suite]] if suite in _NOTES else []
    parts += ["## All instances", _table(_rank(suite, results["summary"]))]
    if len(results["families"]) > 1:
        for family, policies in results["families"].items():
            size = sum(entry["family"] == family for entry in results["about"].values())
            parts += [
                f"## {escape(family)}, {_count(size, 'instance')}",
                _table(_rank(suite, policies)),
            ]
    for title, sentences in (
        ("Differences from published results", _differences(results)),
        ("Failed", failures(results)),
    ):
        lines = [f"- {escape(sentence)}" for sentence in sentences]
        parts += [f"## {title}", "\n".join(lines)] if lines else []
    return "\n\n".join(parts) + "\n"


def _title(results: JsonObject) -> str:
    about = results["about"].values()
    optima = sum(entry["reference_kind"] == "optimum" for entry in about)
    tests = sum(entry["is_test"] for entry in about)
    objective = ", ".join(sorted({entry["objective"].replace("_", " ") for entry in about}))
    title = f"{results['suite']}: {_count(len(about), 'instance')}, {objective}"
    if optima:
        title += f", {optima} with a proven optimum"
    has_references = any(entry["reference_kind"] for entry in about)
    if not has_references and results["suite"] != "replay":
        title += ", no published values"
    if tests:
        title += f"; {tests} kept for testing"
    return title + _format_numbering([entry.get("first_machine") for entry in about])


def _format_numbering(first_machines: Sequence[int | None]) -> str:
    """Return the numbers of the first machine that the files were read with, as text."""
    counts = [(first, first_machines.count(first)) for first in (0, 1)]
    parts = [f"from {first} in {count}" for first, count in counts if count]
    return f"; machines are counted {' and '.join(parts)}" if parts else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _rank(suite: str, policies: Mapping[str, JsonObject]) -> list[tuple[str, JsonObject]]:
    """Return the policies by gap, or by total in the replay, where each rule has its own reference.

    Policies that failed somewhere come last.
    """

    def order(entry: tuple[str, JsonObject]) -> tuple[bool, bool, float, float]:
        figures = entry[1]
        gap = None if suite == "replay" else figures.get("gap_of_sums")
        return figures["failed"] > 0, gap is None, gap or 0.0, figures["total_value"]

    return sorted(policies.items(), key=order)


def _table(ranked: Sequence[tuple[str, JsonObject]]) -> str:
    """Return a Markdown table with a row for each policy."""
    rows = [_cells(name, figures) for name, figures in ranked]
    used = [column for column in range(len(COLUMNS)) if any(row[column] for row in rows)]
    table = Table(
        tuple(COLUMNS[column] for column in used),
        tuple(tuple(row[column] for column in used) for row in rows),
        numbers=frozenset(range(1, len(used))),
    )
    return to_markdown([table]).rstrip("\n")


def _cells(name: str, figures: JsonObject) -> list[str]:
    """Return the cells of :data:`COLUMNS`."""
    interval = ""
    if figures.get("ci95"):
        low, high = figures["ci95"]
        interval = f"{low:z.1%} .. {high:z.1%}"
    return [
        name,
        f"{figures['total_value']:,.0f}",
        _percent(figures.get("mean_gap")),
        interval,
        _percent(figures.get("median_gap")),
        _percent(figures.get("worst_gap")),
        _percent(figures.get("gap_of_sums")),
        _share(figures, "reached", "references"),
        str(figures.get("optimal", "")),
        _share(figures, "exact", "compared"),
        _share(figures, "agrees", "published"),
        str(figures["verified"]),
        str(figures["failed"] or ""),
    ]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:z.1%}"


def _share(figures: JsonObject, part: str, whole: str) -> str:
    return f"{figures[part]} of {figures[whole]}" if part in figures else ""
