"""The machine table, and the shop columns about orders, prices and costs. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from envs.observation.operating_hours import observe_asked_hours, observe_machine_hours
from envs.observation.shop_columns import MACHINE_COLUMN, SHOP_COLUMN
from factory.jit.compile import compiled
from factory.setups import setup_time
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    IDLE,
    NEVER,
    PROCESSING,
    operation_of,
    order_of,
)
from factory.simulation.estimates import busy_for, is_eligible

RECENT_RELEASES = 8
HOURS_SOON = 4

_HOURS_SINE = np.sin(2 * np.pi * np.arange(24) / 24)
_HOURS_COSINE = np.cos(2 * np.pi * np.arange(24) / 24)


@compiled
def observe_machines(factory, shop, e, scratch, machines):
    """Fill the machine table, and the work left in process of each work centre."""
    g = shop.env[e].factory
    asked = shop.env[e].deciding
    asked_centre = factory.machines[g, asked].centre if asked >= 0 else -1
    scratch.centre_work[:] = 0.0
    for machine in range(machines.shape[0]):
        out = machines[machine]
        if machine >= factory.plant[g].num_machines:
            out[:] = 0.0
            continue
        centre = factory.machines[g, machine].centre
        busy = busy_for(shop, e, machine)
        scratch.centre_work[centre] += busy
        fits = count_fits(factory, shop, e, centre, machine) if centre == asked_centre else 0
        out[MACHINE_COLUMN.exists] = 1.0
        out[MACHINE_COLUMN.is_asked] = machine == asked
        out[MACHINE_COLUMN.same_centre] = centre == asked_centre
        out[MACHINE_COLUMN.busy_for] = busy
        out[MACHINE_COLUMN.speed] = factory.machines[g, machine].speed
        out[MACHINE_COLUMN.queue_fits] = fits
        observe_status(shop, e, machine, out)
        observe_machine_hours(factory, shop, e, machine, out)
        observe_queue(factory, shop, e, centre, out)


@compiled
def observe_status(shop, e, machine, out):
    """Fill the columns about the status of a machine."""
    status = shop.machines[e, machine].status
    in_state_for = float(shop.env[e].clock - shop.machines[e, machine].state_date)
    out[MACHINE_COLUMN.is_idle] = status == IDLE
    out[MACHINE_COLUMN.is_changing] = status == CHANGING
    out[MACHINE_COLUMN.is_processing] = status == PROCESSING
    out[MACHINE_COLUMN.is_down] = status == DOWN
    out[MACHINE_COLUMN.is_waiting] = shop.machines[e, machine].wait_until != NEVER
    out[MACHINE_COLUMN.in_state_for] = in_state_for


@compiled
def observe_queue(factory, shop, e, centre, out):
    """Fill the columns about the queue of a machine's work centre."""
    g = shop.env[e].factory
    machines = (
        factory.centres[g, centre + 1].first_machine - factory.centres[g, centre].first_machine
    )
    out[MACHINE_COLUMN.queue_length] = shop.centres[e, centre].queue_length
    out[MACHINE_COLUMN.queue_work] = shop.centres[e, centre].queue_work / machines
    out[MACHINE_COLUMN.upcoming_length] = shop.centres[e, centre].upcoming_length


@compiled
def count_fits(factory, shop, e, centre, machine):
    """Return the number of ready operations that need no changeover time on the machine."""
    g = shop.env[e].factory
    mounted = shop.mounted[e, machine]
    fits = 0
    for slot in range(shop.centres[e, centre].queue_length):
        operation_id = shop.queue[e, centre, slot]
        order, operation = order_of(operation_id), operation_of(operation_id)
        wanted = shop.wanted[e, order, operation]
        if (
            is_eligible(factory, shop, e, order, operation, machine)
            and setup_time(factory, g, centre, machine, mounted, wanted) == 0
        ):
            fits += 1
    return fits


@compiled
def observe_shop(factory, shop, e, out):
    """Fill the columns about the whole shop, and set the columns about "here" to 0."""
    out[:] = 0.0
    plant = factory.plant[shop.env[e].factory]
    observe_active_orders(shop, e, out)
    observe_prices(factory, shop, e, out)
    recent = min(RECENT_RELEASES, shop.env[e].num_released)
    if recent > 0:
        first_release = shop.orders[e, shop.env[e].num_released - recent].release_date
        time = (shop.env[e].clock - first_release) / recent
        out[SHOP_COLUMN.recent_interarrival_time] = time
    out[SHOP_COLUMN.crews_free] = min(shop.env[e].crews_free, plant.num_machines)
    out[SHOP_COLUMN.tardiness_rate] = plant.tardiness_rate
    out[SHOP_COLUMN.holding_rate] = plant.holding_rate
    out[SHOP_COLUMN.cost_scale] = plant.cost_scale


@compiled
def observe_active_orders(shop, e, out):
    """Fill the columns about the orders in progress."""
    clock = shop.env[e].clock
    late, late_weight, slack = 0, 0.0, 0.0
    active = shop.env[e].num_active
    for i in range(active):
        order = shop.active[e, i]
        due_in = shop.orders[e, order].due_date - clock
        slack += due_in - shop.orders[e, order].work_left
        if due_in < 0:
            late += 1
            late_weight += shop.orders[e, order].weight
    out[SHOP_COLUMN.active_orders] = active
    out[SHOP_COLUMN.late_orders] = late
    out[SHOP_COLUMN.late_weight] = late_weight
    out[SHOP_COLUMN.mean_slack] = slack / active if active > 0 else 0.0


@compiled
def observe_prices(factory, shop, e, out):
    """Fill the columns about the price of electricity and the hour of the day."""
    g = shop.env[e].factory
    hour = hour_of_day(factory, shop, e)
    rate = factory.plant[g].energy_rate
    soon = 0.0
    for later in range(1, HOURS_SOON + 1):
        soon += factory.hours[g, (hour + later) % 24].price
    out[SHOP_COLUMN.price_now] = rate * factory.hours[g, hour].price
    out[SHOP_COLUMN.price_soon] = rate * soon / HOURS_SOON
    out[SHOP_COLUMN.hour_sine] = _HOURS_SINE[hour]
    out[SHOP_COLUMN.hour_cosine] = _HOURS_COSINE[hour]


@compiled
def observe_centre(factory, shop, e, machine, out):
    """Fill the columns about the asked machine and its work centre."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    price = factory.hours[g, hour_of_day(factory, shop, e)].price
    power = factory.machines[g, machine].processing_power - factory.machines[g, machine].idle_power
    out[SHOP_COLUMN.hidden_operations] = shop.env[e].num_hidden
    out[SHOP_COLUMN.longest_wait] = factory.centres[g, centre].longest_wait
    out[SHOP_COLUMN.processing_cost] = factory.plant[g].energy_rate * price * power
    observe_asked_hours(factory, shop, e, machine, out)


@compiled
def hour_of_day(factory, shop, e):
    """Return the hour of the day at the clock, 0 to 23."""
    plant = factory.plant[shop.env[e].factory]
    return (shop.env[e].clock // plant.ticks_per_hour + plant.start_hour) % 24
