"""Published optima are attained: sequences of wt_sds, and schedules that a solver finds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from factory.instances.read import (
    Instance,
    read_fjsp_sdst,
    read_optimal_sequences,
    read_sdst_jsp,
    read_sdst_pfsp,
    read_wtsds,
)
from factory.model import Machine, Operation, WorkCentre
from factory.schedule.records import ChangeoverRecord, OperationRecord, OrderRecord, Schedule
from factory.verification.verifier import verify

FJSP_SDST_OPTIMA = {
    1: 70,
    2: 112,
    3: 233,
    4: 374,
    5: 126,
    6: 334,
    7: 397,
    8: 262,
    9: 220,
    10: 541,
    11: 482,
    12: 468,
    13: 490,
}
"""Proven makespans of the Fattahi_setup instances that a solver closes within seconds."""


# --- wt_sds ---------------------------------------------------------------------------------------


def weighted_tardiness(instance: Instance, sequence: tuple[int, ...]) -> float:
    """Return the sum of w_j T_j of a sequence without pauses, with setups at selection."""
    (centre,) = instance.factory.work_centres
    (attribute,) = centre.attributes
    clock, mounted, total = 0, 0, 0.0
    for j in sequence:
        order = instance.book.orders[j]
        (operation,) = instance.factory.products[j].operations
        assert (order.order_id, order.product, operation.process_time is None) == (
            f"{j}",
            instance.factory.products[j].name,
            False,
        )
        wanted = attribute.values.index(operation.setup[attribute.name])
        clock += attribute.time[mounted][wanted] + operation.process_time
        mounted = wanted
        total += order.weight * max(0, clock - order.due_date)
    return total


def test_optimal_sequences_of_wtsds_cost_exactly_the_optimum(benchmarks_folder: Path) -> None:
    folder = benchmarks_folder / "wtsds"
    sequences = read_optimal_sequences(folder / "optimal_sequences.csv")
    assert len(sequences) == 98
    costs = {
        name: weighted_tardiness(read_wtsds(folder / f"{name}.instance"), sequence)
        for name, (_, sequence) in sequences.items()
    }
    assert costs == {name: optimum for name, (optimum, _) in sequences.items()}


def test_swapping_two_jobs_of_an_optimal_sequence_never_costs_less(benchmarks_folder: Path) -> None:
    instance = read_wtsds(benchmarks_folder / "wtsds" / "wt_sds_41.instance")
    optimum, best = read_optimal_sequences(benchmarks_folder / "wtsds" / "optimal_sequences.csv")[
        "wt_sds_41"
    ]
    costs = []
    for i in range(len(best)):
        for k in range(i):
            swapped = list(best)
            swapped[i], swapped[k] = swapped[k], swapped[i]
            costs.append(weighted_tardiness(instance, tuple(swapped)))
    assert min(costs) >= optimum
    assert max(costs) > optimum


# --- flow shops -----------------------------------------------------------------------------------


def flow_shop_makespan(instance: Instance, sequence: list[int]) -> int:
    """Return C_max of a permutation, with machines set up as soon as they are free."""
    num_machines = len(instance.factory.work_centres)
    free, mounted = [0] * num_machines, [0] * num_machines
    for j in sequence:
        arrival = 0
        for c, operation in enumerate(instance.factory.products[j].operations):
            (attribute,) = instance.factory.work_centres[c].attributes
            wanted = attribute.values.index(operation.setup[attribute.name])
            assert operation.process_time is not None
            arrival = (
                max(arrival, free[c] + attribute.time[mounted[c]][wanted]) + operation.process_time
            )
            free[c], mounted[c] = arrival, wanted
    return free[-1]


def descend(instance: Instance, sequence: list[int], floor: int) -> int:
    """Return the best makespan of a descent that moves one job at a time.

    It ends at the makespan ``floor`` or where no move improves.
    """
    best = flow_shop_makespan(instance, sequence)
    improved = True
    while improved and best > floor:
        improved = False
        for j in list(sequence):
            rest = [k for k in sequence if k != j]
            moved = [[*rest[:i], j, *rest[i:]] for i in range(len(sequence))]
            makespan, candidate = min(
                (flow_shop_makespan(instance, candidate), candidate) for candidate in moved
            )
            if makespan < best:
                best, sequence, improved = makespan, candidate, True
    return best


def test_local_search_comes_close_to_the_best_known_flow_shop_and_never_below(
    benchmarks_folder: Path,
) -> None:
    instance = read_sdst_pfsp(benchmarks_folder / "sdst_pfsp" / "1.txt")
    best_known = 1330
    jobs = list(range(20))
    makespans = []
    for seed in range(4):
        random.Random(seed).shuffle(jobs)
        makespans.append(descend(instance, list(jobs), best_known))
    assert best_known <= min(makespans) <= 1.03 * best_known


# --- shops with setups, solved --------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """An operation on one of its eligible machines, in the solver's model."""

    order: int
    index: int  # of the operation in the product
    operation: Operation
    machine: int
    time: int
    start: Any
    end: Any
    chosen: Any


