"""Records of the machines: initial state, copies, changes of status, setup and remaining work.

Compiled. ``date`` is the end of the machine's present status and is hidden, like ``process_left``
and ``time_to_failure``. While a machine processes, both count from ``state_date``: the kernel takes
off what has elapsed when the status ends (:func:`factory.simulation.kernel.end_machine_status`).
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.cost_terms import CHANGEOVER, MAINTENANCE, WASTE
from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.setups import complete_setup, differs, setup_cost, setup_time, setup_waste
from factory.simulation.arrays import CHANGING, IDLE, NEVER, NO_PEOPLE, PROCESSING
from factory.simulation.costs import refresh_power
from factory.simulation.estimates import changeover_end_date
from factory.simulation.event_log import log_changeover
from factory.simulation.runs import begin_runs
from factory.simulation.staff import take_people


@compiled
def reset_machine(shop, e, machine, since):
    """Make the machine idle since a date: nothing in work, no failure ahead, not waiting."""
    shop.machines[e, machine].status = IDLE
    shop.machines[e, machine].operation_id = -1
    shop.machines[e, machine].date = NEVER
    shop.machines[e, machine].state_date = since
    shop.machines[e, machine].expected_end = since
    shop.machines[e, machine].start_date = since
    shop.machines[e, machine].process_start_date = since
    shop.machines[e, machine].process_left = 0
    shop.machines[e, machine].time_to_failure = NEVER
    shop.machines[e, machine].num_failures = 0
    shop.machines[e, machine].first_piece = False
    shop.machines[e, machine].wait_until = NEVER
    shop.machines[e, machine].wait_start = 0
    shop.machines[e, machine].closed = False
    shop.machines[e, machine].need = NO_PEOPLE
    shop.machines[e, machine].maintenance = -1
    shop.machines[e, machine].shift_date = NEVER
    shop.machines[e, machine].maintenance_date = NEVER
    shop.machines[e, machine].change_left = 0
    shop.machines[e, machine].changeover_line = -1
    for group in range(shop.held.shape[2]):
        shop.held[e, machine, group] = 0
    for attribute in range(shop.runs.shape[2]):
        shop.runs[e, machine, attribute] = 0


@compiled
def copy_machine(shop, e, target, t, machine):
    """Copy the machine's record and its mounted setup from environment ``e`` to ``t`` of target."""
    target.machines[t, machine] = shop.machines[e, machine]
    for attribute in range(shop.mounted.shape[2]):
        target.mounted[t, machine, attribute] = shop.mounted[e, machine, attribute]
        target.runs[t, machine, attribute] = shop.runs[e, machine, attribute]
    for kind in range(shop.maintenance_count.shape[2]):
        target.maintenance_count[t, machine, kind] = shop.maintenance_count[e, machine, kind]
    for group in range(shop.held.shape[2]):
        target.held[t, machine, group] = shop.held[e, machine, group]


@compiled
def has_operation_in_process(shop, e, machine):
    """Return whether the machine processes an operation of an order."""
    return shop.machines[e, machine].status == PROCESSING and (
        shop.machines[e, machine].operation_id >= 0
    )


@compiled
def set_remaining(shop, e, machine, ticks):
    """Let the machine's present status last for ``ticks`` from the clock on.

    Processing of an operation ends before if ``time_to_failure`` has passed.
    """
    clock = shop.env[e].clock
    date = clock + ticks
    if has_operation_in_process(shop, e, machine):
        state_date = shop.machines[e, machine].state_date
        shop.machines[e, machine].process_left = date - state_date
        if shop.machines[e, machine].time_to_failure != NEVER:
            date = min(date, state_date + shop.machines[e, machine].time_to_failure)
    shop.machines[e, machine].date = date


@compiled
def delay_remaining(shop, e, machine, ticks):
    """Let the machine's present status last ``ticks`` longer; meanwhile it does not age."""
    shop.machines[e, machine].date += ticks
    if shop.machines[e, machine].status == PROCESSING:
        shop.machines[e, machine].process_left += ticks
        if shop.machines[e, machine].time_to_failure != NEVER:
            shop.machines[e, machine].time_to_failure += ticks


