"""Changeover times and costs of a factory, from setup to setup, with detours."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from agents.solver.known_state import SetupValues, has_operating_rules
from factory.simulation.arrays import FactoryArrays


class SetupChange(NamedTuple):
    """Time and cost of changing a machine over."""

    ticks: int
    money: float  # changeover and waste, at the scenario's rates


NOTHING = SetupChange(0, 0.0)


@dataclass(frozen=True)
class ChangeoverTable:
    """Changeovers of factory ``g`` of ``arrays``, each computed once."""

    arrays: FactoryArrays
    g: int
    _known: dict[tuple[int, SetupValues, SetupValues], SetupChange | None] = field(
        default_factory=dict
    )

    @cached_property
    def has_operating_rules(self) -> bool:
        """Return whether the factory has calendars, people, maintenance or runs."""
        return has_operating_rules(self.arrays, self.g)

    def between(
        self, machine: int, mounted: SetupValues, wanted: SetupValues
    ) -> SetupChange | None:
        """Return time and cost to change ``machine`` over, detours included; None if impossible.

        Detours: docs/model.md, section 2.
        """
        key = machine, mounted, wanted
        if key not in self._known:
            self._known[key] = self._with_detours(machine, mounted, wanted)
        return self._known[key]

    def _with_detours(
        self, machine: int, mounted: SetupValues, wanted: SetupValues
    ) -> SetupChange | None:
        ticks, money = 0, 0.0
        for _ in range(len(self.arrays.setups[self.g, machine, 0]) + 1 if mounted else 1):
            target = self._next_setup(machine, mounted, wanted)
            if target is None:
                return None
            step = self._direct(machine, mounted, target)
            ticks, money, mounted = ticks + step.ticks, money + step.money, target
            if target == complete(target, wanted):
                return SetupChange(ticks, money)
        return None

    def _next_setup(
        self, machine: int, mounted: SetupValues, wanted: SetupValues
    ) -> SetupValues | None:
        """Return the setup after the next changeover towards ``wanted``; None if forbidden."""
        target = list(mounted)
        for attribute, (value, want) in enumerate(zip(mounted, wanted, strict=True)):
            if want >= 0 and want != value:
                pair = self.arrays.setups[self.g, machine, attribute, value, want]
                target[attribute] = want if pair.time >= 0 else int(pair.via)
        return None if any(value < 0 for value in target) else tuple(target)

    def _direct(self, machine: int, mounted: SetupValues, target: SetupValues) -> SetupChange:
        pairs = [
            self.arrays.setups[self.g, machine, a, i, k]
            for a, (i, k) in enumerate(zip(mounted, target, strict=True))
            if i != k
        ]
        if not pairs:
            return NOTHING
        plant = self.arrays.plant[self.g]
        times = [int(pair.time) for pair in pairs]
        centre = self.arrays.machines.centre[self.g, machine]
        ticks = sum(times) if self.arrays.centres.combine_sum[self.g, centre] else max(times)
        money = sum(
            float(plant.changeover_rate * pair.cost + plant.waste_rate * pair.waste)
            for pair in pairs
        )
        return SetupChange(ticks, money)


def complete(mounted: SetupValues, wanted: SetupValues) -> SetupValues:
    """Return the setup that is mounted after a changeover to ``wanted``."""
    return tuple(value if want < 0 else want for value, want in zip(mounted, wanted, strict=True))
