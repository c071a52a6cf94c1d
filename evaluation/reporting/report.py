"""Reports ``report.md`` and ``report.html`` of a folder of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from evaluation.reporting.challengers import find_challengers
from evaluation.reporting.chart_scales import OFF_SCALE
from evaluation.reporting.charts import draw_ratios
from evaluation.reporting.comparison_sections import (
    comparison_table,
    failure_section,
    loss_section,
    overall_tables,
    summarise_report,
)
from evaluation.reporting.document import (
    Code,
    DocumentBlock,
    Heading,
    Paragraph,
    Picture,
    Table,
    Text,
    to_html,
    to_markdown,
)
from evaluation.reporting.episodes_csv import read_episodes
from evaluation.reporting.results import Results, read_results
from evaluation.reporting.scenario_section import EpisodeCosts, scenario_section
from factory.io.atomic_write import write_atomically
from factory.model import Factory
from factory.progress import Progress


def write_report(folder: Path, factories: Mapping[str, Factory]) -> list[Path]:
    """Write the reports beside ``results.json``.

    Parameters
    ----------
    folder
        Folder of the results.
    factories
        Factories by name; Gantt charts without one lack the setups that machines have at first.

    Returns
    -------
    list of pathlib.Path
        The files written.
    """
    results = read_results(folder / "results.json")
    with Progress("writing the report, with its pictures") as progress:
        blocks = list[DocumentBlock]()
        for block in _compose(results, _read_costs(folder), folder, factories):
            blocks.append(block)
            progress.step()
    files = {
        folder / "report.md": to_markdown(blocks),
        folder / "report.html": to_html(_title(results), blocks),
    }
    for path, text in files.items():
        write_atomically(path, text)
    return list(files)


def _read_costs(folder: Path) -> EpisodeCosts:
    costs: dict[tuple[str, str], dict[int, list[float]]] = {}
    for row in read_episodes(folder / "episodes.csv"):
        by_episode = costs.setdefault((row.factory, row.policy), {})
        by_episode.setdefault(row.episode, []).append(row.metrics["total_cost"])
    return {
        key: np.array([np.mean(values) for _, values in sorted(by_episode.items())])
        for key, by_episode in costs.items()
    }


def _title(results: Results) -> str:
    names = list(results.scenarios)
    return f"Evaluation on {names[0] if len(names) == 1 else f'{len(names)} factories'}"


def _compose(
    results: Results, costs: EpisodeCosts, folder: Path, factories: Mapping[str, Factory]
) -> Iterable[DocumentBlock]:
    yield Heading(1, _title(results))
    yield Paragraph(summarise_report(results))
    yield Heading(2, "Comparison with the best rule")
    yield Paragraph(
        "The best rule of each factory was chosen on validation episodes. All policies then played"
        " the same test episodes. A policy is better or worse than the rule if the 95 % interval of"
        " the mean paired difference does not contain 0; otherwise the comparison is undecided."
    )
    yield comparison_table(results)
    if len(results.scenarios) > 1:
        yield from overall_tables(results)
        yield from _ratio_chart(results)
    yield from loss_section(results)
    yield from failure_section(results)
    for name, scenario in results.scenarios.items():
        yield from scenario_section(name, scenario, costs, folder, factories.get(name))
    yield from _provenance_section(results)


def _ratio_chart(results: Results) -> Iterable[DocumentBlock]:
    challengers = {name: find_challengers(scenario) for name, scenario in results.scenarios.items()}
    if any(challengers.values()):
        yield Picture(
            draw_ratios(challengers),
            "Cost of each policy against the best rule, by factory",
            "Ratio of mean costs minus 1, with 95 % intervals. Green: better; orange: worse; grey:"
            f" undecided. {OFF_SCALE}",
        )


def _provenance_section(results: Results) -> Iterable[DocumentBlock]:
    origin = results.provenance
    verified = all(scenario.verified for scenario in results.scenarios.values())
    commit = origin.commit or "unknown"
    if origin.uncommitted_changes:
        commit += " with uncommitted changes"
    rows: list[tuple[Text, ...]] = [("command", Code(origin.command))]
    rows += [(f"seeds: {name}", text) for name, text in origin.seed_blocks.items()]
    rows += [
        ("verified", "every scored schedule" if verified else "not all schedules"),
        ("commit", commit),
        ("hash of the sources", origin.source_hash),
        ("versions", ", ".join(f"{name} {version}" for name, version in origin.versions.items())),
        ("machine", ", ".join(f"{name}: {value}" for name, value in origin.machine.items())),
        ("started", f"{origin.started}, {origin.seconds:,.0f} s"),
    ]
    yield Heading(2, "Provenance")
    yield Table(("item", "value"), tuple(rows), wide=frozenset({1}))
