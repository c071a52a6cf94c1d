"""Allocation of the shop's arrays: one place that knows every shape of :class:`factory.arrays.ShopState`."""

from __future__ import annotations

import numpy as np

from factory.arrays import COST_TERMS, FactoryArrays, ShopState


def queue_capacity(factories: FactoryArrays, num_orders: int) -> int:
    """Most operations that one work centre can ever have in its queue (or upcoming): its share of the busiest product, times orders."""
    busiest = 1
    for g in range(factories.num_orders.shape[0]):
        for product in range(int(np.max(factories.num_operations[g] > 0) and np.sum(factories.num_operations[g] > 0))):
            centres = factories.operation_centre[g, product, : factories.num_operations[g, product]]
            busiest = max(busiest, int(np.bincount(centres).max()))
    return busiest * num_orders


def allocate(factories: FactoryArrays, num_envs: int, *, job_rows: int, changeover_rows: int, log_length: int = 0) -> ShopState:
    """Zeroed state of ``num_envs`` shop floors; :func:`factory.kernel.begin_episode` fills it.

    Parameters
    ----------
    factories
        The factories that the environments may stand in.
    job_rows, changeover_rows
        Rows of the choice table (docs/model.md, section 5) for operations and for changeovers without one.
    log_length
        Lines of the log of each environment; 0 keeps none.
    """
    env = num_envs
    centres = factories.longest_wait.shape[1]
    machines, attributes = factories.initial_setup.shape[1:]
    products, operations = factories.operation_centre.shape[1:]
    options = factories.option_applies.shape[1]
    orders = int(factories.num_orders.max())
    places = queue_capacity(factories, orders)

    def ints(*shape: int) -> np.ndarray:
        return np.zeros((env, *shape), np.int64)

    def small(*shape: int) -> np.ndarray:
        return np.zeros((env, *shape), np.int32)

    def tiny(*shape: int) -> np.ndarray:
        return np.zeros((env, *shape), np.int16)

    def bytes_(*shape: int) -> np.ndarray:
        return np.zeros((env, *shape), np.int8)

    def floats(*shape: int) -> np.ndarray:
        return np.zeros((env, *shape), np.float64)

    def bools(*shape: int) -> np.ndarray:
        return np.zeros((env, *shape), np.bool_)

    return ShopState(
        factory=ints(),
        seed=np.zeros(env, np.uint64),
        clock=ints(),
        decisions=ints(),
        deciding=ints(),
        num_orders=ints(),
        num_released=ints(),
        num_completed=ints(),
        release_date=ints(orders),
        due_date=ints(orders),
        weight=floats(orders),
        product=tiny(orders),
        option_value=tiny(orders, options),
        customer=tiny(orders),
        material_date=ints(orders),
        completion_date=ints(orders),
        operations_left=tiny(orders),
        work_left=floats(orders),
        work_content=floats(orders),
        critical_work=floats(orders),
        active=small(orders),
        num_active=ints(),
        operation_status=bytes_(orders, operations),
        option_time=small(orders, operations),
        wanted=tiny(orders, operations, attributes),
        family=ints(orders, operations),
        mean_time=floats(orders, operations),
        work_through=floats(orders, operations),
        predecessors_left=tiny(orders, operations),
        arrival_date=ints(orders, operations),
        join_date=ints(orders, operations),
        expected_date=ints(orders, operations),
        lead_time=floats(orders, operations),
        attempt=bytes_(orders, operations),
        queue=small(centres, places),
        queue_length=ints(centres),
        queue_work=floats(centres),
        upcoming=small(centres, places),
        upcoming_length=ints(centres),
        travel_date=ints(orders * operations),
        travel_entry=small(orders * operations),
        num_travelling=ints(),
        machine_status=bytes_(machines),
        machine_entry=small(machines),
        machine_date=ints(machines),
        state_date=ints(machines),
        expected_end=ints(machines),
        process_left=ints(machines),
        start_date=ints(machines),
        process_start_date=ints(machines),
        time_to_failure=ints(machines),
        num_failures=ints(machines),
        first_piece=bools(machines),
        mounted=tiny(machines, attributes),
        wait_until=ints(machines),
        wait_start=ints(machines),
        crews_free=ints(),
        power=floats(),
        cost=floats(len(COST_TERMS)),
        tardiness_done=floats(),
        flow=ints(),
        energy_kwh=floats(),
        energy_co2=floats(),
        waste_kg=floats(),
        num_changeovers=ints(),
        changeover_ticks=ints(),
        process_ticks=ints(),
        down_ticks=ints(),
        num_job_rows=ints(),
        job_row=small(job_rows),
        num_changeover_rows=ints(),
        changeover_target=tiny(changeover_rows, attributes),
        changeover_lead=small(changeover_rows),
        num_hidden=ints(),
        legal=bools(job_rows + changeover_rows + 1),
        shown=bools(places),
        urgency=floats(places),
        log=ints(log_length, 8),
        log_setup=tiny(log_length, 2, attributes),
        log_length=ints(),
    )
