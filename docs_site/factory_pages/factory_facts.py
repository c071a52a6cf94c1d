"""Facts of a factory, of its file and of its results, as Markdown."""

from __future__ import annotations

import re

from docs_site.reference.markdown_tables import markdown_table
from evaluation.reporting.markdown import code_span, escape
from evaluation.tuned_parameters import Tuned
from factory.generation.offered_load import changeover_profile, offered_load
from factory.generation.ranges import RandomisedRanges
from factory.model import Factory

_SHOWN_RULES = 10


def file_comments(toml: str) -> list[str]:
    r"""Return the paragraphs of the comment at the top of a factory file.

    Examples
    --------
    >>> file_comments("# A plant.\n#\n# It has\n# two booths.\n\nname = 'x'\n")
    ['A plant.', 'It has two booths.']
    """
    lines = []
    for line in toml.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return [" ".join(part.split("\n")) for part in "\n".join(lines).split("\n\n") if part]


def escape_text(text: str) -> str:
    r"""Return text as Markdown that shows it; only names between backticks stay code.

    Examples
    --------
    >>> escape_text("`tiny` is *small*")
    '`tiny` is \\*small\\*'
    """
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if part.startswith("`") else escape(part) for part in parts)


def size_facts(factory: Factory) -> list[tuple[str, str]]:
    """Return names and values of the sizes of a factory."""
    machines = sum(len(centre.machines) for centre in factory.work_centres)
    crews = machines if factory.crews is None else factory.crews
    facts = [
        ("work centres, machines", f"{len(factory.work_centres)}, {machines}"),
        ("products", escape(", ".join(product.name for product in factory.products))),
        ("options", _describe_options(factory)),
        ("changeover attributes", _describe_attributes(factory)),
        ("changeover crews", f"{crews} for {machines} machines"),
        ("a tick", f"{factory.tick_minutes:g} min"),
    ]
    if factory.demand is not None:
        facts += _demand_facts(factory)
    return [*facts, *_uncertainty_facts(factory), ("electricity", _describe_tariff(factory))]


def _demand_facts(factory: Factory) -> list[tuple[str, str]]:
    demand = factory.demand
    assert demand is not None
    facts = [("orders of an episode", f"{demand.num_orders}")]
    if demand.initial_orders < demand.num_orders:
        loads = offered_load(factory)
        busiest = max(loads, key=lambda name: loads[name])
        facts.append(("offered load, processing only", f"{loads[busiest]:.2f} ({escape(busiest)})"))
    names = ", ".join(f"{escape(r.name)} ({r.interarrival_time:g})" for r in demand.regimes)
    facts.append(("demand regimes (ticks between orders)", names))
    return facts


def _describe_options(factory: Factory) -> str:
    values = [f"{escape(o.name)} ({len(o.values)})" for o in factory.options]
    return ", ".join(values) or "none"


def _describe_attributes(factory: Factory) -> str:
    values = [
        f"{escape(centre.name)}: {escape(attribute.name)} ({len(attribute.values)})"
        for centre in factory.work_centres
        for attribute in centre.attributes
    ]
    return ", ".join(values) or "none"


def _uncertainty_facts(factory: Factory) -> list[tuple[str, str]]:
    uncertainty = factory.uncertainty
    failing = [m for c in factory.work_centres for m in c.machines if m.mean_time_to_failure]
    down = [m.mean_time_to_repair or 0 for m in failing]
    up = [m.mean_time_to_failure or 0 for m in failing]
    share = sum(down) / (sum(down) + sum(up)) if failing else 0.0
    first = uncertainty.first_piece_rework_probability
    rework = f"{uncertainty.rework_probability:.3g}"
    facts = [
        ("variation of process times (cv)", f"{uncertainty.cv:g}"),
        ("rework", rework if first is None else f"{rework}; {first:.3g} after a changeover"),
        ("breakdowns", f"{100 * share:.1f} % of the working time" if failing else "none"),
    ]
    late = [f"{escape(r.name)} {100 * r.late_probability:.0f} %" for r in factory.material]
    return [*facts, ("orders with late material", ", ".join(late) or "none")]


def _describe_tariff(factory: Factory) -> str:
    low, high = min(factory.tariff.price), max(factory.tariff.price)
    return f"{low:g} EUR per kWh" if low == high else f"{low:g} to {high:g} EUR per kWh"


def centre_table(factory: Factory) -> str:
    """Return process and changeover times of each work centre, in ticks."""
    profiles = changeover_profile(factory) if factory.demand is not None else {}
    rows = []
    for centre in factory.work_centres:
        times = [
            time
            for product in factory.products
            for operation in product.operations
            if operation.work_centre == centre.name
            for time in (operation.machine_times or {"": operation.process_time or 0}).values()
        ]
        profile = profiles.get(centre.name)
        mean = sum(times) / len(times) if times else 0.0
        change = "" if profile is None or not profile.probability else f"{profile.mean_time:.1f}"
        severity = "" if not change or profile is None else f"{profile.severity:.2f}"
        likely = "" if not change or profile is None else f"{profile.probability:.2f}"
        rows.append(
            [
                escape(centre.name),
                f"{len(centre.machines)}",
                f"{mean:.1f}",
                change,
                severity,
                likely,
            ]
        )
    header = ["work centre", "machines", "process time", "changeover time", "ratio", "needed"]
    return markdown_table(header, rows)


def range_table(ranges: RandomisedRanges) -> str:
    """Return the ranges from which factories are drawn."""
    rows = [
        [code_span(name), f"{low:g}", f"{high:g}"]
        for name, (low, high) in ranges.model_dump().items()
    ]
    return markdown_table(["range", "lowest", "highest"], rows)


# --- results --------------------------------------------------------------------------------------


def result_row(results: str, factory: str) -> list[str] | None:
    """Return the cells of a factory's row on the page of results; None if it has none.

    Parameters
    ----------
    results
        Text of ``docs/results.md``.
    factory
        Name of the factory.

    Examples
    --------
    >>> result_row("| `tiny` | FIFO | 0 % | +128 % [8] |", "tiny")
    ['FIFO', '0 %', '+128 %']
    """
    match = re.search(rf"^\| `{re.escape(factory)}` \|(.*)\|$", results, re.MULTILINE)
    if match is None:
        return None
    return [re.sub(r"\s*\[[\d, \[\]]+\]", "", cell).strip() for cell in match[1].split("|")]


def tuned_table(tuned: Tuned) -> str:
    """Return the cheapest tuned rules with their parameters and their costs in validation."""
    costs = {name: rule.validate_cost for name, rule in tuned.rules.items()}
    best = sorted(costs, key=lambda name: costs[name].tuned)[:_SHOWN_RULES]
    rows = [
        [
            code_span(str(tuned.rule(name))),
            f"{costs[name].default:,.0f}",
            f"{costs[name].tuned:,.0f}",
        ]
        for name in best
    ]
    if tuned.index is not None:
        index = tuned.index.validate_cost
        rows.append(["evolved priority index", "", f"{index.tuned:,.0f}"])
    return markdown_table(["rule", "cost with defaults", "cost with tuned parameters"], rows)
