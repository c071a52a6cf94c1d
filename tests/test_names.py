"""Any printable name is shown unchanged in every picture, report and file, and leads nowhere."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import tempfile
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.rules.registry import make_rule
from agents.training.config import parse_config, read_config, to_toml
from agents.training.tensorboard import TrainingLog
from agents.training.validation import ValidationResult
from evaluation.benchmark import Benchmark, BenchmarkConfig
from evaluation.reporting.episodes_csv import EpisodeRow, read_episodes, to_csv
from evaluation.reporting.report import write_report
from evaluation.reporting.results import (
    ComparisonResult,
    Results,
    read_results,
    write_results,
)
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.episodes import group_of
from evaluation.runner.scenarios import find_scenarios
from evaluation.tuned_parameters import read_tuned, write_tuned
from factory.cost_terms import COST_TERMS
from factory.io.catalogue import find_single_factory, split_names
from factory.io.factory_toml import load_factory, save_factory
from factory.io.order_book_csv import read_order_book, write_order_book
from factory.model import Factory, OrderBook
from factory.schedule.gantt import draw_gantt, gantt_text
from factory.schedule.gantt_style import shorten
from factory.schedule.records import Schedule
from factory.validation.factory import check_factory
from factory.validation.names import file_name
from factory.validation.references import BOOK_COLUMNS
from factory.work_units.local_processes import LocalProcesses
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.plans.schema import Plan
from scheduler.portfolio.planner import Planner
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import read_snapshot
from scheduler.snapshot.schema import MachineState, OperationState
from scheduler.text_report import format_plan
from tests.builders.hand_made_schedule import play
from tests.builders.hostile_names import NASTY, names
from tests.builders.named_factory import named
from tests.builders.page_reader import Page, render_markdown
from tests.builders.repository import ROOT
from tests.builders.tuned_results import some_results

# --- readers --------------------------------------------------------------------------------------


def split_cell(cell: str, mark: str) -> list[str]:
    """Return the names in a cell of a schedule's CSV, quoted or not."""
    parts = re.findall(rf'"(?:[^"\\]|\\.)*"|[^{mark}="]+', cell)
    return [json.loads(part) if part.startswith('"') else part for part in parts]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- checks ---------------------------------------------------------------------------------------


def check_files(
    factory: Factory, book: OrderBook, schedule: Schedule, chosen: list[str], out: Path
) -> None:
    """Check that files are read back with the same names."""
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
        changeover.to_setup for changeover in schedule.changeovers
    ]
    config = parse_config({"scenario": {"factories": chosen}}, "test")
    (out / "config.toml").write_text(to_toml(config), encoding="utf-8")
    assert read_config(out / "config.toml") == config
    for name in chosen:
        write_tuned(some_results(name), out / "tuned")
        assert read_tuned(name, out / "tuned") == some_results(name)
    assert len(list((out / "tuned").iterdir())) == len(chosen)


def check_picture(factory: Factory, schedule: Schedule, chosen: list[str], out: Path) -> None:
    """Check that a Gantt chart shows the names unchanged, none as a formula, and can be saved."""
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
    """Check that a report shows the names unchanged, and that none becomes an element."""
    results, rows = rename(template, chosen, schedule, out)
    write_results(results, out / "results.json")
    (out / "episodes.csv").write_text(to_csv(rows), encoding="utf-8")
    assert read_results(out / "results.json") == results
    assert list(read_episodes(out / "episodes.csv")) == rows
    write_report(out, {chosen[0]: factory})
    html = (out / "report.html").read_text(encoding="utf-8")
    markdown = render_markdown((out / "report.md").read_text(encoding="utf-8"))
    for page in (Page(html), Page(markdown)):
        assert set(results.scenarios) <= set(page.texts["h2"])
        assert set(chosen) <= {cell.removesuffix(" (best rule)") for cell in page.texts["td"]}
        assert set(results.scenarios) <= set(page.texts["strong"])
        assert set(chosen[1:]) <= set(page.texts["code"])
        assert "b" not in page.texts
    assert "script" not in Page(markdown).texts
    # each recorded schedule has its data in a script, and one script draws them
    recorded = sum(len(scenario.schedules) for scenario in results.scenarios.values())
    assert len(Page(html).texts["script"]) == recorded + 1
    charts = Page(html).texts["text"]
    assert {name for name in chosen if len(name) <= 12} <= set(charts)
    assert all(any(text.startswith(name[:4]) for text in charts) for name in chosen)


