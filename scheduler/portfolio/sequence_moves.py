"""Moves of a local search in the sequences of machines. Compiled.

A move takes a block of operations out of one machine's sequence and inserts it into the same or
another one. Its inverse is such a move, too.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.simulation.arrays import operation_of, order_of
from factory.simulation.estimates import is_eligible

INSERT, REASSIGN, JOIN_FAMILY, MOVE_BLOCK, SWAP = range(5)
"""Kinds of moves: an operation within its sequence; to another machine; beside one of its family;
all neighbours of a family together; two operations of a sequence change places."""
_SHARES = (0.3, 0.5, 0.7, 0.85)
"""Shares of the kinds, summed up."""
_REACH = 24
"""Places over which an operation moves within a sequence at most."""
_TOURNAMENT = 4
"""Operations of which that of the latest order is moved."""
_LATE_SHARE = 0.7
"""Share of the moves that are chosen by lateness."""


@compiled
def draw(random, below):
    """Draw a whole number from 0 up to (not with) ``below``.

    ``random`` is [seed, index of the draw], uint64.
    """
    return int(below * draw_share(random))


@compiled
def draw_share(random):
    """Draw a number between 0 and 1."""
    random[1] += np.uint64(1)
    return random_numbers.uniform(random[0], random_numbers.CHOICE, 0, random[1])


@compiled
def move_block(plan, source, first, count, target, place):
    """Move ``count`` operations from ``first`` of a sequence to ``place`` of a sequence.

    ``place`` counts in the target as it is without the block.
    """
    steps, room = plan.steps, plan.block
    for i in range(count):
        room[i] = steps[source, first + i]
    for i in range(first, plan.length[source] - count):
        steps[source, i] = steps[source, i + count]
    plan.length[source] -= count
    for i in range(plan.length[target] - 1, place - 1, -1):
        steps[target, i + count] = steps[target, i]
    for i in range(count):
        steps[target, place + i] = room[i]
    plan.length[target] += count


@compiled
def swap_steps(plan, machine, first, second):
    """Let two operations of a sequence change places."""
    kept = plan.steps[machine, first]
    plan.steps[machine, first] = plan.steps[machine, second]
    plan.steps[machine, second] = kept


@compiled
def pick_operation(shop, plan, random):
    """Set ``plan.move`` to machine and place of an operation that may move; False if none may.

    ``shop`` holds the completion dates of the sequences as they are.
    """
    movable = 0
    for machine in range(plan.length.shape[0]):
        movable += plan.length[machine] - plan.fixed[machine]
    if movable == 0:
        return False
    tries = _TOURNAMENT if draw_share(random) < _LATE_SHARE else 1
    latest = -1.0
    for _ in range(tries):
        index = draw(random, movable)
        machine = 0
        while index >= plan.length[machine] - plan.fixed[machine]:
            index -= plan.length[machine] - plan.fixed[machine]
            machine += 1
        place = plan.fixed[machine] + index
        order = order_of(plan.steps[machine, place])
        late = plan.completion_date[order] - shop.orders[0, order].due_date
        cost = shop.orders[0, order].weight * max(0.0, float(late))
        if cost > latest:
            latest = cost
            plan.move[0], plan.move[1] = machine, place
    return True


@compiled
def setup_family(shop, operation_id):
    """Return the number of the setup that an operation wants."""
    return shop.operations[0, order_of(operation_id), operation_of(operation_id)].family


@compiled
def block_of(shop, plan, machine, place):
    """Return first place and length of the neighbours that want the same setup and may move."""
    family = setup_family(shop, plan.steps[machine, place])
    first, last = place, place
    while (
        first > plan.fixed[machine] and setup_family(shop, plan.steps[machine, first - 1]) == family
    ):
        first -= 1
    while (
        last + 1 < plan.length[machine]
        and setup_family(shop, plan.steps[machine, last + 1]) == family
    ):
        last += 1
    return first, last - first + 1


@compiled
def place_by_date(plan, machine, operation_id):
    """Return the place in a machine's sequence by the operation's present date of selection."""
    date = plan.start_date[order_of(operation_id), operation_of(operation_id)]
    place = plan.fixed[machine]
    while place < plan.length[machine]:
        other = plan.steps[machine, place]
        if plan.start_date[order_of(other), operation_of(other)] >= date:
            break
        place += 1
    return place


@compiled
def can_take(factory, shop, plan, source, first, count, machine):
    """Return whether a machine can do all operations of a block."""
    for i in range(first, first + count):
        operation_id = plan.steps[source, i]
        order, operation = order_of(operation_id), operation_of(operation_id)
        if not is_eligible(factory, shop, 0, order, operation, machine):
            return False
    return True


@compiled
def other_machine(factory, shop, plan, source, first, count, random):
    """Draw another machine that can do a block; -1 if there is none."""
    choices, chosen = 0, -1
    for machine in range(plan.length.shape[0]):
        if machine != source and can_take(factory, shop, plan, source, first, count, machine):
            choices += 1
            if draw(random, choices) == 0:
                chosen = machine
    return chosen


@compiled
def draw_move(factory, shop, plan, random):
    """Draw a move into ``plan.move``: kind, source, first, count, target, place; False if none."""
    if not pick_operation(shop, plan, random):
        return False
    machine, place = plan.move[0], plan.move[1]
    share = draw_share(random)
    kind = INSERT
    for i in range(len(_SHARES)):
        if share >= _SHARES[i]:
            kind = i + 1
    if kind == REASSIGN:
        return draw_reassignment(factory, shop, plan, random, machine, place)
    if kind == JOIN_FAMILY:
        return draw_family(factory, shop, plan, random, machine, place)
    if kind == MOVE_BLOCK:
        first, count = block_of(shop, plan, machine, place)
        return draw_shift(plan, random, machine, first, count)
    if kind == SWAP:
        return draw_swap(plan, random, machine, place)
    return draw_shift(plan, random, machine, place, 1)


@compiled
def set_move(plan, kind, source, first, count, target, place):
    """Note a move."""
    plan.move[0], plan.move[1], plan.move[2] = kind, source, first
    plan.move[3], plan.move[4], plan.move[5] = count, target, place


@compiled
def draw_shift(plan, random, machine, first, count):
    """Draw another place for a block of a sequence, near ones more often."""
    low, high = plan.fixed[machine], plan.length[machine] - count
    reach = draw_share(random)
    distance = 1 + int(_REACH * reach * reach * reach)
    place = first - distance if draw_share(random) < 0.5 else first + distance
    place = min(max(place, low), high)
    if place == first:
        return False
    set_move(plan, INSERT, machine, first, count, machine, place)
    return True


@compiled
def draw_swap(plan, random, machine, place):
    """Draw two operations of a sequence that change places."""
    low, high = plan.fixed[machine], plan.length[machine] - 1
    other = place + draw(random, 17) - 8
    other = min(max(other, low), high)
    if other == place:
        return False
    set_move(plan, SWAP, machine, place, 1, machine, other)
    return True


@compiled
def draw_reassignment(factory, shop, plan, random, source, place):
    """Draw another machine for an operation or its block, at about the present date."""
    first, count = place, 1
    if draw_share(random) < 0.3:
        first, count = block_of(shop, plan, source, place)
    target = other_machine(factory, shop, plan, source, first, count, random)
    if target < 0:
        return False
    goal = place_by_date(plan, target, plan.steps[source, first]) + draw(random, 5) - 2
    goal = min(max(goal, plan.fixed[target]), plan.length[target])
    set_move(plan, REASSIGN, source, first, count, target, goal)
    return True


@compiled
def draw_family(factory, shop, plan, random, source, place):
    """Draw a place before or after another operation of the same family, on any machine."""
    operation_id = plan.steps[source, place]
    family, choices = setup_family(shop, operation_id), 0
    target, goal = -1, -1
    for machine in range(plan.length.shape[0]):
        if not can_take(factory, shop, plan, source, place, 1, machine):
            continue
        for i in range(plan.fixed[machine], plan.length[machine]):
            other = plan.steps[machine, i]
            if other != operation_id and setup_family(shop, other) == family:
                choices += 1
                if draw(random, choices) == 0:
                    target, goal = machine, i
    if target < 0:
        return False
    goal += draw(random, 2)
    if target == source and goal > place:
        goal -= 1
    if target == source and goal == place:
        return False
    set_move(plan, JOIN_FAMILY, source, place, 1, target, goal)
    return True


@compiled
def make_move(plan):
    """Carry out the move."""
    if plan.move[0] == SWAP:
        swap_steps(plan, plan.move[1], plan.move[2], plan.move[5])
    else:
        move_block(plan, plan.move[1], plan.move[2], plan.move[3], plan.move[4], plan.move[5])


@compiled
def undo_move(plan):
    """Carry out the inverse of the move."""
    if plan.move[0] == SWAP:
        swap_steps(plan, plan.move[1], plan.move[2], plan.move[5])
    else:
        move_block(plan, plan.move[4], plan.move[5], plan.move[3], plan.move[1], plan.move[2])
