"""Functions of the public face, which import what they need when they are called."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from changeover.extras import names_extras

if TYPE_CHECKING:
    import gymnasium
    import pandas

    from agents.policy import Policy
    from changeover.plant.plant_check import PlantCheck
    from changeover.plant.plant_plan import PlantPlan
    from evaluation.reporting.results import Results
    from factory.io.order_list_files import OrderList
    from factory.model import Factory
    from factory.schedule.records import Schedule
    from scheduler.snapshot.schema import Snapshot


def make(factory: Factory | str | Path = "microfactory", **options: Any) -> gymnasium.Env[Any, Any]:
    """Make the Gymnasium environment of a factory.

    Parameters
    ----------
    factory
        Name of a shipped factory, path of a TOML file, or a factory.
    options
        Further arguments of :class:`envs.env.ChangeoverEnv`, such as ``order_book``.
    """
    import gymnasium

    from envs.registration import ENV_ID

    return gymnasium.make(ENV_ID, factory=factory, **options)


def load_factory(name: str | Path) -> Factory:
    """Return a factory, checked.

    Parameters
    ----------
    name
        Name of a shipped factory, or path of a TOML file.

    Raises
    ------
    factory.validation.errors.FactoryError
        With one line for each problem.
    """
    from factory.io.catalogue import find_single_factory

    return find_single_factory(name)


def read_orders(
    path: str | Path,
    factory: Factory | str | Path,
    *,
    now: datetime | int | None = None,
    epoch: datetime | None = None,
    **layout: Any,
) -> OrderList:
    """Read an order list as people have them: CSV with any delimiter and encoding, or a workbook.

    Parameters
    ----------
    path
        The file.
    factory
        Factory that makes the orders.
    now
        Date from which plans begin, if it lies before the first release. Orders without a release
        date are released then.
    epoch
        Date of tick 0, such as that of a snapshot that the orders join.
    layout
        What is not to be guessed, see :class:`factory.io.order_list.layout.OrderListLayout`:
        ``columns``, ``delimiter``, ``encoding``, ``decimal``, ``date_format``, ``time_zone``.

    Raises
    ------
    factory.validation.errors.FactoryError
        With one line for each kind of problem.
    """
    from factory.io.order_list.layout import OrderListLayout
    from factory.io.order_list_files import read_order_list

    given = OrderListLayout(**layout) if layout else None
    return read_order_list(path, _resolve(factory), epoch=epoch, layout=given, now=now)


def plan(
    factory: Factory | str | Path,
    orders: OrderList | str | Path | None,
    *,
    now: datetime | int | None = None,
    snapshot: Snapshot | None = None,
    seconds: float = 10.0,
    policies: Sequence[str] | None = None,
    tuned: str | Path | None = None,
    futures: int = 0,
) -> PlantPlan:
    """Plan a plant's orders by the best of rules, index and trained policies.

    Parameters
    ----------
    factory, orders
        The factory and its orders, or their files.
    now
        Date or tick at which the plan begins; by default the first release.
    snapshot
        State of the shop floor; by default it is empty.
    seconds
        Time for the plan.
    policies
        Folders of trained policies; by default the shipped generalist.
    tuned
        Folder of tuned parameters of rules.
    futures
        Number of sampled futures for the distribution of each order's completion.

    Raises
    ------
    factory.validation.errors.FactoryError, ValueError
        If a file or a date cannot be used.
    scheduler.plans.errors.PlanError
        If there is no plan.
    """
    from changeover.plant.data import GENERALIST, PlanSettings
    from changeover.plant.plant_plan import PlantPlan
    from changeover.plant.plant_planner import make_plant_plan, present_of
    from scheduler.portfolio.plan_verification import check_plan
    from scheduler.snapshot.calendar import snapshot_dates

    plant = _resolve(factory)
    if isinstance(orders, str | Path):
        if snapshot is None:
            orders = read_orders(orders, plant, now=now)
        else:
            present = present_of(snapshot, plant)
            epoch = snapshot_dates(snapshot, plant).epoch
            orders = read_orders(orders, plant, now=present, epoch=epoch)
    settings = PlanSettings(
        seconds=seconds,
        policies=(GENERALIST,) if policies is None else tuple(policies),
        tuned=None if tuned is None else str(tuned),
        futures=futures,
    )
    data = make_plant_plan(plant, orders, now=now, snapshot=snapshot, settings=settings)
    verified = check_plan(data.plan, data.snapshot, plant)
    return PlantPlan(**{**vars(data), "verified": verified})


def check(
    factory: Factory | str | Path,
    orders: OrderList | str | Path,
    *,
    now: datetime | int | None = None,
) -> PlantCheck:
    """Check a factory and its orders before planning: dates, load, what no order uses.

    Parameters
    ----------
    factory, orders
        The factory and its orders, or their files.
    now
        Date or tick at which the plan begins; by default the first release.

    Raises
    ------
    factory.validation.errors.FactoryError, ValueError
        If a file or a date cannot be used.
    scheduler.plans.errors.PlanError
        If there is no plan.
    """
    from changeover.plant.order_check import check_load
    from changeover.plant.plant_check import SECONDS_TO_CHECK, PlantCheck

    made = plan(factory, orders, now=now, seconds=SECONDS_TO_CHECK, policies=())
    return PlantCheck(made, check_load(made))


@names_extras()
def evaluate(
    factory: str | Path = "microfactory",
    policies: Any = "rules",
    *,
    episodes: int = 256,
    versus: str | None = None,
    orders: str | Path | None = None,
    out: str | Path | None = None,
    processes: int | None = None,
) -> Results:
    """Evaluate policies on the same verified episodes, as ``changeover evaluate`` does.

    Parameters
    ----------
    factory
        Name or file of a factory; several with commas between.
    policies
        Policies with commas between: ``rules``, ``index``, a rule, a folder, ``path.py:Name``. Or a
        list, or a dictionary by name, of such texts, of classes with a method ``decide``, and of
        objects with one. Policies that are not shipped run in processes of their own.
    episodes
        Number of scored episodes.
    versus
        Rule that all are compared with; None: the best rule on validation episodes, which every
        rule has to play.
    orders
        Order list that every episode replays.
    out
        Folder of ``results.json``, ``episodes.csv`` and the report; None: they are not kept.
    processes
        Number of processes; None: the number of cores.
    """
    from changeover.named_policies import list_contenders
    from evaluation.benchmark import Benchmark, BenchmarkConfig
    from evaluation.reporting.report import write_report
    from evaluation.runner.scenarios import find_scenarios
    from factory.io.catalogue import split_names
    from factory.model import Factory
    from factory.work_units.local_processes import LocalProcesses

    scenarios = find_scenarios(split_names(str(factory)), None if orders is None else Path(orders))
    processes = processes or os.cpu_count() or 1
    workers = LocalProcesses(processes)
    config = BenchmarkConfig(episodes=episodes, versus=versus, workers=workers)
    with tempfile.TemporaryDirectory() as folder:
        contenders = list_contenders(policies, Path(folder))
        if out is None:
            return Benchmark(scenarios, contenders, config, Path(folder) / "results").run()
        results = Benchmark(scenarios, contenders, config, Path(out)).run()
    sources = {each.name: each.source for each in scenarios}
    write_report(
        Path(out), {name: each for name, each in sources.items() if isinstance(each, Factory)}
    )
    return results


@names_extras()
def play(
    policy: Policy | str | Path,
    factory: Factory | str | Path = "microfactory",
    *,
    seed: int = 1,
    orders: OrderList | str | Path | None = None,
    num_orders: int | None = None,
) -> Schedule:
    """Play one episode under a policy, and return its schedule.

    Parameters
    ----------
    policy
        Object with a method ``decide(observation)``, which receives tables with a leading axis; or
        a name, as :func:`load_policy` takes it.
    factory
        The factory, its name or its file.
    seed
        Seed of the episode: all its random events, whatever the policy does.
    orders
        Orders to replay in place of the factory's demand.
    num_orders
        Number of orders of the episode, in place of the factory's.
    """
    from changeover.episodes import play_episode
    from envs.scenario import Scenario

    plant = _resolve(factory)
    if isinstance(orders, str | Path):
        orders = read_orders(orders, plant)
    chosen = load_policy(policy, plant) if isinstance(policy, str | Path) else policy
    book = None if orders is None else orders.book
    return play_episode(chosen, Scenario(plant, book, num_orders), seed)


def choices(env: gymnasium.Env[Any, Any]) -> pandas.DataFrame:
    """Return the legal rows of an environment's present decision, with names.

    The index holds the actions. The columns are ``action``, ``order``, ``operation``, ``setup``,
    and those of the table of candidates, in physical units.

    Parameters
    ----------
    env
        Environment that :func:`make` has made.
    """
    from changeover.decision_table import tabulate_choices

    return tabulate_choices(env)


@names_extras()
def load_policy(name: str | Path, factory: Factory | str | Path = "microfactory") -> Policy:
    """Load a policy: ``decide(observation)`` chooses rows.

    Parameters
    ----------
    name
        Folder that training wrote, or a shipped one such as ``policies/mixture``; or the name of a
        rule (``ATCS``, ``ATCS(k1=2, k2=0.5)``), ``index``, or ``path.py:Name``.
    factory
        Factory whose tuned parameters rules and the index have.

    Raises
    ------
    agents.policy_folder.PolicyError
        If a folder holds no policy of this version.
    ValueError
        If there is no policy of that name.
    """
    from changeover.named_policies import find_policy_named

    return find_policy_named(name, _resolve(factory))


def _resolve(factory: Factory | str | Path) -> Factory:
    return load_factory(factory) if isinstance(factory, str | Path) else factory
