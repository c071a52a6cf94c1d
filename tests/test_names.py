"""Names are text: any that can be printed is shown as it is, in every picture, report and file, and
leads nowhere; others are refused."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import tempfile
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from matplotlib.text import Text
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.rules.registry import make_rule
from agents.training.config import parse_config, read_config, to_toml
from agents.training.tensorboard import TrainingLog
from agents.training.validation import ValidationResult
from evaluation.benchmark import Benchmark, BenchmarkConfig
from evaluation.reporting.document import (
    Code,
    Heading,
    Paragraph,
    Strong,
    Table,
    to_html,
    to_markdown,
)
from evaluation.reporting.episodes_csv import EpisodeRow, read_episodes, to_csv
from evaluation.reporting.report import write_report
from evaluation.reporting.results import Results, read_results, write_results
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.episodes import group_of
from evaluation.runner.scenarios import find_scenarios
from evaluation.tuned_parameters import read_tuned, write_tuned
from factory.io.catalogue import find_single_factory, split_names
from factory.io.factory_toml import load_factory, save_factory
from factory.io.order_book_csv import read_order_book, write_order_book
from factory.model import (
    Factory,
    Machine,
    Option,
    OptionValue,
    Order,
    OrderBook,
)
from factory.schedule.gantt import draw_gantt, gantt_text
from factory.schedule.gantt_style import shorten
from factory.schedule.records import Schedule
from factory.simulation.arrays import COST_TERMS
from factory.validation.errors import FactoryError
from factory.validation.factory import check_factory
from factory.validation.names import MAX_NAME, file_name
from factory.validation.references import BOOK_COLUMNS
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor, take_snapshot
from scheduler.plans.planner import Planner
from scheduler.plans.schema import Plan
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import SnapshotError, read_snapshot
from scheduler.snapshot.schema import MachineState, OperationState
from scheduler.text_report import format_plan
from tests.builders.hand_made_schedule import play
from tests.builders.hostile_names import NASTY, UNPRINTABLE, named, names
from tests.builders.repository import ROOT
from tests.builders.tuned_results import some_results
from tests.builders.workshop import workshop

# --- readers of what was written ------------------------------------------------------------------


class Page(HTMLParser):
    """Elements of a page, and the text inside each kind of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._open, self.texts = list[tuple[str, list[str]]](), dict[str, list[str]]()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in (
            "h1",
            "h2",
            "td",
            "th",
            "p",
            "strong",
            "code",
            "li",
            "text",
            "title",
            "script",
            "b",
        ):
            self._open.append((tag, []))

    def handle_data(self, data: str) -> None:
        for _, parts in self._open:
            parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self.texts.setdefault(tag, []).append("".join(self._open.pop()[1]))


def split_cell(cell: str, mark: str) -> list[str]:
    """Names of a cell of a schedule's CSV, quoted or not."""
    parts = re.findall(rf'"(?:[^"\\]|\\.)*"|[^{mark}="]+', cell)
    return [json.loads(part) if part.startswith('"') else part for part in parts]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- checks ---------------------------------------------------------------------------------------


def check_files(
    factory: Factory, book: OrderBook, schedule: Schedule, chosen: list[str], out: Path
) -> None:
    """Files parse back to the same names."""
    save_factory(factory, out / "factory.toml")
    assert load_factory(out / "factory.toml") == factory
    write_order_book(book, out / "orders.csv", factory)
    assert read_order_book(out / "orders.csv", factory) == book
    assert Schedule.from_json(schedule.to_json()) == schedule
    schedule.to_csv(out / "csv")
    assert (
        [row["order_id"] for row in rows_of(out / "csv" / "orders.csv")]
        == [row["product"] for row in rows_of(out / "csv" / "orders.csv")]
        == chosen
    )
    assert [split_cell(row["options"], ";") for row in rows_of(out / "csv" / "orders.csv")] == [
        [chosen[0], name] for name in chosen
    ]
    changeovers = rows_of(out / "csv" / "changeovers.csv")
    assert [tuple(split_cell(row["to_setup"], "+")) for row in changeovers] == [
        one.to_setup for one in schedule.changeovers
    ]
    config = parse_config({"scenario": {"factories": chosen}}, "test")
    (out / "config.toml").write_text(to_toml(config), encoding="utf-8")
    assert read_config(out / "config.toml") == config
    for name in chosen:
        write_tuned(some_results(name), out / "tuned")
        assert read_tuned(name, out / "tuned") == some_results(name)
    assert len(list((out / "tuned").iterdir())) == len(chosen)


