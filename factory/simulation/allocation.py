"""Allocation of the arrays of factories and of shop floors; growth of the event log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from factory.model import Factory, OrderBook
from factory.simulation import arrays
from factory.simulation.arrays import (
    COST_TERMS,
    LOG_COLUMNS,
    FactoryArrays,
    Records,
    ShopState,
)

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
        cost=np.zeros((env, len(COST_TERMS))),
        job_row=np.zeros((env, job_rows), np.int32),
        changeover_target=np.zeros((env, changeover_rows, attributes), np.int16),
        changeover_lead=np.zeros((env, changeover_rows), np.int32),
        legal=np.zeros((env, job_rows + changeover_rows + 1), np.bool_),
        queue_slots=records(arrays.QUEUE_SLOT, env, queue_slots),
        log=np.zeros((env, log_length, len(LOG_COLUMNS)), np.int64),
        log_setup=np.zeros((env, log_length, 2, attributes), np.int16),
    )


def _largest(sizes: Iterator[int]) -> int:
    return max(1, max(sizes, default=1))


def allocate_factories(
    factories: Sequence[Factory], books: Sequence[OrderBook | None]
) -> FactoryArrays:
    """Return arrays of the padded size; padding means that nothing is there."""
    count = len(factories)
    centres = _largest(len(f.work_centres) for f in factories)
    machines = _largest(sum(len(c.machines) for c in f.work_centres) for f in factories)
    attributes = _largest(len(c.attributes) for f in factories for c in f.work_centres)
    values = _largest(
        len(a.values) for f in factories for c in f.work_centres for a in c.attributes
    )
    products = _largest(len(f.products) for f in factories)
    operations = _largest(len(p.operations) for f in factories for p in f.products)
    options = _largest(len(f.options) for f in factories)
    choices = _largest(len(o.values) for f in factories for o in f.options)
    regimes = _largest(len(f.demand.regimes) for f in factories if f.demand)
    customers = _largest(len(f.demand.customers) for f in factories if f.demand)
    supplies = _largest(len(f.material) for f in factories)
    orders = _largest(len(b.orders) for b in books if b)

    def small_integers(*shape: int, fill: int = 0) -> np.ndarray:
        return np.full((count, *shape), fill, np.int16)

    return FactoryArrays(
        plant=records(arrays.PLANT, count),
        centres=records(arrays.CENTRE, count, centres + 1),
        transport_time=np.zeros((count, centres, centres), np.int64),
        machines=records(arrays.MACHINE, count, machines),
        initial_setup=small_integers(machines, attributes),
        setups=records(arrays.SETUP, count, machines, attributes, values, values),
        products=records(arrays.PRODUCT, count, products),
        operations=records(arrays.OPERATION, count, products, operations),
        base_time=np.full((count, products, operations, machines), -1, np.int32),
        predecessors=small_integers(products, operations, operations, fill=-1),
        successors=small_integers(products, operations, operations, fill=-1),
        operation_setup=small_integers(products, operations, attributes, fill=-1),
        options=records(arrays.OPTION, count, options),
        option_applies=np.zeros((count, options, products), np.bool_),
        option_time=np.zeros((count, options, choices, products, operations), np.int32),
        option_setup=small_integers(options, choices, products, operations, attributes, fill=-1),
        regimes=records(arrays.REGIME, count, regimes),
        mix=np.zeros((count, regimes, products)),
        mix_end=np.zeros((count, regimes, products)),
        option_share=np.zeros((count, regimes, options, choices)),
        customer_share=np.zeros((count, regimes, customers)),
        customers=records(arrays.CUSTOMER, count, customers),
        supplies=records(arrays.SUPPLY, count, supplies),
        book=records(arrays.BOOKED, count, orders),
        book_options=small_integers(orders, options, fill=-1),
        hours=records(arrays.HOUR, count, 25),
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

    They are enough for every ready operation and every setup.
    """
    queue_slots = queue_capacity(arrays, int(arrays.plant.num_orders.max()))
    return queue_slots, queue_slots
