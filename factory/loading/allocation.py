"""Allocation of the arrays of factories and of shop floors; growth of the event log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from factory.cost_terms import COST_TERMS
from factory.jit.compiler_watch import report_compilation
from factory.loading.operating_tables import OperatingTables
from factory.log_kinds import LOG_COLUMNS
from factory.model import Factory, OrderBook
from factory.simulation import arrays
from factory.simulation.arrays import FactoryArrays, Records, ShopState

report_compilation()  # compiled functions run on what is allocated here

_CACHE_LINE = 64
SPARE_LINES = 4096
"""Log lines kept free before each step: far more than can be written between two decisions."""


def queue_capacity(factories: FactoryArrays, num_orders: int) -> int:
    """Return the most operations that a work centre can ever have in its queue (or upcoming).

    Those of the busiest product there, times orders.
    """
    centres = factories.operations.centre
    exists = np.arange(centres.shape[2]) < factories.products.num_operations[:, :, None]
    busiest = max(
        int(((centres == centre) & exists).sum(axis=2).max())
        for centre in range(factories.centres.shape[1] - 1)
    )
    return max(1, busiest) * num_orders


def records(dtype: np.dtype[Any], *shape: int) -> Records:
    """Return zeroed records whose fields are attributes, from the start of a cache line.

    An operation of an order then fills exactly one line.
    """
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape).view(np.recarray)


def allocate(
    factories: FactoryArrays,
    num_envs: int,
    *,
    job_rows: int,
    changeover_rows: int,
    log_length: int = 0,
) -> ShopState:
    """Return the zeroed state of ``num_envs`` shop floors.

    :func:`factory.simulation.kernel.begin_episode` fills it.

    Parameters
    ----------
    factories
        Factories that the environments may be in.
    job_rows, changeover_rows
        Numbers of rows of the choice table (docs/model.md, section 5) for operations and for
        changeovers without one.
    log_length
        Number of lines of the log of each environment; 0 keeps none.
    """
    env = num_envs
    centres = factories.centres.shape[1] - 1
    machines, attributes = factories.initial_setup.shape[1:]
    operations = factories.operations.shape[2]
    options = factories.options.shape[1]
    orders = int(factories.plant.num_orders.max())
    queue_slots = queue_capacity(factories, orders)
    return ShopState(
        env=records(arrays.ENV, env),
        orders=records(arrays.SHOP_ORDER, env, orders),
        option_value=np.zeros((env, orders, options), np.int16),
        active=np.zeros((env, orders), np.int32),
        operations=records(arrays.SHOP_OPERATION, env, orders, operations),
        wanted=np.zeros((env, orders, operations, attributes), np.int16),
        centres=records(arrays.SHOP_CENTRE, env, centres),
        queue=np.zeros((env, centres, queue_slots), np.int32),
        upcoming=np.zeros((env, centres, queue_slots), np.int32),
        in_transit=records(arrays.IN_TRANSIT, env, orders * operations),
        machines=records(arrays.SHOP_MACHINE, env, machines),
        mounted=np.zeros((env, machines, attributes), np.int16),
        groups=records(arrays.SHOP_GROUP, env, factories.groups.shape[1]),
        held=np.zeros((env, machines, factories.groups.shape[1]), np.int16),
        runs=np.zeros((env, machines, attributes), np.int64),
        run_kept=np.zeros((env, attributes), np.bool_),
        maintenance_count=np.zeros((env, machines, factories.maintenance.shape[2]), np.int64),
        cost=np.zeros((env, len(COST_TERMS))),
        job_row=np.zeros((env, job_rows), np.int32),
        changeover_target=np.zeros((env, changeover_rows, attributes), np.int16),
        changeover_lead=np.zeros((env, changeover_rows), np.int32),
        legal=np.zeros((env, job_rows + changeover_rows + 1), np.bool_),
        queue_slots=records(arrays.QUEUE_SLOT, env, queue_slots),
        log=np.zeros((env, log_length, len(LOG_COLUMNS)), np.int64),
        log_setup=np.zeros((env, log_length, 2, attributes), np.int16),
    )


class _Sizes(NamedTuple):
    """Largest dimension of each kind among some factories and order books."""

    centres: int
    machines: int
    attributes: int
    values: int
    products: int
    operations: int
    options: int
    choices: int  # values of an option
    regimes: int
    customers: int
    supplies: int
    orders: int  # of an order book
    calendars: int
    edges: int  # of all calendars
    groups: int  # of people
    needs: int
    maintenance: int  # kinds, of a machine


def _largest(sizes: Iterator[int]) -> int:
    return max(1, max(sizes, default=1))


def _sizes(
    factories: Sequence[Factory],
    books: Sequence[OrderBook | None],
    operating: Sequence[OperatingTables],
) -> _Sizes:
    centres = [centre for factory in factories for centre in factory.work_centres]
    attributes = [attribute for centre in centres for attribute in centre.attributes]
    products = [product for factory in factories for product in factory.products]
    options = [option for factory in factories for option in factory.options]
    demands = [factory.demand for factory in factories if factory.demand]
    return _Sizes(
        centres=_largest(len(f.work_centres) for f in factories),
        machines=_largest(sum(len(c.machines) for c in f.work_centres) for f in factories),
        attributes=_largest(len(centre.attributes) for centre in centres),
        values=_largest(len(attribute.values) for attribute in attributes),
        products=_largest(len(f.products) for f in factories),
        operations=_largest(len(product.operations) for product in products),
        options=_largest(len(f.options) for f in factories),
        choices=_largest(len(option.values) for option in options),
        regimes=_largest(len(demand.regimes) for demand in demands),
        customers=_largest(len(demand.customers) for demand in demands),
        supplies=_largest(len(f.material) for f in factories),
        orders=_largest(len(book.orders) for book in books if book),
        calendars=_largest(len(tables.calendars) for tables in operating),
        edges=_largest(sum(len(hours.edges) for hours in tables.calendars) for tables in operating),
        groups=_largest(len(tables.groups) for tables in operating),
        needs=_largest(len(tables.needs) for tables in operating),
        maintenance=_largest(
            len(machine.maintenance) for centre in centres for machine in centre.machines
        ),
    )


def allocate_factories(
    factories: Sequence[Factory],
    books: Sequence[OrderBook | None],
    operating: Sequence[OperatingTables],
) -> FactoryArrays:
    """Return arrays of the padded size; padding means that nothing is there."""
    count = len(factories)
    n = _sizes(factories, books, operating)

    def small_integers(*shape: int, fill: int = 0) -> np.ndarray:
        return np.full((count, *shape), fill, np.int16)

    return FactoryArrays(
        plant=records(arrays.PLANT, count),
        centres=records(arrays.CENTRE, count, n.centres + 1),
        transport_time=np.zeros((count, n.centres, n.centres), np.int64),
        machines=records(arrays.MACHINE, count, n.machines),
        initial_setup=small_integers(n.machines, n.attributes),
        setups=records(arrays.SETUP, count, n.machines, n.attributes, n.values, n.values),
        products=records(arrays.PRODUCT_RECORD, count, n.products),
        operations=records(arrays.OPERATION, count, n.products, n.operations),
        base_time=np.full((count, n.products, n.operations, n.machines), -1, np.int32),
        predecessors=small_integers(n.products, n.operations, n.operations, fill=-1),
        successors=small_integers(n.products, n.operations, n.operations, fill=-1),
        operation_setup=small_integers(n.products, n.operations, n.attributes, fill=-1),
        options=records(arrays.OPTION_RECORD, count, n.options),
        option_applies=np.zeros((count, n.options, n.products), np.bool_),
        option_time=np.zeros((count, n.options, n.choices, n.products, n.operations), np.int32),
        option_setup=small_integers(
            n.options, n.choices, n.products, n.operations, n.attributes, fill=-1
        ),
        regimes=records(arrays.REGIME, count, n.regimes),
        mix=np.zeros((count, n.regimes, n.products)),
        mix_end=np.zeros((count, n.regimes, n.products)),
        option_share=np.zeros((count, n.regimes, n.options, n.choices)),
        customer_share=np.zeros((count, n.regimes, n.customers)),
        customers=records(arrays.CUSTOMER_RECORD, count, n.customers),
        supplies=records(arrays.SUPPLY, count, n.supplies),
        book=records(arrays.BOOKED, count, n.orders),
        book_options=small_integers(n.orders, n.options, fill=-1),
        hours=records(arrays.HOUR, count, 25),
        calendars=records(arrays.CALENDAR, count, n.calendars),
        edges=records(arrays.EDGE, count, n.edges),
        work_calendar=np.full((count, n.machines, n.needs + 1), -1, np.int32),
        groups=records(arrays.GROUP, count, n.groups),
        needs=records(arrays.NEED, count, n.needs),
        need_groups=small_integers(n.needs, n.groups, fill=-1),
        maintenance=records(arrays.MAINTENANCE_RECORD, count, n.machines, n.maintenance),
        maintenance_mounts=small_integers(n.machines, n.maintenance, n.attributes, fill=-1),
        runs=records(arrays.RUN, count, n.centres, n.attributes),
        relief=small_integers(n.machines, n.attributes, n.values, fill=-1),
    )


def grow_log(shop: ShopState) -> ShopState:
    """Return the same shop with room for more log lines, if one environment's is running short."""
    used, room = int(shop.env.log_length.max()), shop.log.shape[1]
    if used + SPARE_LINES <= room:
        return shop
    extra = max(room, SPARE_LINES)
    log = np.concatenate(
        [shop.log, np.zeros((shop.log.shape[0], extra, shop.log.shape[2]), shop.log.dtype)], axis=1
    )
    log_setup = np.concatenate(
        [
            shop.log_setup,
            np.zeros(
                (shop.log_setup.shape[0], extra, *shop.log_setup.shape[2:]), shop.log_setup.dtype
            ),
        ],
        axis=1,
    )
    return replace(shop, log=log, log_setup=log_setup)


def full_rows(arrays: FactoryArrays) -> tuple[int, int]:
    """Return numbers of job and changeover rows with which nothing is ever hidden.

    They are enough for every ready operation, every setup and every maintenance.
    """
    queue_slots = queue_capacity(arrays, int(arrays.plant.num_orders.max()))
    return queue_slots, queue_slots + int(arrays.machines.num_maintenance.max())