def check_picture(factory: Factory, schedule: Schedule, chosen: list[str], out: Path) -> None:
    """A Gantt chart has the names as they are, none of them as a formula, and can be saved."""
    figure = draw_gantt(schedule, factory, out / "gantt.png")
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    shown = {text.get_text() for text in texts}
    assert {shorten(name, 24) for name in chosen} <= shown
    assert {shorten(name, 40) for name in chosen[:3]} <= shown
    assert chosen[0] in shown
    assert not any(
        text.get_parse_math() or text.get_usetex() for text in texts if "$" in text.get_text()
    )
    lanes = gantt_text(schedule).splitlines()
    assert all(any(name in lane for lane in lanes) for name in chosen)


def check_report(
    template: tuple[Results, list[EpisodeRow], str],
    factory: Factory,
    schedule: Schedule,
    chosen: list[str],
    out: Path,
) -> None:
    """A report has the names as they are in headings, tables, sentences and charts, and no element
    that came out of one."""
    results, rows = rename(template, chosen, schedule, out)
    write_results(results, out / "results.json")
    (out / "episodes.csv").write_text(to_csv(rows), encoding="utf-8")
    assert read_results(out / "results.json") == results
    assert list(read_episodes(out / "episodes.csv")) == rows
    write_report(out, {chosen[0]: factory})
    markdown = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .render((out / "report.md").read_text(encoding="utf-8"))
    )
    for page in (Page((out / "report.html").read_text(encoding="utf-8")), Page(markdown)):
        assert set(results.scenarios) <= set(page.texts["h2"])
        assert set(chosen) <= {cell.removesuffix(" (best rule)") for cell in page.texts["td"]}
        assert set(results.scenarios) <= set(page.texts["strong"])
        assert set(chosen[1:]) <= set(page.texts["code"])
        assert not {"script", "b"} & set(page.texts)
    charts = Page((out / "report.html").read_text(encoding="utf-8")).texts["text"]
    assert {name for name in chosen if len(name) <= 12} <= set(charts)
    assert all(any(text.startswith(name[:4]) for text in charts) for name in chosen)


def rename(
    template: tuple[Results, list[EpisodeRow], str],
    chosen: list[str],
    schedule: Schedule,
    out: Path,
) -> tuple[Results, list[EpisodeRow]]:
    """The results of one factory and two policies as those of many, by name; the first policy is
    the best rule."""
    results, rows, rival = template
    (scenario,) = results.scenarios.values()
    assert scenario.best_rule is not None
    one = scenario.comparisons[rival].model_copy(update={"versus": chosen[0]})
    worse = {"ci95": (1.0, 2.0), "difference": 1.5, "ratio": 1.1, "ratio_ci95": (1.05, 1.15)}
    file = {
        "policy": chosen[1],
        "episode": 0,
        "why": "typical",
        "file": f"schedules/{file_name(chosen[0])}/{file_name(chosen[1])}-0.json",
    }
    (out / file["file"]).parent.mkdir(parents=True)
    (out / file["file"]).write_text(schedule.to_json(), encoding="utf-8")
    policies = {
        name: scenario.policies[rival].model_copy(update={"kind": "custom"}) for name in chosen
    }
    changed = scenario.model_copy(
        update={
            "order_book": chosen[-1],
            "policies": {**policies, chosen[0]: scenario.policies[scenario.best_rule]},
            "best_rule": chosen[0],
            "comparisons": {
                name: one.model_copy(update=worse if place % 2 else {})
                for place, name in enumerate(chosen)
                if place
            },
            "schedules": tuple(kept.model_copy(update=file) for kept in scenario.schedules[:1]),
        }
    )
    scenarios = {
        name: changed.model_copy(
            update={"factory": name, "schedules": changed.schedules if not place else ()}
        )
        for place, name in enumerate(chosen[:2])
    }
    rows = [
        row._replace(factory=name, policy=policy)
        for name in scenarios
        for policy in chosen
        for row in rows
        if row.policy == rival
    ]
    provenance = results.provenance.model_copy(
        update={"command": f"python evaluate.py {chosen[0]}"}
    )
    return results.model_copy(update={"scenarios": scenarios, "provenance": provenance}), rows


