"""Changeovers between setups (docs/model.md, section 2). Compiled.

A setup is a vector with one value for each attribute of the work centre; a wanted value of -1 means "don't care".
"""

from __future__ import annotations

from factory.compiled import compiled

FORBIDDEN = -1


@compiled
def setup_time(factory, g, centre, machine, mounted, wanted):
    """Ticks to change ``machine`` over from ``mounted`` to ``wanted``: attributes' times by max or sum; FORBIDDEN if any pair is."""
    total = 0
    add = factory.combine_sum[g, centre]
    for attribute in range(factory.num_attributes[g, centre]):
        value = wanted[attribute]
        if value >= 0 and value != mounted[attribute]:
            time = factory.setup_time[g, machine, attribute, mounted[attribute], value]
            if time < 0:
                return FORBIDDEN
            if add:
                total += time
            elif time > total:
                total = time
    return total


@compiled
def setup_cost(factory, g, centre, machine, mounted, wanted):
    """Matrix cost of a changeover (currency, before its rate): attributes add."""
    total = 0.0
    for attribute in range(factory.num_attributes[g, centre]):
        if wanted[attribute] >= 0:
            total += factory.setup_cost[g, machine, attribute, mounted[attribute], wanted[attribute]]
    return total


@compiled
def setup_waste(factory, g, centre, machine, mounted, wanted):
    """Waste of a changeover in kg: attributes add."""
    total = 0.0
    for attribute in range(factory.num_attributes[g, centre]):
        if wanted[attribute] >= 0:
            total += factory.setup_waste[g, machine, attribute, mounted[attribute], wanted[attribute]]
    return total


@compiled
def differs(mounted, wanted):
    """Whether ``wanted`` asks for any value that is not mounted."""
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
        if value >= 0 and value != mounted[attribute] and attribute < factory.num_attributes[g, centre]:
            if factory.setup_time[g, machine, attribute, mounted[attribute], value] < 0:
                value = factory.setup_via[g, machine, attribute, mounted[attribute], value]
            if value < 0:
                return False
            target[attribute] = value
    return True
