"""Privileged features of the critic: the shop as it is, and the orders to come. Compiled.

A baseline may know everything but the action. The better it predicts costs, the lower is the
variance of advantages; the policy never reads it (asymmetric actor and critic, Pinto et al. 2018).
Orders are read up to the farthest of ``WINDOWS``, so that the critic can also value sampled futures
of that length (:mod:`agents.search.lookahead`).

Times are in mean process times and costs in hundredths of the cost scale, so that no feature
depends on the length of a tick.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.network.feature_sizes import (
    DELAYS,
    EPISODE_FEATURES,
    LUCK_FEATURES,
    PRIVILEGED_FEATURES,
    SETUP_FEATURES,
    WINDOWS,
)
from envs.time_unit import mean_process_times
from factory.futures.cost_to_go import expected_tardiness, time_to_go
from factory.jit.compile import compiled
from factory.setups import FORBIDDEN, setup_time
from factory.simulation.arrays import (
    CHANGING,
    DONE,
    DOWN,
    IDLE,
    IN_PROCESS,
    PROCESSING,
    FactoryArrays,
    ShopState,
    operation_of,
    order_of,
)
from factory.simulation.estimates import is_eligible
from factory.simulation.machine_work import realised_time

_SOON = 3.0  # mean process times: horizon of failures
_SPREAD = 0.2  # standard deviation of a time still to go, as a share of it
_DELAYS, _WINDOWS = np.array(DELAYS), np.array(WINDOWS)


@compiled
def privileged_critic_features(factory, shop, units, loads, out):
    """Fill ``out [E, PRIVILEGED_FEATURES]``: sign(v) log(1 + |v|) of the features v.

    Parameters
    ----------
    units
        Mean process time of each factory, ticks ``[G]``.
    loads
        Scratch ``[C, 1 + len(WINDOWS)]``.
    """
    for e in range(out.shape[0]):
        out[e] = 0.0
        unit = units[shop.env[e].factory]
        lateness_features(factory, shop, e, unit, out[e])
        load_features(factory, shop, e, unit, loads, out[e])
        setup_features(factory, shop, e, unit, out[e])
        realised_durations(factory, shop, e, unit, out[e])
        episode_features(factory, shop, e, unit, out[e])
        for i in range(out.shape[1]):
            out[e, i] = math.copysign(math.log1p(abs(out[e, i])), out[e, i])


@compiled
def lateness_features(factory, shop, e, unit, out):
    """Add the expected tardiness cost of the orders in progress, with each of ``DELAYS``.

    It is in hundredths of the cost scale.
    """
    g, clock = shop.env[e].factory, shop.env[e].clock
    rate = 100.0 * factory.plant[g].tardiness_rate / factory.plant[g].cost_scale
    for i in range(shop.env[e].num_active):
        order = shop.active[e, i]
        rest = time_to_go(factory, shop, e, order)
        late = float(clock - shop.orders[e, order].due_date)
        for i_delay in range(_DELAYS.shape[0]):
            delay = _DELAYS[i_delay] * unit
            lateness = expected_tardiness(late + rest + delay, _SPREAD * rest) - max(0.0, late)
            out[i_delay] += rate * shop.orders[e, order].weight * lateness


@compiled
def load_features(factory, shop, e, unit, loads, out):
    """Fill the work per machine, of the fullest work centre and on average.

    It is counted as it is at the clock, and with the arrivals within each of ``WINDOWS``; in mean
    process times.
    """
    g, clock = shop.env[e].factory, shop.env[e].clock
    loads[:] = 0.0
    for i in range(shop.env[e].num_active):
        add_work(factory, shop, e, shop.active[e, i], 0, loads)
    for order in range(shop.env[e].num_released, shop.env[e].num_orders):
        ahead = (shop.orders[e, order].release_date - clock) / unit
        if ahead > _WINDOWS[-1]:
            break
        first = 0
        while ahead > _WINDOWS[first]:
            first += 1
        add_work(factory, shop, e, order, 1 + first, loads)
    centres = factory.plant[g].num_centres
    column = _DELAYS.shape[0]
    for window in range(1 + _WINDOWS.shape[0]):
        highest, total = 0.0, 0.0
        for centre in range(centres):
            machines = (
                factory.centres[g, centre + 1].first_machine
                - factory.centres[g, centre].first_machine
            )
            if window > 0:
                loads[centre, window] += loads[centre, window - 1]
            load = loads[centre, window] / (machines * unit)
            highest = max(highest, load)
            total += load
        out[column] = highest
        out[column + 1] = total / centres
        column += 2
        if window > 0:
            # work that the fullest centre cannot finish within the window
            out[column] = max(0.0, highest - _WINDOWS[window - 1])
            column += 1


@compiled
def add_work(factory, shop, e, order, window, loads):
    """Add the mean process times of an order's remaining operations to their centres' loads."""
    g, product = shop.env[e].factory, shop.orders[e, order].product
    for operation in range(factory.products[g, product].num_operations):
        status = shop.operations[e, order, operation].status
        if window > 0 or (status != DONE and status != IN_PROCESS):
            loads[factory.operations[g, product, operation].centre, window] += shop.operations[
                e, order, operation
            ].mean_time


@compiled
def setup_features(factory, shop, e, unit, out):
    """Fill counts of operations with and without a matching setup, and of machines by status."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    first = out.shape[0] - EPISODE_FEATURES - LUCK_FEATURES - SETUP_FEATURES
    for centre in range(factory.plant[g].num_centres):
        for slot in range(shop.centres[e, centre].queue_length):
            operation_id = shop.queue[e, centre, slot]
            least = min_setup_time(factory, shop, e, g, centre, operation_id)
            if least == 0:
                out[first] += 1.0
            elif least > 0:
                out[first + 1] += 1.0
                if is_first_of_family(shop, e, centre, slot):
                    out[first + 2] += 1.0
                    out[first + 3] += least / unit
        for slot in range(shop.centres[e, centre].upcoming_length):
            upcoming = shop.upcoming[e, centre, slot]
            out[first + 4] += min_setup_time(factory, shop, e, g, centre, upcoming) == 0
    for machine in range(factory.plant[g].num_machines):
        status = shop.machines[e, machine].status
        if status == IDLE:
            out[first + 5] += 1.0
        elif status == CHANGING:
            out[first + 6] += 1.0
        if status != IDLE:
            left = float(shop.machines[e, machine].expected_end - clock)
            out[first + 7] += max(0.0, left) / unit


