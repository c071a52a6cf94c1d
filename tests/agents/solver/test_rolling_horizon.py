"""Rolling-horizon planning: it uses known state only, is reproducible, and schedules legally."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("ortools", reason="the extra `solver` (OR-Tools) is not installed")

from agents.policy import play
from agents.rules.registry import make_rule
from agents.solver.expected_shop import ExpectedShop
from agents.solver.known_state import KnownReader
from agents.solver.rolling_horizon import RollingHorizonPolicy
from envs.batch import Batch
from envs.observation.tables import as_observation
from evaluation.runner.foresight_audit import audit_foresight
from factory.io.catalogue import find_single_factory
from factory.model import Costs, Factory, OrderBook
from factory.schedule.records import unload
from factory.simulation.arrays import PROCESSING
from factory.verification.verifier import verify
from tests.builders.hidden_futures import change_the_future, moment
from tests.builders.random_factories import random_factory
from tests.builders.shop_floor_script import book, cell, coloured, job, painted, plant, product

BRIEF = 0.01
"""Nominal seconds of a solve whose quality does not matter."""


def planned_at(batch: Batch) -> tuple[list[int], dict[int, list[tuple[tuple[int, int], int]]]]:
    """Return the row that a new policy chooses, and its plan."""
    policy = RollingHorizonPolicy(BRIEF)
    policy.bind(batch)
    rows = policy.decide(as_observation(batch.tables)).tolist()
    plan = policy.plans[0]
    assert plan is not None
    return rows, plan.sequences


@pytest.mark.parametrize("name", ["microfactory", "supply_shock", "unreliable", "scarce_crew"])
@pytest.mark.parametrize("decision", [41, 133, 248])
def test_plans_do_not_depend_on_the_hidden_future(name: str, decision: int) -> None:
    first, second = moment(name, decision), moment(name, decision)
    assert change_the_future(second, changeovers=False) > 0
    assert KnownReader(first.arrays).read(first.shop, 0) == KnownReader(second.arrays).read(
        second.shop, 0
    )
    assert planned_at(first) == planned_at(second)


@pytest.mark.parametrize("change", ["due_date", "weight", "expected_end", "crews_free"])
def test_plans_depend_on_the_known_state(change: str) -> None:
    """The control: a reader that reads nothing would pass the test above."""
    first, second = moment("microfactory", 60), moment("microfactory", 60)
    active = second.shop.active[0, : int(second.shop.env.num_active[0])]
    if change == "crews_free":
        second.shop.env.crews_free[0] -= 1
    elif change == "expected_end":
        second.shop.machines.expected_end[0] += 400
    else:
        getattr(second.shop.orders, change)[0, active] += 7
    assert KnownReader(first.arrays).read(first.shop, 0) != KnownReader(second.arrays).read(
        second.shop, 0
    )


def episode(
    factory: Factory, orders: OrderBook | None, policy: object, seed: int, envs: int = 1
) -> Batch:
    batch = Batch([factory], [orders], num_envs=envs, log_length=8192)
    play(batch, policy, np.arange(seed, seed + envs, dtype=np.uint64))  # type: ignore[arg-type]
    return batch


def test_without_uncertainty_the_expected_future_is_realised() -> None:
    """A certain factory whose orders are all there: the rule's plan is the rule's episode."""
    factory = plant(
        (coloured(machines=2),),
        (painted("red"), painted("white", 7), painted("black", 3)),
        costs=Costs(holding=1.0),
    )
    orders = book((0, "red"), (0, "black"), (0, "white"), (0, "black"))
    rule = make_rule("ATCS")
    batch = Batch([factory], [orders], num_envs=1)
    tables = batch.reset(np.array([1], np.uint64))
    expected = ExpectedShop(batch.arrays, batch.shop, batch.tables)
    expected.expect(batch.shop, 0, KnownReader(batch.arrays).read(batch.shop, 0))
    plan = expected.run(
        lambda seen: int(np.asarray(rule.decide(seen))[0]), as_observation(tables), 999
    )
    assert plan is not None
    done = episode(factory, orders, rule, 1)
    schedule = unload(factory, orders, done.arrays, done.shop, 0)
    assert {
        (o.order, o.operation, o.machine, o.start_date, o.end_date) for o in schedule.operations
    } == {
        (step.order, step.operation, step.machine, step.start_date, step.end_date) for step in plan
    }
    assert expected.price(0.0) == pytest.approx(float(done.shop.cost[0].sum()))


def test_orders_of_one_colour_are_batched_if_the_order_of_arrival_is_costly() -> None:
    """Red, white, red, white arrive with white mounted, all due at once.

    White comes first (4, 8), then red after 2 ticks (14, 18).
    """
    factory = plant((coloured(),), (painted("red"), painted("white")), costs=Costs(tardiness=60.0))
    orders = book((0, "red"), (0, "white"), (0, "red"), (0, "white"), due=0)
    batch = episode(
        factory, orders, RollingHorizonPolicy(0.2, rule=make_rule("FIFO"), changing=0.0), 1
    )
    assert batch.shop.cost[0].sum() == 4 + 8 + 14 + 18


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 7, 8, 11])
def test_schedules_of_random_factories_pass_the_verifier(seed: int) -> None:
    """They have forbidden changeovers, few crews, rework, failures, joins and late material."""
    factory, orders = random_factory(random.Random(seed))
    policy = RollingHorizonPolicy(BRIEF, every=20)
    batch = episode(factory, orders, policy, seed)
    assert policy.figures.calls > 0
    assert policy.figures.money <= policy.figures.hint_money
    bill = verify(unload(factory, orders, batch.arrays, batch.shop, 0), factory, orders)
    assert bill.total == pytest.approx(float(batch.shop.cost[0].sum()))


def test_the_policy_passes_the_audit_of_foresight() -> None:
    """Decision by decision, also where a plan is in force that was made before."""
    assert (
        audit_foresight(
            lambda: RollingHorizonPolicy(BRIEF, max_tasks=15),
            find_single_factory("supply_shock"),
            [4],
            decisions=60,
        )
        > 20
    )


def test_the_same_seeds_give_the_same_schedules() -> None:
    """They do so twice, and for each environment alone and in a batch."""
    factory = find_single_factory("tiny")
    logs = [episode(factory, None, RollingHorizonPolicy(BRIEF), 5, envs=2).shop for _ in range(2)]
    assert logs[0].log.tobytes() == logs[1].log.tobytes()
    alone = episode(factory, None, RollingHorizonPolicy(BRIEF), 6).shop
    assert alone.log[0].tobytes() == logs[0].log[1].tobytes()


def test_without_time_the_rules_decide() -> None:
    policy = RollingHorizonPolicy(0.0)
    episode(find_single_factory("tiny"), None, policy, 5)
    assert policy.figures.calls > 0
    assert policy.figures.improved == 0
    assert policy.figures.improvement == 0


def test_statistics_count_calls_and_decisions() -> None:
    policy = RollingHorizonPolicy(0.05)
    batch = episode(find_single_factory("tiny"), None, policy, 5)
    figures = policy.figures
    assert (
        figures.calls
        == sum(figures.statuses.values())
        == len(figures.seconds)
        == sum(figures.hints.values())
    )
    assert sum(figures.decisions.values()) == int(batch.shop.env.decisions[0])
    assert 0 <= figures.improved <= figures.calls
    assert 0 <= figures.improvement < 1


def test_bug_a_plan_is_made_however_far_off_the_end_of_a_machine_is() -> None:
    """Rows and plans are the same wherever the machine's work ends."""
    results = []
    for ticks in (10**5, 2**40):
        batch = moment("microfactory", 60)
        batch.shop.machines.expected_end[0, batch.shop.machines.status[0] == PROCESSING] += ticks
        policy = RollingHorizonPolicy(BRIEF)
        policy.bind(batch)
        rows = policy.decide(as_observation(batch.tables)).tolist()
        assert policy.plans[0] is not None
        results.append((rows, sum(map(len, policy.plans[0].sequences.values()))))
    assert results[0] == results[1]
    assert results[0][1] > 10


