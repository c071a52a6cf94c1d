"""Runs of mounted values: counts, and what their limits forbid. Compiled.

docs/model.md, section 12.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.simulation.arrays import operation_of, order_of


@compiled
def begin_runs(factory, shop, e, machine, wanted):
    """Begin new runs of the values that a changeover to ``wanted`` changes."""
    if not factory.machines[shop.env[e].factory, machine].has_runs:
        return
    for attribute in range(wanted.shape[0]):
        if wanted[attribute] >= 0 and wanted[attribute] != shop.mounted[e, machine, attribute]:
            shop.runs[e, machine, attribute] = 0


@compiled
def extend_runs(factory, shop, e, machine, operation_id, ticks, attempts):
    """Add processing of an operation to the runs of the values that it wants."""
    g = shop.env[e].factory
    if operation_id < 0 or not factory.machines[g, machine].has_runs:
        return
    centre = factory.machines[g, machine].centre
    order, operation = order_of(operation_id), operation_of(operation_id)
    for attribute in range(factory.centres[g, centre].num_attributes):
        if shop.wanted[e, order, operation, attribute] >= 0:
            counts_ticks = factory.runs[g, centre, attribute].counts_ticks
            shop.runs[e, machine, attribute] += ticks if counts_ticks else attempts


@compiled
def is_run_short(factory, shop, e, machine, attribute):
    """Return whether the run of an attribute is less than its minimum."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    return shop.runs[e, machine, attribute] < factory.runs[g, centre, attribute].min_run


@compiled
def is_run_full(factory, shop, e, machine, attribute):
    """Return whether the run of an attribute has reached its maximum."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    return shop.runs[e, machine, attribute] >= factory.runs[g, centre, attribute].max_run


@compiled
def continues_runs(factory, shop, e, machine, wanted):
    """Return whether work with a wanted setup leaves all values with short runs as they are."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    for attribute in range(factory.centres[shop.env[e].factory, centre].num_attributes):
        if (
            wanted[attribute] >= 0
            and wanted[attribute] != shop.mounted[e, machine, attribute]
            and is_run_short(factory, shop, e, machine, attribute)
        ):
            return False
    return True


@compiled
def find_kept_values(factory, shop, e, machine, centre):
    """Find the values with short runs that ready operations want, in ``shop.run_kept``.

    :func:`factory.simulation.choices.list_jobs` has marked the operations that it can do.
    """
    g = shop.env[e].factory
    num_attributes = factory.centres[g, centre].num_attributes
    for attribute in range(num_attributes):
        shop.run_kept[e, attribute] = False
    for slot in range(shop.centres[e, centre].queue_length):
        if shop.queue_slots[e, slot].family < 0:
            continue
        operation_id = shop.queue[e, centre, slot]
        wanted = shop.wanted[e, order_of(operation_id), operation_of(operation_id)]
        if not continues_runs(factory, shop, e, machine, wanted):
            continue
        for attribute in range(num_attributes):
            if wanted[attribute] == shop.mounted[e, machine, attribute]:
                shop.run_kept[e, attribute] |= is_run_short(factory, shop, e, machine, attribute)


@compiled
def runs_allow_change(factory, shop, e, machine, wanted):
    """Return whether the minimum runs let the asked machine change to a wanted setup."""
    g = shop.env[e].factory
    if not factory.machines[g, machine].has_runs:
        return True
    for attribute in range(factory.centres[g, factory.machines[g, machine].centre].num_attributes):
        if (
            shop.run_kept[e, attribute]
            and wanted[attribute] >= 0
            and wanted[attribute] != shop.mounted[e, machine, attribute]
        ):
            return False
    return True


@compiled
def is_stay_too_long(factory, shop, e, machine, wanted):
    """Return whether an operation wants a mounted value whose run has reached its maximum."""
    g = shop.env[e].factory
    if not factory.machines[g, machine].has_runs:
        return False
    for attribute in range(factory.centres[g, factory.machines[g, machine].centre].num_attributes):
        if wanted[attribute] == shop.mounted[e, machine, attribute] and is_run_full(
            factory, shop, e, machine, attribute
        ):
            return True
    return False


@compiled
def relieve(factory, shop, e, machine, wanted, target):
    """Replace the values in ``target`` that must not stay by their relief; False if there is none.

    ``target`` is the setup on the way to ``wanted`` as far as forbidden pairs go.
    """
    g = shop.env[e].factory
    for attribute in range(factory.centres[g, factory.machines[g, machine].centre].num_attributes):
        mounted = shop.mounted[e, machine, attribute]
        if wanted[attribute] == mounted and is_run_full(factory, shop, e, machine, attribute):
            relief = factory.relief[g, machine, attribute, mounted]
            if relief < 0:
                return False
            target[attribute] = relief
    return True