def machines_of(instance: Instance) -> list[tuple[WorkCentre, Machine]]:
    return [
        (centre, machine) for centre in instance.factory.work_centres for machine in centre.machines
    ]


def time_on(operation: Operation, centre: WorkCentre, machine: Machine) -> int | None:
    """Return the process time of an operation on a machine; None where it is not eligible."""
    if operation.work_centre != centre.name:
        return None
    return (
        operation.process_time
        if operation.machine_times is None
        else operation.machine_times.get(machine.name)
    )


def setup_time(
    centre: WorkCentre, machine: Machine, before: Operation | None, after: Operation
) -> int:
    """Return the setup time between two operations; None is the machine's initial setup."""
    (attribute,) = centre.attributes
    matrix = machine.setup_time.get(attribute.name, attribute.time)
    mounted = 0 if before is None else attribute.values.index(before.setup[attribute.name])
    return matrix[mounted][attribute.values.index(after.setup[attribute.name])]


def solve(instance: Instance, at_most: int | None = None) -> tuple[int, Schedule]:
    """Return C_max and a schedule with anticipatory setups, found by CP-SAT.

    C_max is minimal, or at most ``at_most`` where that is given.
    """
    cp_model = pytest.importorskip(
        "ortools.sat.python.cp_model", reason="ortools is not installed; install the extra `solver`"
    )
    model = cp_model.CpModel()
    horizon = at_most or longest_horizon(instance)
    makespan = model.new_int_var(0, horizon, "makespan")
    choices: list[Choice] = []
    for j, product in enumerate(instance.factory.products):
        arrival: Any = 0
        for i, operation in enumerate(product.operations):
            here = add_operation(model, instance, horizon, j, i, operation)
            model.add(here[0].start >= arrival)
            choices.extend(here)
            arrival = here[0].end
        model.add(makespan >= arrival)
    for m, (centre, machine) in enumerate(machines_of(instance)):
        order_machine(model, centre, machine, [choice for choice in choices if choice.machine == m])
    if at_most is None:
        model.minimize(makespan)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 2
    solver.parameters.random_seed = 1
    assert solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    done = [choice for choice in choices if solver.value(choice.chosen)]
    starts = {choice.operation.name: solver.value(choice.start) for choice in done}
    return int(solver.value(makespan)), make_schedule(instance, done, starts)


def longest_horizon(instance: Instance) -> int:
    """Return a makespan that is surely attained: four times the work on the slowest machines."""
    machines = machines_of(instance)
    return 4 * sum(
        max(time_on(operation, centre, machine) or 0 for centre, machine in machines)
        for product in instance.factory.products
        for operation in product.operations
    )


def add_operation(
    model: Any, instance: Instance, horizon: int, order: int, index: int, operation: Operation
) -> list[Choice]:
    """Add an operation to the model and return its choices, exactly one of which is taken."""
    start = model.new_int_var(0, horizon, f"start {operation.name}")
    end = model.new_int_var(0, horizon, f"end {operation.name}")
    choices = []
    for m, (centre, machine) in enumerate(machines_of(instance)):
        time = time_on(operation, centre, machine)
        if time is not None:
            chosen = model.new_bool_var(f"{operation.name} on {machine.name}")
            model.add(end == start + time).only_enforce_if(chosen)
            choices.append(Choice(order, index, operation, m, time, start, end, chosen))
    model.add_exactly_one(choice.chosen for choice in choices)
    return choices


def order_machine(model: Any, centre: WorkCentre, machine: Machine, here: list[Choice]) -> None:
    """Order the operations on a machine by a circuit, with setups between neighbours."""
    idle = model.new_bool_var(f"{machine.name} idle")
    arcs = [(0, 0, idle)]
    for a, before in enumerate(here, start=1):
        arcs.append((a, a, before.chosen.negated()))
        model.add_implication(before.chosen, idle.negated())
        first, last = model.new_bool_var(""), model.new_bool_var("")
        arcs += [(0, a, first), (a, 0, last)]
        model.add(
            before.start >= setup_time(centre, machine, None, before.operation)
        ).only_enforce_if(first)
        for b, after in enumerate(here, start=1):
            if a != b:
                follows = model.new_bool_var("")
                arcs.append((a, b, follows))
                model.add(
                    after.start
                    >= before.end + setup_time(centre, machine, before.operation, after.operation)
                ).only_enforce_if(follows)
    model.add_circuit(arcs)
    model.add_no_overlap(
        [model.new_optional_fixed_size_interval_var(c.start, c.time, c.chosen, "") for c in here]
    )


