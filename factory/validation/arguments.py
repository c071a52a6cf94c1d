"""Checks of arguments before compiled code reads them.

Compiled code checks no bounds: an array that is too short, or an index that is too large, ends the
process or reads foreign memory. Each function returns its argument in the form that compiled code
takes, or raises an error of one line: place, value, rule, remedy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_SEED = 2**64 - 1
_LARGEST = 2**63 - 1
_LONGEST_SHOWN = 80
_INT64 = np.dtype(np.int64)


def show(value: Any) -> str:
    """Return a value in one line of at most 80 characters, for errors.

    Examples
    --------
    >>> show(np.array([[0], [1]]))
    'array([[0], [1]])'
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def refusal(
    error: type[Exception],
    place: str,
    value: str,
    rule: str,
    remedy: str,
) -> Exception:
    """Return an error with the message ``place = value; rule. remedy``."""
    return error(f"{place} = {value}; {rule}. {remedy}")


# --- numbers ----------------------------------------------------------------------------------


def as_whole(value: Any) -> int | None:
    """Return an integer of Python or NumPy as int; None for anything else.

    True, False, 2.0 and "2" are no integers here.
    """
    if isinstance(value, bool | np.bool_) or getattr(value, "dtype", None) == np.bool_:
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def check_count(
    place: str,
    value: Any,
    minimum: int = 1,
    remedy: str = "Give another number.",
    maximum: int = _LARGEST,
) -> int:
    """Return a whole number from ``minimum`` to ``maximum``.

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If it is out of range.
    """
    number = as_whole(value)
    if number is None:
        raise refusal(TypeError, place, show(value), "must be a whole number", remedy)
    if number < minimum:
        raise refusal(ValueError, place, show(number), f"must be at least {minimum}", remedy)
    if number > maximum:
        raise refusal(ValueError, place, show(number), f"must be at most {maximum}", remedy)
    return number


def check_number(
    place: str,
    value: Any,
    minimum: float = -math.inf,
    remedy: str = "Give another number.",
) -> float:
    """Return a finite number that is at least ``minimum``.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is not finite, or too small.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise refusal(TypeError, place, show(value), "must be a number", remedy)
    if not math.isfinite(value):
        raise refusal(ValueError, place, str(value), "must be a finite number", remedy)
    if value < minimum:
        raise refusal(ValueError, place, str(value), f"must be at least {minimum:g}", remedy)
    return float(value)


def check_flag(place: str, value: Any) -> bool:
    """Return True or False.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if not isinstance(value, bool | np.bool_):
        raise refusal(TypeError, place, show(value), "must be True or False", "Give one of them.")
    return bool(value)


def check_row(place: str, row: Any) -> int:
    """Return the index of a row: an integer of any kind, or an array with a single integer.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If it does not fit into 64 bits.
    """
    number = row if type(row) is int else as_whole(row)
    if number is None:
        array = _as_array(row)
        if array is None or array.size != 1 or array.dtype.kind not in "iu":
            rule = "must be a row number (an integer)"
            raise refusal(TypeError, place, show(row), rule, "Give one row.")
        number = int(array.reshape(-1)[0])
    if not -_LARGEST <= number <= _LARGEST:
        rule = "no table has so many rows"
        raise refusal(ValueError, place, show(number), rule, "Give a legal row.")
    return number


def check_instance(place: str, value: Any, kinds: tuple[type, ...], wanted: str) -> None:
    """Raise TypeError unless a value is of one of these kinds; ``wanted`` describes them."""
    if not isinstance(value, kinds):
        raise refusal(TypeError, place, show(value), f"must be {wanted}", "Give one.")


# --- seeds ------------------------------------------------------------------------------------


def check_seed(place: str, seed: Any) -> int:
    """Return a seed, 0 to 2**64 - 1.

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If it is out of range.
    """
    remedy = "Choose a whole number from 0 to 2**64 - 1."
    return check_count(place, seed, 0, remedy, LARGEST_SEED)


def check_seeds(place: str, seeds: Any, count: int) -> NDArray[np.uint64]:
    """Return ``count`` seeds, uint64 ``[count]``.

    Raises
    ------
    TypeError
        If they are no integers.
    ValueError
        If they are too few, too many, or out of range.
    """
    if isinstance(seeds, Sequence) and not isinstance(seeds, str | bytes):
        numbers = [check_seed(f"{place}[{n}]", seed) for n, seed in enumerate(seeds)]
        array: NDArray[Any] = np.array(numbers, np.uint64)
        _check_shape(place, array, (count,))
    else:
        array = _check_kind(place, seeds, (count,), "iu", "seeds (integers)")
        if array.dtype.kind == "i" and array.size and array.min() < 0:
            index = int(np.argmax(array < 0))
            check_seed(f"{place}[{index}]", array[index])
    return np.ascontiguousarray(array, np.uint64)


