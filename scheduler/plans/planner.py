"""Plans: a policy (or the fallback rule) played on from a snapshot to a complete schedule, with
dates for each order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import allocate_network_scratch
from envs.observation.tables import Tables, allocate_observation_scratch, allocate_tables
from factory.futures.expected_future import deterministic_copy, repairable_copy
from factory.futures.lulls import allocate_lulls
from factory.futures.sampled_futures import allocate_beliefs
from factory.progress import Progress
from factory.simulation.allocation import SPARE_LINES, allocate, grow_log
from factory.simulation.arrays import (
    CHANGING,
    COST_TERMS,
    DOWN,
    IDLE,
    LOGGED_CHANGEOVER,
    LOGGED_OPERATION,
    NEVER,
    FactoryArrays,
    ShopState,
    split_operation_id,
)
from factory.simulation.kernel import STUCK
from factory.validation.arguments import as_whole, show
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Choice, Decider
from scheduler.floor.floor import ShopFloor
from scheduler.floor.locks import NOBODY
from scheduler.plans.projection import (
    CIRCLING,
    FAULT,
    PAUSED,
    RUNNING,
    advance_to_decision,
    decide_all,
    simulate_policy,
)
from scheduler.plans.schema import (
    Plan,
    PlannedChangeover,
    PlannedOperation,
    PlannedOrder,
    PlannedStop,
)
from scheduler.plans.starting_floors import init_expected, init_sampled
from scheduler.plans.work_limit import WorkLimit
from scheduler.snapshot.schema import Snapshot

MAX_FUTURES = 64
MAX_SAMPLED_ORDERS = 100_000
"""Orders of all futures together: what fits in memory."""
_WORK_LIMIT = 3.0
"""How far futures are played, in lengths of the plan."""
_SPARE_ORDERS = 1.5
"""Room for orders to come, as a share of those expected."""
_MAX_ORDERS_TO_COME = 2000
_DECISIONS_AT_ONCE = 1000
"""Of a compiled policy, between two looks at the clock and at the room in the log."""


class PlanError(RuntimeError):
    """No plan can be made; the message says why, and what to do."""


class _Choosing:
    """The policy for many worlds at once, and the rule where it fails."""

    def __init__(self, decider: Decider, by: Literal["policy", "rule"]) -> None:
        self.decider = decider
        self.by_policy = by == "policy" and decider.bundle is not None
        self.faults = (
            {decider.absence: None}
            if by == "policy" and decider.bundle is None
            else dict[str, None]()
        )
        self.fallbacks = 0

    def rows(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """A legal row of each world."""
        if self.by_policy:
            assert self.decider.bundle is not None
            try:
                return _check_rows(
                    np.asarray(self.decider.bundle.decide(observation)),
                    np.asarray(observation["action_mask"], np.bool_),
                )
            except (
                Exception
            ) as error:  # whatever goes wrong in the network, the planner gets a plan
                self.faults[f"{type(error).__name__}: {error}"] = None
                self.fallbacks += len(observation["shop"])
        return np.asarray(self.decider.fallback.decide(observation), np.int64)


def _check_rows(rows: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A legal row of each world.

    Raises
    ------
    ValueError
        If they are something else.
    """
    if rows.shape != (len(mask),) or not np.issubdtype(rows.dtype, np.integer):
        raise ValueError(f"the policy answered {rows!r:.80}; {len(mask)} rows are wanted")
    inside = (rows >= 0) & (rows < mask.shape[1])
    if not (inside & mask[np.arange(len(mask)), np.where(inside, rows, 0)]).all():
        raise ValueError("the policy chose a row that is not legal")
    return rows.astype(np.int64)


def _check_sampling(futures: Any, seed: Any, least: int, most: int) -> tuple[int, int]:
    """Return number and seed of sampled futures.

    Raises
    ------
    PlanError
        If one is no whole number, or out of range.
    """
    for name, value in (("futures", futures), ("seed", seed)):
        if as_whole(value) is None:
            raise PlanError(f"plan: {name} = {show(value)}; it must be a whole number. Give one.")
    if not least <= futures <= most:
        rule = f"it must lie between {least} and {most}"
        remedy = "fewer" if futures > most else "more"
        raise PlanError(f"plan: futures = {futures}; {rule}. Choose {remedy}.")
    if not 0 <= seed < 2**63:
        raise PlanError(
            f"plan: seed = {seed}; it must lie between 0 and 2**63 - 1. Choose another."
        )
    return int(futures), int(seed)