def check_curves(schedule: Schedule, chosen: list[str], out: Path) -> None:
    """TensorBoard keeps the curves of different factories apart."""
    found = {
        name: ValidationResult(1.0, dict.fromkeys(COST_TERMS, 0.0), 1.0, 1.0, schedule)
        for name in chosen
    }
    log = TrainingLog(out / "events", 0)
    log.note_validation(1, found, found)
    log.close()
    events = EventAccumulator(str(out / "events"))
    events.Reload()
    assert len([tag for tag in events.Tags()["scalars"] if tag.endswith("/total_cost")]) == len(
        chosen
    )


def check_scheduler(factory: Factory, chosen: list[str]) -> None:
    """Snapshots and plans have the names as they are."""
    rule = make_rule("FIFO")
    snapshot = take_snapshot(ShopFloor(factory), simulate(factory, rule, 1, 1), 0)
    renamed = snapshot.model_copy(
        update={
            "orders": tuple(
                order.model_copy(update={"order_id": f"{chosen[-1][:190]}{n}"})
                for n, order in enumerate(snapshot.orders)
            )
        }
    )
    idle = {
        name: MachineState(status="idle", setup=machine.setup, since=0)
        for name, machine in snapshot.machines.items()
    }
    ready = tuple(
        order.model_copy(
            update={
                "operations": {
                    name: OperationState(status="ready", ready_date=order.release_date)
                    for name in order.operations
                }
            }
        )
        for order in renamed.orders
    )
    renamed = renamed.model_copy(update={"machines": idle, "orders": ready})
    read = read_snapshot(renamed.model_dump_json(), factory)
    assert read == renamed
    plan = Planner(Decider(ShopFloor(factory), None, rule)).plan(read)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert set(plan.machines) == set(chosen)
    told = format_plan(plan)
    assert all(name in told for name in chosen)
    assert all(order.order_id in told for order in renamed.orders)


# --- tests ----------------------------------------------------------------------------------------

EVIL = "../../$$ <b>|`x`"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    """An evaluation of a factory whose name is a way out of the folder."""
    root = tmp_path_factory.mktemp("names")
    folder = root / "in" / "out"
    factory = find_single_factory("tiny").model_copy(update={"name": EVIL})
    (root / "in").mkdir()
    save_factory(factory, root / "in" / "a,b.toml")
    scenarios = find_scenarios(split_names(str(root / "in" / "a,b.toml")))
    settings = BenchmarkConfig(episodes=3, validation_episodes=2, versus="ATCS", processes=1)
    results = Benchmark(scenarios, parse_contenders("ATCS,EDD"), settings, folder).run()
    write_report(folder, {EVIL: factory})
    return root, results


def test_bug_an_evaluation_writes_into_its_folder_alone(evaluated: tuple[Path, Results]) -> None:
    root, results = evaluated
    assert {
        path
        for path in root.rglob("*")
        if path.is_file() and not path.is_relative_to(root / "in" / "out")
    } == {root / "in" / "a,b.toml"}
    (scenario,) = results.scenarios.values()
    assert scenario.factory == EVIL
    assert scenario.schedules
    assert all(
        (root / "in" / "out" / one.file).resolve().is_relative_to(root / "in" / "out" / "schedules")
        for one in scenario.schedules
    )
    assert (
        EVIL in Page((root / "in" / "out" / "report.html").read_text(encoding="utf-8")).texts["h2"]
    )


