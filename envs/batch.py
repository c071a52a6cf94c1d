"""Factories, shop states and buffers of a batch of environments.

The single and the vector environment both run on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.observation.columns import CANDIDATES, MACHINES, SHOP, Column
from envs.observation.tables import (
    DEFAULT_CHANGEOVER_ROWS,
    DEFAULT_JOB_ROWS,
    Tables,
    allocate_observation_scratch,
    allocate_tables,
)
from envs.reward_scale import measure_cost_scales
from envs.step_kernels import (
    STEP_OK,
    allocate_outcome,
    replace_illegal,
    reset_all,
    restart_some,
    step_all,
    step_all_once,
)
from factory.cost_terms import COST_TERMS
from factory.loading.allocation import SPARE_LINES, allocate, full_rows, grow_log
from factory.loading.load import load
from factory.model import Factory, OrderBook
from factory.simulation.arrays import NEVER, FactoryArrays
from factory.simulation_errors import IllegalActionError, StuckError
from factory.validation.arguments import (
    check_count,
    check_flag,
    check_flags,
    check_float_type,
    check_integers,
    check_seeds,
    refusal,
    show,
)

IDLE_DECISIONS_AN_OPERATION = 50
"""Maximum number of idle decisions in an episode, per operation of its orders.

Idle decisions are waits with nothing under way, and changeovers without an operation.
"""


def idle_limits(arrays: FactoryArrays, an_operation: int) -> NDArray[np.int64]:
    """Return the maximum number of idle decisions of an episode in each factory, ``[G]``.

    Every order counts with the number of operations of the longest product.
    """
    operations = arrays.products.num_operations.max(axis=1).astype(np.int64)
    return np.asarray(an_operation * arrays.plant.num_orders * operations, np.int64)


def observation_space(tables: Tables) -> spaces.Dict:
    """Return the Gymnasium space of one environment's observation.

    Columns without a bound have the largest float32 as theirs, because checkers and samplers of
    spaces warn of infinite ones.
    """
    largest = float(np.finfo(np.float32).max)

    def box(columns: tuple[Column, ...], shape: tuple[int, ...], dtype: Any) -> spaces.Box:
        bounds = np.array([(column.low, column.high) for column in columns]).clip(-largest, largest)
        low, high = (np.broadcast_to(bound.astype(dtype), shape) for bound in bounds.T)
        return spaces.Box(low, high, shape, dtype)

    dtype = tables.candidates.dtype.type
    return spaces.Dict(
        {
            "candidates": box(CANDIDATES, tables.candidates.shape[1:], dtype),
            "machines": box(MACHINES, tables.machines.shape[1:], dtype),
            "shop": box(SHOP, tables.shop.shape[1:], dtype),
            "action_mask": spaces.MultiBinary(tables.action_mask.shape[1]),
        }
    )


_ROWS_REMEDY = "Give 0 for as many as can ever be needed."


class Batch:
    """E environments over G factories.

    Parameters
    ----------
    factories, books
        The factories of the mixture, each with an order book or None for its own demand.
    num_envs
        Number of environments; environment e begins in factory e modulo G.
    job_rows, changeover_rows
        Rows of the candidate table; 0 for as many as can ever be needed (no cap).
    machine_rows
        Minimum number of rows of the machine table, so that tables of different factories have one
        shape.
    dtype
        Float type of the tables.
    last_date
        Date that truncates an episode; None for none.
    max_decisions
        Decisions after which an episode is truncated; None for none. With any value, an episode is
        truncated after 50 idle decisions for each operation of its orders: waits with nothing under
        way, and changeovers without an operation.
    illegal_actions
        ``"raise"``: an illegal action is an error, and no environment moves. ``"replace"``: one of
        the n legal rows, number ``action % n`` among them, replaces it (for learners without
        masks), and :attr:`replaced` marks it.
    draw_factory
        Draw each new episode's factory from the mixture (by its seed) instead of keeping the
        environment's.
    num_tables
        Number of observation buffers, used in turn: the tables that :meth:`step` returned stay
        unchanged for ``num_tables - 1`` further steps.
    log_length
        Lines of each environment's log.

    Raises
    ------
    TypeError, ValueError
        If a number is no whole number or out of range, or ``dtype`` is neither float32 nor float64.
    """

    def __init__(
        self,
        factories: Sequence[Factory],
        books: Sequence[OrderBook | None] | None = None,
        *,
        num_envs: int,
        job_rows: int = DEFAULT_JOB_ROWS,
        changeover_rows: int = DEFAULT_CHANGEOVER_ROWS,
        machine_rows: int = 0,
        dtype: type[np.floating[Any]] = np.float32,
        last_date: int | None = None,
        max_decisions: int | None = None,
        illegal_actions: str = "raise",
        draw_factory: bool = False,
        num_tables: int = 2,
        log_length: int = 0,
    ) -> None:
        num_envs = check_count("num_envs", num_envs, 1, "Give the number of environments.")
        job_rows = check_count("job_rows", job_rows, 0, _ROWS_REMEDY)
        changeover_rows = check_count("changeover_rows", changeover_rows, 0, _ROWS_REMEDY)
        machine_rows = check_count("machine_rows", machine_rows, 0, "Give 0 for no more.")
        num_tables = check_count("num_tables", num_tables, 1, "Give 2, or more to keep more steps.")
        log_length = check_count("log_length", log_length, 0, "Give 0 for no log.")
        dtype = check_float_type("dtype", dtype)
        self.last_date = _limit("last_date", last_date, 0)
        self.max_decisions = _limit("max_decisions", max_decisions, 1)
        self.draw_factory = check_flag("draw_factory", draw_factory)
        self.replaces = _is_replaced(illegal_actions)
        self.factories = tuple(factories)
        self.books = tuple(books) if books is not None else (None,) * len(factories)
        self.num_envs = num_envs
        self._arrays = load(self.factories, self.books)
        self._is_scaled = False
        self._dtype = dtype
        max_rows = full_rows(self._arrays)
        self._rows = {
            "job_rows": job_rows or max_rows[0],
            "changeover_rows": changeover_rows or max_rows[1],
        }
        self._has_begun = False
        self._allocate(machine_rows, num_tables, log_length)

    def _allocate(self, machine_rows: int, num_tables: int, log_length: int) -> None:
        """Allocate the shop, the observations and the outcome."""
        arrays = self._arrays
        self.shop = allocate(arrays, self.num_envs, **self._rows, log_length=log_length)
        # Views of plain arrays: fields of records are slow to reach from Python.
        self._log_length = self.shop.env.view(np.ndarray)["log_length"]
        self._deciding = self.shop.env.view(np.ndarray)["deciding"]
        self.max_idle = idle_limits(arrays, IDLE_DECISIONS_AN_OPERATION)
        self.replaced = np.zeros(self.num_envs, np.bool_)
        self.scratch = allocate_observation_scratch(self.shop)
        tables = [
            allocate_tables(arrays, self.shop, self._dtype, machine_rows)
            for _ in range(num_tables + 1)
        ]
        self.final = tables.pop()
        self._ring = tables
        self._turn = 0
        self.outcome = allocate_outcome(self.num_envs, len(COST_TERMS))

    @property
    def arrays(self) -> FactoryArrays:
        """Factories as arrays; at the first use, cost scales that no factory gives are measured."""
        if not self._is_scaled:
            names = [factory.name for factory in self.factories]
            measure_cost_scales(self._arrays, names, self._rows, self._dtype)
            self._is_scaled = True
        return self._arrays

    @property
    def tables(self) -> Tables:
        """Present observation."""
        return self._ring[self._turn]

    @property
    def nbytes(self) -> int:
        """Memory of everything in bytes."""
        structs = (self._arrays, self.shop, self.scratch, self.final, self.outcome, *self._ring)
        return sum(struct.nbytes for struct in structs)

    def grow_log(self) -> None:
        """Extend the logs before one of them is full."""
        if self.shop.log.shape[1] and self._log_length.max() + SPARE_LINES > self.shop.log.shape[1]:
            self.shop = grow_log(self.shop)
            self._log_length = self.shop.env.view(np.ndarray)["log_length"]

    @property
    def over(self) -> NDArray[np.bool_]:
        """Environments whose episode is over, [E]."""
        return np.asarray(self._deciding < 0)

    @property
    def ended(self) -> NDArray[np.bool_]:
        """Environments whose episode is over or was truncated, [E]; for steps without autoreset."""
        return self.over | self.outcome.truncated

    def reset(
        self, seeds: NDArray[np.uint64], factories: NDArray[np.int64] | None = None
    ) -> Tables:
        """Begin the episodes of ``seeds [E]`` in ``factories [E]`` (default: e modulo G).

        Raises
        ------
        TypeError, ValueError
            If seeds or factories are no integers, not one for each environment, or out of range;
            nothing has changed.
        """
        seeds = check_seeds("reset: seeds", seeds, self.num_envs)
        if factories is None:
            factories = np.arange(self.num_envs) % len(self.factories)
        factories = self._check_factories("reset: factories", factories, self.num_envs)
        self._turn = (self._turn + 1) % len(self._ring)
        self.outcome.truncated[:] = False
        self._check_stuck(
            reset_all(self.arrays, self.shop, factories, seeds, self.scratch, self.tables)
        )
        return self.tables

    def restart(
        self, chosen: NDArray[np.bool_], seeds: NDArray[np.uint64], factories: NDArray[np.int64]
    ) -> Tables:
        """Begin new episodes where ``chosen [E]``; the other environments stay as they are.

        The n-th chosen environment gets ``seeds[n]`` and ``factories[n]``.

        Raises
        ------
        TypeError, ValueError
            If ``chosen`` is not one boolean for each environment, or seeds and factories are no
            integers, not one for each chosen environment, or out of range; nothing has changed.
        RuntimeError
            If no episodes have begun.
        """
        chosen = self.check_chosen("restart: chosen", chosen)
        count = int(np.count_nonzero(chosen))
        seeds = check_seeds("restart: seeds", seeds, count)
        factories = self._check_factories("restart: factories", factories, count)
        self._check_begun("restart")
        self._check_stuck(
            restart_some(
                self.arrays, self.shop, chosen, factories, seeds, self.scratch, self.tables
            )
        )
        return self.tables

    def step(self, actions: NDArray[np.int64], *, autoreset: bool = True) -> Tables:
        """Apply ``actions [E]``, write the results to :attr:`outcome`, return the observation.

        With ``autoreset``, the next episode begins as soon as one is over, and the last observation
        is written to :attr:`final`. Without it, an environment whose episode is over stays as it
        is, whatever its action.

        Raises
        ------
        TypeError, ValueError
            If the actions are not one integer for each environment; no environment has moved.
        IllegalActionError
            If any action is not legal; no environment has moved.
        RuntimeError
            If no episodes have begun.
        """
        actions = self.check_actions("step: actions", actions)
        self._check_begun("step")
        if self.replaces:
            actions = actions.copy()
            replace_illegal(self.shop, actions, self.replaced)
        turn = (self._turn + 1) % len(self._ring)
        tables, limits = self._ring[turn], (self.last_date, self.max_decisions, self.max_idle)
        if autoreset:
            result = step_all(
                self.arrays,
                self.shop,
                actions,
                *limits,
                self.draw_factory,
                self.scratch,
                tables,
                self.final,
                self.outcome,
            )
        else:
            result = step_all_once(
                self.arrays, self.shop, actions, *limits, self.scratch, tables, self.outcome
            )
        if result != STEP_OK:
            self._refuse(result, actions)
        self._turn = turn
        return tables

    def check_actions(self, name: str, actions: Any) -> NDArray[np.int64]:
        """Return one action for each environment as int64 ``[E]``, whether legal or not.

        Raises
        ------
        TypeError, ValueError
            If they are something else; ``name`` is their name in the message.
        """
        return check_integers(name, actions, (self.num_envs,))

    def check_chosen(self, name: str, chosen: Any) -> NDArray[np.bool_]:
        """Return one boolean for each environment ``[E]``.

        Raises
        ------
        TypeError, ValueError
            If they are something else; ``name`` is their name in the message.
        """
        return check_flags(name, chosen, (self.num_envs,))

    def _check_factories(self, name: str, factories: Any, count: int) -> NDArray[np.int64]:
        bounds = (0, len(self.factories) - 1)
        return check_integers(name, factories, (count,), "factory number", bounds)

    def _check_begun(self, method: str) -> None:
        if not self._has_begun:  # a caller may also have filled the shop directly
            self._has_begun = bool((self.shop.env.num_orders > 0).all())
        if not self._has_begun:
            raise RuntimeError(f"{method}(): no episode has begun. Call reset().")

    def _refuse(self, result: int, actions: NDArray[np.int64]) -> None:
        if result < STEP_OK:
            env = -2 - result
            raise IllegalActionError(self._explain(env, int(actions[env])))
        self._check_stuck(result)

    def _explain(self, env: int, action: int) -> str:
        machine = int(self.shop.env.deciding[env])
        legal = np.flatnonzero(self.shop.legal[env]).tolist()
        return (
            f"environment {env}, machine {machine}: action = {action}; it must be a legal row of"
            f" the action mask. Choose one of {legal}."
        )

    def _check_stuck(self, env: int) -> None:
        if env >= 0:
            envs = self.shop.env
            name = self.factories[int(envs.factory[env])].name
            raise StuckError(
                f"factory {name}, seed {envs.seed[env]}, date {envs.clock[env]}: orders are open"
                " but nothing can happen any more."
            )


def _is_replaced(illegal_actions: str) -> bool:
    """Return whether illegal actions are replaced; raise ValueError for an unknown setting."""
    if illegal_actions not in ("raise", "replace"):
        rule, remedy = "must be 'raise' or 'replace'", "Choose one of them."
        raise refusal(ValueError, "illegal_actions", show(illegal_actions), rule, remedy)
    return illegal_actions == "replace"


def _limit(name: str, value: int | None, minimum: int) -> np.int64:
    """Return a limit of an episode; NEVER for None."""
    if value is None:
        return NEVER
    return np.int64(check_count(name, value, minimum, "Leave it out for no limit.", int(NEVER)))