def _decide_step(
    factory: FactoryArrays,
    shop: ShopState,
    choosing: _Choosing,
    tables: Tables,
    counts: NDArray[np.int64],
) -> bool:
    """Take one decision in each world that is asked; False if it is not legal."""
    whole = {
        "candidates": tables.candidates,
        "machines": tables.machines,
        "shop": tables.shop,
        "action_mask": tables.action_mask,
    }
    asked = np.flatnonzero(shop.env.deciding >= 0)
    rows = np.zeros(len(shop.env), np.int64)
    rows[asked] = choosing.rows(
        whole if len(asked) == len(rows) else {name: table[asked] for name, table in whole.items()}
    )
    return bool(decide_all(factory, shop, rows, counts))


class Planner:
    """Makes plans with a decider's policy and rule.

    Parameters
    ----------
    decider
        Its floor is used, so that a planner and its decider cannot work at the same time.
    max_seconds
        Time for one plan by the decider's clock, without that for loading compiled code.
    """

    def __init__(self, decider: Decider, max_seconds: float = math.inf) -> None:
        self.decider, self.max_seconds = decider, max_seconds
        self._worlds = dict[tuple[int, int, int], ShopState]()

    def plan(
        self,
        snapshot: Snapshot,
        *,
        by: Literal["policy", "rule"] = "policy",
        futures: int = 0,
        seed: int = 0,
    ) -> Plan:
        """Play on from a snapshot until all its orders are done, each operation in its expected
        time.

        Parameters
        ----------
        by
            Who decides.
        futures
            Number of sampled futures, in which orders come, machines fail and times vary, for the
            dates' distribution.
        seed
            Of the futures.

        Raises
        ------
        PlanError
            If it takes too long, or if nothing can go on, for example because of forbidden
            changeovers.
        """
        start, limit = self.decider.clock(), self._limit()
        futures, seed = _check_sampling(futures, seed, 0, MAX_FUTURES)
        choosing, floor = _Choosing(self.decider, by), self.decider.floor
        floor.place(snapshot)
        shop = self._play_expected(choosing, limit)
        drawn = (
            self._draw_dates(choosing, futures, seed, int(shop.env.clock[0]), limit)
            if futures
            else None
        )
        cost = dict(zip(COST_TERMS, shop.cost[0].tolist(), strict=True))
        return Plan(
            factory=floor.factory.name,
            clock=snapshot.clock,
            end_date=int(shop.env.clock[0]),
            tick_minutes=floor.factory.tick_minutes,
            start_hour=floor.factory.start_hour,
            made_by=self._made_by(choosing),
            fallbacks=choosing.fallbacks,
            faults=tuple(choosing.faults),
            machines=tuple(floor.machine_names),
            work_centres=tuple(centre.name for centre in floor.centres),
            operations=tuple(self._operations(shop)),
            changeovers=tuple(self._changeovers(shop)),
            stops=tuple(self._stops()),
            orders=tuple(self._orders(shop, snapshot, drawn)),
            cost=cost,
            total_cost=math.fsum(cost.values()),
            futures=futures,
            microseconds=round(1e6 * (self.decider.clock() - start)),
        )

    def costs_after(
        self, snapshot: Snapshot, choices: Sequence[tuple[str, Choice]], *, futures: int, seed: int
    ) -> NDArray[np.float64]:
        """Costs ``[futures]`` of finishing the known orders under the policy, after machines have
        been told ``choices`` in turn; nothing else comes.

        Raises
        ------
        PlanError
            If a choice cannot be carried out, or a number is out of range.
        """
        futures, seed = _check_sampling(futures, seed, 1, MAX_SAMPLED_ORDERS)
        if not self.decider.tell(snapshot, choices):
            raise PlanError(
                "plan: the choices cannot be carried out. Give those of the snapshot's own"
                " decisions."
            )
        choosing = _Choosing(self.decider, "policy")
        shop = self._play_sampled(choosing, futures, seed, int(NEVER) - 1, 0, self._limit())
        total: NDArray[np.float64] = shop.cost.sum(axis=1)
        return total

    # --- playing on -------------------------------------------------------------------------------

    def _play_expected(self, choosing: _Choosing, limit: WorkLimit) -> ShopState:
        """The world in which everything takes its expected time, played to its end."""
        floor = self.decider.floor
        factory = deterministic_copy(floor.arrays)
        shop = self._world(factory, 1, 2 * SPARE_LINES)
        limit.call(init_expected, factory, floor.shop, floor.locks, shop)
        return self._play(factory, shop, choosing, int(NEVER) - 1, limit)

    def _draw_dates(
        self, choosing: _Choosing, futures: int, seed: int, end_date: int, limit: WorkLimit
    ) -> NDArray[np.int64]:
        """Completion dates ``[futures, O]``, NEVER where they lie beyond what was simulated."""
        clock, released = (
            int(self.decider.floor.shop.env.clock[0]),
            int(self.decider.floor.shop.env.num_released[0]),
        )
        last_date = clock + math.ceil(_WORK_LIMIT * (end_date - clock)) + 1
        shop = self._play_sampled(
            choosing, futures, seed, last_date, self._orders_to_come(last_date - clock), limit
        )
        dates = shop.orders.completion_date[:, :released]
        return np.where(dates < 0, NEVER, dates)

    def _play_sampled(
        self,
        choosing: _Choosing,
        futures: int,
        seed: int,
        last_date: int,
        room: int,
        limit: WorkLimit,
    ) -> ShopState:
        """Futures in which up to ``room`` more orders come, played until the known orders are done,
        or to ``last_date``."""
        floor = self.decider.floor
        released = int(floor.shop.env.num_released[0])
        if futures * (released + room) > MAX_SAMPLED_ORDERS:
            most = MAX_SAMPLED_ORDERS // (released + room)
            raise PlanError(
                f"plan: futures = {futures}; with {released} orders and those to come there is room"
                f" for {most}. Choose fewer."
            )
        factory = repairable_copy(floor.arrays, released + room)
        shop = self._world(factory, futures, 0)
        limit.call(
            init_sampled,
            factory,
            floor.shop,
            floor.locks,
            allocate_beliefs(factory),
            shop,
            np.uint64(seed),
            room,
            last_date,
        )
        return self._play(factory, shop, choosing, last_date, limit)

    def _orders_to_come(self, ticks: int) -> int:
        """Room for the orders of that time."""
        demand = self.decider.floor.factory.demand
        if demand is None:
            return 0
        shortest = min(regime.interarrival_time for regime in demand.regimes)
        expected = ticks / shortest * sum(demand.batch) / 2
        return min(_MAX_ORDERS_TO_COME, math.ceil(_SPARE_ORDERS * expected) + 16)

    def _made_by(self, choosing: _Choosing) -> str:
        return "policy" if choosing.by_policy else str(self.decider.fallback)

    def _world(self, factory: FactoryArrays, worlds: int, log_length: int) -> ShopState:
        orders = int(factory.plant.num_orders[0])
        here = self.decider.floor.shop
        key = (worlds, orders, log_length)
        if key not in self._worlds:
            self._worlds = {
                other: shop
                for other, shop in self._worlds.items()
                if (other[0] == 1) != (worlds == 1)
            }  # one of each kind is kept
            rows = {
                "job_rows": here.job_row.shape[1],
                "changeover_rows": here.changeover_target.shape[1],
            }
            self._worlds[key] = allocate(factory, worlds, **rows, log_length=log_length)
        return self._worlds[key]

    def _play(
        self,
        factory: FactoryArrays,
        shop: ShopState,
        choosing: _Choosing,
        last_date: int,
        limit: WorkLimit,
    ) -> ShopState:
        """Play all worlds to their ends: compiled where a bundle decides, and step by step where it
        fails or the rule decides."""
        floor, worlds = self.decider.floor, len(shop.env)
        tables, scratch = (
            allocate_tables(factory, shop, np.float32),
            allocate_observation_scratch(shop),
        )
        known, lulls, counts = (
            int(floor.shop.env.num_released[0]),
            allocate_lulls(factory, worlds),
            np.zeros((worlds, 2), np.int64),
        )
        shop.env.deciding[:] = 0
        bundle, outcome = self.decider.bundle if choosing.by_policy else None, PAUSED
        memory = (
            allocate_network_scratch(bundle.weights, tables.action_mask.shape[1])
            if isinstance(bundle, Bundle)
            else None
        )
        doing = (
            "playing the plan to its end"
            if worlds == 1
            else f"playing {worlds} futures, decision by decision"
        )
        with Progress(doing) as progress:
            while outcome == PAUSED:
                progress.step()
                going = (
                    factory,
                    floor.arrays,
                    shop,
                    floor.locks,
                    known,
                    last_date,
                    lulls,
                    counts,
                    scratch,
                    tables,
                )
                if memory is not None and isinstance(bundle, Bundle):
                    lines = shop.log.shape[1] - SPARE_LINES if shop.log.shape[1] else NEVER
                    outcome = limit.call(
                        simulate_policy, *going, bundle.weights, memory, _DECISIONS_AT_ONCE, lines
                    )
                    if outcome == FAULT:  # the rule takes this decision, and tells why
                        memory, outcome = None, PAUSED
                else:
                    outcome = limit.call(advance_to_decision, *going)
                    if outcome == RUNNING and (shop.env.deciding >= 0).any():
                        outcome = (
                            PAUSED
                            if _decide_step(factory, shop, choosing, tables, counts)
                            else FAULT
                        )
                self._check_outcome(outcome, shop, choosing, limit)
                if shop.log.shape[1]:
                    shop = grow_log(shop)
        return shop

    def _limit(self) -> WorkLimit:
        return WorkLimit(self.max_seconds, clock=self.decider.clock)

    def _check_outcome(
        self, outcome: int, shop: ShopState, choosing: _Choosing, limit: WorkLimit
    ) -> None:
        """Refuse to go on where that leads nowhere."""
        if outcome == STUCK:
            raise PlanError(_explain_stuck(self.decider.floor))
        if outcome == CIRCLING:
            who = self._made_by(choosing)
            raise PlanError(
                f"plan: {who} changes machines over again and again and starts nothing. Plan by the"
                " rule, or with another bundle."
            )
        if outcome == FAULT:
            raise PlanError(
                "plan: a choice was not legal. Check the bundle with python -m scheduler decide."
            )
        if outcome == PAUSED and limit.reached:
            raise PlanError(_explain_time(limit.max_seconds, shop))
        if shop.log.shape[1] and shop.env.log_length[0] > shop.log.shape[1]:
            raise PlanError(
                "plan: machines are held too often to write the plan down. Take away locks of"
                " operations that are far off."
            )

    # --- telling ----------------------------------------------------------------------------------

    def _lines(self, shop: ShopState) -> Iterator[tuple[int, list[int], list[int]]]:
        """Lines of the log with the setup that is mounted on their machine afterwards."""
        mounted = self.decider.floor.shop.mounted[0].tolist()
        setups = shop.log_setup[0, :, 1]
        for number, line in enumerate(shop.log[0, : int(shop.env.log_length[0])].tolist()):
            if line[0] == LOGGED_CHANGEOVER:
                mounted[line[1]] = setups[number].tolist()
            yield line[0], line, mounted[line[1]]

    def _operations(self, shop: ShopState) -> Iterator[PlannedOperation]:
        floor = self.decider.floor
        begun = {
            int(operation_id)
            for operation_id in floor.shop.machines.operation_id[0, : len(floor.machine_names)]
            if operation_id >= 0
        }
        for kind, (_, machine, order, operation, selected, end, start, _), mounted in self._lines(
            shop
        ):
            if kind == LOGGED_OPERATION:
                in_process = any(
                    split_operation_id(operation_id) == (order, operation) for operation_id in begun
                )
                yield PlannedOperation(
                    machine=floor.machine_names[machine],
                    order=floor.order_id(order) or "",
                    operation=floor.operation_names[int(floor.shop.orders.product[0, order])][
                        operation
                    ],
                    selected_date=selected,
                    start_date=start,
                    end_date=end,
                    setup=floor.setup_names(machine, np.array(mounted)),
                    in_process=in_process,
                    locked=bool(floor.locks.machine_of[order, operation] != NOBODY),
                )

    def _changeovers(self, shop: ShopState) -> Iterator[PlannedChangeover]:
        floor = self.decider.floor
        yield from self._changeovers_under_way(shop)
        for kind, (_, machine, order, _, start, end, _, _), mounted in self._lines(shop):
            if kind == LOGGED_CHANGEOVER and end > start:
                setup = floor.setup_names(machine, np.array(mounted))
                owner = floor.order_id(order) if order >= 0 else None
                yield PlannedChangeover(
                    machine=floor.machine_names[machine],
                    start_date=start,
                    end_date=end,
                    setup=setup,
                    order=owner,
                )

    def _changeovers_under_way(self, shop: ShopState) -> Iterator[PlannedChangeover]:
        """Those that have begun before the plan."""
        floor = self.decider.floor
        for machine, name in enumerate(floor.machine_names):
            row = floor.shop.machines[0, machine]
            if row.status != CHANGING:
                continue
            own = (
                line
                for kind, line, _ in self._lines(shop)
                if kind == LOGGED_OPERATION
                and line[1] == machine
                and (line[2], line[3]) == split_operation_id(row.operation_id)
            )
            ended = next(own, None) if row.operation_id >= 0 else None
            in_a_tick = int(floor.shop.env.clock[0]) + 1
            end = max(int(row.expected_end), in_a_tick) if ended is None else ended[6]
            owner = (
                floor.order_id(int(split_operation_id(row.operation_id)[0]))
                if row.operation_id >= 0
                else None
            )
            setup = floor.setup_names(machine, floor.shop.mounted[0, machine])
            yield PlannedChangeover(
                machine=name, start_date=int(row.state_date), end_date=end, setup=setup, order=owner
            )

    def _stops(self) -> Iterator[PlannedStop]:
        """Yield the times in which machines are down, or do other work, without an operation."""
        floor = self.decider.floor
        clock = int(floor.shop.env.clock[0])
        for machine, name in enumerate(floor.machine_names):
            row = floor.shop.machines[0, machine]
            if row.operation_id < 0 and row.status not in (IDLE, CHANGING):
                yield PlannedStop(
                    machine=name,
                    start_date=int(row.state_date),
                    end_date=max(int(row.expected_end), clock + 1),
                    reason="down" if row.status == DOWN else "other work",
                )

    def _orders(
        self, shop: ShopState, snapshot: Snapshot, drawn: NDArray[np.int64] | None
    ) -> Iterator[PlannedOrder]:
        number_of = {
            self.decider.floor.order_id(number): number
            for number in range(int(self.decider.floor.shop.env.num_released[0]))
        }
        dates = shop.orders.completion_date[0].tolist()
        for order in snapshot.orders:
            number = number_of[order.order_id]
            if order.is_finished:
                continue
            spread = (
                {} if drawn is None else _format_dates(np.sort(drawn[:, number]), order.due_date)
            )
            yield PlannedOrder(
                order=order.order_id,
                product=order.product,
                due_date=order.due_date,
                weight=order.weight,
                completion_date=dates[number],
                lateness=dates[number] - order.due_date,
                **spread,
            )


