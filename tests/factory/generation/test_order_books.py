"""Resampled order books: determined by the seed, with the load and mix of the given book."""

from __future__ import annotations

from collections import Counter

import numpy as np

from envs.scenario import Scenario
from envs.seed_splits import episode_seeds
from factory.generation.order_books import resample_order_book
from factory.model import Order, OrderBook
from factory.validation.order_book import check_order_book
from tests.builders.own_factories import own_factory

GAPS = (0, 0, 30, 5, 0, 60, 20, 10, 0, 40, 15, 25)


def book_of(gaps: tuple[int, ...] = GAPS) -> OrderBook:
    """Return a book of the press: every third order wants die b, slack depends on the die."""
    date, orders = 7, []
    for number, gap in enumerate(gaps):
        date += gap if number else 0
        die = "b" if number % 3 == 0 else "a"
        orders.append(
            Order(
                order_id=f"L{number}",
                release_date=date,
                due_date=date + {"a": 100, "b": 300}[die] + gap,
                weight=1.0 + number,
                product="lid",
                options={"die": die},
            )
        )
    return OrderBook(orders=tuple(orders))


def test_the_seed_determines_the_book() -> None:
    book = book_of()
    assert resample_order_book(book, 5) == resample_order_book(book, 5)
    assert len({resample_order_book(book, seed).model_dump_json() for seed in range(20)}) == 20


def test_each_order_keeps_its_options_its_weight_and_the_time_to_its_due_date() -> None:
    book = book_of()
    known = {
        (order.weight, order.options["die"], order.due_date - order.release_date)
        for order in book.orders
    }
    for seed in range(30):
        drawn = resample_order_book(book, seed).orders
        assert {
            (order.weight, order.options["die"], order.due_date - order.release_date)
            for order in drawn
        } <= known


def test_interarrival_times_come_in_blocks_with_their_orders() -> None:
    """Twelve orders come in blocks of two: the second of a block keeps the gap to the first."""
    book = book_of()
    gap_of = {order.weight: gap for order, gap in zip(book.orders, GAPS, strict=True)}
    for seed in range(30):
        drawn = resample_order_book(book, seed).orders
        for first, second in zip(drawn[::2], drawn[1::2], strict=True):
            assert second.weight in (first.weight + 1, 1.0)
            if second.weight != 1.0:
                assert second.release_date - first.release_date == gap_of[second.weight]


def test_load_and_mix_are_kept_on_average() -> None:
    book = book_of()
    spans, dies = [], Counter[str]()
    for seed in range(400):
        drawn = resample_order_book(book, seed).orders
        spans.append(drawn[-1].release_date - drawn[0].release_date)
        dies.update(order.options["die"] for order in drawn)
    assert abs(np.mean(spans) - (book.orders[-1].release_date - 7)) < 12
    assert abs(dies["b"] / dies.total() - 1 / 3) < 0.03


def test_a_resampled_book_is_a_valid_one() -> None:
    for gaps in (GAPS, (0,), (0, 0, 0, 0)):
        book = book_of(gaps)
        for seed in range(10):
            drawn = resample_order_book(book, seed)
            check_order_book(drawn, own_factory("press"))
            assert len(drawn.orders) == len(book.orders)
            assert drawn.orders[0].release_date == 7


def test_a_scenario_gives_each_seed_its_own_book_and_blocks_of_seeds_different_ones() -> None:
    scenario = Scenario(own_factory("press"), book_of(), resample=True)
    assert scenario.changes_every_episode
    seeds = [int(episode_seeds(block, 1)[0]) for block in ("train", "tune", "validate", "test")]
    books = [scenario.draw(seed)[1] for seed in seeds]
    assert len({book.model_dump_json() for book in books if book is not None}) == 4
    assert scenario.draw(seeds[0])[1] == books[0]
    plain = Scenario(own_factory("press"), book_of())
    assert not plain.changes_every_episode
    assert plain.draw(seeds[0])[1] == book_of()
