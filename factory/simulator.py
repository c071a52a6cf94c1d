"""A single shop as an object: the kernel driven from Python, with a log of all events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from factory.cost_terms import COST_TERMS
from factory.loading.allocation import SPARE_LINES, allocate, full_rows, grow_log
from factory.loading.load import load
from factory.model import Factory, OrderBook
from factory.schedule.records import Schedule, unload
from factory.simulation import kernel
from factory.simulation.arrays import FactoryArrays, ShopState, split_operation_id
from factory.simulation_errors import IllegalActionError, StuckError
from factory.validation.arguments import check_count, check_row, check_seed


class SimulatorChoice(NamedTuple):
    """A row of the asked machine's choices."""

    row: int
    kind: str  # "job", "maintenance", "changeover" or "wait"
    order: int  # order of the operation, or of a changeover's lead operation; -1: none
    operation: int  # of a maintenance: its number on the machine
    target: tuple[int, ...]  # setup after a changeover or maintenance row, else ()
    legal: bool


def list_simulator_choices(arrays: FactoryArrays, shop: ShopState) -> list[SimulatorChoice]:
    """Return all rows of the asked machine of environment 0, legal or not, in row order."""
    machine = int(shop.env.deciding[0])
    if machine < 0:
        return []
    job_rows, actions = shop.job_row.shape[1], shop.legal.shape[1]
    attributes = arrays.centres.num_attributes[0, arrays.machines.centre[0, machine]]
    rows = []
    for row in range(int(shop.env.num_job_rows[0])):
        order, operation = split_operation_id(shop.job_row[0, row])
        rows.append(SimulatorChoice(row, "job", order, operation, (), bool(shop.legal[0, row])))
    for index in range(int(shop.env.num_changeover_rows[0])):
        lead, row = int(shop.changeover_lead[0, index]), job_rows + index
        target = tuple(shop.changeover_target[0, index, :attributes].tolist())
        legal = bool(shop.legal[0, row])
        if lead < 0:
            rows.append(SimulatorChoice(row, "maintenance", -1, -1 - lead, target, legal))
        else:
            order, operation = split_operation_id(lead)
            rows.append(SimulatorChoice(row, "changeover", order, operation, target, legal))
    may_wait = bool(shop.legal[0, actions - 1])
    rows.append(SimulatorChoice(actions - 1, "wait", -1, -1, (), may_wait))
    return rows


class Simulator:
    """A single shop that logs all events for :class:`factory.schedule.records.Schedule`.

    Parameters
    ----------
    factory, book
        The factory, and an optional order book in place of its demand.
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
        self.shop.env.deciding[:] = kernel.EPISODE_OVER  # until reset() begins an episode

    def reset(self, seed: int = 0) -> None:
        """Begin the episode of ``seed``.

        Raises
        ------
        TypeError, ValueError
            If it is no integer from 0 to 2**64 - 1; the state is unchanged.
        """
        episode_seed = np.uint64(check_seed("reset: seed", seed))
        kernel.begin_episode(self.arrays, self.shop, 0, 0, episode_seed)
        self._advance()

    @property
    def deciding(self) -> int | None:
        """Asked machine; None after the end of the episode."""
        machine = int(self.shop.env.deciding[0])
        return machine if machine >= 0 else None

    @property
    def clock(self) -> int:
        """Present date in ticks."""
        return int(self.shop.env.clock[0])

    @property
    def costs(self) -> dict[str, float]:
        """Cost terms of the episode so far."""
        return dict(zip(COST_TERMS, self.shop.cost[0].tolist(), strict=True))

    def choices(self) -> list[SimulatorChoice]:
        """Return all rows of the asked machine, legal or not, in row order."""
        return list_simulator_choices(self.arrays, self.shop)

    def decide(self, row: int) -> None:
        """Apply a choice, and process events until the next machine is asked.

        Raises
        ------
        TypeError
            If the row is no integer; the state is unchanged.
        IllegalActionError
            If the row is not legal; the state is unchanged.
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
        """Apply several choices in order."""
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
        """Return the schedule of the episode so far."""
        return unload(self.factory, self.book, self.arrays, self.shop, 0)
