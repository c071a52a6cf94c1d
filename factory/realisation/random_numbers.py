"""Random numbers by key: seed, role, entity and index, never draws before. Compiled.

docs/model.md, section 7.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

import numpy as np

from factory.jit.compile import compiled

(
    ARRIVAL,
    BATCH,
    PRODUCT,
    OPTION,
    CUSTOMER,
    ALLOWANCE,
    PROCESS,
    FAILURE,
    REPAIR,
    REWORK,
    MATERIAL,
    LATENESS,
    DEMAND_REGIME,
    SUPPLY_REGIME,
    EPISODE,
    CHOICE,
) = range(1, 17)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_ONE = np.uint64(1)


@compiled
def mix(z):
    """Mix the bits of a number by the finaliser of splitmix64.

    Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators, section 4.
    """
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@compiled
def bits(seed, role, entity, index):
    """Draw 64 random bits for (seed, role, entity, index)."""
    z = mix(seed + _GOLDEN * (np.uint64(role) + _ONE))
    z = mix(z + _GOLDEN * (np.uint64(entity) + _ONE))
    return mix(z + _GOLDEN * (np.uint64(index) + _ONE))


@compiled
def uniform(seed, role, entity, index):
    """Draw a float in the open interval (0, 1)."""
    return (np.float64(bits(seed, role, entity, index) >> np.uint64(11)) + 0.5) * 2.0**-53


@compiled
def normal(seed, role, entity, index):
    """Draw a standard normal number (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(uniform(seed, role, entity, 2 * index)))
    return radius * math.cos(2.0 * math.pi * uniform(seed, role, entity, 2 * index + 1))


@compiled
def exponential_ticks(mean, seed, role, entity, index):
    """Draw an exponential duration in whole ticks, at least 1."""
    return max(1, math.floor(-mean * math.log(uniform(seed, role, entity, index)) + 0.5))
