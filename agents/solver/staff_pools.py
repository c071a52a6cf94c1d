"""Absences of a pool of people in a planning window: those at work at the clock, and off duty.

A pool is all the people who can do some work, by their groups. Dates are ticks after the clock.
"""

from __future__ import annotations

from collections.abc import Set
from itertools import pairwise

from agents.solver.operating.plant_rules import CREWS, PlantRules
from agents.solver.problem import Window


def people_at_work(window: Window, groups: Set[int], horizon: int) -> list[tuple[int, int, int]]:
    """Return start, end and number of the people of groups that machines hold at the clock."""
    held = []
    for machine in window.machines:
        end = (machine.crew_date or machine.free_date) - window.clock
        number = 0
        if CREWS in groups:
            number = int(machine.crew_date is not None)
        elif machine.upkeep is not None:
            number = sum(machine.upkeep.held[group] for group in groups)
        if number and end > 0:
            held.append((0, min(end, horizon), number))
    return held


def people_off_duty(
    rules: PlantRules, groups: Set[int], horizon: int
) -> list[tuple[int, int, int]]:
    """Return start, end and number of the people off duty while some groups are on duty.

    While all are off duty, closures stop the work.
    """
    if len(groups) == 1:
        return []
    closures = {group: rules.groups[group][1] for group in sorted(groups)}
    edges = {date for each in closures.values() for date in (*each.begins, *each.ends)}
    dates = sorted({0, horizon, *(date for date in edges if 0 < date < horizon)})
    absences = []
    for start, end in pairwise(dates):
        away = [group for group, each in closures.items() if each.opening(start) != start]
        if away and len(away) < len(groups):
            absences.append((start, end, sum(rules.groups[group][0] for group in away)))
    return absences
