"""Choices of the asked machine: job rows, changeover rows, the wait row, and the action mask.

Compiled; docs/model.md, section 5.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.setups import FORBIDDEN, complete_setup, detour, setup_time
from factory.simulation.arrays import IDLE, READY, operation_of, order_of
from factory.simulation.estimates import is_eligible, ready_in
from factory.simulation.legality import (
    change_fits,
    change_is_legal,
    job_is_legal,
    timed_change_is_legal,
)
from factory.simulation.maintenance import (
    DUE,
    NEEDED,
    NONE_OFFERED,
    maintenance_state,
    maintenance_urgency,
)
from factory.simulation.runs import find_kept_values, is_stay_too_long, relieve
from factory.simulation.staff import people_free

ILLEGAL = 1e15
"""Added to the urgency of operations that must not be started at the clock."""


@compiled
def list_choices(factory, shop, e, machine):
    """Fill the choice rows for ``machine``; False if it has nothing to choose."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    shop.env[e].num_job_rows = 0
    shop.env[e].num_changeover_rows = 0
    shop.env[e].num_hidden = 0
    urgency = NONE_OFFERED
    if factory.machines[g, machine].num_maintenance > 0:
        urgency = maintenance_urgency(factory, shop, e, machine)
    if (
        shop.centres[e, centre].queue_length == 0
        and (shop.centres[e, centre].upcoming_length == 0 or not factory.plant[g].changeover_ahead)
        and urgency == NONE_OFFERED
    ):
        return False
    shop.legal[e, :] = False
    any_job = list_jobs(factory, shop, e, machine, centre)
    job_rows = shop.job_row.shape[1]
    any_maintenance = urgency > NONE_OFFERED and list_maintenance(
        factory, shop, e, machine, centre, urgency
    )
    if urgency == DUE:
        shop.legal[e, :job_rows] = False
        return any_maintenance
    num_maintenance = shop.env[e].num_changeover_rows
    any_detour = (
        factory.machines[g, machine].any_forbidden or factory.machines[g, machine].has_runs
    ) and list_detours(factory, shop, e, machine, centre)
    may_wait = factory.plant[g].waiting
    if factory.plant[g].changeover_ahead and people_free(
        factory, shop, e, factory.centres[g, centre].changeover_need
    ):
        list_changeovers_ahead(factory, shop, e, machine, centre)
    any_changeover = shop.env[e].num_changeover_rows > num_maintenance
    must_ask = any_job or any_detour or (any_maintenance and urgency == NEEDED)
    if not (must_ask or ((any_changeover or any_maintenance) and may_wait)):
        return False
    shop.legal[e, job_rows + num_maintenance : job_rows + shop.env[e].num_changeover_rows] = True
    shop.legal[e, shop.legal.shape[1] - 1] = may_wait
    return True


@compiled
def list_maintenance(factory, shop, e, machine, centre, urgency):
    """List maintenance rows in front of the changeovers; return whether any is legal.

    Where maintenance is due, what is not due is illegal.
    """
    g, clock = shop.env[e].factory, shop.env[e].clock
    job_rows, any_legal = shop.job_row.shape[1], False
    for kind in range(factory.machines[g, machine].num_maintenance):
        row = shop.env[e].num_changeover_rows
        if row == shop.changeover_target.shape[1]:
            break
        state = maintenance_state(factory, shop, e, machine, kind)
        if state == NONE_OFFERED or (urgency == DUE and state != DUE):
            continue
        static = factory.maintenance[g, machine, kind]
        mounts = factory.maintenance_mounts[g, machine, kind]
        complete_setup(shop.mounted[e, machine], mounts, shop.changeover_target[e, row])
        shop.changeover_lead[e, row] = -1 - kind
        legal = people_free(factory, shop, e, static.need) and change_fits(
            factory, g, machine, centre, static.need, clock, static.time
        )
        shop.legal[e, job_rows + row] = legal
        any_legal |= legal
        shop.env[e].num_changeover_rows += 1
    return any_legal


