"""ATC and ATCS as published for a static instance: means over all its jobs, not over the queue."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from agents.rules.priorities import weighted_shortest_process_time
from agents.rules.registry import Rule
from agents.rules.rows import Rows, RowValues
from factory.instances.common import BARE
from factory.model import Factory, OrderBook

STATIC = ("ATC", "ATCS")
"""Rules with a static form."""


def with_instance_means(rule: Rule, factory: Factory, book: OrderBook) -> Rule:
    """Return ATC or ATCS with the means of a single-machine instance.

    These are the means of all process times, and of all changeovers between two families. Lee,
    Bhaskaran and Pinedo (1997), A heuristic to minimize the total weighted tardiness with
    sequence-dependent setups.

    Parameters
    ----------
    rule
        A rule with a name in STATIC.
    factory, book
        The instance; its one machine has one changeover attribute.
    """
    times = {product.name: product.operations[0].process_time for product in factory.products}
    mean_process_time = float(np.mean([times[order.product] for order in book.orders]))
    mean_setup_time = _mean_setup_time(factory)
    priority = partial(
        _priority, mean_process_time=mean_process_time, mean_setup_time=mean_setup_time
    )
    return replace(rule, priorities=(priority,))


def _mean_setup_time(factory: Factory) -> float:
    """Return the mean over pairs of different families, without the bare machine at the start."""
    (attribute,) = factory.work_centres[0].attributes
    families = [index for index, value in enumerate(attribute.values) if value != BARE]
    return float(np.mean([attribute.time[i][j] for i in families for j in families if i != j]))


def _priority(
    rows: Rows,
    k: float | None = None,
    k1: float | None = None,
    k2: float | None = None,
    *,
    mean_process_time: float,
    mean_setup_time: float,
) -> RowValues:
    """Return log (w/p) - max(0, d - t - p)/(k p_bar) - s/(k2 s_bar); the last term only with k2."""
    scale = k1 if k is None else k
    assert scale is not None
    slack = np.maximum(0, rows["operation_due_in"] - rows["process_time"]) / (
        scale * mean_process_time
    )
    setup = 0 if k2 is None else rows["setup_time"] / (k2 * mean_setup_time)
    with np.errstate(divide="ignore"):  # a weight of 0 comes last
        return np.log(weighted_shortest_process_time(rows)) - slack - setup
