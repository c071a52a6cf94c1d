"""One shop floor as an object: the kernel driven from Python, with a log of everything that
happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from factory.model import Factory, OrderBook
from factory.schedule.records import Schedule, unload
from factory.simulation import kernel
from factory.simulation.allocation import SPARE_LINES, allocate, full_rows, grow_log
from factory.simulation.arrays import COST_TERMS, split_operation_id
from factory.simulation.errors import IllegalActionError, StuckError
from factory.simulation.load import load
from factory.validation.arguments import check_count, check_row, check_seed


class SimulatorChoice(NamedTuple):
    """One row that the asked machine may choose from."""

    row: int
    kind: str  # "job", "changeover" or "wait"
    order: int  # of the operation, or of the lead operation of a changeover; -1 for the wait
    operation: int
    target: tuple[int, ...]  # setup after a changeover row, else ()
    legal: bool


class Simulator:
    """A single shop floor that logs what happens and hands out
    :class:`factory.schedule.records.Schedule` objects.

    Parameters
    ----------
    factory, book
        The factory, and an order book in place of its demand.
    job_rows, changeover_rows
        Rows of the choice table; None for as many as can ever be needed.

    Examples
    --------
    >>> from factory.io.catalogue import find_factory
    >>> simulator = Simulator(find_factory("tiny"))
    >>> simulator.reset(seed=1)
    >>> while simulator.deciding is not None:
    ...     simulator.decide(next(choice.row for choice in simulator.choices() if choice.legal))
    >>> simulator.schedule().complete
    True
    """

    def __init__(
        self,
        factory: Factory,
        book: OrderBook | None = None,
        *,
        job_rows: int | None = None,
        changeover_rows: int | None = None,
    ) -> None:
        self.factory, self.book = factory, book
        remedy = "Leave it out for as many as can ever be needed."
        if job_rows is not None:
            job_rows = check_count("job_rows", job_rows, 0, remedy)
        if changeover_rows is not None:
            changeover_rows = check_count("changeover_rows", changeover_rows, 0, remedy)
        self.arrays = load([factory], [book])
        rows = full_rows(self.arrays)
        self.shop = allocate(
            self.arrays,
            1,
            job_rows=job_rows or rows[0],
            changeover_rows=changeover_rows or rows[1],
            log_length=2 * SPARE_LINES,
        )
        self.shop.env.deciding[:] = kernel.EPISODE_OVER  # until reset() begins one

    def reset(self, seed: int = 0) -> None:
        """Begin the episode that belongs to ``seed``.

        Raises
        ------
        TypeError, ValueError
            If it is no integer from 0 to 2**64 - 1; the state is as it was.
        """
        number = np.uint64(check_seed("reset: seed", seed))
        kernel.begin_episode(self.arrays, self.shop, 0, 0, number)
        self._advance()

    @property
    def deciding(self) -> int | None:
        """The machine that is asked; None when the episode is over."""
        machine = int(self.shop.env.deciding[0])
        return machine if machine >= 0 else None

    @property
    def clock(self) -> int:
        """Now, in ticks."""
        return int(self.shop.env.clock[0])

    @property
    def costs(self) -> dict[str, float]:
        """The five cost terms up to now."""
        return dict(zip(COST_TERMS, self.shop.cost[0].tolist(), strict=True))

    def choices(self) -> list[SimulatorChoice]:
        """All rows of the asked machine, legal or not, in row order."""
        if self.deciding is None:
            return []
        shop = self.shop
        job_rows, actions = shop.job_row.shape[1], shop.legal.shape[1]
        rows = []
        for row in range(int(shop.env.num_job_rows[0])):
            order, operation = split_operation_id(shop.job_row[0, row])
            rows.append(SimulatorChoice(row, "job", order, operation, (), bool(shop.legal[0, row])))
        for index in range(int(shop.env.num_changeover_rows[0])):
            order, operation = split_operation_id(shop.changeover_lead[0, index])
            row = job_rows + index
            rows.append(
                SimulatorChoice(
                    row,
                    "changeover",
                    order,
                    operation,
                    self._target(index),
                    bool(shop.legal[0, row]),
                )
            )
        rows.append(
            SimulatorChoice(actions - 1, "wait", -1, -1, (), bool(shop.legal[0, actions - 1]))
        )
        return rows

    def _target(self, index: int) -> tuple[int, ...]:
        centre = self.arrays.machines.centre[0, self.deciding]
        return tuple(
            self.shop.changeover_target[
                0, index, : self.arrays.centres.num_attributes[0, centre]
            ].tolist()
        )

    def decide(self, row: int) -> None:
        """Carry out a choice, and let events happen until the next machine is asked.

        Raises
        ------
        TypeError
            If the row is no integer; the state is as it was.
        IllegalActionError
            If the row is not legal; the state is as it was.
        """
        row = check_row("decide: row", row)
        self.shop = grow_log(self.shop)
        if not kernel.apply_action(self.arrays, self.shop, 0, row):
            legal = np.flatnonzero(self.shop.legal[0]).tolist() if self.deciding is not None else []
            raise IllegalActionError(
                f"decide: row = {row}; it must be a legal row of the asked machine {self.deciding}."
                f" Choose one of {legal}."
            )
        self._advance()

    def follow(self, rows: Sequence[int]) -> None:
        """Carry out several choices."""
        for row in rows:
            self.decide(row)

    def _advance(self) -> None:
        kernel.advance(self.arrays, self.shop, 0)
        if self.shop.env.deciding[0] == kernel.STUCK:
            raise StuckError(
                f"factory {self.factory.name}, seed {self.shop.env.seed[0]}, date {self.clock}:"
                " orders are open but nothing can happen any more."
            )

    def schedule(self) -> Schedule:
        """Everything that has happened so far."""
        return unload(self.factory, self.book, self.arrays, self.shop, 0)
