"""Audit of foresight: a policy must decide equally in one present with two different futures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from agents.policy import StatefulPolicy
from envs.batch import Batch
from envs.observation.tables import as_observation
from evaluation.runner.errors import ForesightError
from factory.futures.sampled_futures import allocate_beliefs, infer_regimes, sample_future
from factory.model import Factory, OrderBook
from factory.realisation import random_numbers
from factory.realisation.demand import FOR_EVER
from factory.simulation.arrays import ShopState
from factory.validation.arguments import refusal, show

_ANOTHER_FUTURE = 2
"""Index of the draw that seeds it; 0 and 1 are those of the next episode."""


def audit_foresight(
    make_policy: Callable[[], StatefulPolicy],
    factory: Factory,
    seeds: Iterable[int],
    decisions: int | None = 60,
    book: OrderBook | None = None,
) -> int:
    """Play episodes with two copies of a policy that have the same past and different futures.

    The second future has other process times, failures, deliveries, later orders and another seed,
    drawn by :func:`factory.futures.sampled_futures.sample_future`. Both copies decide equally often
    on equal observations, so a policy's memory makes no difference.

    Parameters
    ----------
    make_policy
        Function that makes a policy in its first state; called twice an episode. Equal copies must
        decide equally, so without limits in wall-clock time.
    factory, book
        Factory, and its order book if it has one.
    seeds
        Seeds of the episodes.
    decisions
        Number of decisions of each episode that are audited, from its start; None for all.

    Returns
    -------
    int
        Number of audited decisions with more than one legal row.

    Raises
    ------
    ForesightError
        At the first decision where the actions differ.
    """
    audited = 0
    for seed in seeds:
        batch = Batch([factory], [book], num_envs=1)
        twin = Batch([factory], [book], num_envs=1)
        audited += _audit_episode(make_policy, batch, twin, int(seed), decisions)
    return audited


def _audit_episode(
    make_policy: Callable[[], StatefulPolicy],
    batch: Batch,
    twin: Batch,
    seed: int,
    decisions: int | None,
) -> int:
    policy, other = make_policy(), make_policy()
    for shop in (batch, twin):
        shop.reset(np.array([seed], np.uint64))
    change_future(batch, twin)
    policy.bind(batch)
    other.bind(twin)
    index = audited = 0
    while not batch.over.all() and (decisions is None or index < decisions):
        change_future(batch, twin)
        actions = batch.check_actions(
            "decide: actions", policy.decide(as_observation(batch.tables))
        )
        others = twin.check_actions("decide: actions", other.decide(as_observation(twin.tables)))
        if actions[0] != others[0]:
            raise ForesightError(
                f"episode {seed}, decision {index}, machine {int(batch.shop.env.deciding[0])}: the"
                f" policy chose row {actions[0]}, and row {others[0]} when only the hidden future"
                " was another. A decision may use only what is known at its date (docs/model.md);"
                " read expectations such as expected_end, and simulate ahead in worlds of"
                " factory.futures.sampled_futures.sample_future."
            )
        audited += int(batch.tables.action_mask[0].sum() > 1)
        batch.step(actions, autoreset=False)
        index += 1
    return audited


def change_future(batch: Batch, twin: Batch) -> None:
    """Give environment 0 of ``twin`` the known present of ``batch`` and another future.

    Raises
    ------
    ValueError
        If the two have different factories or tables of different shapes; nothing has changed.
    """
    check_alike(batch, twin)
    for field in fields(ShopState):
        np.copyto(getattr(twin.shop, field.name), getattr(batch.shop, field.name))
    seed = np.uint64(
        random_numbers.bits(
            batch.shop.env.seed[0],
            random_numbers.EPISODE,
            int(batch.shop.env.decisions[0]),
            _ANOTHER_FUTURE,
        )
    )
    beliefs = allocate_beliefs(batch.arrays)
    infer_regimes(batch.arrays, batch.shop, 0, beliefs)
    sample_future(batch.arrays, batch.shop, 0, beliefs, twin.shop, 0, seed, FOR_EVER)
    if batch.arrays.plant.num_regimes[0] == 0:
        _change_book(twin.shop, np.random.default_rng(int(seed)))
    for name in ("num_orders", "log_length", "deciding"):  # known, or unrelated to the future
        getattr(twin.shop.env, name)[0] = getattr(batch.shop.env, name)[0]
    for name in ("job_row", "changeover_target", "changeover_lead", "legal"):
        np.copyto(getattr(twin.shop, name), getattr(batch.shop, name))
    for name in ("candidates", "machines", "shop", "action_mask"):
        np.copyto(getattr(twin.tables, name), getattr(batch.tables, name))


def check_alike(batch: Batch, twin: Batch) -> None:
    """Raise ValueError unless two batches have the same factories and arrays of one shape."""
    same = batch.factories == twin.factories and batch.books == twin.books
    pairs = ((batch.shop, twin.shop), (batch.tables, twin.tables))
    if not same or any(_shapes_of(own) != _shapes_of(other) for own, other in pairs):
        raise refusal(
            ValueError,
            "change_future: twin",
            show([factory.name for factory in twin.factories]),
            "it must be made with the factories, order books and rows of the other batch",
            "Make both alike.",
        )


def _shapes_of(arrays: Any) -> list[tuple[int, ...]]:
    """Return the shape of each field."""
    return [getattr(arrays, field.name).shape for field in fields(arrays)]


def _change_book(shop: ShopState, generator: np.random.Generator) -> None:
    """Change the unreleased orders of an order book: later, other due dates, weights permuted."""
    released = int(shop.env.num_released[0])
    later = shop.orders.shape[1] - released
    shop.orders.release_date[0, released:] += np.cumsum(generator.integers(1, 100, later))
    shop.orders.due_date[0, released:] += generator.integers(1, 1000, later)
    shop.orders.weight[0, released:] = generator.permutation(shop.orders.weight[0, released:])