@compiled
def list_jobs(factory, shop, e, machine, centre):
    """List job rows in queue order; return whether any is legal.

    Without room for all eligible operations, :func:`show_most_urgent` picks some.
    """
    eligible = 0
    for slot in range(shop.centres[e, centre].queue_length):
        operation_id = shop.queue[e, centre, slot]
        order, operation = order_of(operation_id), operation_of(operation_id)
        here = is_eligible(factory, shop, e, order, operation, machine)
        shop.queue_slots[e, slot].family = (
            shop.operations[e, order, operation].family if here else -1
        )
        shop.queue_slots[e, slot].shown = here
        eligible += here
    if factory.machines[shop.env[e].factory, machine].has_runs:
        find_kept_values(factory, shop, e, machine, centre)
    if eligible > shop.job_row.shape[1]:
        show_most_urgent(factory, shop, e, machine, centre)
        shop.env[e].num_hidden = eligible - shop.job_row.shape[1]
    any_legal = False
    row = 0
    for slot in range(shop.centres[e, centre].queue_length):
        if shop.queue_slots[e, slot].shown:
            operation_id = shop.queue[e, centre, slot]
            legal = job_is_legal(factory, shop, e, machine, centre, operation_id)
            shop.job_row[e, row] = operation_id
            shop.legal[e, row] = legal
            any_legal |= legal
            row += 1
    shop.env[e].num_job_rows = row
    return any_legal


