"""Gap tables of public instances: over the whole suite, and for each family in which the literature
reports it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median

from evaluation.reporting.document import Table, to_markdown
from evaluation.reporting.markdown import escape
from evaluation.statistics.intervals import mean_interval
from factory.io.work_units import JsonObject

SHOWN = 12
"""Policies that the terminal shows; the report has all."""

PREFIXES = {
    "mk": "brandimarte",
    "dpp": "dauzere",
    "mt": "barnes",
    "setb": "barnes",
    "seti": "barnes",
}
"""Flexible job shops by the letters their names begin with, where these are not the name of the
set."""

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
"""Of the tables; those that nobody fills are left out."""

_LEGEND = (
    "Total: sum of the values. Gap = value / reference - 1; the mean has a 95 % interval over"
    " instances. `reached`: value no worse than the reference; `optimal`: of these, where the"
    " reference is a proven optimum. Every schedule was verified before its value counted. Nothing"
    " was tuned."
)

_NOTES = {
    "replay": (
        "The reference is the weighted tardiness under the same rule in the other simulator: gaps"
        " here measure agreement, not quality. `exact` counts streams in which every job is"
        " completed at the very tick; streams on which programs understand a rule differently (work"
        " in the next queue, where there are changeovers) do not count. The reference adds decimal"
        " fractions as floats, and so breaks a few exact ties by rounding."
    ),
    "wtsds": (
        "The literature sums the tardiness of a family before it divides (`gap of sums`): where"
        " optima are close to 0, single gaps explode. `agrees` counts instances on which the rule"
        " comes to the value that was published of it."
    ),
    "sdst_pfsp": (
        "The best known values are of permutation schedules; here a job may overtake another."
    ),
}


def family_of(suite: str, instance: str) -> str:
    """The group in which the literature reports an instance.

    For one's own it is the suite, or the letters that the name begins with.
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
    return PREFIXES.get(letters[0], letters[0]) if letters else suite


def _range_of(number: int, ends: Mapping[int, str], beyond: str) -> str:
    return next((family for end, family in ends.items() if number <= end), beyond)


def summarise_suite(
    instances: Mapping[str, JsonObject], about: Mapping[str, JsonObject]
) -> JsonObject:
    """``summary.{policy}`` over all instances, and ``families.{family}.{policy}``.

    Parameters
    ----------
    instances
        Results by instance and policy.
    about
        ``family`` and ``reference_kind`` of each instance.
    """
    families = dict.fromkeys(one["family"] for one in about.values())
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
    """For each policy its figures over the instances of these names."""
    entries: dict[str, list[JsonObject]] = {}
    for name in names:
        for policy, entry in instances[name].items():
            is_optimum = about[name]["reference_kind"] == "optimum"
            entries.setdefault(policy, []).append({**entry, "is_optimum": is_optimum})
    return {policy: _figures(of_policy) for policy, of_policy in entries.items()}


def _figures(entries: Sequence[JsonObject]) -> JsonObject:
    """Gaps of one policy, how many references it has reached, how many results agree with published
    ones."""
    played = [entry for entry in entries if "failed" not in entry]
    known = [entry for entry in played if entry["reference"] is not None]
    figures: JsonObject = {
        "instances": len(entries),
        "verified": len(played),
        "failed": len(entries) - len(played),
    }
    figures["total_value"] = round(sum(entry["value"] for entry in played), 6)
    if known:
        reached = [entry for entry in known if entry["value"] <= entry["reference"]]
        total = sum(entry["reference"] for entry in known)
        figures |= {
            **_spread([entry["gap"] for entry in known if entry["gap"] is not None]),
            "references": len(known),
            "gap_of_sums": sum(entry["value"] for entry in known) / total - 1 if total else None,
            "reached": len(reached),
        }
        figures |= (
            {"optimal": sum(entry["is_optimum"] for entry in reached)}
            if any(entry["is_optimum"] for entry in known)
            else {}
        )
    comparable = [entry["exact"] for entry in played if entry.get("comparable")]
    figures |= {"exact": sum(comparable), "compared": len(comparable)} if comparable else {}
    agreeing = [entry["agrees"] for entry in played if "agrees" in entry]
    return figures | ({"agrees": sum(agreeing), "published": len(agreeing)} if agreeing else {})


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
    """A sentence for each instance on which a policy failed."""
    for instance, by_policy in results["instances"].items():
        for policy, entry in by_policy.items():
            if "failed" in entry:
                yield (
                    f"{policy} on {instance}: {entry['failed']['reason']}:"
                    f" {entry['failed']['message']}"
                )


