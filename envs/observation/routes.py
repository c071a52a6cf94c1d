"""Columns about the route of an order: parallel machines, paths, the next operation. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from envs.observation.candidate_columns import CANDIDATE_COLUMN
from factory.jit.compile import compiled
from factory.setups import FORBIDDEN, setup_time
from factory.simulation.arrays import DONE, IN_PROCESS, UPCOMING, operation_of, order_of
from factory.simulation.estimates import busy_for, expected_end_of, is_eligible, ready_in


@compiled
def observe_parallel_machines(factory, shop, e, machine, out, order, operation):
    """Fill the time until another machine of the work centre could process the operation."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    wanted = shop.wanted[e, order, operation]
    soonest = float(factory.centres[g, centre].longest_wait)
    for other in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if other != machine and is_eligible(factory, shop, e, order, operation, other):
            busy = busy_for(shop, e, other)
            if busy < soonest:
                time = setup_time(factory, g, centre, other, shop.mounted[e, other], wanted)
                if time != FORBIDDEN:
                    soonest = min(soonest, busy + time)
    out[CANDIDATE_COLUMN.twin_start_in] = soonest


@compiled
def observe_path(factory, shop, e, out, order, operation):
    """Fill the urgency of the operation by the paths of operations through its order."""
    product = shop.orders[e, order].product
    work, longest = path_work(shop, e, order, operation), 0.0
    for other in range(factory.products[shop.env[e].factory, product].num_operations):
        status = shop.operations[e, order, other].status
        if status != DONE and status != IN_PROCESS:
            longest = max(longest, path_work(shop, e, order, other))
    due_in = float(shop.orders[e, order].due_date - shop.env[e].clock)
    out[CANDIDATE_COLUMN.path_slack] = due_in - work
    out[CANDIDATE_COLUMN.longer_path] = longest - work


@compiled
def path_work(shop, e, order, operation):
    """Return the expected work on the longest path from the operation to the order's end."""
    return (
        shop.orders[e, order].critical_work
        - shop.operations[e, order, operation].work_through
        + shop.operations[e, order, operation].mean_time
    )


@compiled
def observe_next(factory, shop, e, scratch, out, order, operation):
    """Fill the columns about the next operation; after the last operation they stay 0."""
    g, product = shop.env[e].factory, shop.orders[e, order].product
    count = factory.operations[g, product, operation].num_successors
    if count == 0:
        is_last = shop.orders[e, order].operations_left == 1
        out[CANDIDATE_COLUMN.unblocks] = 1.0 if is_last else 0.0
        return
    successor = factory.successors[g, product, operation, 0]
    centre = factory.operations[g, product, successor].centre
    out[CANDIDATE_COLUMN.next_process_time] = shop.operations[e, order, successor].mean_time
    observe_next_queue(factory, shop, e, scratch, out, order, successor, centre)
    observe_join(factory, shop, e, out, order, operation, successor)
    observe_next_centre(factory, shop, e, out, order, successor, centre)
    unblocks = 0.0
    for i in range(count):
        after = factory.successors[g, product, operation, i]
        if shop.operations[e, order, after].predecessors_left == 1:
            unblocks = 1.0
    out[CANDIDATE_COLUMN.unblocks] = unblocks


@compiled
def observe_next_queue(factory, shop, e, scratch, out, order, successor, centre):
    """Fill the columns about the work that waits at the next operation's work centre."""
    g = shop.env[e].factory
    machines = (
        factory.centres[g, centre + 1].first_machine - factory.centres[g, centre].first_machine
    )
    work = shop.centres[e, centre].queue_work + scratch.centre_work[centre]
    family = shop.operations[e, order, successor].family
    same_setup = 0.0
    for slot in range(shop.centres[e, centre].queue_length):
        operation_id = shop.queue[e, centre, slot]
        queued = shop.operations[e, order_of(operation_id), operation_of(operation_id)]
        same_setup += queued.family == family
    out[CANDIDATE_COLUMN.next_queue_work] = work / machines
    out[CANDIDATE_COLUMN.next_family_ready] = same_setup
    out[CANDIDATE_COLUMN.next_upcoming] = shop.centres[e, centre].upcoming_length


@compiled
def observe_join(factory, shop, e, out, order, operation, successor):
    """Fill the time until the other predecessors of the next operation are done."""
    g, product = shop.env[e].factory, shop.orders[e, order].product
    join_in = 0.0
    for i in range(factory.operations[g, product, successor].num_predecessors):
        other = factory.predecessors[g, product, successor, i]
        if other != operation:
            join_in = max(join_in, done_in(factory, shop, e, order, other))
    out[CANDIDATE_COLUMN.join_in] = join_in


@compiled
def observe_next_centre(factory, shop, e, out, order, successor, centre):
    """Fill the columns about how the machines for the next operation suit it."""
    g = shop.env[e].factory
    wanted = shop.wanted[e, order, successor]
    longest_wait = float(factory.centres[g, centre].longest_wait)
    fits, soonest, shortest_setup = 0.0, longest_wait, longest_wait
    for machine in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if is_eligible(factory, shop, e, order, successor, machine):
            time = setup_time(factory, g, centre, machine, shop.mounted[e, machine], wanted)
            if time != FORBIDDEN:
                fits += time == 0
                soonest = min(soonest, busy_for(shop, e, machine) + time)
                shortest_setup = min(shortest_setup, float(time))
    out[CANDIDATE_COLUMN.next_fits] = fits
    out[CANDIDATE_COLUMN.next_start_in] = soonest
    out[CANDIDATE_COLUMN.next_setup_time] = shortest_setup


@compiled
def done_in(factory, shop, e, order, operation):
    """Return the expected ticks until the operation is done, if it begins once it is ready."""
    status = shop.operations[e, order, operation].status
    if status == DONE:
        return 0.0
    if status == IN_PROCESS:
        end = expected_end_of(factory, shop, e, order, operation)
        return float(max(0, end - shop.env[e].clock))
    before = ready_in(shop, e, order, operation) if status == UPCOMING else 0.0
    return before + shop.operations[e, order, operation].mean_time
