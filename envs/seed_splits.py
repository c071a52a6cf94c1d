"""Seeds of episodes in four blocks that never meet: what a policy learnt on is never what it is
judged on.

A policy is trained on ``train``, the parameters of rules are searched on ``tune``, the best rule
and the best checkpoint are chosen on ``validate``, and all are scored on ``test``. Every seed is
below 2**53, so that it survives any JSON reader, and no block holds the small seeds (0, 1, 42, ...)
that people type.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from factory.validation.arguments import check_count

_ROOM = 2**48
_FIRST_EPISODE, _MOST_EPISODES = 2**47, 2**26  # of the block, and of a turn
_MOST_TURNS, _MOST_SEEDS = 64, 2**15


@dataclass(frozen=True)
class SeedBlock:
    """Consecutive seeds ``first`` to ``last`` that serve one purpose."""

    name: str
    first: int
    count: int

    @property
    def last(self) -> int:
        return self.first + self.count - 1

    def __contains__(self, seed: int) -> bool:
        return self.first <= seed <= self.last


BLOCKS = {
    name: SeedBlock(name, number * _ROOM, _ROOM)
    for number, name in enumerate(("train", "tune", "validate", "test"), start=1)
}
"""The four blocks by name. Their place never changes: results under one seed must mean the same
world for ever."""


def block(name: str) -> SeedBlock:
    """Block of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in BLOCKS:
        near = get_close_matches(name, BLOCKS, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Choose one of {', '.join(BLOCKS)}."
        raise ValueError(f"seed block = {name!r}; there is no such block. {remedy}")
    return BLOCKS[name]


def episode_seeds(block_name: str, count: int, start: int = 0) -> NDArray[np.uint64]:
    """Seeds of ``count`` episodes, from the ``start``-th of a block on; the same whenever asked.

    Parameters
    ----------
    block_name
        ``train``, ``tune``, ``validate`` or ``test``.
    count
        Number of episodes.
    start
        Seeds of the block to pass over, e.g. those an earlier run has used.

    Returns
    -------
    array of uint64, shape [count]

    Raises
    ------
    TypeError
        If a number is no whole number.
    ValueError
        If the block is unknown or does not hold that many seeds.

    Examples
    --------
    >>> episode_seeds("test", 3) - episode_seeds("test", 1)
    array([0, 1, 2], dtype=uint64)
    """
    first, last = _bounds(block_name, count, start)
    return np.arange(last - first + 1, dtype=np.uint64) + np.uint64(first)


def which_block(seed: int) -> str | None:
    """Name of the block a seed belongs to; None for a seed of no block, e.g. one that was typed by
    hand.

    Examples
    --------
    >>> which_block(int(episode_seeds("validate", 1)[0])), which_block(42)
    ('validate', None)
    """
    return next((name for name, holder in BLOCKS.items() if int(seed) in holder), None)


def describe_seeds(block_name: str, count: int, start: int = 0) -> str:
    """Seeds of :func:`episode_seeds` in words, printed with every result.

    Examples
    --------
    >>> describe("train", 256)
    'block train, seeds 281474976710656 to 281474976710911 (256 episodes)'
    """
    first, last = _bounds(block_name, count, start)
    return (
        f"block {block_name}, seeds {first} to {last} ({count} episode{'s' if count > 1 else ''})"
    )


def _bounds(block_name: str, count: int, start: int) -> tuple[int, int]:
    """First and last seed of ``count`` episodes from the ``start``-th on."""
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
    """Where in the block ``train`` the episodes of one turn (0 to 63) of such work begin: no
    training run comes that far, and no other turn or seed.

    Raises
    ------
    ValueError
        If there is no such turn, or seed (0 to 32,767).
    """
    if not 0 <= turn < _MOST_TURNS:
        raise ValueError(
            f"rounds: turn {turn}; must be 0 to {_MOST_TURNS - 1}. Ask for fewer rounds."
        )
    if not 0 <= seed < _MOST_SEEDS:
        raise ValueError(f"seed = {seed}; must be 0 to {_MOST_SEEDS - 1}. Choose another one.")
    return _FIRST_EPISODE + (seed * _MOST_TURNS + turn) * _MOST_EPISODES
