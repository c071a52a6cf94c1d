"""What a row leads to: which operations arrive next at the asked machine's work centre and how the
setup that the row leaves suits them, who else could do its operation, and what awaits the order.
Compiled; part of :func:`envs.observation.candidates.observe`.

What a single choice is worth depends on these more than on anything else that the observation
lacked (docs/results.md, "What a choice is worth").
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from envs.observation.columns import CANDIDATE_INDEX
from factory.jit.compile import compiled
from factory.simulation.arrays import (
    DONE,
    IDLE,
    IN_PROCESS,
    UPCOMING,
    operation_of,
    order_of,
)
from factory.simulation.choices import is_eligible, ready_in
from factory.simulation.estimates import expected_end_of
from factory.simulation.setups import FORBIDDEN, setup_time

_ARRIVALS_MEANWHILE, _FITS_MEANWHILE = (
    CANDIDATE_INDEX[name] for name in ("arrivals_meanwhile", "fits_meanwhile")
)
_FIRST_IN, _FIRST_SETUP_TIME = (
    CANDIDATE_INDEX[name] for name in ("first_arrival_in", "first_arrival_setup_time")
)
_FIRST_SLACK, _FIRST_WEIGHT = (
    CANDIDATE_INDEX[name] for name in ("first_arrival_slack", "first_arrival_weight")
)
_SECOND_IN, _SECOND_SETUP_TIME = (
    CANDIDATE_INDEX[name] for name in ("second_arrival_in", "second_arrival_setup_time")
)
_ONWARD_SETUP_TIME, _TWIN_START_IN = (
    CANDIDATE_INDEX[name] for name in ("onward_setup_time", "twin_start_in")
)
_PATH_SLACK, _LONGER_PATH, _JOIN_IN = (
    CANDIDATE_INDEX[name] for name in ("path_slack", "longer_path", "join_in")
)
_NEXT_PROCESS_TIME, _NEXT_QUEUE_WORK = (
    CANDIDATE_INDEX[name] for name in ("next_process_time", "next_queue_work")
)
_NEXT_FITS, _NEXT_FAMILY_READY, _UNBLOCKS = (
    CANDIDATE_INDEX[name] for name in ("next_fits", "next_family_ready", "unblocks")
)
_NEXT_START_IN, _NEXT_SETUP_TIME, _NEXT_UPCOMING = (
    CANDIDATE_INDEX[name] for name in ("next_start_in", "next_setup_time", "next_upcoming")
)

ARRIVAL = np.dtype(
    [("order", np.int64), ("family", np.int64), ("ready_in", np.float64)], align=True
)
"""An upcoming operation that the asked machine can do, and the index of its family."""
ARRIVALS = np.dtype([("count", np.int64), ("first", np.int64), ("second", np.int64)], align=True)
"""How many arrivals there are, and the places of the two that are expected first; -1: none."""


@compiled
def busy_for(shop, e, machine):
    """Expected ticks until the machine is idle."""
    if shop.machines[e, machine].status == IDLE:
        return 0.0
    return float(max(0, shop.machines[e, machine].expected_end - shop.env[e].clock))


# --- arrivals -------------------------------------------------------------------------------------


@compiled
def forget_arrivals(arrived):
    """None so far."""
    arrived[0].count = 0
    arrived[0].first = -1
    arrived[0].second = -1


@compiled
def note_arrival(arrivals, arrived, order, family, expected_in):
    """One more; of those expected at the same time the one noted first comes first."""
    place = arrived[0].count
    arrivals[place].order = order
    arrivals[place].family = family
    arrivals[place].ready_in = expected_in
    if arrived[0].first < 0 or expected_in < arrivals[arrived[0].first].ready_in:
        arrived[0].second = arrived[0].first
        arrived[0].first = place
    elif arrived[0].second < 0 or expected_in < arrivals[arrived[0].second].ready_in:
        arrived[0].second = place
    arrived[0].count = place + 1


@compiled
def observe_arrivals(factory, shop, e, machine, scratch, out, setup, duration):
    """What arrives while the machine is taken for ``duration``, and which of it suits the ``setup``
    that it then has."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    meanwhile, fits = 0, 0
    for place in range(scratch.arrived[0].count):
        if scratch.arrivals[place].ready_in <= duration:
            family = scratch.arrivals[place].family
            wanted = shop.wanted[
                e, scratch.families[family].order, scratch.families[family].operation
            ]
            meanwhile += 1
            fits += setup_time(factory, g, centre, machine, setup, wanted) == 0
    out[_ARRIVALS_MEANWHILE] = meanwhile
    out[_FITS_MEANWHILE] = fits
    longest_wait = float(factory.centres[g, centre].longest_wait)
    first, second = scratch.arrived[0].first, scratch.arrived[0].second
    out[_FIRST_IN] = scratch.arrivals[first].ready_in if first >= 0 else longest_wait
    out[_SECOND_IN] = scratch.arrivals[second].ready_in if second >= 0 else longest_wait
    if first >= 0:
        order = scratch.arrivals[first].order
        out[_FIRST_SLACK] = (
            float(shop.orders[e, order].due_date - shop.env[e].clock)
            - shop.orders[e, order].work_left
        )
        out[_FIRST_WEIGHT] = shop.orders[e, order].weight


