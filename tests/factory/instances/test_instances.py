"""Readers of public instances: one small text of each format, and its objective."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from factory.instances.read import (
    Instance,
    read_fjsp,
    read_fjsp_sdst,
    read_jsp,
    read_replay,
    read_sdst_jsp,
    read_sdst_pfsp,
    read_wtsds,
)
from factory.simulator import Simulator
from factory.verification.verifier import verify
from tests.builders.instance_texts import (
    FJSP,
    FJSP_SDST,
    JSP,
    REPLAY,
    SDST_JSP,
    SDST_PFSP,
    WTSDS,
    jobs_of,
    write,
)


def test_job_shop_has_a_work_centre_for_each_machine(tmp_path: Path) -> None:
    instance = read_jsp(write(tmp_path, "# a comment\n\n" + JSP))
    assert jobs_of(instance) == [
        [("C0", 3), ("C1", 2), ("C2", 2)],
        [("C0", 2), ("C2", 1), ("C1", 4)],
    ]
    assert [[m.name for m in centre.machines] for centre in instance.factory.work_centres] == [
        ["M0"],
        ["M1"],
        ["M2"],
    ]
    assert (instance.name, instance.objective, instance.anticipatory, instance.permutation) == (
        "instance",
        "makespan",
        False,
        False,
    )
    assert [(o.order_id, o.product, o.release_date) for o in instance.book.orders] == [
        ("0", "J0", 0),
        ("1", "J1", 0),
    ]


def test_flexible_job_shop_names_eligible_machines_with_their_times(tmp_path: Path) -> None:
    instance = read_fjsp(write(tmp_path, FJSP))
    assert jobs_of(instance) == [
        [("C0", {"M0": 25, "M1": 37}), ("C0", {"M0": 32})],
        [("C0", {"M0": 45, "M1": 65})],
    ]
    assert [m.name for m in instance.factory.work_centres[0].machines] == ["M0", "M1"]


def test_flexible_job_shop_with_setups_has_a_matrix_for_each_machine(tmp_path: Path) -> None:
    instance = read_fjsp_sdst(write(tmp_path, FJSP_SDST))
    (centre,) = instance.factory.work_centres
    assert jobs_of(instance) == [
        [("C0", {"M0": 25, "M1": 37})],
        [("C0", {"M1": 24}), ("C0", {"M0": 21})],
    ]
    assert centre.attributes[0].values == ("bare", "J0.O0", "J1.O0", "J1.O1")
    assert [
        operation.setup for product in instance.factory.products for operation in product.operations
    ] == [
        {"family": "J0.O0"},
        {"family": "J1.O0"},
        {"family": "J1.O1"},
    ]
    first, second = (machine.setup_time["family"] for machine in centre.machines)
    assert first == ((0, 0, 0, 0), (0, 0, 0, 4), (0, 0, 0, 0), (0, 5, 0, 0))
    assert second == ((0, 0, 0, 0), (0, 0, 8, 0), (0, 3, 0, 0), (0, 0, 0, 0))
    assert instance.anticipatory
    assert instance.factory.changeover_ahead


def test_job_shop_with_setups_starts_from_its_initial_row(tmp_path: Path) -> None:
    instance = read_sdst_jsp(write(tmp_path, SDST_JSP))
    assert jobs_of(instance) == [[("C1", 21), ("C0", 53)], [("C0", 95)]]
    assert [
        operation.setup["family"]
        for product in instance.factory.products
        for operation in product.operations
    ] == ["F0", "F0", "F1"]
    assert [centre.attributes[0].time for centre in instance.factory.work_centres] == [
        ((0, 10, 20), (0, 0, 7), (0, 8, 0))
    ] * 2
    assert instance.anticipatory


def test_flow_shop_has_no_setup_before_the_first_job(tmp_path: Path) -> None:
    instance = read_sdst_pfsp(write(tmp_path, SDST_PFSP))
    assert jobs_of(instance) == [[("C0", 54), ("C1", 79)], [("C0", 83), ("C1", 3)]]
    assert [centre.attributes[0].time for centre in instance.factory.work_centres] == [
        ((0, 0, 0), (0, 0, 5), (0, 9, 0)),
        ((0, 0, 0), (0, 0, 1), (0, 2, 0)),
    ]
    assert instance.permutation
    assert instance.anticipatory


def test_wtsds_has_an_initial_setup_and_weights_of_zero(tmp_path: Path) -> None:
    instance = read_wtsds(write(tmp_path, WTSDS))
    assert jobs_of(instance) == [[("C0", 81)], [("C0", 71)]]
    assert instance.factory.work_centres[0].attributes[0].time == ((0, 43, 7), (0, 0, 5), (0, 6, 0))
    assert [(o.weight, o.due_date) for o in instance.book.orders] == [(0.0, 49), (7.0, 100)]
    assert (instance.objective, instance.anticipatory, instance.factory.waiting) == (
        "weighted_tardiness",
        False,
        False,
    )


def test_replay_keeps_three_decimals_exactly_and_sorts_orders_by_release(tmp_path: Path) -> None:
    instance = read_replay(write(tmp_path, json.dumps(REPLAY)))
    assert jobs_of(instance) == [[("C1", 11297), ("C0", 4000)], [("C0", 6100)]]
    assert [[m.name for m in centre.machines] for centre in instance.factory.work_centres] == [
        ["M0"],
        ["M1", "M2"],
    ]
    assert instance.factory.work_centres[0].attributes[0].time == (
        (0, 1500, 2250),
        (0, 0, 3000),
        (0, 4001, 0),
    )
    assert [(o.order_id, o.release_date, o.due_date, o.weight) for o in instance.book.orders] == [
        ("1", 2000, 40000, 0.5),
        ("0", 20999, 31500, 4.0),
    ]
    assert (
        instance.factory.changeover_ahead,
        instance.factory.waiting,
        instance.ticks_per_unit,
    ) == (False, False, 1000)


def test_replay_without_setups_has_no_attributes(tmp_path: Path) -> None:
    jobs = [{"rel": 0.0, "due": 1.0, "w": 1, "ops": [[0, 1.0, None]]}]
    instance = read_replay(
        write(tmp_path, json.dumps({"machines": 1, "group": [3], "setup": None, "jobs": jobs}))
    )
    assert instance.factory.work_centres[0].attributes == ()
    assert instance.factory.products[0].operations[0].setup == {}


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_jsp, JSP),
        (read_fjsp, FJSP),
        (read_fjsp_sdst, FJSP_SDST),
        (read_sdst_jsp, SDST_JSP),
        (read_sdst_pfsp, SDST_PFSP),
        (read_wtsds, WTSDS),
        (read_replay, json.dumps(REPLAY)),
    ],
    ids=["jsp", "fjsp", "fjsp_sdst", "sdst_jsp", "sdst_pfsp", "wtsds", "replay"],
)
def test_total_cost_of_an_episode_is_the_objective_in_ticks(
    tmp_path: Path, read: Callable[[Path], Instance], text: str
) -> None:
    instance = read(write(tmp_path, text))
    simulator = Simulator(instance.factory, instance.book)
    simulator.reset(seed=1)
    while simulator.deciding is not None:
        simulator.decide(next(choice.row for choice in simulator.choices() if choice.legal))
    schedule = simulator.schedule()
    completions = {order.number: order.completion_date or 0 for order in schedule.orders}
    tardiness = sum(
        order.weight * max(0, completions[order.number] - order.due_date)
        for order in schedule.orders
    )
    objective = max(completions.values()) if instance.objective == "makespan" else tardiness
    assert objective > 0
    assert verify(schedule, instance.factory, instance.book).total == pytest.approx(objective)
