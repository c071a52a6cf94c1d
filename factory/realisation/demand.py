"""Orders of an episode: release dates, products, options, due dates, material. Compiled.

docs/model.md, sections 3 and 6.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.calendars.queries import end_of_work
from factory.jit.compile import compiled
from factory.realisation import random_numbers

FOR_EVER = 2**61
"""A date that no episode reaches, in ticks."""
MAX_CYCLES = 1000
"""Rounds of all supply regimes that are drawn stay by stay.

Beyond them a regime is in force by its share of time.
"""
_IN_FORCE = 2
"""Index under which the regime in force is drawn; 0 is that of the lengths of stays."""


@compiled
def draw_orders(factory, shop, e):
    """Fill environment ``e``'s orders from its seed, or from the order book of its factory."""
    g = shop.env[e].factory
    shop.env[e].num_orders = factory.plant[g].num_orders
    if factory.plant[g].num_regimes == 0:
        copy_order_book(factory, shop, e)
    else:
        draw_releases(factory, shop, e)
    draw_material(factory, shop, e, 0, shop.env[e].num_orders, 0, 0)
    for order in range(shop.env[e].num_orders):
        shop.orders[e, order].completion_date = -1


@compiled
def copy_order_book(factory, shop, e):
    """Copy the orders of the book."""
    g = shop.env[e].factory
    for order in range(shop.env[e].num_orders):
        shop.orders[e, order].release_date = factory.book[g, order].release_date
        shop.orders[e, order].due_date = factory.book[g, order].due_date
        shop.orders[e, order].weight = factory.book[g, order].weight
        shop.orders[e, order].product = factory.book[g, order].product
        shop.orders[e, order].customer = -1
        for option in range(factory.plant[g].num_options):
            shop.option_value[e, order, option] = factory.book_options[g, order, option]
        plan_operations(factory, shop, e, order)


@compiled
def draw_releases(factory, shop, e):
    """Draw the initial orders, then Poisson batches whose rate depends on the demand regime."""
    g = shop.env[e].factory
    order = 0
    while order < factory.plant[g].initial_orders:
        draw_order(factory, shop, e, order, 0, 0)
        order += 1
    draw_arrivals(factory, shop, e, order, 0, 0.0, FOR_EVER)


@compiled
def draw_arrivals(factory, shop, e, order, first_regime, epoch, last_date):
    """Draw orders from ``order`` on, up to the first batch after ``last_date``.

    ``first_regime`` is in force at ``epoch``. Returns the number of all orders drawn so far.
    """
    g, seed = shop.env[e].factory, shop.env[e].seed
    regime, stay = first_regime, 0
    regime_end = epoch + stay_length(
        seed, random_numbers.DEMAND_REGIME, stay, factory.regimes[g, regime].duration
    )
    batch, release_date = 0, 0
    while order < shop.env[e].num_orders and release_date <= last_date:
        needed = -math.log(random_numbers.uniform(seed, random_numbers.ARRIVAL, batch, 0))
        available = (regime_end - epoch) / factory.regimes[g, regime].interarrival_time
        while needed > available:
            needed -= available
            epoch = regime_end
            stay += 1
            regime = (first_regime + stay) % factory.plant[g].num_regimes
            regime_end = epoch + stay_length(
                seed, random_numbers.DEMAND_REGIME, stay, factory.regimes[g, regime].duration
            )
            available = (regime_end - epoch) / factory.regimes[g, regime].interarrival_time
        epoch += needed * factory.regimes[g, regime].interarrival_time
        release_date = math.floor(epoch + 0.5)
        spread = factory.plant[g].batch_high - factory.plant[g].batch_low + 1
        size = factory.plant[g].batch_low + math.floor(
            random_numbers.uniform(seed, random_numbers.BATCH, batch, 0) * spread
        )
        for _ in range(size):
            if order < shop.env[e].num_orders:
                draw_order(factory, shop, e, order, regime, release_date)
                order += 1
        batch += 1
    return order


@compiled
def stay_length(seed, role, stay, duration):
    """Draw the length of a regime's stay in ticks; practically for ever if it has no duration."""
    if duration == 0.0:
        return FOR_EVER
    return random_numbers.exponential_ticks(duration, seed, role, stay, 0)