@compiled
def observe_onward(factory, shop, e, machine, scratch, families, out, setup):
    """Changeover times from ``setup`` to what the operations here want, of which ``scratch`` knows
    the ``families``."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    first = (
        scratch.arrivals[scratch.arrived[0].first].family if scratch.arrived[0].first >= 0 else -1
    )
    second = (
        scratch.arrivals[scratch.arrived[0].second].family if scratch.arrived[0].second >= 0 else -1
    )
    longest_wait = float(factory.centres[g, centre].longest_wait)
    members, total = 0.0, 0.0
    for index in range(families):
        time = setup_time(
            factory,
            g,
            centre,
            machine,
            setup,
            shop.wanted[e, scratch.families[index].order, scratch.families[index].operation],
        )
        if time != FORBIDDEN:
            count = scratch.families[index].ready + scratch.families[index].upcoming
            members += count
            total += count * time
        told = float(time) if time != FORBIDDEN else longest_wait
        if index == first:
            out[_FIRST_SETUP_TIME] = told
        if index == second:
            out[_SECOND_SETUP_TIME] = told
    out[_ONWARD_SETUP_TIME] = total / members if members > 0.0 else 0.0


@compiled
def copy_onward(seen, out):
    """The same of a row that leaves the same setup."""
    out[_FIRST_SETUP_TIME] = seen[_FIRST_SETUP_TIME]
    out[_SECOND_SETUP_TIME] = seen[_SECOND_SETUP_TIME]
    out[_ONWARD_SETUP_TIME] = seen[_ONWARD_SETUP_TIME]


# --- the operation and its order ------------------------------------------------------------------


@compiled
def observe_twins(factory, shop, e, machine, out, order, operation):
    """How soon another machine of the work centre could begin to process the operation."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    soonest = float(factory.centres[g, centre].longest_wait)
    for twin in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if twin != machine and is_eligible(factory, shop, e, order, operation, twin):
            busy = busy_for(shop, e, twin)
            if busy < soonest:
                time = setup_time(
                    factory,
                    g,
                    centre,
                    twin,
                    shop.mounted[e, twin],
                    shop.wanted[e, order, operation],
                )
                if time != FORBIDDEN:
                    soonest = min(soonest, busy + time)
    out[_TWIN_START_IN] = soonest


@compiled
def observe_path(factory, shop, e, out, order, operation):
    """How urgent the operation is by the paths of operations through its order."""
    product = shop.orders[e, order].product
    own, longest = path_from(shop, e, order, operation), 0.0
    for other in range(factory.products[shop.env[e].factory, product].num_operations):
        status = shop.operations[e, order, other].status
        if status != DONE and status != IN_PROCESS:
            longest = max(longest, path_from(shop, e, order, other))
    out[_PATH_SLACK] = float(shop.orders[e, order].due_date - shop.env[e].clock) - own
    out[_LONGER_PATH] = longest - own


