"""Changeovers between setups (docs/model.md, section 2). Compiled.

A setup is a vector with one value for each attribute of the work centre; a wanted value of -1 means
"don't care".
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from factory.jit.compile import compiled

FORBIDDEN = -1


@compiled
def setup_time(factory, g, centre, machine, mounted, wanted):
    """Return the ticks to change ``machine`` over from ``mounted`` to ``wanted``.

    Attributes' times count by maximum or sum; FORBIDDEN if any pair is.
    """
    total = 0
    add = factory.centres[g, centre].combine_sum
    for attribute in range(factory.centres[g, centre].num_attributes):
        value = wanted[attribute]
        if value >= 0 and value != mounted[attribute]:
            time = factory.setups[g, machine, attribute, mounted[attribute], value].time
            if time < 0:
                return FORBIDDEN
            if add:
                total += time
            elif time > total:
                total = time
    return total


@compiled
def setup_cost(factory, g, centre, machine, mounted, wanted):
    """Return the matrix cost of a changeover (currency, before its rate); attributes add."""
    total = 0.0
    for attribute in range(factory.centres[g, centre].num_attributes):
        if wanted[attribute] >= 0:
            total += factory.setups[
                g, machine, attribute, mounted[attribute], wanted[attribute]
            ].cost
    return total


@compiled
def setup_waste(factory, g, centre, machine, mounted, wanted):
    """Return the waste of a changeover in kg; attributes add."""
    total = 0.0
    for attribute in range(factory.centres[g, centre].num_attributes):
        if wanted[attribute] >= 0:
            total += factory.setups[
                g, machine, attribute, mounted[attribute], wanted[attribute]
            ].waste
    return total


@compiled
def differs(mounted, wanted):
    """Return whether ``wanted`` asks for any value that is not mounted."""
    for attribute in range(wanted.shape[0]):
        if wanted[attribute] >= 0 and wanted[attribute] != mounted[attribute]:
            return True
    return False


@compiled
def complete_setup(mounted, wanted, target):
    """Write into ``target`` what is mounted after a changeover to ``wanted``."""
    for attribute in range(wanted.shape[0]):
        target[attribute] = wanted[attribute] if wanted[attribute] >= 0 else mounted[attribute]


@compiled
def detour(factory, g, centre, machine, mounted, wanted, target):
    """Write into ``target`` the next setup on the way to ``wanted``; False if there is no way."""
    for attribute in range(wanted.shape[0]):
        value = wanted[attribute]
        target[attribute] = mounted[attribute]
        if (
            value >= 0
            and value != mounted[attribute]
            and attribute < factory.centres[g, centre].num_attributes
        ):
            if factory.setups[g, machine, attribute, mounted[attribute], value].time < 0:
                value = factory.setups[g, machine, attribute, mounted[attribute], value].via
            if value < 0:
                return False
            target[attribute] = value
    return True


def next_on_the_way(time: np.ndarray) -> np.ndarray:
    """Return the first step of the shortest allowed path from value to value; -1 without a path.

    Shortest by total time, then number of steps, then lowest first step (docs/model.md, section 2,
    Detours). ``time [V, V]`` has -1 for forbidden pairs. Floyd and Warshall over (time, steps),
    then the lowest first step among the shortest.
    """
    size = len(time)
    direct = np.broadcast_to(np.arange(size, dtype=np.int16), (size, size))
    if (time >= 0).all():
        return direct.copy()
    far = np.int64(2**60)
    step = np.where(time >= 0, time.astype(np.int64) * 1024 + 1, far)  # steps break ties of time
    np.fill_diagonal(step, 0)
    distance = step.copy()
    for middle in range(size):
        distance = np.minimum(
            distance, distance[:, middle : middle + 1] + distance[middle : middle + 1, :]
        )
    via = np.full((size, size), -1, np.int16)
    for origin in range(size):
        for destination in range(size):
            if distance[origin, destination] < far:
                total = step[origin] + distance[:, destination]
                total[origin] = distance[origin, destination] if origin == destination else far
                via[origin, destination] = int(np.argmin(total))
    return via