@compiled
def draw_order(factory, shop, e, order, regime, release_date):
    """Draw an order: product, options, customer class, due date."""
    g, seed = shop.env[e].factory, shop.env[e].seed
    shop.orders[e, order].release_date = release_date
    product = draw_product(factory, g, seed, order, regime, release_date, shop.env[e].num_orders)
    shop.orders[e, order].product = product
    for option in range(factory.plant[g].num_options):
        shop.option_value[e, order, option] = -1
        if factory.option_applies[g, option, product]:
            u = random_numbers.uniform(seed, random_numbers.OPTION, order, option)
            shop.option_value[e, order, option] = pick(
                factory.option_share[g, regime, option], factory.options[g, option].num_values, u
            )
    customer = pick(
        factory.customer_share[g, regime],
        factory.plant[g].num_customers,
        random_numbers.uniform(seed, random_numbers.CUSTOMER, order, 0),
    )
    shop.orders[e, order].customer = customer
    shop.orders[e, order].weight = factory.customers[g, customer].weight
    plan_operations(factory, shop, e, order)
    low, high = (
        factory.customers[g, customer].allowance_low,
        factory.customers[g, customer].allowance_high,
    )
    allowance = low + random_numbers.uniform(seed, random_numbers.ALLOWANCE, order, 0) * (
        high - low
    )
    ticks = max(1, math.floor(allowance * shop.orders[e, order].work_left + 0.5))
    calendar = factory.plant[g].plant_calendar if factory.plant[g].open_allowances else -1
    shop.orders[e, order].due_date = end_of_work(factory, g, calendar, release_date, ticks)


@compiled
def draw_product(factory, g, seed, order, regime, release_date, num_orders):
    """Draw a product by the regime's mix, which drifts over the episode.

    Products that are not launched yet cannot be ordered.
    """
    progress = order / max(1, num_orders - 1)
    total = 0.0
    for product in range(factory.mix.shape[2]):
        total += product_share(factory, g, regime, product, release_date, progress)
    target = random_numbers.uniform(seed, random_numbers.PRODUCT, order, 0) * total
    running, chosen = 0.0, -1
    for product in range(factory.mix.shape[2]):
        share = product_share(factory, g, regime, product, release_date, progress)
        if share > 0.0:
            chosen = product
        running += share
        if running > target:
            break
    return chosen


@compiled
def product_share(factory, g, regime, product, release_date, progress):
    """Return the weight of a product in the mix, ``progress`` (0 to 1) through the episode."""
    if factory.products[g, product].launch_date > release_date:
        return 0.0
    share = factory.mix[g, regime, product]
    return share + (factory.mix_end[g, regime, product] - share) * progress


@compiled
def pick(shares, count, u):
    """Return the first index whose running sum of ``shares`` exceeds ``u`` times their total."""
    total = 0.0
    for index in range(count):
        total += shares[index]
    target = u * total
    running = 0.0
    chosen = 0
    for index in range(count):
        if shares[index] > 0.0:
            chosen = index
        running += shares[index]
        if running > target:
            break
    return chosen


@compiled
def plan_operations(factory, shop, e, order):
    """Derive the setups and mean process times of the order's operations."""
    g, product = shop.env[e].factory, shop.orders[e, order].product
    work_content = 0.0
    for operation in range(factory.products[g, product].num_operations):
        for attribute in range(shop.wanted.shape[3]):
            shop.wanted[e, order, operation, attribute] = factory.operation_setup[
                g, product, operation, attribute
            ]
        extra = 0
        for option in range(factory.plant[g].num_options):
            value = shop.option_value[e, order, option]
            if value >= 0:
                extra += factory.option_time[g, option, value, product, operation]
                want_option_setup(factory, shop, e, order, operation, option, value)
        shop.operations[e, order, operation].option_time = extra
        shop.operations[e, order, operation].family = family_number(
            factory, shop, e, order, operation
        )
        mean_time = (
            factory.operations[g, product, operation].mean_base
            + extra * factory.operations[g, product, operation].mean_pace
        )
        shop.operations[e, order, operation].mean_time = mean_time
        work_content += mean_time
    shop.orders[e, order].work_left = work_content
    plan_critical_work(factory, shop, e, order)