@compiled
def min_setup_time(factory, shop, e, g, centre, operation_id):
    """Return the least changeover time of the operation over the eligible machines, in ticks.

    It is negative if every changeover is forbidden.
    """
    order, operation = order_of(operation_id), operation_of(operation_id)
    least = FORBIDDEN
    for machine in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if is_eligible(factory, shop, e, order, operation, machine):
            time = setup_time(
                factory,
                g,
                centre,
                machine,
                shop.mounted[e, machine],
                shop.wanted[e, order, operation],
            )
            if time >= 0 and (least < 0 or time < least):
                least = time
    return least


@compiled
def is_first_of_family(shop, e, centre, slot):
    """Tell whether no operation before this slot of the queue wants the same setup."""
    operation_id = shop.queue[e, centre, slot]
    family = shop.operations[e, order_of(operation_id), operation_of(operation_id)].family
    for before in range(slot):
        other = shop.queue[e, centre, before]
        if shop.operations[e, order_of(other), operation_of(other)].family == family:
            return False
    return True


@compiled
def realised_durations(factory, shop, e, unit, out):
    """Fill realised minus expected durations, in process and queued, and nearness of failures."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    first = out.shape[0] - EPISODE_FEATURES - LUCK_FEATURES
    for machine in range(factory.plant[g].num_machines):
        time_to_failure = float(shop.machines[e, machine].time_to_failure)
        if shop.machines[e, machine].status == PROCESSING:
            so_far = clock - shop.machines[e, machine].state_date
            expected = max(0, shop.machines[e, machine].expected_end - clock)
            out[first] += (shop.machines[e, machine].process_left - so_far - expected) / unit
            time_to_failure -= so_far
        if factory.machines[g, machine].mean_time_to_failure > 0.0:
            out[first + 1] += math.exp(-max(0.0, time_to_failure) / (_SOON * unit))
    for centre in range(factory.plant[g].num_centres):
        for slot in range(shop.centres[e, centre].queue_length):
            operation_id = shop.queue[e, centre, slot]
            order, operation = order_of(operation_id), operation_of(operation_id)
            expected = int(shop.operations[e, order, operation].mean_time)
            out[first + 2] += (
                realised_time(factory, shop, e, order, operation, expected) - expected
            ) / unit


@compiled
def episode_features(factory, shop, e, unit, out):
    """Fill the rest of the episode, machines under repair, and present rates of cost."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    first = out.shape[0] - EPISODE_FEATURES
    orders = float(shop.env[e].num_orders)
    out[first] = 10.0 * (orders - shop.env[e].num_released) / orders
    out[first + 1] = 10.0 * (orders - shop.env[e].num_completed) / orders
    for machine in range(factory.plant[g].num_machines):
        if shop.machines[e, machine].status == DOWN:
            out[first + 2] += (shop.machines[e, machine].date - clock) / unit
    late = 0.0
    for i in range(shop.env[e].num_active):
        order = shop.active[e, i]
        if clock > shop.orders[e, order].due_date:
            late += shop.orders[e, order].weight
    out[first + 3] = (
        100.0 * late * factory.plant[g].tardiness_rate * unit / factory.plant[g].cost_scale
    )
    out[first + 4] = (
        100.0
        * shop.env[e].num_active
        * factory.plant[g].holding_rate
        * unit
        / factory.plant[g].cost_scale
    )


class PlayedShops(Protocol):
    """Shops that are played, such as :class:`envs.batch.Batch`."""

    @property
    def arrays(self) -> FactoryArrays: ...

    @property
    def shop(self) -> ShopState: ...

    @property
    def num_envs(self) -> int: ...


class CriticFeatures:
    """Privileged features of the shops of a batch, with the memory that they are worked out in.

    Parameters
    ----------
    batch
        Batch whose shops are read.
    """

    def __init__(self, batch: PlayedShops) -> None:
        self.batch = batch
        self.units = mean_process_times(batch.arrays)  # ticks [G]
        self.loads = np.zeros((batch.shop.centres.shape[1], 1 + len(WINDOWS)))  # scratch
        self.values: NDArray[np.float32] = np.zeros(
            (batch.num_envs, PRIVILEGED_FEATURES), np.float32
        )

    def update(self) -> NDArray[np.float32]:
        """Read the shops as they are; return ``values [E, PRIVILEGED_FEATURES]``."""
        batch = self.batch
        privileged_critic_features(batch.arrays, batch.shop, self.units, self.loads, self.values)
        return self.values
