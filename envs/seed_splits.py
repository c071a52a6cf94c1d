"""Disjoint blocks of episode seeds for training, tuning, validation and test.

A policy is trained on ``train``, the parameters of rules are searched on ``tune``, the best rule
and the best checkpoint are chosen on ``validate``, and all are scored on ``test``. Every seed is
below 2**53, so that every JSON reader keeps it exactly. No block holds the small seeds (0, 1, 42,
...) that people type.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from factory.validation.arguments import check_count

_BLOCK_SIZE = 2**48
_FIRST_EPISODE = 2**47  # index in the block "train" where the turns of first_episode_of begin
_EPISODES_A_TURN = 2**26
_MAX_TURNS = 64
_MAX_SEEDS = 2**15


@dataclass(frozen=True)
class SeedBlock:
    """Consecutive seeds ``first`` to ``last`` for one purpose."""

    name: str
    first: int
    count: int

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    def __contains__(self, seed: int) -> bool:
        return self.first <= seed <= self.last


BLOCKS = {
    name: SeedBlock(name, index * _BLOCK_SIZE, _BLOCK_SIZE)
    for index, name in enumerate(("train", "tune", "validate", "test"), start=1)
}
"""The four blocks by name. They never change, so that a seed always means the same episode."""


def block(name: str) -> SeedBlock:
    """Return the block with that name.

    Raises
    ------
    ValueError
        If there is no such block.
    """
    if name not in BLOCKS:
        near = get_close_matches(name, BLOCKS, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Choose one of {', '.join(BLOCKS)}."
        raise ValueError(f"seed block = {name!r}; there is no such block. {remedy}")
    return BLOCKS[name]


def episode_seeds(block_name: str, count: int, start: int = 0) -> NDArray[np.uint64]:
    """Return the seeds of ``count`` episodes, from the ``start``-th seed of a block on.

    Parameters
    ----------
    block_name
        ``train``, ``tune``, ``validate`` or ``test``.
    count
        Number of episodes.
    start
        Number of seeds of the block to skip, e.g. the seeds of an earlier run.

    Returns
    -------
    array of uint64, shape [count]

    Raises
    ------
    TypeError
        If ``count`` or ``start`` is no whole number.
    ValueError
        If the block is unknown or has fewer seeds.

    Examples
    --------
    >>> episode_seeds("test", 3) - episode_seeds("test", 1)
    array([0, 1, 2], dtype=uint64)
    """
    first, last = _bounds(block_name, count, start)
    return np.arange(last - first + 1, dtype=np.uint64) + np.uint64(first)


def which_block(seed: int) -> str | None:
    """Return the name of the block of a seed; None for a seed outside all blocks.

    Examples
    --------
    >>> which_block(int(episode_seeds("validate", 1)[0])), which_block(42)
    ('validate', None)
    """
    return next((name for name, holder in BLOCKS.items() if int(seed) in holder), None)


def describe_seeds(block_name: str, count: int, start: int = 0) -> str:
    """Describe the seeds of :func:`episode_seeds`; printed with every result.

    Examples
    --------
    >>> describe_seeds("train", 256)
    'block train, seeds 281474976710656 to 281474976710911 (256 episodes)'
    """
    first, last = _bounds(block_name, count, start)
    return (
        f"block {block_name}, seeds {first} to {last} ({count} episode{'s' if count > 1 else ''})"
    )


def _bounds(block_name: str, count: int, start: int) -> tuple[int, int]:
    """Return the first and the last seed of ``count`` episodes from the ``start``-th on."""
    holder = block(block_name)
    count = check_count("count", count, 1, "Ask for 1 episode or more.")
    start = check_count("start", start, 0, "Start at the first seed, 0, or later.")
    if start + count > holder.count:
        raise ValueError(
            f"start + count = {start + count}; block {block_name} holds {holder.count} seeds. Ask"
            " for fewer episodes or start earlier."
        )
    return holder.first + start, holder.first + start + count - 1


def first_episode_of(seed: int, turn: int) -> int:
    """Return the index in the block ``train`` of the first episode of a turn of policy improvement.

    A turn is one iteration of expert iteration, or distillation. No training run and no other turn
    or seed uses its episodes.

    Parameters
    ----------
    seed
        Seed of the run, 0 to 32,767.
    turn
        Index of the turn, 0 to 63.

    Raises
    ------
    ValueError
        If the seed or the turn is out of range.
    """
    if not 0 <= turn < _MAX_TURNS:
        raise ValueError(
            f"iterations: turn {turn}; must be 0 to {_MAX_TURNS - 1}. Ask for fewer iterations."
        )
    if not 0 <= seed < _MAX_SEEDS:
        raise ValueError(f"seed = {seed}; must be 0 to {_MAX_SEEDS - 1}. Choose another one.")
    return _FIRST_EPISODE + (seed * _MAX_TURNS + turn) * _EPISODES_A_TURN