@compiled
def path_from(shop, e, order, operation):
    """Expected work on the longest path from the operation, with it, to the order's end."""
    return (
        shop.orders[e, order].critical_work
        - shop.operations[e, order, operation].work_through
        + shop.operations[e, order, operation].mean_time
    )


@compiled
def observe_next(factory, shop, e, scratch, out, order, operation):
    """What awaits the order after this operation; what is not filled is 0."""
    g, product = shop.env[e].factory, shop.orders[e, order].product
    count = factory.operations[g, product, operation].num_successors
    if count == 0:
        out[_UNBLOCKS] = 1.0 if shop.orders[e, order].operations_left == 1 else 0.0
        return
    successor = factory.successors[g, product, operation, 0]
    centre = factory.operations[g, product, successor].centre
    first_machine, end_machine = (
        factory.centres[g, centre].first_machine,
        factory.centres[g, centre + 1].first_machine,
    )
    out[_NEXT_PROCESS_TIME] = shop.operations[e, order, successor].mean_time
    out[_NEXT_QUEUE_WORK] = (shop.centres[e, centre].queue_work + scratch.centre_work[centre]) / (
        end_machine - first_machine
    )
    alike = 0.0
    for place in range(shop.centres[e, centre].queue_length):
        operation_id = shop.queue[e, centre, place]
        alike += (
            shop.operations[e, order_of(operation_id), operation_of(operation_id)].family
            == shop.operations[e, order, successor].family
        )
    out[_NEXT_FAMILY_READY] = alike
    observe_join(factory, shop, e, out, order, operation, successor)
    observe_next_centre(factory, shop, e, out, order, successor, centre)
    unblocks = 0.0
    for place in range(count):
        if (
            shop.operations[
                e, order, factory.successors[g, product, operation, place]
            ].predecessors_left
            == 1
        ):
            unblocks = 1.0
    out[_UNBLOCKS] = unblocks


@compiled
def observe_join(factory, shop, e, out, order, operation, successor):
    """What the next operation waits for besides this one."""
    g, product = shop.env[e].factory, shop.orders[e, order].product
    join_in = 0.0
    for place in range(factory.operations[g, product, successor].num_predecessors):
        other = factory.predecessors[g, product, successor, place]
        if other != operation:
            join_in = max(join_in, done_in(factory, shop, e, order, other))
    out[_JOIN_IN] = join_in


@compiled
def observe_next_centre(factory, shop, e, out, order, successor, centre):
    """How the machines of the next operation's work centre suit it."""
    g = shop.env[e].factory
    longest_wait = float(factory.centres[g, centre].longest_wait)
    fits, soonest, least = 0.0, longest_wait, longest_wait
    for machine in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if is_eligible(factory, shop, e, order, successor, machine):
            time = setup_time(
                factory,
                g,
                centre,
                machine,
                shop.mounted[e, machine],
                shop.wanted[e, order, successor],
            )
            if time != FORBIDDEN:
                fits += time == 0
                soonest = min(soonest, busy_for(shop, e, machine) + time)
                least = min(least, float(time))
    out[_NEXT_FITS] = fits
    out[_NEXT_START_IN] = soonest
    out[_NEXT_SETUP_TIME] = least
    out[_NEXT_UPCOMING] = shop.centres[e, centre].upcoming_length


@compiled
def done_in(factory, shop, e, order, operation):
    """Expected ticks until the operation is done, if it is begun as soon as it is ready."""
    status = shop.operations[e, order, operation].status
    if status == DONE:
        return 0.0
    if status == IN_PROCESS:
        return float(
            max(0, expected_end_of(factory, shop, e, order, operation) - shop.env[e].clock)
        )
    before = ready_in(shop, e, order, operation) if status == UPCOMING else 0.0
    return before + shop.operations[e, order, operation].mean_time