def _format_dates(dates: NDArray[np.int64], due_date: int) -> dict[str, Any]:
    """Quantiles of sorted dates (Hyndman and Fan 1996, definition 1) and the share that is not
    late."""

    def quantile(share: float) -> int | None:
        date = int(dates[math.ceil(share * len(dates)) - 1])
        return None if date == NEVER else date

    return {
        "completion_p10": quantile(0.1),
        "completion_p50": quantile(0.5),
        "completion_p90": quantile(0.9),
        "on_time_probability": float((dates <= due_date).mean()),
    }


def _explain_time(max_seconds: float, shop: ShopState) -> str:
    """Return how far a plan has come that takes too long."""
    floor, futures = shop.env, len(shop.env)
    what, remedy = (
        ("the plan", "leave out orders")
        if futures == 1
        else (f"its {futures} futures", "sample fewer futures")
    )
    reached = (
        f"{int(floor.decisions.sum())} decisions have led to date {int(floor.clock.max())}, with"
        f" {int(floor.num_active.sum())} orders open"
    )
    return (
        f"plan: {max_seconds:g} s are over and {what} not finished; {reached}. Give it more time,"
        f" or {remedy}."
    )


def _explain_stuck(floor: ShopFloor) -> str:
    what = f"plan: {floor.factory.name} comes to a standstill with orders open"
    machines = floor.shop.machines.status[0, : len(floor.machine_names)]
    if floor.shop.env.crews_free[0] == 0 and not (machines == CHANGING).any():
        why = "crews = 0, and what is left to do needs changeovers"
        return f"{what}; {why}. Tell how many crews there are."
    remedy = "Check the forbidden changeovers"
    if floor.locks.length[0]:
        remedy += ", and take away some locks"
    return f"{what}; no changeover leads to what is left to do. {remedy}."
