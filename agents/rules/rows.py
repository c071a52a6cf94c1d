"""Observations as dispatching rules read them: named columns in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.observation.checks import as_mask, check_choices, check_type, find_table
from envs.observation.columns import CANDIDATE_INDEX, MACHINE_INDEX, SHOP_INDEX
from factory.validation.arguments import refusal

RowValues = NDArray[np.float64]
"""A number for each row of the candidate table, ``[E, A]``."""
RowFlags = NDArray[np.bool_]
"""A flag for each row of the candidate table, ``[E, A]``."""
ObservationLike = Any
"""A mapping from table names to arrays, or a named tuple with the same names."""

_COLUMNS = (len(CANDIDATE_INDEX), len(MACHINE_INDEX), len(SHOP_INDEX))


class Rows:
    """Named columns of a batch of observations.

    They are float64 whatever the observation's type, so that ties stay ties.

    Parameters
    ----------
    observation
        ``candidates [E, A, F]``, ``action_mask [E, A]``, ``machines [E, M, Fm]``, ``shop [E, Fs]``
        in a mapping or a named tuple; the leading axis may be absent.

    Raises
    ------
    TypeError
        If a table is missing, or candidates or shop are not float32 or float64.
    ValueError
        If the tables do not have the columns of ``envs/observation/columns.py``, their shapes do
        not fit each other, or a number that is read is not finite.
    """

    def __init__(self, observation: ObservationLike) -> None:
        names = ("candidates", "machines", "shop", "action_mask")
        candidates, machines, shop, mask = (
            find_table("decide", observation, name) for name in names
        )
        columns = (*candidates.shape[-1:], *machines.shape[-1:], *shop.shape[-1:])
        if columns != _COLUMNS:
            raise refusal(
                ValueError,
                "decide: candidates, machines and shop",
                f"{columns} columns",
                f"must have {_COLUMNS} columns (envs/observation/columns.py)",
                "Observe with the same version of the project.",
            )
        self.is_single = candidates.ndim == 2
        self.candidates = candidates[None] if self.is_single else candidates
        self.machines = machines[None] if self.is_single else machines
        self.shop = shop[None] if self.is_single else shop
        legal = as_mask("decide: action_mask", mask)
        self.legal: RowFlags = legal[None] if self.is_single else legal
        self._check_shapes()
        check_type("decide: candidates", candidates)
        check_type("decide: machines", machines)
        check_type("decide: shop", shop)
        check_choices("decide", self.candidates, self.shop, self.legal)

    def _check_shapes(self) -> None:
        shape = self.candidates.shape[:2]
        envs = (self.machines.shape[:-2], self.shop.shape[:-1])
        if self.candidates.ndim != 3 or self.legal.shape != shape or envs != (shape[:1],) * 2:
            tables = (self.candidates, self.machines, self.shop, self.legal)
            raise refusal(
                ValueError,
                "decide: shapes of candidates, machines, shop, action_mask",
                ", ".join(str(table.shape) for table in tables),
                "must be (E, A, F), (E, M, Fm), (E, Fs), (E, A)",
                "Give the tables of one observation, with or without the leading axis.",
            )

    def __getitem__(self, column: str) -> RowValues:
        """Return a column of the candidate table, ``[E, A]``."""
        return self.candidates[..., CANDIDATE_INDEX[column]].astype(np.float64)

    def here(self, column: str) -> RowValues:
        """Return a column of the shop table, ``[E, 1]``."""
        return self.shop[:, SHOP_INDEX[column], None].astype(np.float64)

    def any_busy(self) -> RowFlags:
        """Return True if a machine is changing over, processing or under repair, ``[E, 1]``."""
        busy = [MACHINE_INDEX[name] for name in ("is_changing", "is_processing", "is_down")]
        busy_machines: RowFlags = self.machines[..., busy].max(axis=2) > 0
        return np.asarray(busy_machines.any(axis=1, keepdims=True))

    def of_wait(self, column: str) -> RowValues:
        """Return the wait row's entry in a column of the candidate table, ``[E, 1]``."""
        wait = np.argmax(self["is_wait"], axis=1)[:, None]
        return np.take_along_axis(self[column], wait, axis=1)