def _differences(results: JsonObject) -> Iterator[str]:
    """A sentence for each result that should be as published and is not."""
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
    """The best policies over the whole suite, for the terminal."""
    ranked = _rank(results["suite"], results["summary"])
    hidden = len(ranked) - SHOWN
    lines = [_title(results), "", _table(ranked[:SHOWN])]
    lines += [f"... and {hidden} more, all in the report"] if hidden > 0 else []
    return "\n".join([*lines, *(f"FAILED: {failure}" for failure in failures(results))])


def report_suite(results: JsonObject) -> str:
    """The whole report as Markdown: a table of all instances, one for each family, what differs
    from published results, what failed."""
    suite = results["suite"]
    parts = [f"# Public instances: {suite}", _title(results), _LEGEND]
    parts += [_NOTES[suite]] if suite in _NOTES else []
    parts += ["## All instances", _table(_rank(suite, results["summary"]))]
    if len(results["families"]) > 1:
        for family, policies in results["families"].items():
            number = sum(one["family"] == family for one in results["about"].values())
            parts += [
                f"## {escape(family)}, {_count(number, 'instance')}",
                _table(_rank(suite, policies)),
            ]
    for title, sentences in (
        ("Other than published", _differences(results)),
        ("Failed", failures(results)),
    ):
        lines = [f"- {escape(sentence)}" for sentence in sentences]
        parts += [f"## {title}", "\n".join(lines)] if lines else []
    return "\n\n".join(parts) + "\n"


def _title(results: JsonObject) -> str:
    about = results["about"].values()
    optima = sum(one["reference_kind"] == "optimum" for one in about)
    tests = sum(one["is_test"] for one in about)
    objective = ", ".join(sorted({one["objective"].replace("_", " ") for one in about}))
    title = f"{results['suite']}: {_count(len(about), 'instance')}, {objective}"
    title += f", {optima} with a proven optimum" if optima else ""
    known = any(one["reference_kind"] for one in about)
    title += "" if known or results["suite"] == "replay" else ", no published values"
    title += f"; {tests} kept for testing" if tests else ""
    return title + _format_numbering([one.get("first_machine") for one in about])


def _format_numbering(first_machines: Sequence[int | None]) -> str:
    """Return from which number the files were taken to count their machines."""
    counts = [(first, first_machines.count(first)) for first in (0, 1)]
    parts = [f"from {first} in {number}" for first, number in counts if number]
    return f"; machines are counted {' and '.join(parts)}" if parts else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _rank(suite: str, policies: Mapping[str, JsonObject]) -> list[tuple[str, JsonObject]]:
    """Least gap first; in the replay, where each rule has a reference of its own, least total. Who
    failed somewhere comes after those who did not."""

    def order(entry: tuple[str, JsonObject]) -> tuple[bool, bool, float, float]:
        figures = entry[1]
        gap = None if suite == "replay" else figures.get("gap_of_sums")
        return figures["failed"] > 0, gap is None, gap or 0.0, figures["total_value"]

    return sorted(policies.items(), key=order)


def _table(ranked: Sequence[tuple[str, JsonObject]]) -> str:
    """A Markdown table, a row a policy."""
    rows = [_cells(name, figures) for name, figures in ranked]
    used = [number for number in range(len(COLUMNS)) if any(row[number] for row in rows)]
    cells = tuple(tuple(row[number] for number in used) for row in rows)
    return to_markdown(
        [
            Table(
                tuple(COLUMNS[number] for number in used),
                cells,
                numbers=frozenset(range(1, len(used))),
            )
        ]
    ).rstrip("\n")


def _cells(name: str, figures: JsonObject) -> list[str]:
    def percent(value: float | None) -> str:
        return "" if value is None else f"{value:z.1%}"

    def share(part: str, whole: str) -> str:
        return f"{figures[part]} of {figures[whole]}" if part in figures else ""

    interval = (
        f"{figures['ci95'][0]:z.1%} .. {figures['ci95'][1]:z.1%}" if figures.get("ci95") else ""
    )
    gaps = [
        percent(figures.get(key)) for key in ("mean_gap", "median_gap", "worst_gap", "gap_of_sums")
    ]
    counts = [share("reached", "references"), str(figures.get("optimal", ""))]
    agreement = [share("exact", "compared"), share("agrees", "published")]
    return [
        name,
        f"{figures['total_value']:,.0f}",
        gaps[0],
        interval,
        *gaps[1:],
        *counts,
        *agreement,
        str(figures["verified"]),
        str(figures["failed"] or ""),
    ]
