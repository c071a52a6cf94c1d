"""CP-SAT model of a planning window, and its solution within a reproducible limit.

The sequence on each machine is a circuit through its tasks (Miller, Tucker and Zemlin 1960, with
start dates as potentials), so that changeover times and costs belong to its arcs. A task on another
machine has a loop.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from ortools.sat.python import cp_model

from agents.solver.changeovers import SetupChange
from agents.solver.known_state import Key
from agents.solver.problem import Delivery, Sequences, Task, Timing, Window, price, time_sequences

DETERMINISTIC_PER_SECOND = 0.35
"""CP-SAT's deterministic time for about a second on one core of the machines of docs/results.md."""
WALL_FACTOR, MIN_WALL_SECONDS = 60.0, 60.0
"""Limits of wall-clock time: a multiple of the nominal seconds, and a minimum. They stop a process
that hangs; results do not depend on them."""
_LARGEST_COEFFICIENT = 20_000
_LARGEST_SUM = 2.0**60
_FINEST = 1e-6


@dataclass(frozen=True)
class Solution:
    """Result of a solve; ``money`` and ``hint_money`` are the model's objective, in currency."""

    sequences: Sequences
    status: str
    money: float
    hint_money: float
    bound: float
    seconds: float

    @property
    def improved(self) -> bool:
        return self.money < self.hint_money


