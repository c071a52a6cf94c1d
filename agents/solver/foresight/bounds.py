"""A lower bound on the cost of an episode under any policy.

Each order is alone in the shop, each needed setup is mounted once, and machines idle otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from agents.solver.foresight.clairvoyant_state import FutureReader
from factory.simulation.arrays import FactoryArrays, ShopState

_HOURS = 24


def bound_cost(arrays: FactoryArrays, shop: ShopState, e: int) -> float:
    """Return a lower bound on the total cost of the episode of environment ``e``, in currency.

    Tardiness and holding: no order is completed before its longest path through the fastest
    machines, with the realised first attempts, transport and material. Changeover and waste: each
    attribute value that is needed and mounted nowhere at first must be mounted once. Energy: until
    the last order can be completed each machine draws the least of its powers, and more while it
    processes, at the cheapest hour. Queues are ignored, so that the bound is loose for busy shops.
    """
    g = int(shop.env.factory[e])
    reader = FutureReader(arrays, 0)
    times = [
        _first_attempts(reader, shop, e, order) for order in range(int(shop.env.num_orders[e]))
    ]
    completions = [
        _earliest_completion(reader, shop, e, order, [min(each.values()) for each in own])
        for order, own in enumerate(times)
    ]
    rows, plant = shop.orders[e], arrays.plant[g]
    tardiness = math.fsum(
        float(rows.weight[order]) * max(0, date - int(rows.due_date[order]))
        for order, date in enumerate(completions)
    )
    holding = sum(date - int(rows.release_date[order]) for order, date in enumerate(completions))
    time_money = float(plant.tardiness_rate) * tardiness + float(plant.holding_rate) * holding
    return (
        time_money
        + _bound_changeovers(arrays, shop, e)
        + _bound_energy(arrays, g, times, max(completions, default=0))
    )


def _first_attempts(
    reader: FutureReader, shop: ShopState, e: int, order: int
) -> list[dict[int, int]]:
    """Return the realised ticks of each operation's first attempt, by eligible machine."""
    return [
        reader.attempt_times(shop, e, order, i, row, 0)
        for i, row in enumerate(reader.operation_rows(shop, e, order))
    ]


def _earliest_completion(
    reader: FutureReader, shop: ShopState, e: int, order: int, times: Sequence[int]
) -> int:
    """Return the date before which an order cannot be completed."""
    g, row = int(shop.env.factory[e]), shop.orders[e, order]
    route = reader.static(g, int(row["product"]))
    ends: list[int] = []
    for static, time in zip(route, times, strict=True):
        start = int(row["material_date"] if static["needs_material"] else row["release_date"])
        transport_times = reader.arrays.transport_time[g, :, static["centre"]]
        for p in static["predecessors"]:
            start = max(start, ends[p] + int(transport_times[route[p]["centre"]]))
        ends.append(start + time)
    return max(ends)


def _bound_changeovers(arrays: FactoryArrays, shop: ShopState, e: int) -> float:
    """Return the currency for mounting each needed value once, if no machine has it at first."""
    g = int(shop.env.factory[e])
    needed = set[tuple[int, int, int]]()
    for order in range(int(shop.env.num_orders[e])):
        product = int(shop.orders.product[e, order])
        for operation in range(int(arrays.products.num_operations[g, product])):
            centre = int(arrays.operations.centre[g, product, operation])
            count = int(arrays.centres.num_attributes[g, centre])
            wanted = shop.wanted[e, order, operation, :count].tolist()
            needed |= {
                (centre, attribute, value) for attribute, value in enumerate(wanted) if value >= 0
            }
    return math.fsum(_cheapest_mounting(arrays, g, *item) for item in sorted(needed))


def _cheapest_mounting(
    arrays: FactoryArrays, g: int, centre: int, attribute: int, value: int
) -> float:
    """Return the currency to mount a value from the cheapest other one.

    It is 0 if some machine of the work centre has the value at first, or by a maintenance.
    """
    machines = range(
        int(arrays.centres.first_machine[g, centre]),
        int(arrays.centres.first_machine[g, centre + 1]),
    )
    mounts = arrays.maintenance_mounts[g, machines.start : machines.stop, :, attribute]
    if (mounts == value).any() or any(
        arrays.initial_setup[g, machine, attribute] == value for machine in machines
    ):
        return 0.0
    plant = arrays.plant[g]
    ways = [
        arrays.setups[g, m, attribute, origin, value]
        for m in machines
        for origin in range(arrays.setups.shape[3])
        if origin != value
    ]
    return min(
        float(plant.changeover_rate * way.cost + plant.waste_rate * way.waste) for way in ways
    )


def _bound_energy(
    arrays: FactoryArrays, g: int, times: Sequence[Sequence[dict[int, int]]], end_date: int
) -> float:
    """Return the currency for each machine's least power up to ``end_date``, and for processing."""
    plant, machines = arrays.plant[g], arrays.machines[g, : int(arrays.plant.num_machines[g])]
    processing_power = machines.processing_power.tolist()
    powers = zip(
        machines.idle_power.tolist(),
        processing_power,
        machines.changeover_power.tolist(),
        machines.closed_power.tolist(),
        strict=True,
    )
    min_power = [min(of_machine) for of_machine in powers]
    extra_power = [
        power - minimum for power, minimum in zip(processing_power, min_power, strict=True)
    ]
    processing = math.fsum(
        min(extra_power[machine] * time for machine, time in machine_times.items())
        for order in times
        for machine_times in order
    )
    kilowatt_ticks = math.fsum(min_power) * end_date + processing
    cheapest = float(arrays.hours.price[g, :_HOURS].min())
    return float(plant.energy_rate) * cheapest * float(plant.hours_per_tick) * kilowatt_ticks