@compiled
def show_most_urgent(factory, shop, e, machine, centre):
    """Pick operations to show where there are more eligible ones than rows.

    Half the rows go to the most urgent of each family, the rest to the most urgent of all. Urgency
    is (legal first, then least slack, then slot in the queue). ``shown`` marks the eligible slots
    on entry, the picked ones on exit.
    """
    rows = shop.job_row.shape[1]
    length = shop.centres[e, centre].queue_length
    for slot in range(length):
        if not shop.queue_slots[e, slot].shown:
            continue
        operation_id = shop.queue[e, centre, slot]
        order = order_of(operation_id)
        urgency = float(shop.orders[e, order].due_date) - shop.orders[e, order].work_left
        if not job_is_legal(factory, shop, e, machine, centre, operation_id):
            urgency += ILLEGAL
        shop.queue_slots[e, slot].urgency = urgency
        shop.queue_slots[e, slot].shown = False
        shop.queue_slots[e, slot].family_shown = False
    shown = show_families(shop, e, length, rows // 2)
    show_others(shop, e, length, rows - shown)


@compiled
def show_families(shop, e, length, most):
    """Show the most urgent slot of the ``most`` most urgent families; return their number."""
    for shown in range(most):
        best = -1
        for slot in range(length):
            if shop.queue_slots[e, slot].family < 0 or shop.queue_slots[e, slot].family_shown:
                continue
            if best < 0 or shop.queue_slots[e, slot].urgency < shop.queue_slots[e, best].urgency:
                best = slot
        if best < 0:
            return shown
        shop.queue_slots[e, best].shown = True
        for slot in range(length):
            shop.queue_slots[e, slot].family_shown |= (
                shop.queue_slots[e, slot].family == shop.queue_slots[e, best].family
            )
    return most


@compiled
def show_others(shop, e, length, most):
    """Show the ``most`` most urgent slots that are not shown yet.

    Until they are known, ``shop.job_row`` lists the best slots so far.
    """
    picked = 0
    for slot in range(length):
        if shop.queue_slots[e, slot].family < 0 or shop.queue_slots[e, slot].shown:
            continue
        urgency = shop.queue_slots[e, slot].urgency
        if picked == most and not urgency < shop.queue_slots[e, shop.job_row[e, most - 1]].urgency:
            continue
        picked = min(picked + 1, most)
        rank = picked - 1
        while rank > 0 and shop.queue_slots[e, shop.job_row[e, rank - 1]].urgency > urgency:
            shop.job_row[e, rank] = shop.job_row[e, rank - 1]
            rank -= 1
        shop.job_row[e, rank] = slot
    for rank in range(picked):
        shop.queue_slots[e, shop.job_row[e, rank]].shown = True


@compiled
def list_detours(factory, shop, e, machine, centre):
    """List changeovers towards ready operations that no direct one reaches; return if any.

    Those are operations behind a forbidden pair, and operations that want a value whose run has
    reached its maximum.
    """
    first = shop.env[e].num_changeover_rows
    for slot in range(shop.centres[e, centre].queue_length):
        operation_id = shop.queue[e, centre, slot]
        order, operation = order_of(operation_id), operation_of(operation_id)
        row = shop.env[e].num_changeover_rows
        if row == shop.changeover_target.shape[1]:
            break
        if (
            is_eligible(factory, shop, e, order, operation, machine)
            and find_detour(factory, shop, e, machine, centre, operation_id, row)
            and find_target(shop, e, row) < 0
        ):
            shop.changeover_lead[e, row] = operation_id
            shop.env[e].num_changeover_rows += 1
    return shop.env[e].num_changeover_rows > first


@compiled
def find_detour(factory, shop, e, machine, centre, operation_id, row):
    """Write the detour to a ready operation into changeover row ``row``; False if it has none."""
    g = shop.env[e].factory
    mounted = shop.mounted[e, machine]
    wanted = shop.wanted[e, order_of(operation_id), operation_of(operation_id)]
    target = shop.changeover_target[e, row]
    stays_too_long = is_stay_too_long(factory, shop, e, machine, wanted)
    if not stays_too_long and setup_time(factory, g, centre, machine, mounted, wanted) != FORBIDDEN:
        return False
    if not detour(factory, g, centre, machine, mounted, wanted, target):
        return False
    if stays_too_long and not relieve(factory, shop, e, machine, wanted, target):
        return False
    return change_is_legal(factory, shop, e, machine, centre, target)


@compiled
def list_changeovers_ahead(factory, shop, e, machine, centre):
    """List changeover rows for setups that only upcoming operations want."""
    g = shop.env[e].factory
    mounted = shop.mounted[e, machine]
    for slot in range(shop.centres[e, centre].upcoming_length):
        operation_id = shop.upcoming[e, centre, slot]
        order, operation = order_of(operation_id), operation_of(operation_id)
        if not is_eligible(factory, shop, e, order, operation, machine):
            continue
        wanted = shop.wanted[e, order, operation]
        row = shop.env[e].num_changeover_rows
        if row == shop.changeover_target.shape[1]:
            return
        time = setup_time(factory, g, centre, machine, mounted, wanted)
        if time <= 0 or not timed_change_is_legal(factory, shop, e, machine, centre, wanted, time):
            continue
        complete_setup(mounted, wanted, shop.changeover_target[e, row])
        same = find_target(shop, e, row)
        if same >= 0:
            if is_expected_before(shop, e, operation_id, shop.changeover_lead[e, same]):
                shop.changeover_lead[e, same] = operation_id
        elif not family_is_ready(shop, e, centre, shop.operations[e, order, operation].family):
            shop.changeover_lead[e, row] = operation_id
            shop.env[e].num_changeover_rows += 1


@compiled
def is_expected_before(shop, e, operation_id, lead):
    """Return whether ``operation_id`` is expected to be ready before ``lead``."""
    return ready_in(shop, e, order_of(operation_id), operation_of(operation_id)) < ready_in(
        shop, e, order_of(lead), operation_of(lead)
    )


@compiled
def find_target(shop, e, row):
    """Return an earlier changeover row with the same target as ``row``; -1 if there is none."""
    for other in range(row):
        same = shop.changeover_lead[e, other] >= 0  # not a maintenance
        for attribute in range(shop.changeover_target.shape[2]):
            same &= (
                shop.changeover_target[e, other, attribute]
                == shop.changeover_target[e, row, attribute]
            )
        if same:
            return other
    return -1


@compiled
def family_is_ready(shop, e, centre, family):
    """Return whether the asked machine can do a ready operation that wants the same setup.

    :func:`list_jobs` has marked which it can do.
    """
    for slot in range(shop.centres[e, centre].queue_length):
        if shop.queue_slots[e, slot].family == family:
            return True
    return False


@compiled
def any_busy(factory, shop, e):
    """Return True if a machine is in changeover, processing or under repair."""
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        if shop.machines[e, machine].status != IDLE:
            return True
    return False


@compiled
def is_under_way(factory, shop, e):
    """Return True if a machine is at work, or an operation in transport or awaiting material."""
    return shop.env[e].num_travelling > 0 or any_busy(factory, shop, e)


@compiled
def is_detour(shop, e, row):
    """Return True if changeover row ``row`` leads to a ready operation."""
    operation_id = shop.changeover_lead[e, row]
    if operation_id < 0:
        return False  # a maintenance
    return shop.operations[e, order_of(operation_id), operation_of(operation_id)].status == READY


@compiled
def row_without_jobs(shop, e):
    """Return the row of a rule that finds no job to start: the first legal detour, else the wait.

    Without either it is the first legal row.
    """
    job_rows, wait = shop.job_row.shape[1], shop.legal.shape[1] - 1
    for row in range(shop.env[e].num_changeover_rows):
        if shop.legal[e, job_rows + row] and is_detour(shop, e, row):
            return job_rows + row
    if shop.legal[e, wait]:
        return wait
    row = 0
    while not shop.legal[e, row]:
        row += 1
    return row