class Builder:
    """Variables, constraints and objective of a window.

    Parameters
    ----------
    window
        Tasks to plan.
    hint
        Sequences and dates to start from.
    """

    def __init__(self, window: Window, hint: Timing) -> None:
        self.window, self.hint = window, hint
        self.model: Any = cp_model.CpModel()
        self.tasks = {task.key: task for task in window.tasks}
        self.hinted = {
            key: (machine, start)
            for machine, sequence in hint.sequences.items()
            for key, start in sequence
        }
        # possible changeovers for a task: arc, ticks, date at which the machine is free
        self._changing: dict[Key, list[tuple[Any, int, Any]]] = {}
        self.horizon = self.latest = self._horizon()
        self.start: dict[Key, Any] = {}
        self.end: dict[Key, Any] = {}
        self.on: dict[tuple[Key, int], Any] = {}
        self.terms: list[tuple[Any, float]] = []  # variable, currency per unit
        for task in window.tasks:
            self._add_task(task)
        for machine in window.machines:
            self._add_machine(machine.number)
        self._add_people()
        completions = [self._add_delivery(delivery) for delivery in window.deliveries]
        self._add_last_completion(completions)
        self._minimise()

    def _horizon(self) -> int:
        """Return a date after all starts: more than twice the length of the hint."""
        longest = max((max(task.times.values()) for task in self.window.tasks), default=1)
        last = max((start for _, start in self.hinted.values()), default=0)
        latest = max(
            [
                0,
                *(task.ready_date for task in self.window.tasks),
                *(machine.free_date - self.window.clock for machine in self.window.machines),
            ]
        )
        return 2 * max(last, latest) + 4 * longest + 100

    def _add_task(self, task: Task) -> None:
        hinted, begin = self.hinted[task.key]
        start = self.model.new_int_var(task.ready_date, self.horizon, "")
        self.model.add_hint(start, begin)
        for machine in task.times:
            if len(task.times) == 1:
                self.on[task.key, machine] = self.model.new_constant(1)
            else:
                self.on[task.key, machine] = self.model.new_bool_var("")
                self.model.add_hint(self.on[task.key, machine], machine == hinted)
        self.model.add_exactly_one(self.on[task.key, machine] for machine in task.times)
        self.start[task.key] = start
        self.end[task.key] = self._end_of(task)
        for predecessor, transport in task.predecessors.items():
            self.model.add(start >= self.end[predecessor] + transport)
        self.terms.append((start, self.window.rates.starting))

    def _end_of(self, task: Task) -> Any:
        """Return the end of a task as an expression."""
        if len(set(task.times.values())) == 1:  # the same on all machines: a constant
            return self.start[task.key] + next(iter(task.times.values()))
        return self.start[task.key] + sum(
            self.on[task.key, machine] * ticks for machine, ticks in task.times.items()
        )

    # --- machines ---------------------------------------------------------------------------------

    def _add_machine(self, machine: int) -> None:
        tasks = [task for task in self.window.tasks if machine in task.times]
        if not tasks:
            return
        self.model.add_no_overlap(self._intervals(machine, tasks))
        if self._changes(machine, tasks):
            self._add_sequence(machine, tasks)
        else:
            for task in tasks:
                self.model.add(
                    self.start[task.key] >= self.window.free_date(machine)
                ).only_enforce_if(self.on[task.key, machine])

    def _intervals(self, machine: int, tasks: list[Task]) -> list[Any]:
        """Return the times at which a machine is taken."""
        return [
            self.model.new_optional_fixed_size_interval_var(
                self.start[task.key], task.times[machine], self.on[task.key, machine], ""
            )
            for task in tasks
        ]

    def _changes(self, machine: int, tasks: list[Task]) -> bool:
        """Return True if any changeover on the machine takes time or money."""
        pairs = [(None, task) for task in tasks] + list(permutations(tasks, 2))
        return any(
            self.window.task_change(machine, before, task) != (0, 0.0) for before, task in pairs
        )

    def _add_sequence(self, machine: int, tasks: list[Task]) -> None:
        """Add a circuit from the mounted setup (node 0) through the tasks on the machine.

        Tasks on other machines have loops.
        """
        sequence = [key for key, _ in self.hint.sequences.get(machine, ())]
        followed = set(zip([None, *sequence], [*sequence, None], strict=True))
        empty = self.model.new_bool_var("")
        self.model.add_hint(empty, not sequence)
        arcs = [(0, 0, empty)]
        for node, task in enumerate(tasks, start=1):
            present = self.on[task.key, machine]
            arcs.append((node, node, present.negated()))
            last = self._new_arc((task.key, None) in followed)
            arcs.append((node, 0, last))
            self._follow(machine, None, task, followed, arcs, 0, node)
            for other, after in enumerate(tasks, start=1):
                if other != node and after.key not in task.predecessors:
                    self._follow(machine, task, after, followed, arcs, node, other)
        self.model.add_circuit(arcs)

    def _new_arc(self, hinted: bool) -> Any:
        arc = self.model.new_bool_var("")
        self.model.add_hint(arc, hinted)
        return arc

    def _follow(
        self,
        machine: int,
        before: Task | None,
        task: Task,
        followed: set[Any],
        arcs: list[Any],
        source: int,
        target: int,
    ) -> None:
        """Add the arc on which ``task`` comes right after ``before``.

        None stands for the setup that is mounted and the work that is in process at the clock.
        """
        change = self.window.task_change(machine, before, task)
        if change is None:
            return
        arc = self._new_arc((before.key if before else None, task.key) in followed)
        arcs.append((source, target, arc))
        free = self.end[before.key] if before else self.window.free_date(machine)
        self._add_arc(machine, before, task, arc, change, free)

    def _add_arc(
        self,
        machine: int,
        before: Task | None,
        task: Task,
        arc: Any,
        change: SetupChange,
        free: Any,
    ) -> None:
        """Add dates and cost of the changeover of an arc; the machine is ``free`` before it."""
        self.model.add(self.start[task.key] >= free + change.ticks).only_enforce_if(arc)
        for earliest in self._change_dates(task) if change.ticks > 0 else ():
            self.model.add(self.start[task.key] >= earliest + change.ticks).only_enforce_if(arc)
        rates = self.window.rates
        self.terms.append((arc, change.money + rates.changing * change.ticks))
        if self.window.crews_are_scarce and change.ticks > 0:
            self._changing.setdefault(task.key, []).append((arc, change.ticks, free))

    def _change_dates(self, task: Task) -> list[Any]:
        """Return the dates before which no changeover for a task begins.

        Dates that other constraints imply are left out.
        """
        if self.window.changes_ahead:
            return [task.change_date] if task.change_date > 0 else []
        arrivals = [self.end[p] + transport for p, transport in task.predecessors.items()]
        return [task.ready_date, *arrivals]

    def _add_people(self) -> None:
        """Add the people that are scarce."""
        if self.window.crews_are_scarce:
            self._add_crews()

    def _add_crews(self) -> None:
        """Let each changeover of positive time hold a crew.

        It takes place between the machine's last operation and the start of the next.
        """
        intervals, demands = [], []
        for key, ways in self._changing.items():
            longest = max(ticks for _, ticks, _ in ways)
            begin = self.model.new_int_var(0, self.horizon, "")
            size = self.model.new_int_var(0, longest, "")
            finish = self.model.new_int_var(0, self.horizon, "")
            self._hint_changeover(key, begin, size, finish)
            self.model.add(size == sum(arc * ticks for arc, ticks, _ in ways))
            self.model.add(finish <= self.start[key])
            for arc, _, free in ways:
                self.model.add(begin >= free).only_enforce_if(arc)
                for earliest in self._change_dates(self.tasks[key]):
                    self.model.add(begin >= earliest).only_enforce_if(arc)
            intervals.append(self.model.new_interval_var(begin, size, finish, ""))
            demands.append(1)
        for machine in self.window.machines:
            if machine.crew_date is not None:
                intervals.append(
                    self.model.new_fixed_size_interval_var(
                        0, machine.crew_date - self.window.clock, ""
                    )
                )
                demands.append(1)
        self.model.add_cumulative(intervals, demands, self.window.crews)

    def _hint_changeover(self, key: Key, begin: Any, size: Any, finish: Any) -> None:
        machine, _ = self.hinted[key]
        sequence = [other for other, _ in self.hint.sequences[machine]]
        before = self.tasks[sequence[sequence.index(key) - 1]] if sequence[0] != key else None
        change = self.window.task_change(machine, before, self.tasks[key])
        date, ticks = self.hint.change_dates[key], change.ticks if change else 0
        for variable, value in ((begin, date), (size, ticks), (finish, date + ticks)):
            self.model.add_hint(variable, value)

    # --- objective --------------------------------------------------------------------------------

    def _add_delivery(self, delivery: Delivery) -> tuple[Any, int]:
        """Add completion, holding and tardiness of an order.

        Returns
        -------
        The variable of the completion date, and its value in the hint.
        """
        rates = self.window.rates
        hinted_ends = (self._hinted_end(key) + tail for key, tail in delivery.tails.items())
        hint = max([delivery.date, *hinted_ends])
        longest_tail = max([delivery.date, *delivery.tails.values()])
        longest_task = max(max(self.tasks[key].times.values()) for key in delivery.tails)
        latest = self.horizon + longest_tail + longest_task
        self.latest = max(self.latest, latest, latest - delivery.due_date)
        completion = self.model.new_int_var(delivery.date, latest, "")
        self.model.add_hint(completion, hint)
        for key, tail in delivery.tails.items():
            self.model.add(completion >= self.end[key] + tail)
        self.terms.append((completion, rates.holding))
        late = self.model.new_int_var(0, max(0, latest - delivery.due_date), "")
        self.model.add_hint(late, max(0, hint - delivery.due_date))
        self.model.add(late >= completion - delivery.due_date)
        self.terms.append((late, rates.tardiness * delivery.weight))
        return completion, hint

    def _add_last_completion(self, completions: list[tuple[Any, int]]) -> None:
        """Add the cost of the last completion: the plant draws power until then."""
        latest = 2 * self.horizon + max((hint for _, hint in completions), default=0) + 1000
        self.latest = max(self.latest, latest)
        last = self.model.new_int_var(0, latest, "")
        self.model.add_hint(last, max((hint for _, hint in completions), default=0))
        for completion, _ in completions:
            self.model.add(last >= completion)
        self.terms.append((last, self.window.rates.finishing))

    def _hinted_end(self, key: Key) -> int:
        machine, start = self.hinted[key]
        return start + self.tasks[key].times[machine]

    def _minimise(self) -> None:
        """Minimise the money, in whole units.

        A unit is a share of the largest coefficient, or more if the sum would exceed 64 bits.
        """
        coefficients = [coefficient for _, coefficient in self.terms]
        finest = max([_FINEST, *coefficients]) / _LARGEST_COEFFICIENT
        self.unit = max(finest, sum(coefficients) * self.latest / _LARGEST_SUM)
        self.model.minimize(
            sum(round(coefficient / self.unit) * variable for variable, coefficient in self.terms)
        )

    def sequences(self, solver: Any) -> Sequences:
        """Return the sequences and dates of a solution."""
        sequences: dict[int, list[tuple[Key, int]]] = {
            machine.number: [] for machine in self.window.machines
        }
        for (key, machine), literal in self.on.items():
            if solver.boolean_value(literal):
                sequences[machine].append((key, solver.value(self.start[key])))
        return {
            machine: sorted(sequence, key=lambda step: self._dates_of(step, machine))
            for machine, sequence in sequences.items()
        }

    def _dates_of(self, step: tuple[Key, int], machine: int) -> tuple[int, int]:
        """Return start and end of a task on a machine."""
        key, start = step
        return start, start + self.tasks[key].times[machine]


