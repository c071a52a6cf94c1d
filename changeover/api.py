"""Functions of the public face, which import what they need when they are called."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gymnasium

    from agents.network.trained_policy import TrainedPolicy
    from changeover.plant.plant_plan import PlantPlan
    from evaluation.reporting.results import Results
    from factory.io.order_list_files import OrderList
    from factory.model import Factory
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
    from changeover.plant.plant_planner import make_plant_plan, present_of, snapshot_dates
    from scheduler.portfolio.plan_verification import check_plan

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


def evaluate(
    factory: str | Path = "microfactory",
    policies: str = "rules",
    *,
    episodes: int = 256,
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
        Policies with commas between: ``rules``, ``index``, a rule, a folder, ``path.py:Name``.
    episodes
        Number of scored episodes.
    orders
        Order list that every episode replays.
    out
        Folder of the results; None: they are not kept.
    processes
        Number of processes; None: the number of cores.
    """
    from evaluation.benchmark import Benchmark, BenchmarkConfig
    from evaluation.runner.contenders import parse_contenders
    from evaluation.runner.scenarios import find_scenarios
    from factory.io.catalogue import split_names

    scenarios = find_scenarios(split_names(str(factory)), None if orders is None else Path(orders))
    config = BenchmarkConfig(episodes=episodes, processes=processes or os.cpu_count() or 1)
    contenders = parse_contenders(policies)
    if out is not None:
        return Benchmark(scenarios, contenders, config, Path(out)).run()
    with tempfile.TemporaryDirectory() as folder:
        return Benchmark(scenarios, contenders, config, Path(folder)).run()


def load_policy(folder: str | Path) -> TrainedPolicy:
    """Load a trained policy: ``decide(observation)`` chooses rows.

    Parameters
    ----------
    folder
        Folder that training wrote, or a shipped one such as ``policies/mixture``.

    Raises
    ------
    agents.policy_folder.PolicyError
        If there is no policy of this version.
    """
    from agents.network import trained_policy

    return trained_policy.load_policy(folder)


def _resolve(factory: Factory | str | Path) -> Factory:
    return load_factory(factory) if isinstance(factory, str | Path) else factory
