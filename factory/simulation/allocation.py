"""Allocation of the shop's arrays: one place that knows every shape of
:class:`factory.simulation.arrays.ShopState`."""

from __future__ import annotations

from typing import Any

import numpy as np

from factory.simulation import arrays
from factory.simulation.arrays import COST_TERMS, FactoryArrays, Records, ShopState

_CACHE_LINE = 64


def queue_capacity(factories: FactoryArrays, num_orders: int) -> int:
    """Most operations that one work centre can ever have in its queue (or upcoming): those of the
    busiest product there, times orders."""
    centres = factories.operations.centre
    exists = np.arange(centres.shape[2]) < factories.products.num_operations[:, :, None]
    busiest = max(
        int(((centres == centre) & exists).sum(axis=2).max())
        for centre in range(factories.centres.shape[1] - 1)
    )
    return max(1, busiest) * num_orders


def records(dtype: np.dtype[Any], *shape: int) -> Records:
    """Zeroed records whose fields are attributes, from the start of a cache line: an operation of
    an order then fills exactly one."""
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
    """Zeroed state of ``num_envs`` shop floors; :func:`factory.simulation.kernel.begin_episode`
    fills it.

    Parameters
    ----------
    factories
        The factories that the environments may stand in.
    job_rows, changeover_rows
        Rows of the choice table (docs/model.md, section 5) for operations and for changeovers
        without one.
    log_length
        Lines of the log of each environment; 0 keeps none.
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
        log=np.zeros((env, log_length, 8), np.int64),
        log_setup=np.zeros((env, log_length, 2, attributes), np.int16),
    )