def test_bug_nothing_is_replanned_while_nothing_happens() -> None:
    """An order is welded for a long time, and the booth is asked after each wait."""
    calls = []
    for time in (200, 2000):
        steps = (job(time, "weld"), job(4, "paint", "booth", setup={"colour": "red"}))
        factory = plant(
            (cell(), coloured(name="booth", longest_wait=2)), (product("kart", *steps),)
        )
        policy = RollingHorizonPolicy(BRIEF, rule=make_rule("FIFO"), every=1)
        batch = episode(factory, book((0, "kart"), due=0), policy, 1)
        assert int(batch.shop.env.decisions[0]) < time
        calls.append(policy.figures.calls)
    assert calls[0] == calls[1] < 10


def test_bug_a_plan_that_would_wait_for_ever_gives_way_to_the_rule() -> None:
    """The plan wants the welded kart first, which no machine welds.

    After some waits the rule starts something.
    """
    factory = plant((cell(),), (product("kart", job(4, "weld"), job(4, "test")),))
    orders = book((0, "kart"), (0, "kart"))
    batch = Batch([factory], [orders], num_envs=1)
    tables = batch.reset(np.array([1], np.uint64))
    policy = RollingHorizonPolicy(BRIEF)
    policy.bind(batch)
    seen = as_observation(tables)
    wait = seen["action_mask"].shape[1] - 1
    seen["action_mask"][0, wait] = 1
    chosen = [policy._end_idle_waits(0, wait, seen) for _ in range(4)]
    assert chosen[:2] == [wait, wait]
    assert chosen[3] != wait
