"""Page of a shipped factory: text, and the pictures beside it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from agents.rules.registry import Rule, make_rule
from docs_site.factory_pages.factory_charts import (
    draw_heat_map,
    draw_loads,
    draw_tariff,
    draw_uses,
)
from docs_site.factory_pages.factory_facts import (
    centre_table,
    escape_text,
    file_comments,
    range_table,
    result_row,
    size_facts,
    tuned_table,
)
from docs_site.factory_pages.route_diagram import route_svg
from docs_site.factory_pages.world_episodes import PAGE_SEED, play_world
from docs_site.reference.markdown_tables import markdown_table
from envs.seed_splits import BLOCKS
from evaluation.reporting.markdown import code_span, escape
from evaluation.tuned_parameters import Tuned, read_tuned
from factory.generation.ranges import RandomisedRanges
from factory.io.catalogue import FACTORIES_FOLDER, find_factory
from factory.io.shipped_files import ROOT
from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.schedule.gantt import draw_gantt
from factory.schedule.kpis import kpis
from factory.schedule.records import Schedule
from factory.schedule.shop_floor.floor_animation import (
    save_shop_floor_animation,
    shop_floor_pictures,
)

FACTORY_FOLDER = "shipped_factories"
"""Folder of the pages on the site."""
_FRAMES, _FRAMES_OF_LARGE = 110, 60
"""Pictures of an animation; those of a factory with many machines are large."""
_MANY_MACHINES = 16
_GANTT_DPI = 100
_PREVIEW = 420
"""Width of the small picture of the list."""


def write_factory_page(name: str, folder: Path) -> None:
    """Write ``NAME.md`` and the pictures of a shipped factory into a folder.

    Parameters
    ----------
    name
        Name of the factory, or of the ranges.
    folder
        Folder, which exists.
    """
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    source = find_factory(name)
    tuned = read_tuned(name)
    rule = _best_rule(name, results, tuned)
    schedule, factory = play_world(name, rule)
    pictures = _Pictures(name, folder)
    sections = [
        f"# {escape(name)}",
        *_introduction(name, source),
        *_size_section(source, factory),
        *pictures.draw_layout(factory),
        *pictures.draw_changeovers(factory),
        *pictures.draw_load(factory, schedule),
        *pictures.draw_episode(factory, schedule, rule),
        *_results_section(name, results, tuned),
        *_use_section(name, rule),
        *_seed_section(),
    ]
    (folder / f"{name}.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _best_rule(name: str, results: str, tuned: Tuned | None) -> Rule:
    """Return the best rule of the page of results with its tuned parameters."""
    row = result_row(results, name)
    if row is None or tuned is None:
        return make_rule("ATCS")
    return tuned.rule(row[0])


def _introduction(name: str, source: Factory | RandomisedRanges) -> list[str]:
    description = [f"*{escape(source.description)}.*"] if isinstance(source, Factory) else []
    toml = (FACTORIES_FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    comments = [escape_text(text) for text in file_comments(toml)]
    return [*description, *comments]


def _size_section(source: Factory | RandomisedRanges, factory: Factory) -> list[str]:
    if isinstance(source, Factory):
        return ["## Size", markdown_table(["property", "value"], size_facts(factory))]
    return [
        "## Ranges",
        "Each seed draws a factory from these ranges;"
        " [factory files](../factories.md#randomised-factories) explain them.",
        range_table(source),
        f"## The factory of seed {PAGE_SEED}",
        "The rest of this page shows one of them.",
        markdown_table(["property", "value"], size_facts(factory)),
    ]


class _Pictures:
    """Pictures of a page, and the sections that show them."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._name}-{name}"

    def _image(self, text: str, name: str) -> str:
        return f"![{text}]({self._path(name).name})"

    def draw_layout(self, factory: Factory) -> list[str]:
        self._path("routes.svg").write_text(route_svg(FactoryLookup(factory)), encoding="utf-8")
        return [
            "## Layout",
            "Operations of each product with their process times in ticks, without options;"
            " numbers at arrows are transport times.",
            self._image("Routes of the products", "routes.svg"),
            "Means over the products of each work centre, in ticks."
            " The changeover time is the mean over random pairs of orders that need one,"
            " the ratio is changeover over process time,"
            " and the last column is the probability that two random orders need one.",
            centre_table(factory),
        ]

    def draw_changeovers(self, factory: Factory) -> list[str]:
        images = []
        for c, centre in enumerate(factory.work_centres):
            for a, attribute in enumerate(centre.attributes):
                file = f"changeover-{c}-{a}.png"
                draw_heat_map(attribute, centre.name, factory.tick_minutes, self._path(file))
                images.append(self._image(f"Changeover times of {escape(attribute.name)}", file))
        if not images:
            return []
        combined = [
            f"{escape(centre.name)} ({'the longest' if centre.combine == 'max' else 'the sum'})"
            for centre in factory.work_centres
            if len(centre.attributes) > 1
        ]
        text = "Minutes from one value to another; rows are values before, columns values after."
        if any(attribute.forbidden for c in factory.work_centres for attribute in c.attributes):
            text += " A cross is a forbidden pair."
        if combined:
            text += f" Several attributes change at once at {', '.join(combined)}."
        if any(machine.setup_time for c in factory.work_centres for machine in c.machines):
            text += " Some machines have matrices of their own."
        return ["## Changeover matrices", text, "\n".join(images)]

    def draw_load(self, factory: Factory, schedule: Schedule) -> list[str]:
        sections = ["## Load"]
        if factory.demand is not None and factory.demand.initial_orders < factory.demand.num_orders:
            draw_loads(factory, self._path("load.png"))
            sections += [
                "Time that each work centre needs if orders are served first come, first served."
                " A sum above 1 means that queues grow, unless orders are grouped by setup.",
                self._image("Load of the work centres", "load.png"),
            ]
        draw_uses(kpis(schedule, factory).use_of_machine, self._path("use.png"))
        sections += [
            "The machines in the episode below:",
            self._image("Use of the machines", "use.png"),
        ]
        if len(set(factory.tariff.price)) > 1:
            draw_tariff(factory, self._path("tariff.png"))
            sections += ["Electricity:", self._image("Tariff", "tariff.png")]
        return sections

    def draw_episode(self, factory: Factory, schedule: Schedule, rule: Rule) -> list[str]:
        title = f"{factory.name} under {rule.name}, seed {PAGE_SEED}"
        frames = _FRAMES if len(schedule.machine_names) < _MANY_MACHINES else _FRAMES_OF_LARGE
        animation = self._path("floor.webp")
        save_shop_floor_animation(schedule, factory, animation, frames=frames, title=title)
        middle = next(shop_floor_pictures(schedule, factory, [schedule.end_date // 2], title=title))
        picture = Image.fromarray(middle)
        height = round(_PREVIEW * picture.height / picture.width)
        picture.resize((_PREVIEW, height), Image.Resampling.LANCZOS).save(self._path("preview.png"))
        figure = draw_gantt(schedule, factory, title=title, width=16.0)
        figure.savefig(self._path("gantt.png"), dpi=_GANTT_DPI)
        gantt = self._path("gantt.png").name
        return [
            "## An episode",
            f"Seed {PAGE_SEED} under {code_span(str(rule))}, the best tuned rule."
            " Orders are numbered; their colour is the setup that they want."
            " A machine's left edge is the mounted setup, a red edge a late order.",
            self._image("Shop floor", "floor.webp"),
            f"[![Gantt chart]({gantt})]({gantt})",
        ]


def _results_section(name: str, results: str, tuned: Tuned | None) -> list[str]:
    row = result_row(results, name)
    sections = ["## Results"]
    if row is not None:
        header = ["best tuned rule", "evolved priority index", code_span("policies/mixture")]
        sections += [
            "Cost on the block `test` against the best tuned rule, from the page of"
            " [results](../results.md), which has the commands.",
            markdown_table(header, [row]),
        ]
    if tuned is not None:
        sections += [
            "The cheapest rules after tuning: mean cost of an episode of the block `validate`,"
            f" from {code_span(f'configs/evaluation/tuned/{name}.toml')}.",
            tuned_table(tuned),
        ]
    return sections


def _use_section(name: str, rule: Rule) -> list[str]:
    return [
        "## Use it",
        f'```python\nimport changeover\n\nenv = changeover.make("{name}")\n```',
        "```\n"
        f'changeover demo --factory {name} --rule "{rule}" --seed {PAGE_SEED}\n'
        f"python evaluate.py --factory {name} --policies rules,index\n"
        "```",
    ]


def _seed_section() -> list[str]:
    purposes = {
        "train": "policies are trained",
        "tune": "parameters of rules are searched",
        "validate": "the best rule and the best checkpoint are chosen",
        "test": "everything is scored",
    }
    rows = [
        [block.name, f"{block.first}", f"{block.last}", purposes[block.name]]
        for block in BLOCKS.values()
    ]
    return [
        "## Seeds",
        f"The episode above has seed {PAGE_SEED}, which is in no block.",
        markdown_table(["block", "first seed", "last seed", "used where"], rows),
    ]
