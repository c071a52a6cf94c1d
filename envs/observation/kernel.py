"""Observation of one environment: fill the tables of :mod:`envs.observation.columns`. Compiled.

Only information that is available at the clock is read: expectations and past events, never
``process_left``, ``time_to_failure``, ``machine_date``, orders that are not released, or
``material_date`` beyond whether it has passed (docs/model.md, section 3;
tests/envs/observation/test_foresight.py).
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from envs.observation.candidate_columns import CANDIDATE_COLUMN
from envs.observation.candidates import observe_changeovers, observe_jobs, observe_wait
from envs.observation.families import observe_here
from envs.observation.shop import observe_centre, observe_machines, observe_shop
from factory.jit.compile import compiled


@compiled
def observe(factory, shop, e, scratch, candidates, machines, shop_row, action_mask):
    """Fill the tables of one environment.

    They are ``candidates [A, F]``, ``machines [M, Fm]``, ``shop_row [Fs]`` and
    ``action_mask [A]``. After the end of the episode there are no candidates, every action is
    masked, and the columns about "here" are 0.
    """
    asked = shop.env[e].deciding
    clear_rows(shop, candidates)
    observe_machines(factory, shop, e, scratch, machines)
    observe_shop(factory, shop, e, shop_row)
    if asked < 0:
        action_mask[:] = False
        return
    for row in range(action_mask.shape[0]):
        action_mask[row] = shop.legal[e, row]
    families = observe_here(factory, shop, e, asked, scratch, shop_row)
    observe_centre(factory, shop, e, asked, shop_row)
    observe_jobs(factory, shop, e, asked, scratch, families, shop_row, candidates)
    observe_changeovers(factory, shop, e, asked, scratch, families, shop_row, candidates)
    observe_wait(factory, shop, e, asked, scratch, families, shop_row, candidates)


@compiled
def observe_env(factory, shop, e, scratch, tables):
    """Fill the rows of environment ``e`` in ``tables``, see :func:`observe`."""
    observe(
        factory,
        shop,
        e,
        scratch,
        tables.candidates[e],
        tables.machines[e],
        tables.shop[e],
        tables.action_mask[e],
    )


@compiled
def clear_rows(shop, candidates):
    """Zero the rows that the previous observation filled.

    Job rows and changeover rows are each filled from their start, so the first empty row ends
    them.
    """
    job_rows = shop.job_row.shape[1]
    row = 0
    while row < job_rows and candidates[row, CANDIDATE_COLUMN.is_job] != 0.0:
        candidates[row] = 0.0
        row += 1
    row = job_rows
    wait_row = candidates.shape[0] - 1
    while row < wait_row and (
        candidates[row, CANDIDATE_COLUMN.is_changeover] != 0.0
        or candidates[row, CANDIDATE_COLUMN.is_maintenance] != 0.0
    ):
        candidates[row] = 0.0
        row += 1
    candidates[wait_row] = 0.0
