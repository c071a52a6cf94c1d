"""People at work: who is free, who is taken, who is let go (docs/model.md, section 10). Compiled.

A need is a row of ``FactoryArrays.needs``, NO_PEOPLE or CREW: in a factory that lists no groups of
people, a changeover needs one of its crews and nothing else needs anybody.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.calendars.queries import is_open, next_edge
from factory.jit.compile import compiled
from factory.simulation.arrays import CREW, NO_PEOPLE
from factory.simulation.event_log import log_assignment
from factory.simulation.queues import end_all_waits


@compiled
def reset_staff(factory, shop, e):
    """Begin an episode with all people free, those on duty by their calendars."""
    g = shop.env[e].factory
    shop.env[e].staff_cost = 0.0
    for group in range(factory.plant[g].num_groups):
        calendar = factory.groups[g, group].calendar
        shop.groups[e, group].free = factory.groups[g, group].count
        shop.groups[e, group].on_duty = is_open(factory, g, calendar, 0)
        shop.groups[e, group].date = next_edge(factory, g, calendar, 0)
    count_crews(factory, shop, e)


@compiled
def count_crews(factory, shop, e):
    """Count the free people on duty, where the factory lists groups."""
    g = shop.env[e].factory
    if factory.plant[g].num_groups == 0:
        return
    free = 0
    for group in range(factory.plant[g].num_groups):
        free += free_on_duty(shop, e, group)
    shop.env[e].crews_free = free


@compiled
def free_on_duty(shop, e, group):
    """Return the people of a group that are free, and on duty at the clock.

    A change of duty that is due at the clock counts already.
    """
    changes = shop.groups[e, group].date <= shop.env[e].clock
    return shop.groups[e, group].free if shop.groups[e, group].on_duty != changes else 0


@compiled
def people_free(factory, shop, e, need):
    """Return whether the people of a need are free and on duty."""
    if need == NO_PEOPLE:
        return True
    if need == CREW:
        return shop.env[e].crews_free > 0
    number = factory.needs[shop.env[e].factory, need].number
    return count_people(factory, shop, e, need) >= number


@compiled
def count_people(factory, shop, e, need):
    """Return the free people on duty who have the skill of a need of listed groups."""
    g = shop.env[e].factory
    free = 0
    for i in range(factory.need_groups.shape[2]):
        group = factory.need_groups[g, need, i]
        if group < 0:
            break
        free += free_on_duty(shop, e, group)
    return free


@compiled
def take_people(factory, shop, e, machine, need):
    """Let the machine hold the people of a need, which are free."""
    if need == NO_PEOPLE:
        return
    shop.machines[e, machine].need = need
    shop.machines[e, machine].assigned_date = shop.env[e].clock
    if need == CREW:
        shop.env[e].crews_free -= 1
        return
    g = shop.env[e].factory
    missing = factory.needs[g, need].number
    for i in range(factory.need_groups.shape[2]):
        group = factory.need_groups[g, need, i]
        if group < 0 or missing == 0:
            break
        taken = min(missing, free_on_duty(shop, e, group))
        shop.groups[e, group].free -= taken
        shop.held[e, machine, group] += taken
        missing -= taken
    count_crews(factory, shop, e)
    rate_people(factory, shop, e)


@compiled
def let_go(factory, shop, e, machine):
    """Free the people that the machine holds; waits end if too few were free."""
    need = shop.machines[e, machine].need
    if need == NO_PEOPLE:
        return
    shop.machines[e, machine].need = NO_PEOPLE
    if need == CREW:
        shop.env[e].crews_free += 1
        if shop.env[e].crews_free == 1:
            end_all_waits(factory, shop, e)
        return
    g = shop.env[e].factory
    for group in range(factory.plant[g].num_groups):
        number = shop.held[e, machine, group]
        if number > 0:
            log_assignment(shop, e, machine, group, number)
            before = free_on_duty(shop, e, group)
            shop.held[e, machine, group] = 0
            shop.groups[e, group].free += number
            end_waits_for_people(factory, shop, e, group, before)
    count_crews(factory, shop, e)
    rate_people(factory, shop, e)


@compiled
def end_waits_for_people(factory, shop, e, group, before):
    """End all waits if people of a group came free, or on duty, and too few were ``before``."""
    too_few = before < factory.plant[shop.env[e].factory].max_need
    if too_few and free_on_duty(shop, e, group) > before:
        end_all_waits(factory, shop, e)


@compiled
def rate_people(factory, shop, e):
    """Sum what the people at work cost a tick, anew each time so that no rounding piles up."""
    g = shop.env[e].factory
    cost = 0.0
    for group in range(factory.plant[g].num_groups):
        at_work = factory.groups[g, group].count - shop.groups[e, group].free
        cost += at_work * factory.groups[g, group].cost
    shop.env[e].staff_cost = cost
