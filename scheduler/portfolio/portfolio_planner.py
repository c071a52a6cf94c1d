"""Search for plans: candidates of rules and policies, then local search on the cheapest."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

from agents.rules.compiled import compile_rule
from agents.rules.registry import Rule, make_rule
from factory.model import Factory
from factory.progress import Progress, say
from factory.simulation.arrays import NEVER
from scheduler.floor.floor import ShopFloor
from scheduler.floor.frozen_work import FrozenWork, date_locks
from scheduler.plans.errors import PlanError
from scheduler.plans.frozen_horizon import FrozenHorizon, date_all, lock_all
from scheduler.plans.plan_policy import FloorPolicy
from scheduler.plans.plan_records import write_plan
from scheduler.plans.plan_simulation import PlanSimulation, check_sampling
from scheduler.plans.schema import MAX_FUTURES, Plan
from scheduler.plans.work_limit import WorkLimit
from scheduler.portfolio.candidate_plans import CandidatePlan, CandidateTable, PlanBatches
from scheduler.portfolio.member_policies import NetworkPolicy, RowPolicy
from scheduler.portfolio.sequence_search import SequenceSearch, read_steps
from scheduler.snapshot.schema import Snapshot

MAX_SAMPLES = 512
"""Number of samples of each network after which no more are drawn."""
MAX_MOVES = 10_000_000
"""Number of moves of the local search after which it ends."""
CARRIED_OVER = "plan of the other floor"
"""Name of the maker of a plan whose sequences come from another floor."""
_MEMBER_SHARE, _SAMPLE_SHARE = 0.3, 0.4
"""Shares of the time after which no further member plans, and no further sample is drawn."""
_SAMPLES_PER_CALL = 16
_STARTS = 3
"""Number of the cheapest plans from which the local search begins with the best."""
_BETTER = 1e-9
"""Relative saving from which a plan of the local search is taken."""
RULE_GRID: tuple[Rule, ...] = (
    *(
        make_rule("ATCS", k1=k1, k2=k2)
        for k1 in (0.5, 1, 2, 4, 8)
        for k2 in (0.1, 0.2, 0.4, 0.8, 1.6)
    ),
    *(
        make_rule("ATCSR", k1=k1, k2=k2, k3=k3)
        for k1 in (1, 2, 4)
        for k2 in (0.2, 0.5)
        for k3 in (1, 3)
    ),
    *(
        make_rule("ATCS+HOLD", k1=k1, k2=k2, hold=hold)
        for k1 in (1, 2, 4)
        for k2 in (0.2, 0.5)
        for hold in (0.01, 0.1)
    ),
)
"""Rules that plan in one batch: the best parameters for a moment are not those for a year."""


class SearchBudget(NamedTuple):
    """Limits of a search for a plan, of which the first that is reached ends it."""

    seconds: float = 10.0  # without the time for loading compiled code
    max_samples: int = MAX_SAMPLES  # of each network
    max_moves: int = MAX_MOVES  # of the local search


class _Renamed:
    """Policy under another name, for plans whose sequences are given.

    Parameters
    ----------
    name
        Name in plans.
    policy
        Policy that decides what is not given.
    """

    def __init__(self, name: str, policy: FloorPolicy) -> None:
        self.name, self.rows = name, policy.rows
        self.network, self.temperature, self.seed = policy.network, policy.temperature, policy.seed
        self.fallbacks, self.faults, self.compiled_rule = 0, (), policy.compiled_rule


class _LocalSearch(_Renamed):
    """Local search as the maker of a plan; further orders are left to the member it began with."""

    def __init__(self, origin: FloorPolicy) -> None:
        super().__init__(f"local search from {origin.name}", origin)


class PortfolioPlanner:
    """Planner that searches the cheapest plan among those of a portfolio, and from there on.

    Each member makes a plan, networks also samples of plans, a grid of rules makes plans in one
    batch, and a local search changes the sequences of the cheapest plan.

    Parameters
    ----------
    floor
        Shop floor that is used.
    members
        Policies and rules, the most promising first. The first always finishes its plan.
    budget
        Limits of the search.
    clock
        Clock that the time is measured with, in seconds from any moment on.
    """

    def __init__(
        self,
        floor: ShopFloor,
        members: Sequence[FloorPolicy],
        budget: SearchBudget | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not members:
            raise ValueError("portfolio: no members; there must be at least one. Name a rule.")
        self.factory: Factory = floor.factory
        self.members, self.budget = members, SearchBudget() if budget is None else budget
        self._floor, self._simulation, self._clock = floor, PlanSimulation(floor), clock
        self._networks = [
            NetworkPolicy(member.name, member.network)
            for member in members
            if member.network is not None
        ]

    def plan(
        self,
        snapshot: Snapshot,
        *,
        frozen: FrozenWork | None = None,
        known: Sequence[tuple[str, Plan]] = (),
        futures: int = 0,
        seed: int = 0,
    ) -> Plan:
        """Return the cheapest plan for a snapshot.

        Costs are those of the expected future, in which nothing fails and everything takes its
        expected time. Of equal plans the one of the earlier member is taken.

        Parameters
        ----------
        frozen
            Dates of locks of the snapshot.
        known
            Earlier plans, by name, whose sequences are candidates too.
        futures
            Number of sampled futures for the distribution of the dates, in which the plan is
            followed.
        seed
            Seed of the sampled futures and of the local search.

        Raises
        ------
        PlanError
            If no member finds a plan.

        Notes
        -----
        Ctrl-C ends the search with the best plan so far, and the sampling of futures with the plan
        alone.
        """
        futures, seed = check_sampling(futures, seed, 0, MAX_FUTURES)
        limit = WorkLimit(self.budget.seconds, self._clock)
        frozen = FrozenWork() if frozen is None else frozen
        self._place(snapshot, frozen, limit)
        table = CandidateTable(self._floor)
        with _interruptible(table), Progress("comparing plans") as progress:
            self._compare(table, limit, progress)
            self._follow_known(table, snapshot, frozen, known, limit)
            self._sample(table, limit, progress)
            self._search(table, seed, limit)
        best = table.best
        if best is None:
            assert table.first_error is not None  # every member has raised
            raise table.first_error
        plan = write_plan(self._floor, best.shop, snapshot, best.member, None)
        if futures:
            try:
                plan = self._add_dates(snapshot, frozen, best, plan, futures, seed, limit)
            except KeyboardInterrupt:
                say("interrupted: the plan is taken without sampled futures")
        faults = dict.fromkeys(fault for member in self.members for fault in member.faults)
        return plan.model_copy(
            update={
                "alternatives": table.ranked(),
                "faults": tuple(faults),
                "microseconds": round(1e6 * limit.seconds),
            }
        )

    def carry_over(
        self, snapshot: Snapshot, plan: Plan, other: Plan, *, futures: int = 0, seed: int = 0
    ) -> Plan:
        """Return a plan, or what a cheaper plan of another floor leads to here, if that is cheaper.

        The other plan's operations are carried out in its sequences, once as soon as possible and
        once at its dates.

        Parameters
        ----------
        snapshot, plan
            Snapshot, and its plan so far.
        other
            Plan of a floor with the same factory.
        futures, seed
            As for :meth:`plan`.
        """
        if other.total_cost >= plan.total_cost:
            return plan
        limit = WorkLimit(float("inf"), self._clock)
        locked = lock_all(snapshot, other, self.factory)
        dated = date_all(snapshot, other, self.factory)
        horizons = [] if locked is None else [FrozenHorizon(locked, FrozenWork())]
        horizons += [] if dated is None else [dated]
        self._place(snapshot, FrozenWork(), limit)
        table = CandidateTable(self._floor)
        for horizon in horizons:
            self._place(horizon.snapshot, horizon.work, limit)
            self._try(table, _Renamed(CARRIED_OVER, self.members[0]), limit)
        self._place(snapshot, FrozenWork(), limit)
        best = table.best
        if best is None or best.cost >= plan.total_cost:
            return plan
        written = write_plan(self._floor, best.shop, snapshot, best.member, None)
        if futures:
            written = self._add_dates(snapshot, FrozenWork(), best, written, futures, seed, limit)
        alternatives = (*table.ranked(), *plan.alternatives)
        time = {"microseconds": plan.microseconds + round(1e6 * limit.seconds)}
        return written.model_copy(
            update={"alternatives": alternatives, "faults": plan.faults, **time}
        )

    def _place(self, snapshot: Snapshot, frozen: FrozenWork, limit: WorkLimit) -> None:
        limit.call(ShopFloor.place, self._floor, snapshot)
        date_locks(self._floor, frozen)

    def _compare(self, table: CandidateTable, limit: WorkLimit, progress: Progress) -> None:
        """Let the members make plans, networks first after the first member, then the grid."""
        first, *rest = self.members
        self._try(table, first, limit)
        rest.sort(key=lambda member: member.network is None)
        networks = list(itertools.takewhile(lambda member: member.network is not None, rest))
        for member in networks:
            if not limit.reached:
                self._try(table, member, limit)
        if self.budget.max_moves and not limit.reached:
            self._try_grid(table, limit)
        last = _MEMBER_SHARE if self.budget.max_moves else 1.0
        for member in rest[len(networks) :]:
            progress.step()
            if table.best is None or limit.seconds <= last * self.budget.seconds:
                self._try(table, member, limit)

    def _try(self, table: CandidateTable, member: FloorPolicy, limit: WorkLimit) -> None:
        """Let a member make a plan; as long as there is none, however long it takes."""
        try:
            with limit.lifted() if table.best is None else nullcontext():
                table.add(member, self._simulation.play_expected(member, limit))
        except PlanError as error:
            table.note_fault(member, error)

    def _try_grid(self, table: CandidateTable, limit: WorkLimit) -> None:
        """Let the rules of the grid make plans, and add the cheapest."""
        rules = [(rule, compiled) for rule in RULE_GRID if (compiled := compile_rule(rule))]
        costs = PlanBatches(self._floor, limit).cost_of_rules([form for _, form in rules])
        cost, index = min((cost, index) for index, cost in enumerate(costs))
        if cost < float(NEVER):
            rule = rules[index][0]
            self._try(table, RowPolicy(str(rule), rule), limit)

    def _follow_known(
        self,
        table: CandidateTable,
        snapshot: Snapshot,
        frozen: FrozenWork,
        known: Sequence[tuple[str, Plan]],
        limit: WorkLimit,
    ) -> None:
        """Add plans with the sequences of earlier plans."""
        for name, plan in known:
            locked = lock_all(snapshot, plan, self.factory)
            if locked is not None:
                self._place(locked, frozen, limit)
                self._try(table, _Renamed(name, self.members[0]), limit)
        if known:
            self._place(snapshot, frozen, limit)

    def _sample(self, table: CandidateTable, limit: WorkLimit, progress: Progress) -> None:
        """Add the cheapest sample of each network."""
        batches = PlanBatches(self._floor, limit)
        best: dict[str, tuple[float, NetworkPolicy]] = {}
        drawn, start, last = 0, limit.seconds, self._share(_SAMPLE_SHARE)
        while self._networks and drawn < self.budget.max_samples and limit.seconds < last:
            progress.step()
            count = min(_SAMPLES_PER_CALL, self.budget.max_samples - drawn)
            spent = (limit.seconds - start) / drawn if drawn else limit.seconds / 4
            if spent > 0:
                count = max(1, int(min(count, (last - limit.seconds) / spent)))
            for network in self._networks:
                samples = [network.sample(index) for index in range(drawn, drawn + count)]
                for result in zip(batches.cost_of_samples(samples), samples, strict=True):
                    if network.name not in best or result[0] < best[network.name][0]:
                        best[network.name] = result
            drawn += count
        for cost, sample in best.values():
            if cost < float(NEVER):
                self._try(table, sample, limit)

    def _search(self, table: CandidateTable, seed: int, limit: WorkLimit) -> None:
        """Add the plan of the local search, if it is cheaper than all others."""
        search = SequenceSearch(self._floor, limit)
        most, begin = self.budget.max_moves, limit.seconds
        candidates = table.cheapest(_STARTS)
        if not (most and search.may_search and candidates) or limit.reached:
            return

        def is_over(moves: int) -> float:
            left = self.budget.seconds - begin
            return max(moves / most, (limit.seconds - begin) / left if left > 0 else 1.0)

        starts = [read_steps(self._floor, candidate.shop) for candidate in candidates]
        result = search.improve(starts, is_over, seed)
        if result is not None and result.cost < candidates[0].cost * (1 - _BETTER):
            member = _LocalSearch(candidates[result.origin].member)
            table.add(member, search.simulate_with_log(result))

    def _share(self, share: float) -> float:
        """Return the seconds after which a share of the time is over."""
        return share * self.budget.seconds if self.budget.max_moves else self.budget.seconds

    def _add_dates(
        self,
        snapshot: Snapshot,
        frozen: FrozenWork,
        best: CandidatePlan,
        plan: Plan,
        futures: int,
        seed: int,
        limit: WorkLimit,
    ) -> Plan:
        """Return the best plan with the distribution of its dates.

        A plan of the local search is followed by locks.
        """
        with limit.lifted():
            if best.member.name == CARRIED_OVER or isinstance(best.member, _LocalSearch):
                locked = lock_all(snapshot, plan, self.factory)
                assert locked is not None  # the plan has been simulated
                self._place(locked, frozen, limit)
            dates = self._simulation.sample_dates(best.member, futures, seed, plan.end_date, limit)
            self._place(snapshot, frozen, limit)
        written = write_plan(self._floor, best.shop, snapshot, best.member, dates)
        return written.model_copy(update={"futures": futures})


@contextmanager
def _interruptible(table: CandidateTable) -> Iterator[None]:
    """End the block at Ctrl-C once there is a plan."""
    try:
        yield
    except KeyboardInterrupt:
        if table.best is None:
            raise
        say("interrupted: the best plan so far is taken")