@pytest.mark.slow
@settings(max_examples=3)
@example(list(NASTY))
@given(
    st.lists(
        names.filter(lambda name: name not in BOOK_COLUMNS), min_size=3, max_size=5, unique=True
    )
)
def test_bug_any_name_is_shown_as_it_is_everywhere(
    evaluated: tuple[Path, Results], chosen: list[str]
) -> None:
    factory, book = named(chosen)
    check_factory(factory)
    schedule = play(factory, book, 1).schedule()
    root, results = evaluated
    template = (results, list(read_episodes(root / "in" / "out" / "episodes.csv")), "EDD")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "in" / "out"
        out.mkdir(parents=True)
        check_files(factory, book, schedule, chosen, out)
        check_picture(factory, schedule, chosen, out)
        check_report(template, factory, schedule, chosen, out)
        check_curves(schedule, chosen, out)
        check_scheduler(factory, chosen)
        assert [
            path
            for path in Path(name).rglob("*")
            if path.is_file() and not path.is_relative_to(out)
        ] == []


marked = (
    st.text("\\`*_{}[]()<>#+-.!|~&;$:/=^\"'aB1 \u00e9", min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)


@given(st.lists(names | marked, min_size=2, max_size=2))
def test_bug_markdown_and_html_show_any_text_as_it_is(pair: list[str]) -> None:
    one, other = pair
    table = Table(
        ("policy", "value"), ((one, Code(other)), (Strong(one), (other, " and ", Code(one))))
    )
    blocks = [
        Heading(2, one),
        Paragraph(("On ", Strong(one), ": ", Code(other), f" and {other}.")),
        table,
    ]
    for page in (
        Page(to_html("title", blocks)),
        Page(
            MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(to_markdown(blocks))
        ),
    ):
        assert page.texts["h2"] == [one]
        assert page.texts["p"] == [f"On {one}: {other} and {other}."]
        assert page.texts["td"] == [one, other, one, f"{other} and {one}"]
        assert page.texts["code"] == [other, other, one]


@given(st.lists(names, min_size=2, max_size=4, unique=True))
@example(list(NASTY))
def test_bug_files_and_groups_of_different_names_differ(chosen: list[str]) -> None:
    files = {file_name(name) for name in chosen}
    assert len(files) == len(chosen)
    assert all(
        len(Path(file).parts) == 1 and file not in (".", "..") and len(file.encode()) < 128
        for file in files
    )
    pairs = list(product(chosen, chosen))
    assert len({group_of(*pair) for pair in pairs}) == len(pairs)


def test_ordinary_names_are_names_of_files() -> None:
    for name in ("microfactory", "rush_prototypes", "ATCS", "a-b", "v1.2", "Größe"):
        assert file_name(name) == name


ROLES = {
    "name": lambda name: Factory(
        name=name, work_centres=FACTORY.work_centres, products=FACTORY.products
    ),
    "work_centre.name": lambda name: _with_centre(name=name),
    "machine.name": lambda name: _with_centre(machines=(Machine(name=name),)),
    "product.name": lambda name: FACTORY.model_copy(
        update={"products": (FACTORY.products[0].model_copy(update={"name": name}),)}
    ),
    "option.name": lambda name: FACTORY.model_copy(
        update={"options": (Option(name=name, values=(OptionValue(name="v"),)),)}
    ),
    "option.colour.value.name": lambda name: FACTORY.model_copy(
        update={"options": (Option(name="colour", values=(OptionValue(name=name),)),)}
    ),
}
FACTORY = workshop()


def _with_centre(**changes: Any) -> Factory:
    return FACTORY.model_copy(
        update={
            "work_centres": (
                FACTORY.work_centres[0].model_copy(update=changes),
                *FACTORY.work_centres[1:],
            )
        }
    )


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", UNPRINTABLE)
def test_bug_a_name_that_cannot_be_printed_is_refused_in_one_line(role: str, name: str) -> None:
    with pytest.raises(FactoryError) as refusal:
        check_factory(ROLES[role](name), "my_factory.toml")
    letter = next(letter for letter in name if not letter.isprintable())
    what = {
        "name": "factories",
        "work_centre.name": "work centres",
        "machine.name": "machines",
        "product.name": "products",
        "option.name": "options",
    }
    rule = (
        f"the names of {what.get(role, 'values')} must be printable, and the character"
        f" U+{ord(letter):04X} is not. Remove the character."
    )
    assert str(refusal.value) == f"my_factory.toml: {role} = {name!r}; {rule}"


def test_places_in_errors_are_printable(tmp_path: Path) -> None:
    """A place is made of names, which may be wrong themselves."""
    centre = FACTORY.work_centres[0].model_copy(update={"name": "pa\nint\x1b[31m", "machines": ()})
    with pytest.raises(FactoryError) as refusal:
        check_factory(FACTORY.model_copy(update={"work_centres": (centre,)}), "my\nfactory.toml")
    lines = str(refusal.value).splitlines()
    assert len(lines) == 2
    assert all(
        line.isprintable() and line.startswith(r"my\nfactory.toml: work_centre.") for line in lines
    )


def test_a_name_of_more_than_200_characters_is_refused() -> None:
    check_factory(ROLES["name"]("x" * MAX_NAME))
    with pytest.raises(
        FactoryError, match=r"must have at most 200 characters, and this one has 201\. Shorten it\."
    ):
        check_factory(ROLES["name"]("x" * (MAX_NAME + 1)))


@pytest.mark.parametrize("name", UNPRINTABLE)
def test_bug_an_order_whose_name_cannot_be_printed_is_refused(name: str, tmp_path: Path) -> None:
    order = Order(order_id=name, release_date=0, due_date=9, weight=1.0, product="red")
    with pytest.raises(FactoryError, match="an order's name must be printable"):
        write_order_book(OrderBook(orders=(order,)), tmp_path / "orders.csv", FACTORY)
    snapshot = take_snapshot(
        ShopFloor(FACTORY), simulate(FACTORY, make_rule("FIFO"), 1, 1), 0
    ).model_dump(mode="json")
    snapshot["orders"][0]["order_id"] = name
    with pytest.raises(
        SnapshotError,
        match=(
            r"orders.0.order_id = .*; names must be printable, and the character U\+[0-9A-F]{4}"
            r" is not"
        ),
    ):
        read_snapshot(json.dumps(snapshot), FACTORY)


def test_a_policy_or_file_whose_name_cannot_be_printed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a\nb.zip").write_bytes(b"")
    with pytest.raises(
        ValueError,
        match=r"its name must be printable, and the character U\+000A is not. Rename it.",
    ):
        parse_contenders(str(tmp_path / "a\nb.zip"))
    shutil.copy(ROOT / "configs" / "factories" / "randomised.toml", tmp_path / "a\nb.toml")
    with pytest.raises(
        FactoryError,
        match=r"its name must be printable, and the character U\+000A is not. Rename its file.",
    ):
        find_scenarios([str(tmp_path / "a\nb.toml")])


def test_bug_commas_and_plus_signs_in_the_path_of_a_policy_are_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a,b+c (d).zip"
    path.write_bytes(b"")
    (contender,) = parse_contenders(str(path))
    assert (contender.name, contender.paths) == ("a,b+c (d)", (str(path),))


NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="Node is not installed")
def test_bug_the_page_colours_values_of_any_name(tmp_path: Path) -> None:
    assert NODE is not None
    shutil.copytree(ROOT / "scheduler" / "page", tmp_path / "page")
    (tmp_path / "page" / "package.json").write_text('{"type": "module"}')
    program = f"""
        globalThis.document = {{ getElementById: () => null }};
        globalThis.localStorage = {{ getItem: () => null, setItem: () => {{}} }};
        const {{ setupColour }} = await import("./colours.js");
        const setups = {json.dumps([*NASTY, "toString", "hasOwnProperty"])}.map((name) => JSON.parse(`{{"colour": ${{JSON.stringify(name)}}}}`));
        console.log(JSON.stringify(setups.map(setupColour)));
    """
    (tmp_path / "page" / "try.js").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [NODE, "try.js"], cwd=tmp_path / "page", capture_output=True, text=True, check=True
    )
    colours = json.loads(done.stdout)
    assert len(colours) == len(NASTY) + 2
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
