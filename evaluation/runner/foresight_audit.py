"""Does a policy that sees the shop use the hidden future? Ask it twice in one present, with two
futures, and compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields

import numpy as np

from agents.policy import StatefulPolicy, as_observation
from envs.batch import Batch
from factory.futures.sampled_futures import allocate_beliefs, infer_regimes, sample_future
from factory.model import Factory, OrderBook
from factory.simulation import random_numbers
from factory.simulation.arrays import ShopState
from factory.simulation.demand import FOR_EVER
from factory.validation.arguments import refusal, show

_ANOTHER_FUTURE = 2
"""Index of the draw that seeds it; 0 and 1 are those of the next episode."""


class ForesightError(ValueError):
    """A policy decides differently when only the hidden future differs."""


def audit_foresight(
    make_policy: Callable[[], StatefulPolicy],
    factory: Factory,
    seeds: Iterable[int],
    decisions: int | None = 60,
    book: OrderBook | None = None,
) -> int:
    """Play episodes with a policy; at each decision ask a second copy of it in a shop with the same
    past and another future.

    The other future has other process times, failures, deliveries, orders to come and another seed,
    drawn as :func:`factory.futures.sampled_futures.sample_future` does. The
    two copies are asked equally often and see equal observations, so that what a policy remembers
    is no difference.

    Parameters
    ----------
    make_policy
        Makes a policy in its first state; called twice an episode. Equal copies must decide
        equally, e.g. without limits in wall-clock time.
    seeds
        Of the episodes.
    decisions
        Decisions of each episode that are audited, from its start; None for all.

    Returns
    -------
    int
        Decisions that were audited, those with a single legal row left out.

    Raises
    ------
    ForesightError
        At the first decision where the actions differ.
    """
    return sum(
        _audit_episode(
            make_policy,
            Batch([factory], [book], num_envs=1),
            Batch([factory], [book], num_envs=1),
            int(seed),
            decisions,
        )
        for seed in seeds
    )


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
    number = audited = 0
    while not batch.over.all() and (decisions is None or number < decisions):
        change_future(batch, twin)
        actions = batch.check_actions(
            "decide: actions", policy.decide(as_observation(batch.tables))
        )
        others = twin.check_actions("decide: actions", other.decide(as_observation(twin.tables)))
        if actions[0] != others[0]:
            raise ForesightError(
                f"episode {seed}, decision {number}, machine {int(batch.shop.env.deciding[0])}: the"
                f" policy chose row {actions[0]}, and row {others[0]} when only the hidden future"
                " was another. A decision may use only what is known at its date (docs/model.md);"
                " read expectations such as expected_end, and simulate ahead in worlds of"
                " factory.futures.sampled_futures.sample_future."
            )
        audited += int(batch.tables.action_mask[0].sum() > 1)
        batch.step(actions, autoreset=False)
        number += 1
    return audited


def change_future(batch: Batch, twin: Batch) -> None:
    """Make environment 0 of ``twin`` the known present of that of ``batch``, with another future.

    Raises
    ------
    ValueError
        If the two do not stand in the same factories, with tables of one shape; nothing has
        changed.
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
    for name in ("num_orders", "log_length", "deciding"):  # known, or none of the policy's business
        getattr(twin.shop.env, name)[0] = getattr(batch.shop.env, name)[0]
    for name in ("job_row", "changeover_target", "changeover_lead", "legal"):
        np.copyto(getattr(twin.shop, name), getattr(batch.shop, name))
    for name in ("candidates", "machines", "shop", "action_mask"):
        np.copyto(getattr(twin.tables, name), getattr(batch.tables, name))


def check_alike(batch: Batch, twin: Batch) -> None:
    """Raise ValueError unless two batches stand in the same factories, with arrays of one shape."""
    same = batch.factories == twin.factories and batch.books == twin.books
    pairs = ((batch.shop, twin.shop), (batch.tables, twin.tables))
    shapes = [[[getattr(one, f.name).shape for f in fields(one)] for one in pair] for pair in pairs]
    if not same or any(own != other for own, other in shapes):
        raise refusal(
            ValueError,
            "change_future: twin",
            show([factory.name for factory in twin.factories]),
            "it must be made with the factories, order books and rows of the other batch",
            "Make both alike.",
        )


def _change_book(shop: ShopState, generator: np.random.Generator) -> None:
    """The lines of an order book that are not released: later, due otherwise and with each other's
    weights."""
    released = int(shop.env.num_released[0])
    shop.orders.release_date[0, released:] += np.cumsum(
        generator.integers(1, 100, shop.orders.shape[1] - released)
    )
    shop.orders.due_date[0, released:] += generator.integers(
        1, 1000, shop.orders.shape[1] - released
    )
    shop.orders.weight[0, released:] = generator.permutation(shop.orders.weight[0, released:])
