"""Filter of the regimes of demand and supply: their probabilities given the past. Compiled.

The forward filter of a Markov-modulated Poisson process (Fischer and Meier-Hellstern 1993, The
Markov-modulated Poisson process cookbook, section 3.2), in steps of a quarter of the shortest stay,
until a step changes nothing any more.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.realisation.demand import product_needs_material

_STEPS_PER_STAY = 4
_PRESENT = 1
"""Index under which the regime in force now is drawn; 0 is that of the lengths of stays."""
_ROUNDING = 2.5e-16
"""Change of a probability in its last digit by adding and multiplying."""


@compiled
def infer_demand_regime(factory, shop, e, belief, before):
    """Infer the demand regime.

    Each batch speaks for regimes with a high rate, each time without one for those with a low rate.
    """
    g = shop.env[e].factory
    belief[:] = 0.0
    belief[0] = 1.0
    regimes = factory.plant[g].num_regimes
    if regimes <= 1:
        return
    date = 0
    for order in range(factory.plant[g].initial_orders, shop.env[e].num_released):
        release_date = shop.orders[e, order].release_date
        if release_date > date or factory.plant[g].batch_high == 1:
            wait_for_batch(factory, g, belief, before, release_date - date)
            for regime in range(regimes):
                belief[regime] /= factory.regimes[g, regime].interarrival_time
            normalise(belief)
            date = release_date
    wait_for_batch(factory, g, belief, before, shop.env[e].clock - date)


@compiled
def wait_for_batch(factory, g, belief, before, elapsed):
    """Let time pass in which nothing is released; return the number of steps."""
    regimes = factory.plant[g].num_regimes
    steps = steps_of(factory.regimes[g], regimes, elapsed)
    for step in range(steps):
        remember(belief, before)
        change_regimes(factory.regimes[g], regimes, belief, elapsed / steps)
        for regime in range(regimes):
            belief[regime] *= math.exp(
                -elapsed / steps / factory.regimes[g, regime].interarrival_time
            )
        normalise(belief)
        if is_settled(belief, before):
            return step + 1
    return steps


@compiled
def infer_supply_regime(factory, shop, e, belief, before):
    """Infer the supply regime.

    The lateness of an order's material speaks for the regimes that are often late.
    """
    g = shop.env[e].factory
    belief[:] = 0.0
    belief[0] = 1.0
    regimes = factory.plant[g].num_supply_regimes
    if regimes <= 1:
        return
    date = 0
    for order in range(shop.env[e].num_released):
        if not product_needs_material(factory, g, shop.orders[e, order].product):
            continue
        release_date = shop.orders[e, order].release_date
        pass_supply(factory, g, belief, before, release_date - date)
        date = release_date
        # seen at the release: the material is there or it is not
        late = shop.orders[e, order].material_date > release_date
        for regime in range(regimes):
            probability = factory.supplies[g, regime].late_probability
            belief[regime] *= probability if late else 1.0 - probability
        normalise(belief)
    pass_supply(factory, g, belief, before, shop.env[e].clock - date)


@compiled
def pass_supply(factory, g, belief, before, elapsed):
    """Let time pass between two orders that need material; return the number of steps."""
    regimes = factory.plant[g].num_supply_regimes
    steps = steps_of(factory.supplies[g], regimes, elapsed)
    for step in range(steps):
        remember(belief, before)
        change_regimes(factory.supplies[g], regimes, belief, elapsed / steps)
        if is_settled(belief, before):
            return step + 1
    return steps


@compiled
def remember(belief, before):
    """Keep the probabilities before a step."""
    for regime in range(belief.shape[0]):
        before[regime] = belief[regime]


@compiled
def is_settled(belief, before):
    """Return whether a step has changed no probability by more than rounding does.

    All further steps of that length would change nothing either.
    """
    for regime in range(belief.shape[0]):
        if abs(belief[regime] - before[regime]) > _ROUNDING:
            return False
    return True


@compiled
def steps_of(stays, count, elapsed):
    """Return the number of steps that are short against the shortest stay."""
    shortest = math.inf
    for regime in range(count):
        if stays[regime].duration > 0.0:
            shortest = min(shortest, stays[regime].duration)
    return 1 + int(_STEPS_PER_STAY * elapsed / shortest)


@compiled
def change_regimes(stays, count, belief, time):
    """Let regimes give way to the next one in turn; stays are exponential."""
    arriving = belief[count - 1] * leaving_probability(stays[count - 1].duration, time)
    for regime in range(count):
        leaving = belief[regime] * leaving_probability(stays[regime].duration, time)
        belief[regime] += arriving - leaving
        arriving = leaving


@compiled
def leaving_probability(duration, time):
    """Return the probability that a stay ends within ``time``."""
    if duration == 0.0:
        return 0.0
    return 1.0 - math.exp(-time / duration)


@compiled
def normalise(belief):
    """Scale the probabilities to a sum of 1; the first regime is certain if none can explain it."""
    total = 0.0
    for regime in range(belief.shape[0]):
        total += belief[regime]
    if total <= 0.0:
        belief[0] = 1.0
        total = 1.0
    for regime in range(belief.shape[0]):
        belief[regime] /= total


@compiled
def draw_regime(belief, seed, role):
    """Draw the regime in force now, by its probability."""
    target = random_numbers.uniform(seed, role, 0, _PRESENT)
    running, chosen = 0.0, 0
    for regime in range(belief.shape[0]):
        if belief[regime] > 0.0:
            chosen = regime
        running += belief[regime]
        if running > target:
            break
    return chosen
