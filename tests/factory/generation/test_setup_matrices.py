"""Random changeover matrices and forbidden pairs."""

from __future__ import annotations

import numpy as np
import pytest

from factory.generation.random_draws import Draw
from factory.generation.setup_matrices import draw_forbidden, draw_setup_times


@pytest.mark.parametrize("seed", range(30))
def test_setup_times_have_the_given_mean_and_mostly_obey_the_triangle_inequality(seed: int) -> None:
    count = 2 + seed % 7
    time = np.array(draw_setup_times(Draw(seed).generator, count, mean_time=100.0))
    assert (np.diag(time) == 0).all()
    assert (time[~np.eye(count, dtype=bool)] >= 1).all()
    assert time.sum() / (count * (count - 1)) == pytest.approx(100, abs=1)
    direct_is_shortest = time <= (time[:, :, None] + time[None, :, :]).min(axis=1) + 1
    assert direct_is_shortest.mean() > 0.9


def test_setup_times_may_be_zero() -> None:
    assert draw_setup_times(Draw(1).generator, 3, mean_time=0.0) == ((0, 0, 0),) * 3


def test_forbidden_pairs_leave_every_value_reachable_step_by_step() -> None:
    values = ("a", "b", "c", "d")
    assert set(draw_forbidden(Draw(1).generator, values, share=1.0)) == {
        ("a", "c"),
        ("a", "d"),
        ("b", "d"),
        ("c", "a"),
        ("d", "a"),
        ("d", "b"),
    }
    assert draw_forbidden(Draw(1).generator, values, share=0.0) == ()


def test_every_part_of_a_split_is_positive() -> None:
    for seed in range(20):
        parts = Draw(seed).split(9, 4)
        assert len(parts) == 4
        assert sum(parts) == 9
        assert min(parts) >= 1