def solve(window: Window, hint: Sequences, seconds: float) -> Solution:
    """Return the best sequences after about ``seconds``, never worse in the model than the hint."""
    start = time_sequences(window, hint)
    builder = Builder(window, start)
    solver, status = run_search(builder, seconds)
    hint_money = price(window, start.sequences)
    sequences, money = start.sequences, hint_money
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        result = builder.sequences(solver)
        # Operations of no length may stand in any order at one date; in the wrong one they wait for
        # each other, and time_sequences refuses.
        with suppress(ValueError):
            result = time_sequences(window, result).sequences
        if price(window, result) < hint_money:
            sequences, money = result, price(window, result)
    return Solution(
        sequences,
        solver.status_name(status),
        money,
        hint_money,
        solver.best_objective_bound * builder.unit,
        solver.wall_time,
    )


def run_search(builder: Builder, seconds: float) -> tuple[Any, Any]:
    """Return the solver of a window's model after about ``seconds``, and its status."""
    solver = cp_model.CpSolver()
    _configure(solver.parameters, seconds)
    return solver, solver.solve(builder.model)


def _configure(parameters: Any, seconds: float) -> None:
    """Set the parameters of the solver so that results are reproducible."""
    parameters.num_workers = 1
    parameters.random_seed = 1
    # improve the hint, on one core, with strategies in a fixed order
    parameters.interleave_search = parameters.use_lns_only = True
    # both would take a good part of a second
    parameters.cp_model_probing_level = parameters.symmetry_level = 0
    parameters.max_deterministic_time = seconds * DETERMINISTIC_PER_SECOND
    parameters.max_time_in_seconds = max(MIN_WALL_SECONDS, seconds * WALL_FACTOR)
