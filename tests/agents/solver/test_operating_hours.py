"""Planners refuse factories whose hours, people, maintenance or runs they cannot keep."""

from __future__ import annotations

import pytest

from agents.solver.rolling_horizon import RollingHorizonPolicy
from envs.batch import Batch
from factory.model import Maintenance
from factory.validation.errors import FactoryError
from tests.builders.kart_factory import karts


def test_a_planner_names_what_it_cannot_keep() -> None:
    factory = karts()
    centre = factory.work_centres[0]
    clean = Maintenance(name="clean", every=100, time=5)
    machine = centre.machines[0].model_copy(update={"maintenance": (clean,)})
    cleaned = centre.model_copy(update={"machines": (machine, *centre.machines[1:])})
    centres = (cleaned, *factory.work_centres[1:])
    batch = Batch([factory.model_copy(update={"work_centres": centres})], num_envs=1)
    with pytest.raises(FactoryError, match="planners cannot keep them yet"):
        RollingHorizonPolicy().bind(batch)
