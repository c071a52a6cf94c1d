"""Gallery: rules and policies on one world of the default factory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from agents.network.trained_policy import load_policy
from agents.policy import Policy
from agents.rules.registry import make_rule
from docs_site.factory_pages.factory_facts import result_row
from docs_site.factory_pages.world_episodes import PAGE_SEED, play_world
from docs_site.reference.markdown_tables import markdown_table
from evaluation.reporting.markdown import code_span
from evaluation.tuned_parameters import tuned_index, tuned_rules
from factory.io.shipped_files import ROOT
from factory.model import Factory
from factory.schedule.gantt import draw_gantt
from factory.schedule.kpis import Kpis, kpis
from factory.schedule.pixel_canvas import Pixels
from factory.schedule.records import Schedule
from factory.schedule.shop_floor.floor_animation import shop_floor_pictures, write_animation

_FACTORY, _POLICY = "microfactory", "policies/microfactory"
_SINCE, _UNTIL = 720, 2160
"""Ticks between which all Gantt charts are drawn: 24 hours from the evening of the first day."""
_FRAMES = 90
_HEADER = [
    "policy",
    "cost",
    "tardiness cost",
    "changeovers",
    "hours of changeover",
    "on time",
    "mean tardiness, h",
]


def write_gallery_page(folder: Path) -> None:
    """Write ``gallery.md`` and its pictures into a folder.

    Parameters
    ----------
    folder
        Folder, which exists.
    """
    worlds = {name: play_world(_FACTORY, policy) for name, policy in _policies().items()}
    figures = {name: kpis(*world) for name, world in worlds.items()}
    best, policy = list(worlds)[-3], list(worlds)[-1]
    write_animation(_side_by_side(worlds, [best, policy]), folder / "gallery-floors.webp")
    sections = [
        "---\nhide:\n  - navigation\n  - toc\n---",
        "# Gallery",
        f"Seven policies on one world: seed {PAGE_SEED} of `{_FACTORY}`."
        " Under one seed, orders, realised process times, breakdowns and deliveries are the same"
        " for every policy, so all differences come from decisions.",
        "This is a single episode; over many episodes the policies can rank otherwise,"
        " as the page of [results](results.md) shows.",
        markdown_table(_HEADER, [_row(name, own) for name, own in figures.items()]),
        "## The shop floor",
        f"Left: {best}. Right: {policy}. Both are shown at the same dates."
        " Each panel is a work centre with its queue; a red edge marks a late order,"
        " a machine's left edge its mounted setup.",
        "[![Shop floor under two policies](gallery-floors.webp)](gallery-floors.webp)",
        "## Gantt charts",
        "The same 24 hours under each policy; the second line of each chart has the figures of the"
        " whole episode. Hatched bars are changeovers, red edges late orders.",
        *(_chart(number, name, world, folder) for number, (name, world) in _numbered(worlds)),
    ]
    (folder / "gallery.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _policies() -> dict[str, Policy]:
    """Return the policies by title, from the simplest to the learned one."""
    rules = tuned_rules(_FACTORY)
    row = result_row((ROOT / "docs" / "results.md").read_text(encoding="utf-8"), _FACTORY)
    best = rules[row[0]] if row is not None else rules["ATCS"]
    index = tuned_index(_FACTORY)
    policies: dict[str, Policy] = {
        "FIFO, first in, first out": make_rule("FIFO"),
        "SPT, shortest process time": make_rule("SPT"),
        "EDD, earliest due date": make_rule("EDD"),
        "ATCS, tuned": rules["ATCS"],
        f"{best.name}, the best tuned rule": best,
    }
    if index is not None:
        policies["The evolved priority index"] = index
    return policies | {f"{_POLICY}, the learned policy": load_policy(ROOT / _POLICY)}


def _numbered(
    worlds: dict[str, tuple[Schedule, Factory]],
) -> Iterator[tuple[int, tuple[str, tuple[Schedule, Factory]]]]:
    return enumerate(worlds.items(), start=1)


def _row(name: str, figures: Kpis) -> list[str]:
    short, _, rest = name.partition(", ")
    label = f"{code_span(short) if '/' in short else short}{', ' * bool(rest)}{rest}"
    return [
        label,
        f"{figures.total_cost:,.0f}",
        f"{figures.bill.tardiness:,.0f}",
        f"{figures.changeovers}",
        f"{figures.changeover_hours:.1f}",
        f"{100 * figures.on_time_share:.0f} %",
        f"{figures.mean_tardiness_hours:.1f}",
    ]


def _chart(number: int, name: str, world: tuple[Schedule, Factory], folder: Path) -> str:
    schedule, factory = world
    file = f"gallery-{number}.png"
    figure = draw_gantt(schedule, factory, since=_SINCE, until=_UNTIL, title=name, width=15.0)
    figure.savefig(folder / file, dpi=100)
    return f"[![{name}]({file})]({file})"


def _side_by_side(
    worlds: dict[str, tuple[Schedule, Factory]], names: list[str]
) -> Iterator[Pixels]:
    """Yield the shop floors of some policies at the same dates, beside each other."""
    last = max(worlds[name][0].end_date for name in names)
    dates = np.linspace(0, last, _FRAMES).round().astype(int).tolist()
    floors = []
    for name in names:
        schedule, factory = worlds[name]
        own = [min(date, schedule.end_date) for date in dates]
        floors.append(shop_floor_pictures(schedule, factory, own, title=name))
    for pictures in zip(*floors, strict=True):
        gap = np.full((len(pictures[0]), 16, 3), 255, np.uint8)
        yield np.concatenate([pictures[0], gap, *pictures[1:]], axis=1)