# --- arrays -----------------------------------------------------------------------------------


def check_integers(
    place: str,
    values: Any,
    shape: tuple[int, ...],
    meaning: str = "row number",
    bounds: tuple[int, int] | None = None,
) -> NDArray[np.int64]:
    """Return integers of any kind as int64 of exactly ``shape``.

    Parameters
    ----------
    meaning
        Meaning of a number, for errors.
    bounds
        Minimum and maximum of the numbers; None for no bounds.

    Raises
    ------
    TypeError
        If they are no integers.
    ValueError
        If their shape is another, or one is out of bounds.
    """
    fits = type(values) is np.ndarray and values.dtype is _INT64 and values.shape == shape
    if not (fits and values.flags.carray):
        array = _check_kind(place, values, shape, "iu", f"{meaning}s (integers)")
        if array.dtype.kind == "u" and array.size and int(array.max()) > _LARGEST:
            rule = "no number may be 2**63 or more"
            raise refusal(ValueError, place, show(array), rule, "Give smaller ones.")
        values = np.array(array, np.int64, order="C")
    integers: NDArray[np.int64] = values
    if bounds is not None and integers.size:
        wrong = (integers < bounds[0]) | (integers > bounds[1])
        if wrong.any():
            rule = f"must be a {meaning} from {bounds[0]} to {bounds[1]}"
            raise refusal(ValueError, *_first_of(place, integers, wrong), rule, "Correct it.")
    return integers


def check_flags(place: str, values: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return booleans of exactly ``shape``.

    Raises
    ------
    TypeError
        If they are no booleans.
    ValueError
        If their shape is another.
    """
    return np.ascontiguousarray(_check_kind(place, values, shape, "b", "True or False"))


def check_floats(
    place: str,
    values: Any,
    shape: tuple[int, ...],
    dtype: type[np.floating[Any]] = np.float64,
) -> NDArray[Any]:
    """Return finite numbers of exactly ``shape`` as ``dtype``.

    Raises
    ------
    TypeError
        If they are no numbers.
    ValueError
        If their shape is another, or one is not finite.
    """
    array = _check_kind(place, values, shape, "iuf", "numbers")
    check_finite(place, array)
    return np.ascontiguousarray(array, dtype)


def check_form(
    place: str,
    array: Any,
    shape: tuple[int, ...],
    dtype: type[np.generic],
) -> None:
    """Check the type and the shape of an array, whatever its values.

    Raises
    ------
    TypeError
        If it is no array, or one of another type.
    ValueError
        If its shape is another.
    """
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        given = show(getattr(array, "dtype", array))
        rule = f"must be {np.dtype(dtype).name}"
        raise refusal(TypeError, f"{place}.dtype", given, rule, "Convert the array.")
    _check_shape(place, array, shape)


def check_finite(place: str, array: NDArray[Any]) -> None:
    """Raise ValueError if a number is not finite."""
    is_finite = np.isfinite(array)
    if not is_finite.all():
        rule = "must be a finite number"
        raise refusal(ValueError, *_first_of(place, array, ~is_finite), rule, "Correct it.")


def check_float_type(place: str, dtype: Any) -> type[np.floating[Any]]:
    """Return float32 or float64, given as a type, a dtype or a name.

    Raises
    ------
    TypeError
        If it is another type.
    """
    for kind in (np.float32, np.float64):
        try:
            if dtype is not None and np.dtype(dtype) == kind:
                return kind
        except TypeError:
            break
    rule = "must be numpy.float32 or numpy.float64"
    raise refusal(TypeError, place, show(dtype), rule, "Choose one of them.")


def _as_array(values: Any) -> NDArray[Any] | None:
    """Return values as an array; None if that is impossible, as with lists of unequal length."""
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError):
        return None


def _check_kind(
    place: str,
    values: Any,
    shape: tuple[int, ...],
    kinds: str,
    wanted: str,
) -> NDArray[Any]:
    """Return values as an array of this shape and one of these kinds of types."""
    array = _as_array(values)
    if array is None or array.dtype.kind not in "biufc":
        rule = f"must be an array of {wanted}"
        raise refusal(TypeError, place, show(values), rule, "Give one.")
    _check_shape(place, array, shape)
    if array.dtype.kind not in kinds:
        rule = f"must be {wanted}, and is of type {array.dtype}"
        raise refusal(TypeError, place, show(values), rule, "Give an array of them.")
    return array


def _check_shape(place: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        remedy = "Give an array of that shape."
        raise refusal(ValueError, f"{place}.shape", str(array.shape), f"must be {shape}", remedy)


def _first_of(place: str, array: NDArray[Any], wrong: NDArray[np.bool_]) -> tuple[str, str]:
    """Return place and value of the first wrong number."""
    where = tuple(int(axis) for axis in np.argwhere(wrong)[0])
    return f"{place}[{', '.join(map(str, where))}]", str(array[where])