def rename(
    template: tuple[Results, list[EpisodeRow], str],
    chosen: list[str],
    schedule: Schedule,
    out: Path,
) -> tuple[Results, list[EpisodeRow]]:
    """Return results of one factory and two policies as those of many; the first is the best rule.

    The schedule is written beside them, as one that the results name.
    """
    results, rows, challenger = template
    (scenario,) = results.scenarios.values()
    assert scenario.best_rule is not None
    best = scenario.policies[scenario.best_rule]
    custom = scenario.policies[challenger].model_copy(update={"kind": "custom"})
    file = f"schedules/{file_name(chosen[0])}/{file_name(chosen[1])}-0.json"
    (out / file).parent.mkdir(parents=True)
    (out / file).write_text(schedule.to_json(), encoding="utf-8")
    recorded = {"policy": chosen[1], "episode": 0, "why": "typical", "file": file}
    changes = {
        "order_book": chosen[-1],
        "policies": {**dict.fromkeys(chosen, custom), chosen[0]: best},
        "best_rule": chosen[0],
        "comparisons": rename_comparisons(scenario.comparisons[challenger], chosen),
        "schedules": tuple(kept.model_copy(update=recorded) for kept in scenario.schedules[:1]),
    }
    first, second = chosen[:2]
    scenarios = {
        first: scenario.model_copy(update={**changes, "factory": first}),
        second: scenario.model_copy(update={**changes, "factory": second, "schedules": ()}),
    }
    rows = [
        row._replace(factory=name, policy=policy)
        for name in scenarios
        for policy in chosen
        for row in rows
        if row.policy == challenger
    ]
    command = {"command": f"python evaluate.py {first}"}
    provenance = results.provenance.model_copy(update=command)
    return results.model_copy(update={"scenarios": scenarios, "provenance": provenance}), rows


def rename_comparisons(
    comparison: ComparisonResult, chosen: list[str]
) -> dict[str, ComparisonResult]:
    """Return a comparison with the first name for each further name; every second one is worse."""
    worse = {"ci95": (1.0, 2.0), "difference": 1.5, "ratio": 1.1, "ratio_ci95": (1.05, 1.15)}
    comparison = comparison.model_copy(update={"versus": chosen[0]})
    return {
        name: comparison.model_copy(update=worse if i % 2 else {})
        for i, name in enumerate(chosen)
        if i > 0
    }


def check_curves(schedule: Schedule, chosen: list[str], out: Path) -> None:
    """Check that TensorBoard has curves of their own for different factories."""
    results = {
        name: ValidationResult(1.0, dict.fromkeys(COST_TERMS, 0.0), 1.0, 1.0, schedule)
        for name in chosen
    }
    log = TrainingLog(out / "events", 0)
    log.log_validation(1, results, results)
    log.close()
    events = EventAccumulator(str(out / "events"))
    events.Reload()
    assert len([tag for tag in events.Tags()["scalars"] if tag.endswith("/total_cost")]) == len(
        chosen
    )


def check_scheduler(factory: Factory, chosen: list[str]) -> None:
    """Check that snapshots and plans have the names unchanged."""
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
    text = format_plan(plan)
    assert all(name in text for name in chosen)
    assert all(order.order_id in text for order in renamed.orders)


# --- tests ----------------------------------------------------------------------------------------

EVIL = "../../$$ <b>|`x`"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    """An evaluation of a factory whose name is a path out of the folder."""
    root = tmp_path_factory.mktemp("names")
    folder = root / "in" / "out"
    factory = find_single_factory("tiny").model_copy(update={"name": EVIL})
    (root / "in").mkdir()
    save_factory(factory, root / "in" / "a,b.toml")
    scenarios = find_scenarios(split_names(str(root / "in" / "a,b.toml")))
    settings = BenchmarkConfig(
        episodes=3, validation_episodes=2, versus="ATCS", workers=LocalProcesses(1)
    )
    results = Benchmark(scenarios, parse_contenders("ATCS,EDD"), settings, folder).run()
    write_report(folder, {EVIL: factory})
    return root, results


def test_bug_an_evaluation_writes_only_into_its_folder(evaluated: tuple[Path, Results]) -> None:
    root, results = evaluated
    out = root / "in" / "out"
    files = [path for path in root.rglob("*") if path.is_file()]
    assert [path for path in files if not path.is_relative_to(out)] == [root / "in" / "a,b.toml"]
    (scenario,) = results.scenarios.values()
    assert scenario.factory == EVIL
    assert scenario.schedules
    assert all(
        (out / schedule.file).resolve().is_relative_to(out / "schedules")
        for schedule in scenario.schedules
    )
    assert EVIL in Page((out / "report.html").read_text(encoding="utf-8")).texts["h2"]


@pytest.mark.slow
@settings(max_examples=3)
@example(list(NASTY))
@given(
    st.lists(
        names.filter(lambda name: name not in BOOK_COLUMNS), min_size=3, max_size=5, unique=True
    )
)
def test_bug_any_name_is_shown_unchanged_everywhere(
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


NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="Node is not installed")
def test_bug_the_page_colours_values_of_any_name(tmp_path: Path) -> None:
    assert NODE is not None
    shutil.copytree(ROOT / "scheduler" / "page", tmp_path / "page")
    (tmp_path / "page" / "package.json").write_text('{"type": "module"}')
    program = f"""
        globalThis.document = {{ getElementById: () => null }};
        Object.defineProperty(globalThis, "navigator", {{ value: {{ languages: [] }} }});
        globalThis.location = {{ href: "http://127.0.0.1/" }};
        globalThis.localStorage = {{ getItem: () => null, setItem: () => {{}} }};
        const {{ setupColour }} = await import("./colours.js");
        const names = {json.dumps([*NASTY, "toString", "hasOwnProperty"])};
        const parse = (name) => JSON.parse(`{{"colour": ${{JSON.stringify(name)}}}}`);
        console.log(JSON.stringify(names.map(parse).map(setupColour)));
    """
    (tmp_path / "page" / "try.js").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [NODE, "try.js"], cwd=tmp_path / "page", capture_output=True, text=True, check=True
    )
    colours = json.loads(done.stdout)
    assert len(colours) == len(NASTY) + 2
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
