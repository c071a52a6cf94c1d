"""Compiled locks with dates: work of a frozen horizon, which begins when it was planned.

A dated lock begins at its date, if the floor permits, and never before. The same holds for dated
changeovers without an operation. Other changeovers leave enough crews for those to come.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.setups import setup_time
from factory.simulation.arrays import CREW, DONE, IN_PROCESS, NEVER, READY, operation_of, order_of
from factory.simulation.legality import change_is_legal

NO_CHANGEOVER = -1


@compiled
def date_of_lock(locks, operation_id):
    """Return the date before which a locked operation does not begin; 0 if it has none."""
    return locks.start_date[order_of(operation_id), operation_of(operation_id)]


@compiled
def begin_date(factory, shop, e, machine, locks, operation_id):
    """Return the date at which a locked operation begins; 0 if it has none.

    Once it is ready, it begins so that it is processed at its date: earlier or later than planned,
    if it needs another changeover than it was planned with.
    """
    order, operation = order_of(operation_id), operation_of(operation_id)
    date = locks.start_date[order, operation]
    if date == 0 or order >= shop.env[e].num_released:
        return date
    if shop.operations[e, order, operation].status != READY:
        return date
    g = shop.env[e].factory
    centre, wanted = factory.machines[g, machine].centre, shop.wanted[e, order, operation]
    time = setup_time(factory, g, centre, machine, shop.mounted[e, machine], wanted)
    return max(1, locks.process_date[order, operation] - max(0, time))


@compiled
def next_dated(shop, e, locks):
    """Return the next date after the clock at which dated work begins; NEVER if there is none."""
    clock, date = shop.env[e].clock, NEVER
    if locks.num_dated[0] == 0:
        return date
    for i in range(locks.length[0]):
        start_date = date_of_lock(locks, locks.sequence[i])
        if clock < start_date < date:
            date = start_date
    for i in range(locks.num_changeovers[0]):
        if clock < locks.changeover_date[i] < date:
            date = locks.changeover_date[i]
    return date


@compiled
def has_begun(shop, e, operation_id):
    """Return whether an operation is in process or done."""
    order, operation = order_of(operation_id), operation_of(operation_id)
    if order >= shop.env[e].num_released:
        return False
    status = shop.operations[e, order, operation].status
    return status in (IN_PROCESS, DONE)


@compiled
def is_mounted(shop, e, machine, target):
    """Return whether a setup is mounted on a machine, or being mounted."""
    for attribute in range(target.shape[0]):
        if shop.mounted[e, machine, attribute] != target[attribute]:
            return False
    return True


@compiled
def pending_changeover(shop, e, machine, locks, last_date):
    """Return the machine's first dated changeover from the clock to a date; NO_CHANGEOVER if none.

    One at the clock that has begun does not count.
    """
    clock = shop.env[e].clock
    for i in range(locks.num_changeovers[0]):
        date = locks.changeover_date[i]
        if locks.changeover_machine[i] != machine or date < clock or date > last_date:
            continue
        if date > clock or not is_mounted(shop, e, machine, locks.changeover_target[i]):
            return i
    return NO_CHANGEOVER


@compiled
def crews_to_come(shop, e, locks, ticks, own):
    """Return how many dated changeovers begin within ``ticks`` from the clock on.

    That of the operation ``own`` does not count.
    """
    clock = shop.env[e].clock
    last_date = clock + ticks
    count = 0
    for i in range(locks.length[0]):
        operation_id = locks.sequence[i]
        if (
            operation_id != own
            and clock <= date_of_lock(locks, operation_id) < last_date
            and locks.needs_crew[order_of(operation_id), operation_of(operation_id)]
            and not has_begun(shop, e, operation_id)
        ):
            count += 1
    for i in range(locks.num_changeovers[0]):
        date, machine = locks.changeover_date[i], locks.changeover_machine[i]
        if clock <= date < last_date and (
            date > clock or not is_mounted(shop, e, machine, locks.changeover_target[i])
        ):
            count += 1
    return count


@compiled
def leaves_crews(factory, shop, e, machine, wanted, locks, own):
    """Return whether a changeover to a wanted setup leaves the crews that dated work needs.

    People of groups are not kept for dated work.
    """
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    if locks.num_dated[0] == 0 or factory.centres[g, centre].changeover_need != CREW:
        return True
    time = setup_time(factory, g, centre, machine, shop.mounted[e, machine], wanted)
    return time <= 0 or shop.env[e].crews_free > crews_to_come(shop, e, locks, time, own)


@compiled
def keep_crews(factory, shop, e, machine, locks, own):
    """Make choices of the asked machine illegal that take crews which dated work needs.

    The start of the operation ``own`` at its date stays.
    """
    job_rows = shop.job_row.shape[1]
    for row in range(shop.env[e].num_job_rows):
        operation_id = shop.job_row[e, row]
        if shop.legal[e, row] and operation_id != own:
            wanted = shop.wanted[e, order_of(operation_id), operation_of(operation_id)]
            shop.legal[e, row] = leaves_crews(factory, shop, e, machine, wanted, locks, own)
    for row in range(shop.env[e].num_changeover_rows):
        if shop.legal[e, job_rows + row] and shop.changeover_lead[e, row] >= 0:
            target = shop.changeover_target[e, row]
            shop.legal[e, job_rows + row] = leaves_crews(
                factory, shop, e, machine, target, locks, own
            )


@compiled
def find_changeover_row(shop, e, target):
    """Return the legal changeover row of the asked machine to a setup; -1 if there is none."""
    job_rows = shop.job_row.shape[1]
    for row in range(shop.env[e].num_changeover_rows):
        same = bool(shop.legal[e, job_rows + row]) and shop.changeover_lead[e, row] >= 0
        for attribute in range(target.shape[0]):
            same &= shop.changeover_target[e, row, attribute] == target[attribute]
        if same:
            return job_rows + row
    return -1


@compiled
def offer_changeover(factory, shop, e, machine, target, operation_id):
    """Return a row of the asked machine that changes over to a setup; -1 if that is impossible.

    Choices list changeovers only for setups that no ready operation wants. Dated changeovers are
    made all the same, in the last row if there is no other.
    """
    row = find_changeover_row(shop, e, target)
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    time = setup_time(factory, g, centre, machine, shop.mounted[e, machine], target)
    if row >= 0 or time <= 0:
        return row
    if not change_is_legal(factory, shop, e, machine, centre, target):
        return row
    index = min(shop.env[e].num_changeover_rows, shop.changeover_target.shape[1] - 1)
    if index < 0:
        return -1
    shop.env[e].num_changeover_rows = index + 1
    shop.changeover_lead[e, index] = operation_id
    for attribute in range(target.shape[0]):
        shop.changeover_target[e, index, attribute] = target[attribute]
    row = shop.job_row.shape[1] + index
    shop.legal[e, row] = True
    return row


@compiled
def allow_only(shop, e, row):
    """Make all rows of the asked machine illegal but one."""
    for other in range(shop.legal.shape[1]):
        shop.legal[e, other] = other == row