def make_schedule(instance: Instance, done: list[Choice], starts: dict[str, int]) -> Schedule:
    """Return the solver's answer as a schedule.

    Each setup ends when its operation starts. It is made for the operation if that has arrived
    before the setup, otherwise ahead of it.
    """
    factory = instance.factory
    ends = {choice.operation.name: starts[choice.operation.name] + choice.time for choice in done}
    changeovers: list[ChangeoverRecord] = []
    operations: list[OperationRecord] = []
    arrivals = {(choice.order, choice.index + 1): ends[choice.operation.name] for choice in done}
    for m, (centre, machine) in enumerate(machines_of(instance)):
        before: Operation | None = None
        here = [choice for choice in done if choice.machine == m]
        here.sort(key=lambda choice: (starts[choice.operation.name], ends[choice.operation.name]))
        for choice in here:
            start = selected = starts[choice.operation.name]
            arrival = arrivals.get((choice.order, choice.index), 0)
            for changeover in changeover_for(centre, machine, m, before, choice, start, arrival):
                changeovers.append(changeover)
                selected = start if changeover.order is None else changeover.start_date
            operations.append(operation_record(choice, selected, start))
            before = choice.operation
    completions = {
        choice.order: max(end for (order, _), end in arrivals.items() if order == choice.order)
        for choice in done
    }
    return Schedule(
        factory_name=factory.name,
        tick_minutes=factory.tick_minutes,
        start_hour=factory.start_hour,
        seed=None,
        machine_names=tuple(machine.name for _, machine in machines_of(instance)),
        machine_centres=tuple(centre.name for centre, _ in machines_of(instance)),
        orders=order_records(instance, completions),
        operations=tuple(operations),
        changeovers=tuple(changeovers),
        end_date=max(ends.values()),
    )


def operation_record(choice: Choice, selected: int, start: int) -> OperationRecord:
    return OperationRecord(
        choice.order,
        choice.index,
        choice.operation.name,
        choice.machine,
        selected,
        start,
        start + choice.time,
        choice.time,
        0,
    )


def order_records(instance: Instance, completions: dict[int, int]) -> tuple[OrderRecord, ...]:
    return tuple(
        OrderRecord(
            order.order_id,
            j,
            order.product,
            {},
            order.release_date,
            order.due_date,
            order.weight,
            order.release_date,
            completions[j],
        )
        for j, order in enumerate(instance.book.orders)
    )


def changeover_for(
    centre: WorkCentre,
    machine: Machine,
    m: int,
    before: Operation | None,
    choice: Choice,
    start: int,
    arrival: int,
) -> Iterator[ChangeoverRecord]:
    (attribute,) = centre.attributes
    mounted = attribute.values[0] if before is None else before.setup[attribute.name]
    wanted = choice.operation.setup[attribute.name]
    if mounted != wanted:
        begin = start - setup_time(centre, machine, before, choice.operation)
        order, index = (choice.order, choice.index) if arrival <= begin else (None, None)
        yield ChangeoverRecord(m, begin, start, (mounted,), (wanted,), order, index)


@pytest.mark.parametrize(("number", "optimum"), [("01", 798), ("02", 784), ("05", 691)])
def test_verifier_accepts_optimal_schedules_of_job_shops_with_setups(
    benchmarks_folder: Path, number: str, optimum: int
) -> None:
    instance = read_sdst_jsp(benchmarks_folder / "sdst_jsp" / f"t2-ps{number}.dat")
    _, schedule = solve(instance, at_most=optimum)
    bill = verify(schedule, instance.factory, instance.book)
    assert schedule.end_date == optimum
    assert bill.total == pytest.approx(optimum)
    assert any(changeover.order is None for changeover in schedule.changeovers), (
        "these optima set up before jobs arrive"
    )


@pytest.mark.parametrize(("number", "optimum"), FJSP_SDST_OPTIMA.items())
def test_proven_optima_of_flexible_job_shops_with_setups_are_attained(
    benchmarks_folder: Path, number: int, optimum: int
) -> None:
    instance = read_fjsp_sdst(benchmarks_folder / "fjsp_sdst" / f"Fattahi_setup_{number:02d}.fjs")
    makespan, schedule = solve(instance)
    bill = verify(schedule, instance.factory, instance.book)
    assert makespan == schedule.end_date == optimum
    assert bill.total == pytest.approx(optimum)
