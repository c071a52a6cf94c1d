"""CP-SAT model of a planning window with calendars, people, maintenance and longest runs.

A date has a Boolean for each closure: "after it". Work that pauses ends as much later as the
closures that it meets last, so that its open time is a sum over these Booleans; work that must fit
starts and ends on the same side of each. A changeover is a task of its own between two others.

Approximations, which the simulator does not share:

- At most ``_MAX_CLOSURES`` closures of a calendar count.
- People with a skill are one pool for each set of groups; work that pauses keeps them. Pools are
  smaller while some of the groups are off duty; while all are, closures stop the work.
- Maintenance by use or operations is due at the date at which it is due in the hint.
- People that are needed only at a start are there if some of them are on duty.
- Maintenance mounts nothing.
- Minimum runs are left out; a longest run is not counted across operations that want any value.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

from ortools.sat.python import cp_model

from agents.solver.changeovers import NOTHING, SetupChange, complete
from agents.solver.cp_sat import Builder, Solution, run_search
from agents.solver.known_state import Key
from agents.solver.operating.closures import CalendarClosures
from agents.solver.operating.plant_rules import PlantRules, SkillNeed, WorkRule
from agents.solver.operating_times import (
    OperatingTiming,
    PlannedUpkeep,
    time_for_model,
    time_operating,
)
from agents.solver.problem import Sequences, Task, Window
from agents.solver.staff_pools import people_at_work, people_off_duty
from factory.simulation.arrays import FIT, PAUSE

_MAX_CLOSURES = 24


class OperatingBuilder(Builder):
    """Variables, constraints and objective of a window with operating rules.

    Parameters
    ----------
    window
        Tasks to plan.
    hint
        Sequences and dates to start from.
    rules
        Rules of the plant.
    """

    def __init__(self, window: Window, hint: OperatingTiming, rules: PlantRules) -> None:
        self.rules, self.timing = rules, hint
        self._after: dict[tuple[int, int], Any] = {}
        self._changes_of: dict[Key, list[tuple[Any, int, int]]] = {}  # arc, ticks, machine
        self._begin: dict[Key, Any] = {}
        self._hinted_change: dict[Key, int] = {}  # ticks
        self._hinted_pairs: dict[int, set[tuple[Key | None, Key | None]]] = {}
        self._size: dict[tuple[int, int], Any] = {}
        self._hint: dict[int, int] = {}  # by the index of a variable
        self._run: dict[tuple[Key, int], Any] = {}
        self._staffed: list[tuple[Task, SkillNeed, Any]] = []
        self._work: list[tuple[Any, tuple[int, ...], int]] = []  # interval, groups, people
        super().__init__(window, hint)

    def _horizon(self) -> int:
        """Return a date after all ends: some time, open and closed, after the end of the hint."""
        timing = self.timing
        last = max([0, *timing.ends.values(), *(upkeep.end for upkeep in timing.upkeep)])
        longest = max((max(task.times.values()) for task in self.window.tasks), default=1)
        closures = [
            rule.closures
            for task in self.window.tasks
            for rule in (self.rules.process_rule(task.key, machine) for machine in task.times)
        ]
        ends = [each.end_of_work(last, last // 4 + 4 * longest) for each in closures]
        latest = max((task.ready_date for task in self.window.tasks), default=0)
        return max([2 * latest, last, *ends]) + 100

    # --- dates and closures -----------------------------------------------------------------------

    def _variable(self, low: int, high: int, hint: int) -> Any:
        variable = self.model.new_int_var(low, high, "")
        self._hint[variable.index] = min(max(hint, low), high)
        self.model.add_hint(variable, self._hint[variable.index])
        return variable

    def _literal(self, hint: bool) -> Any:
        literal = self.model.new_bool_var("")
        self.model.add_hint(literal, hint)
        return literal

    def _is_from(self, variable: Any, date: int, hint: int) -> Any:
        """Return the Boolean of "the variable is at least ``date``"."""
        key = variable.index, date
        if key not in self._after:
            after = self._literal(hint >= date)
            self.model.add(variable >= date).only_enforce_if(after)
            self.model.add(variable <= date - 1).only_enforce_if(after.negated())
            self._after[key] = after
        return self._after[key]

    def _interval(self, start: Any, end: Any, on: Any) -> Any:
        """Return the time between two dates, in which something takes place if ``on`` holds."""
        key = start.index, end.index
        if key not in self._size:
            hint = self._hint_of(end) - self._hint_of(start)
            self._size[key] = self._variable(0, 2 * self.horizon, hint)
            self.model.add(self._size[key] == end - start)
        return self.model.new_optional_interval_var(start, self._size[key], end, on, "")

    def _hint_of(self, variable: Any) -> int:
        return self._hint[variable.index]

    def _closures(self, closures: CalendarClosures) -> list[tuple[int, int]]:
        pairs = zip(closures.begins, closures.ends, strict=True)
        listed = [(begin, end) for begin, end in pairs if begin < self.horizon]
        return listed[:_MAX_CLOSURES]

    def _add_work(
        self, rule: WorkRule, dates: tuple[Any, Any], ticks: Any, hints: tuple[int, int], on: Any
    ) -> None:
        """Let work take ``ticks`` between its start and end, by the rule, if all of ``on`` hold."""
        (start, end), closed_time = dates, list[Any]()
        for begin, opening in self._closures(rule.closures):
            after = self._is_from(start, opening, hints[0])
            self.model.add(start <= begin - 1).only_enforce_if([*on, after.negated()])
            if rule.across not in (PAUSE, FIT):
                continue
            beyond = self._is_from(end, begin + 1, hints[1])
            if rule.across == FIT or opening - begin > rule.longest_pause:
                self.model.add_bool_or([*(one.negated() for one in on), beyond.negated(), after])
            if rule.across == PAUSE:
                length = min(opening, 2 * self.horizon) - begin
                self.model.add(end >= opening + 1).only_enforce_if([*on, beyond])
                closed_time.append(length * (beyond - after))
        self.model.add(end == start + ticks + sum(closed_time)).only_enforce_if(on)

    def _open_at(self, start: Any, closures: CalendarClosures, hint: int, on: Any) -> None:
        """Let a start lie in no closure, if ``on`` holds."""
        for begin, opening in self._closures(closures):
            after = self._is_from(start, opening, hint)
            self.model.add(start <= begin - 1).only_enforce_if([on, after.negated()])

    def _end_of(self, task: Task) -> Any:
        start = self.start[task.key]
        hint = self.timing.ends[task.key]
        self._hint[start.index] = self.hinted[task.key][1]
        end = self._variable(0, self.horizon, hint)
        for machine, ticks in task.times.items():
            rule, on = self.rules.process_rule(task.key, machine), self.on[task.key, machine]
            hints = self.hinted[task.key][1], hint
            self._add_work(rule, (start, end), ticks, hints, [on])
            if rule.at_start:
                self._open_at(start, rule.start_closures, hints[0], on)
            elif rule.need is not None:
                self._staffed.append((task, rule.need, on))
            self.terms.append((on, self.rules.staff_money(rule, ticks)))
        return end

    def _hinted_end(self, key: Key) -> int:
        return self.timing.ends[key]

    # --- machines ---------------------------------------------------------------------------------

    def _intervals(self, machine: int, tasks: list[Task]) -> list[Any]:
        intervals = [
            self._interval(self.start[task.key], self.end[task.key], self.on[task.key, machine])
            for task in tasks
        ]
        kinds = self.rules.upkeep(machine)
        for upkeep in self.timing.upkeep:
            if upkeep.machine == machine:
                rule, ticks = kinds[upkeep.kind].rule, kinds[upkeep.kind].ticks
                intervals.append(self._add_upkeep(upkeep, rule, ticks, tasks))
        return intervals

    def _add_upkeep(
        self, upkeep: PlannedUpkeep, rule: WorkRule, ticks: int, tasks: list[Task]
    ) -> Any:
        """Add a maintenance: once it is due, nothing starts before it is done."""
        start = self._variable(max(0, upkeep.offered_date), self.horizon, upkeep.start)
        end = self._variable(0, 2 * self.horizon, upkeep.end)
        hints = upkeep.start, upkeep.end
        self._add_work(rule, (start, end), ticks, hints, [self.model.new_constant(1)])
        for task in tasks:
            before = self._literal(self.hinted[task.key][1] < upkeep.due_date)
            on = self.on[task.key, upkeep.machine]
            date = self.start[task.key]
            self.model.add(date <= max(0, upkeep.due_date - 1)).only_enforce_if([on, before])
            self.model.add(date >= end).only_enforce_if([on, before.negated()])
        interval = self._interval(start, end, self.model.new_constant(1))
        if rule.need is not None:
            self._work.append((interval, rule.need.groups, rule.need.number))
        return interval

    def _add_arc(
        self,
        machine: int,
        before: Task | None,
        task: Task,
        arc: Any,
        change: SetupChange,
        free: Any,
    ) -> None:
        rates = self.window.rates
        relief = self._count_run(machine, before, task, arc)
        self.model.add(self.start[task.key] >= free + change.ticks + relief).only_enforce_if(arc)
        rule = self.rules.change_rule(machine)
        money = change.money + rates.changing * change.ticks
        self.terms.append((arc, money + self.rules.staff_money(rule, change.ticks)))
        if change.ticks == 0:
            return
        self._changes_of.setdefault(task.key, []).append((arc, change.ticks, machine))
        if self._is_hinted(machine, before, task):
            self._hinted_change[task.key] = change.ticks
        begin = self._change_begin(task)
        self.model.add(begin >= free).only_enforce_if(arc)
        for earliest in self._change_dates(task):
            self.model.add(begin >= earliest).only_enforce_if(arc)

    def _is_hinted(self, machine: int, before: Task | None, task: Task) -> bool:
        """Return whether a task comes right after another in the hint."""
        if machine not in self._hinted_pairs:
            sequence = [None, *(key for key, _ in self.hint.sequences.get(machine, ()))]
            self._hinted_pairs[machine] = set(pairwise(sequence))
        return (before.key if before else None, task.key) in self._hinted_pairs[machine]

    def _change_begin(self, task: Task) -> Any:
        if task.key not in self._begin:
            hint = self.timing.change_dates[task.key]
            self._begin[task.key] = self._variable(0, self.horizon, hint)
        return self._begin[task.key]

    # --- runs -------------------------------------------------------------------------------------

    def _count_run(self, machine: int, before: Task | None, task: Task, arc: Any) -> Any:
        """Count the runs along an arc; return the ticks of the relief of those at their maximum."""
        ticks: Any = 0
        for attribute, limit in enumerate(self.rules.run_limits(machine)):
            value = task.wanted[attribute]
            if value < 0 or limit.max_run > self.horizon:
                continue
            step = task.times[machine] if limit.counts_ticks else 1
            run = self._run_of(task, attribute, limit.max_run + step)
            self.model.add(run >= step).only_enforce_if(arc)
            known = self.window.machines[machine]
            mounted = before.wanted[attribute] if before else known.mounted[attribute]
            if mounted != value:
                continue
            count: Any = known.upkeep.runs[attribute] if known.upkeep else 0
            if before:
                count = self._run_of(before, attribute, 0)
            is_hinted = self._is_hinted(machine, before, task)
            relieved = self._literal(is_hinted and (task.key, attribute) in self.timing.relieved)
            stays = [arc, relieved.negated()]
            self.model.add(count <= limit.max_run - 1).only_enforce_if(stays)
            self.model.add(run >= count + step).only_enforce_if(stays)
            relief = self._relief(machine, attribute, before, task)
            self.terms.append((relieved, relief.money + self.window.rates.changing * relief.ticks))
            ticks = ticks + relief.ticks * relieved
        return ticks

    def _run_of(self, task: Task, attribute: int, most: int) -> Any:
        key = task.key, attribute
        if key not in self._run:
            hint = self.timing.runs[task.key][attribute] if task.key in self.timing.runs else 0
            self._run[key] = self._variable(0, max(most, self.horizon), hint)
        return self._run[key]

    def _relief(self, machine: int, attribute: int, before: Task | None, task: Task) -> SetupChange:
        """Return what a changeover by the relief value of a run takes more than a direct one."""
        mounted = self.window.machines[machine].mounted
        mounted = complete(mounted, before.wanted) if before else mounted
        relieved = list(mounted)
        relieved[attribute] = self.rules.relief(machine, attribute, mounted[attribute])
        if relieved[attribute] < 0:
            return NOTHING
        between = self.window.changeovers.between
        there = between(machine, mounted, tuple(relieved)) or NOTHING
        back = between(machine, tuple(relieved), task.wanted) or NOTHING
        direct = between(machine, mounted, task.wanted) or NOTHING
        ticks = max(0, there.ticks + back.ticks - direct.ticks)
        return SetupChange(ticks, there.money + back.money - direct.money)

    # --- changeovers and people -------------------------------------------------------------------

    def _add_people(self) -> None:
        """Add all changeovers, and the pools of people that are scarce."""
        for key in self._changes_of:
            self._add_changeover(self.tasks[key])
        for task, need, on in self._staffed:
            start, end = self.start[task.key], self.end[task.key]
            interval = self._interval(start, end, on)
            self._work.append((interval, need.groups, need.number))
        for groups in sorted(
            {groups for _, groups, _ in self._work}, key=lambda one: (len(one), one)
        ):
            self._add_pool(frozenset(groups))

    def _add_changeover(self, task: Task) -> None:
        """Let the changeover before a task take its time between the dates of its machine."""
        ways, begin = self._changes_of[task.key], self._change_begin(task)
        hint = self.timing.change_dates[task.key]
        hinted = self._hinted_change.get(task.key, 0)
        changes = self._literal(hinted > 0)
        self.model.add(sum(arc for arc, _, _ in ways) == changes)
        size = self._variable(0, max(ticks for _, ticks, _ in ways), hinted)
        self.model.add(size == sum(arc * ticks for arc, ticks, _ in ways))
        hint_end = self.rules.change_rule(self.hinted[task.key][0]).end(hint, hinted)
        finish = self._variable(0, self.horizon, hint_end)
        self.model.add(finish <= self.start[task.key])
        for machine in sorted({machine for _, _, machine in ways}):
            rule, on = self.rules.change_rule(machine), self.on[task.key, machine]
            self._add_work(rule, (begin, finish), size, (hint, hint_end), [on, changes])
            self._fit_together(task, machine, begin, [on, changes])
        self.model.add(finish == begin).only_enforce_if(changes.negated())
        need = self.rules.change_rule(ways[0][2]).need
        if need is not None:
            interval = self._interval(begin, finish, changes)
            self._work.append((interval, need.groups, need.number))

    def _fit_together(self, task: Task, machine: int, begin: Any, on: list[Any]) -> None:
        """Let a changeover lie in the open hours of an operation that must fit and is ready."""
        rule = self.rules.process_rule(task.key, machine)
        if rule.across != FIT or task.predecessors or task.ready_date > 0:
            return
        for closing, opening in self._closures(rule.closures):
            beyond = self._is_from(self.end[task.key], closing + 1, self.timing.ends[task.key])
            self.model.add(begin >= opening).only_enforce_if([*on, beyond])

    def _add_pool(self, groups: frozenset[int]) -> None:
        """Let work that only these groups can do hold no more people than there are."""
        listed = self.rules.groups
        capacity = sum(listed[group][0] for group in groups)
        work = [(interval, number) for interval, own, number in self._work if groups >= set(own)]
        machines = len(self.window.machines)
        if capacity >= machines * max(number for _, number in work):
            return
        intervals, demands = [one for one, _ in work], [number for _, number in work]
        absences = [
            *people_at_work(self.window, groups, self.horizon),
            *people_off_duty(self.rules, groups, self.horizon),
        ]
        for start, end, number in absences:
            intervals.append(self.model.new_fixed_size_interval_var(start, end - start, ""))
            demands.append(number)
        self.model.add_cumulative(intervals, demands, capacity)


def solve_operating(window: Window, hint: Sequences, seconds: float) -> Solution:
    """Return the best sequences after about ``seconds``, never worse in the model than the hint.

    Both are priced by their earliest dates (:mod:`agents.solver.operating_times`).
    """
    assert window.rules is not None
    start = time_operating(window, hint)
    builder = OperatingBuilder(window, time_for_model(window, hint), window.rules)
    solver, status = run_search(builder, seconds)
    best = start
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        with suppress(ValueError):
            timing = time_operating(window, builder.sequences(solver))
            best = min(start, timing, key=lambda one: one.money)
    return Solution(
        best.sequences,
        solver.status_name(status),
        best.money,
        start.money,
        solver.best_objective_bound * builder.unit,
        solver.wall_time,
    )