@compiled
def plan_critical_work(factory, shop, e, order):
    """Measure the longest path of expected work through the order, and up to each operation.

    Operations are in topological order.
    """
    g, product = shop.env[e].factory, shop.orders[e, order].product
    critical_work = 0.0
    for operation in range(factory.products[g, product].num_operations - 1, -1, -1):
        # work_through holds the work after each operation until the length of the longest path is
        # known
        work_after = 0.0
        for i in range(factory.operations[g, product, operation].num_successors):
            successor = factory.successors[g, product, operation, i]
            work_after = max(
                work_after,
                shop.operations[e, order, successor].work_through
                + shop.operations[e, order, successor].mean_time,
            )
        shop.operations[e, order, operation].work_through = work_after
        critical_work = max(
            critical_work, work_after + shop.operations[e, order, operation].mean_time
        )
    for operation in range(factory.products[g, product].num_operations):
        shop.operations[e, order, operation].work_through = (
            critical_work - shop.operations[e, order, operation].work_through
        )
    shop.orders[e, order].critical_work = critical_work


@compiled
def want_option_setup(factory, shop, e, order, operation, option, value):
    """Apply the setups that an option value sets; a later option overrides an earlier one."""
    g, product = shop.env[e].factory, shop.orders[e, order].product
    for attribute in range(shop.wanted.shape[3]):
        wanted = factory.option_setup[g, option, value, product, operation, attribute]
        if wanted >= 0:
            shop.wanted[e, order, operation, attribute] = wanted


@compiled
def family_number(factory, shop, e, order, operation):
    """Return a number for the wanted setup, the same for equal setups at a work centre only."""
    values = factory.setups.shape[3]
    family = 0
    for attribute in range(shop.wanted.shape[3]):
        family = family * (values + 1) + shop.wanted[e, order, operation, attribute] + 1
    return family


@compiled
def draw_material(factory, shop, e, first_order, last_order, first_regime, date):
    """Draw the material dates of orders ``first_order`` up to (not with) ``last_order``.

    The supply regime in force at an order's release counts; ``first_regime`` is in force at
    ``date``.
    """
    g, seed = shop.env[e].factory, shop.env[e].seed
    regimes = factory.plant[g].num_supply_regimes
    stay, stay_end = 0, date
    if regimes > 0:
        stay_end += stay_length(
            seed, random_numbers.SUPPLY_REGIME, 0, factory.supplies[g, first_regime].duration
        )
    for order in range(first_order, last_order):
        release_date = shop.orders[e, order].release_date
        shop.orders[e, order].material_date = release_date
        if regimes > 0 and product_needs_material(factory, g, shop.orders[e, order].product):
            if release_date - stay_end > MAX_CYCLES * cycle_time(factory.supplies[g], regimes):
                stay = next_stay_of(
                    factory, g, first_regime, stay, draw_in_force(factory, g, seed, order)
                )
                regime = (first_regime + stay) % regimes
                stay_end = release_date + stay_length(
                    seed, random_numbers.SUPPLY_REGIME, stay, factory.supplies[g, regime].duration
                )
            while release_date >= stay_end:
                stay += 1
                stay_end += stay_length(
                    seed,
                    random_numbers.SUPPLY_REGIME,
                    stay,
                    factory.supplies[g, (first_regime + stay) % regimes].duration,
                )
            regime = (first_regime + stay) % regimes
            if (
                random_numbers.uniform(seed, random_numbers.MATERIAL, order, 0)
                < factory.supplies[g, regime].late_probability
            ):
                lateness = random_numbers.exponential_ticks(
                    factory.supplies[g, regime].mean_lateness,
                    seed,
                    random_numbers.LATENESS,
                    order,
                    0,
                )
                shop.orders[e, order].material_date = release_date + lateness


@compiled
def cycle_time(stays, count):
    """Return the mean time in which every regime is in force once, ticks."""
    total = 0.0
    for regime in range(count):
        total += stays[regime].duration
    return total


@compiled
def draw_in_force(factory, g, seed, order):
    """Draw the supply regime in force at the release of an order long after the last drawn stay."""
    supplies = factory.supplies[g]
    regimes = factory.plant[g].num_supply_regimes
    target = random_numbers.uniform(
        seed, random_numbers.SUPPLY_REGIME, order, _IN_FORCE
    ) * cycle_time(supplies, regimes)
    running = 0.0
    for regime in range(regimes - 1):
        running += supplies[regime].duration
        if running > target:
            return regime
    return regimes - 1


@compiled
def next_stay_of(factory, g, first_regime, stay, regime):
    """Return the number of the next stay, after ``stay``, in ``regime``."""
    regimes = factory.plant[g].num_supply_regimes
    return stay + 1 + (regime - first_regime - stay - 1) % regimes


@compiled
def product_needs_material(factory, g, product):
    """Return whether any operation of the product needs material."""
    for operation in range(factory.products[g, product].num_operations):
        if factory.operations[g, product, operation].needs_material:
            return True
    return False