@compiled
def draw_failure(factory, shop, e, machine):
    """Draw the processing time until the machine's next failure."""
    shop.machines[e, machine].time_to_failure = random_numbers.exponential_ticks(
        factory.machines[shop.env[e].factory, machine].mean_time_to_failure,
        shop.env[e].seed,
        random_numbers.FAILURE,
        machine,
        shop.machines[e, machine].num_failures,
    )


@compiled
def draw_repair(factory, shop, e, machine):
    """Draw the time of a repair that begins at the clock, or, as it has no memory, its rest."""
    return random_numbers.exponential_ticks(
        factory.machines[shop.env[e].factory, machine].mean_time_to_repair,
        shop.env[e].seed,
        random_numbers.REPAIR,
        machine,
        shop.machines[e, machine].num_failures,
    )


@compiled
def change_over(factory, shop, e, machine, wanted, operation_id):
    """Mount ``wanted``, which is charged at once.

    With a positive time the machine is changing over until its end, with a crew.
    """
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    mounted = shop.mounted[e, machine]
    if not differs(mounted, wanted):
        return
    time = setup_time(factory, g, centre, machine, mounted, wanted)
    waste = setup_waste(factory, g, centre, machine, mounted, wanted)
    shop.cost[e, CHANGEOVER] += factory.plant[g].changeover_rate * setup_cost(
        factory, g, centre, machine, mounted, wanted
    )
    shop.cost[e, WASTE] += factory.plant[g].waste_rate * waste
    shop.env[e].waste_kg += waste
    clock = shop.env[e].clock
    need = factory.centres[g, centre].changeover_need
    end_date = clock
    if time > 0:
        end_date = changeover_end_date(factory, g, machine, need, clock, time)
    log_changeover(shop, e, machine, operation_id, clock, end_date, wanted)
    begin_runs(factory, shop, e, machine, wanted)
    complete_setup(mounted, wanted, mounted)
    if time > 0:
        shop.machines[e, machine].first_piece = True
        shop.env[e].num_changeovers += 1
        shop.env[e].changeover_ticks += time
        begin_change(factory, shop, e, machine, need, time, end_date)


@compiled
def begin_maintenance(factory, shop, e, machine, kind):
    """Begin a maintenance of the machine; cost and waste are charged at once."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    static = factory.maintenance[g, machine, kind]
    shop.cost[e, MAINTENANCE] += factory.plant[g].maintenance_rate * static.cost
    shop.cost[e, WASTE] += factory.plant[g].waste_rate * static.waste
    shop.env[e].waste_kg += static.waste
    shop.machines[e, machine].maintenance = kind
    shop.machines[e, machine].changeover_line = -1
    end_date = changeover_end_date(factory, g, machine, static.need, clock, static.time)
    begin_change(factory, shop, e, machine, static.need, static.time, end_date)


@compiled
def begin_change(factory, shop, e, machine, need, time, end_date):
    """Begin a changeover or maintenance of positive time with its people."""
    clock = shop.env[e].clock
    take_people(factory, shop, e, machine, need)
    shop.machines[e, machine].start_date = clock
    shop.machines[e, machine].expected_end = end_date
    shop.machines[e, machine].change_left = time
    shop.machines[e, machine].date = clock + time
    enter_status(factory, shop, e, machine, CHANGING)


@compiled
def become_idle(factory, shop, e, machine):
    """Leave the machine with nothing in work."""
    shop.machines[e, machine].date = NEVER
    shop.machines[e, machine].expected_end = shop.env[e].clock
    enter_status(factory, shop, e, machine, IDLE)


@compiled
def enter_status(factory, shop, e, machine, status):
    """Change the machine's status, and with it the power drawn."""
    shop.machines[e, machine].status = status
    shop.machines[e, machine].state_date = shop.env[e].clock
    refresh_power(factory, shop, e)
