"""Checks of observations from outside, before rules and compiled networks read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.observation.candidate_columns import CANDIDATES
from envs.observation.shop_columns import MACHINES, SHOP
from factory.validation.arguments import check_finite, refusal, show

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_REMEDY = "Give the tables of an observation, with one leading axis for all of them."


class CheckedTables(NamedTuple):
    """Tables that compiled code can read."""

    candidates: NDArray[np.floating[Any]]  # [E, A, F], C-contiguous, as are the other tables
    machines: NDArray[np.floating[Any]]  # [E, M, Fm]
    shop: NDArray[np.floating[Any]]  # [E, Fs]
    action_mask: NDArray[np.bool_]  # [E, A]


def check_observation(place: str, observation: Any) -> CheckedTables:
    """Return the tables of an observation with a leading axis E.

    Parameters
    ----------
    place
        Name of the calling method, for errors.
    observation
        Mapping or named tuple of ``candidates [E, A, F]``, ``machines [E, M, Fm]``,
        ``shop [E, Fs]``, ``action_mask [E, A]``, as laid out in ``envs/observation/columns.py``.

    Raises
    ------
    TypeError
        If a table is missing or has another type: float32 or float64, for the mask booleans or
        integers.
    ValueError
        If a table has another shape, or a number of the shop, the machines or a legal row is not
        finite.
    """
    names = ("candidates", "machines", "shop", "action_mask")
    candidates, machines, shop, mask = (find_table(place, observation, name) for name in names)
    check_table_shapes(place, candidates, machines, shop, mask)
    legal = as_mask(f"{place}: action_mask", mask)
    check_choices(place, candidates, shop, legal)
    check_finite(f"{place}: machines", machines)
    tables = (np.ascontiguousarray(table) for table in (candidates, machines, shop, legal))
    return CheckedTables(*tables)


def with_leading_axis(place: str, observation: Any) -> tuple[Any, bool]:
    """Return an observation with a leading axis, and whether it is added here.

    Raises
    ------
    TypeError
        If a table is missing.
    """
    if find_table(place, observation, "action_mask").ndim != 1:
        return observation, False
    names = ("candidates", "machines", "shop", "action_mask")
    return {name: find_table(place, observation, name)[None] for name in names}, True


def check_table_shapes(
    place: str,
    candidates: NDArray[Any],
    machines: NDArray[Any],
    shop: NDArray[Any],
    action_mask: NDArray[Any],
) -> None:
    """Check shapes and types of tables against each other and the tables of columns.

    Raises
    ------
    TypeError
        If candidates, machines or shop are neither float32 nor float64.
    ValueError
        If a shape does not fit.
    """
    if action_mask.ndim != 2:
        _refuse_shape(f"{place}: action_mask", action_mask, "[E, A]")
    envs, rows = action_mask.shape
    if candidates.shape != (envs, rows, len(CANDIDATES)):
        _refuse_shape(f"{place}: candidates", candidates, (envs, rows, len(CANDIDATES)))
    if machines.ndim != 3 or machines.shape[::2] != (envs, len(MACHINES)):
        _refuse_shape(f"{place}: machines", machines, f"({envs}, M, {len(MACHINES)})")
    if shop.shape != (envs, len(SHOP)):
        _refuse_shape(f"{place}: shop", shop, (envs, len(SHOP)))
    for name, table in (("candidates", candidates), ("machines", machines), ("shop", shop)):
        check_type(f"{place}: {name}", table)


def check_choices(
    place: str, candidates: NDArray[Any], shop: NDArray[Any], legal: NDArray[np.bool_]
) -> None:
    """Raise ValueError unless legal rows and the shop are finite.

    Illegal rows are never read and may have any values.
    """
    check_finite(f"{place}: shop", shop)
    if not np.isfinite(candidates[legal]).all():
        check_finite(f"{place}: candidates", np.where(legal[..., None], candidates, 0.0))


def check_same_rows(place: str, mask: NDArray[np.bool_], legal: NDArray[np.bool_]) -> None:
    """Raise ValueError unless a mask has the shape of the mask of the bound shops."""
    if mask.shape != legal.shape:
        rule = f"the shops that are watched have {legal.shape}"
        remedy = "Give their own observation, or watch the batch it comes from."
        raise refusal(ValueError, f"{place}: action_mask.shape", str(mask.shape), rule, remedy)


def check_type(place: str, table: NDArray[Any]) -> None:
    """Raise TypeError unless a table holds float32 or float64."""
    if table.dtype not in _FLOATS:
        rule = "must be float32 or float64"
        raise refusal(TypeError, f"{place}.dtype", str(table.dtype), rule, "Convert the table.")


def as_mask(place: str, mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask of booleans or integers as booleans.

    Raises
    ------
    TypeError
        If it is of another type.
    """
    if mask.dtype.kind not in "biu":
        rule = "must be booleans, or integers 0 and 1"
        raise refusal(TypeError, f"{place}.dtype", str(mask.dtype), rule, "Convert it.")
    return mask if mask.dtype == np.bool_ else mask.astype(np.bool_)


def find_table(place: str, observation: Any, name: str) -> NDArray[Any]:
    """Return one table of an observation.

    Raises
    ------
    TypeError
        If it is missing, or the observation is neither a mapping nor a named tuple.
    """
    is_mapping = isinstance(observation, Mapping)
    if not is_mapping and not hasattr(observation, "_asdict"):
        rule = "must be a dictionary or a named tuple of tables"
        raise refusal(TypeError, f"{place}: observation", show(observation), rule, _REMEDY)
    tables = observation if is_mapping else observation._asdict()
    if name not in tables:
        rule = f"the table {name!r} is missing"
        raise refusal(TypeError, f"{place}: observation", show([*tables]), rule, _REMEDY)
    try:
        return np.asarray(tables[name])
    except (ValueError, TypeError, RuntimeError):
        pass
    raise refusal(TypeError, f"{place}: {name}", show(tables[name]), "must be an array", _REMEDY)


def _refuse_shape(place: str, table: NDArray[Any], wanted: object) -> None:
    raise refusal(ValueError, f"{place}.shape", str(table.shape), f"must be {wanted}", _REMEDY)
