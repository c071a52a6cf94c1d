"""Queues of the work centres, operations on their way, and the waits that a change of a queue ends (docs/model.md, sections 4 and 5). Compiled."""

from __future__ import annotations

from factory.jit.compile import compiled
from factory.simulation.arrays import ENTRY_BITS, ENTRY_MASK, LOGGED_WAIT, NEVER, READY, UPCOMING
from factory.simulation.event_log import log_line


@compiled
def join_queue(factory, shop, e, entry):
    """The operation is ready: into its centre's queue, ordered by date of joining, then order, then operation."""
    order, operation = entry >> ENTRY_BITS, entry & ENTRY_MASK
    centre = factory.operations[shop.floor[e].factory, shop.orders[e, order].product, operation].centre
    if shop.operations[e, order, operation].status == UPCOMING:
        shop.centres[e, centre].upcoming_length -= 1
        remove_entry(shop.upcoming[e, centre], shop.centres[e, centre].upcoming_length, entry)
    shop.operations[e, order, operation].status = READY
    shop.operations[e, order, operation].join_date = shop.floor[e].clock
    place = shop.centres[e, centre].queue_length
    while place > 0:
        other = shop.queue[e, centre, place - 1]
        if other < entry or shop.operations[e, other >> ENTRY_BITS, other & ENTRY_MASK].join_date < shop.floor[e].clock:
            break
        shop.queue[e, centre, place] = other
        place -= 1
    shop.queue[e, centre, place] = entry
    shop.centres[e, centre].queue_length += 1
    shop.centres[e, centre].queue_work += shop.operations[e, order, operation].mean_time
    end_waits(factory, shop, e, centre)


@compiled
def leave_queue(factory, shop, e, machine, entry):
    """The operation was selected."""
    centre = factory.machines[shop.floor[e].factory, machine].centre
    shop.centres[e, centre].queue_length -= 1
    remove_entry(shop.queue[e, centre], shop.centres[e, centre].queue_length, entry)
    shop.centres[e, centre].queue_work -= shop.operations[e, entry >> ENTRY_BITS, entry & ENTRY_MASK].mean_time
    if shop.centres[e, centre].queue_length == 0:
        shop.centres[e, centre].queue_work = 0.0  # no rounding piles up
    end_waits(factory, shop, e, centre)


@compiled
def remove_entry(entries, length_after, entry):
    """Take ``entry`` out and close the gap; the others keep their order."""
    place = 0
    while entries[place] != entry:
        place += 1
    for later in range(place, length_after):
        entries[later] = entries[later + 1]


@compiled
def comes_before(shop, e, date, entry, place):
    """Order of the heap of travellers: by date, then entry."""
    return date < shop.travellers[e, place].date or (date == shop.travellers[e, place].date and entry < shop.travellers[e, place].entry)


@compiled
def push_traveller(shop, e, date, entry):
    """Into the binary heap of operations that become ready at a known (hidden) date."""
    place = shop.floor[e].num_travelling
    shop.floor[e].num_travelling += 1
    while place > 0 and comes_before(shop, e, date, entry, (place - 1) // 2):
        parent = (place - 1) // 2
        shop.travellers[e, place].date = shop.travellers[e, parent].date
        shop.travellers[e, place].entry = shop.travellers[e, parent].entry
        place = parent
    shop.travellers[e, place].date = date
    shop.travellers[e, place].entry = entry


@compiled
def pop_traveller(shop, e):
    """Out of the heap: the entry that is due first."""
    first = shop.travellers[e, 0].entry
    shop.floor[e].num_travelling -= 1
    length = shop.floor[e].num_travelling
    date, entry = shop.travellers[e, length].date, shop.travellers[e, length].entry
    place = 0
    while 2 * place + 1 < length:
        child = 2 * place + 1
        if child + 1 < length and comes_before(shop, e, shop.travellers[e, child + 1].date, shop.travellers[e, child + 1].entry, child):
            child += 1
        if comes_before(shop, e, date, entry, child):
            break
        shop.travellers[e, place].date = shop.travellers[e, child].date
        shop.travellers[e, place].entry = shop.travellers[e, child].entry
        place = child
    shop.travellers[e, place].date = date
    shop.travellers[e, place].entry = entry
    return first


@compiled
def end_waits(factory, shop, e, centre):
    """Something changed for the work centre: its waiting machines are asked again."""
    g = shop.floor[e].factory
    for machine in range(factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine):
        if shop.machines[e, machine].wait_until != NEVER:
            end_wait(shop, e, machine)


@compiled
def end_all_waits(factory, shop, e):
    """A crew came free when none was: every waiting machine is asked again."""
    for machine in range(factory.plant[shop.floor[e].factory].num_machines):
        if shop.machines[e, machine].wait_until != NEVER:
            end_wait(shop, e, machine)


@compiled
def end_wait(shop, e, machine):
    """The machine is idle and may be asked."""
    log_line(shop, e, LOGGED_WAIT, machine, -1, shop.machines[e, machine].wait_start, shop.floor[e].clock, -1, 0)
    shop.machines[e, machine].wait_until = NEVER
