"""The world of an episode: which orders come, when, and what they want (docs/model.md, sections 3 and 6). Compiled."""

from __future__ import annotations

import math

from factory import draws
from factory.compiled import compiled


@compiled
def draw_orders(factory, shop, e):
    """Fill environment ``e``'s orders from its seed, or from the order book of its factory."""
    g = shop.factory[e]
    shop.num_orders[e] = factory.num_orders[g]
    if factory.num_regimes[g] == 0:
        copy_order_book(factory, shop, e)
    else:
        draw_releases(factory, shop, e)
    draw_material(factory, shop, e)
    for order in range(shop.num_orders[e]):
        shop.completion_date[e, order] = -1


@compiled
def copy_order_book(factory, shop, e):
    """Orders as they stand in the book."""
    g = shop.factory[e]
    for order in range(shop.num_orders[e]):
        shop.release_date[e, order] = factory.book_release_date[g, order]
        shop.due_date[e, order] = factory.book_due_date[g, order]
        shop.weight[e, order] = factory.book_weight[g, order]
        shop.product[e, order] = factory.book_product[g, order]
        shop.customer[e, order] = -1
        for option in range(factory.num_options[g]):
            shop.option_value[e, order, option] = factory.book_options[g, order, option]
        plan_operations(factory, shop, e, order)


@compiled
def draw_releases(factory, shop, e):
    """Poisson batches whose rate switches with the demand regime; each order drawn under the regime of its release."""
    g, seed = shop.factory[e], shop.seed[e]
    order = 0
    while order < factory.initial_orders[g]:
        draw_order(factory, shop, e, order, 0, 0)
        order += 1
    regime, stay = 0, 0
    regime_end = float(stay_length(seed, draws.DEMAND_REGIME, stay, factory.regime_duration[g, 0]))
    epoch, batch = 0.0, 0
    while order < shop.num_orders[e]:
        needed = -math.log(draws.uniform(seed, draws.ARRIVAL, batch, 0))
        available = (regime_end - epoch) / factory.interarrival_time[g, regime]
        while needed > available:
            needed -= available
            epoch = regime_end
            stay += 1
            regime = stay % factory.num_regimes[g]
            regime_end = epoch + stay_length(seed, draws.DEMAND_REGIME, stay, factory.regime_duration[g, regime])
            available = (regime_end - epoch) / factory.interarrival_time[g, regime]
        epoch += needed * factory.interarrival_time[g, regime]
        spread = factory.batch_high[g] - factory.batch_low[g] + 1
        size = factory.batch_low[g] + math.floor(draws.uniform(seed, draws.BATCH, batch, 0) * spread)
        for _ in range(size):
            if order < shop.num_orders[e]:
                draw_order(factory, shop, e, order, regime, math.floor(epoch + 0.5))
                order += 1
        batch += 1


@compiled
def stay_length(seed, role, stay, duration):
    """Length of a regime's stay in ticks; practically for ever where no duration is given."""
    if duration == 0.0:
        return 2**61
    return draws.exponential_ticks(duration, seed, role, stay, 0)


@compiled
def draw_order(factory, shop, e, order, regime, release_date):
    """One order: product, options, customer class, due date."""
    g, seed = shop.factory[e], shop.seed[e]
    shop.release_date[e, order] = release_date
    product = draw_product(factory, g, seed, order, regime, release_date, shop.num_orders[e])
    shop.product[e, order] = product
    for option in range(factory.num_options[g]):
        shop.option_value[e, order, option] = -1
        if factory.option_applies[g, option, product]:
            u = draws.uniform(seed, draws.OPTION, order, option)
            shop.option_value[e, order, option] = pick(factory.option_share[g, regime, option], factory.num_option_values[g, option], u)
    customer = pick(factory.customer_share[g, regime], factory.num_customers[g], draws.uniform(seed, draws.CUSTOMER, order, 0))
    shop.customer[e, order] = customer
    shop.weight[e, order] = factory.customer_weight[g, customer]
    plan_operations(factory, shop, e, order)
    low, high = factory.allowance_low[g, customer], factory.allowance_high[g, customer]
    allowance = low + draws.uniform(seed, draws.ALLOWANCE, order, 0) * (high - low)
    shop.due_date[e, order] = release_date + max(1, math.floor(allowance * shop.work_content[e, order] + 0.5))


@compiled
def draw_product(factory, g, seed, order, regime, release_date, num_orders):
    """A product by the regime's mix, which drifts over the episode; what is not launched yet cannot be ordered."""
    progress = order / max(1, num_orders - 1)
    mix, mix_end, launch_date = factory.mix[g, regime], factory.mix_end[g, regime], factory.launch_date[g]
    total = 0.0
    for product in range(mix.shape[0]):
        if launch_date[product] <= release_date:
            total += mix[product] + (mix_end[product] - mix[product]) * progress
    target = draws.uniform(seed, draws.PRODUCT, order, 0) * total
    running, chosen = 0.0, -1
    for product in range(mix.shape[0]):
        if launch_date[product] <= release_date:
            share = mix[product] + (mix_end[product] - mix[product]) * progress
            if share > 0.0 and (chosen < 0 or running <= target):
                chosen = product
            running += share
            if running > target:
                break
    return chosen


@compiled
def pick(shares, count, u):
    """First index at which the running sum of ``shares`` exceeds ``u`` times their total."""
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
    """What each operation of the order wants and is expected to take."""
    g, product = shop.factory[e], shop.product[e, order]
    work_content = 0.0
    for operation in range(factory.num_operations[g, product]):
        for attribute in range(shop.wanted.shape[3]):
            shop.wanted[e, order, operation, attribute] = factory.operation_setup[g, product, operation, attribute]
        extra = 0
        for option in range(factory.num_options[g]):
            value = shop.option_value[e, order, option]
            if value >= 0:
                extra += factory.option_time[g, option, value, product, operation]
                want_option_setup(factory, shop, e, order, operation, option, value)
        shop.option_time[e, order, operation] = extra
        shop.family[e, order, operation] = family_number(factory, shop, e, order, operation)
        mean_time = factory.mean_base[g, product, operation] + extra * factory.mean_pace[g, product, operation]
        shop.mean_time[e, order, operation] = mean_time
        work_content += mean_time
    shop.work_content[e, order] = work_content
    plan_critical_work(factory, shop, e, order)


@compiled
def plan_critical_work(factory, shop, e, order):
    """Longest path of expected work through the order, and how much of it each operation ends; operations stand in topological order."""
    g, product = shop.factory[e], shop.product[e, order]
    critical_work = 0.0
    for operation in range(factory.num_operations[g, product] - 1, -1, -1):
        work_after = 0.0  # work_through holds the work after each operation until the length of the longest path is known
        for place in range(factory.num_successors[g, product, operation]):
            successor = factory.successors[g, product, operation, place]
            work_after = max(work_after, shop.work_through[e, order, successor] + shop.mean_time[e, order, successor])
        shop.work_through[e, order, operation] = work_after
        critical_work = max(critical_work, work_after + shop.mean_time[e, order, operation])
    for operation in range(factory.num_operations[g, product]):
        shop.work_through[e, order, operation] = critical_work - shop.work_through[e, order, operation]
    shop.critical_work[e, order] = critical_work


@compiled
def want_option_setup(factory, shop, e, order, operation, option, value):
    """Setups that an option value sets; a later option overrides an earlier one."""
    g, product = shop.factory[e], shop.product[e, order]
    for attribute in range(shop.wanted.shape[3]):
        wanted = factory.option_setup[g, option, value, product, operation, attribute]
        if wanted >= 0:
            shop.wanted[e, order, operation, attribute] = wanted


@compiled
def family_number(factory, shop, e, order, operation):
    """One number for the wanted setup: operations of a centre have equal numbers exactly if they want the same."""
    values = factory.setup_time.shape[3]
    number = 0
    for attribute in range(shop.wanted.shape[3]):
        number = number * (values + 1) + shop.wanted[e, order, operation, attribute] + 1
    return number


@compiled
def draw_material(factory, shop, e):
    """When each order's material is there, by the supply regime in force at its release."""
    g, seed = shop.factory[e], shop.seed[e]
    regimes = factory.num_supply_regimes[g]
    stay, stay_end = 0, 0
    if regimes > 0:
        stay_end = stay_length(seed, draws.SUPPLY_REGIME, 0, factory.supply_duration[g, 0])
    for order in range(shop.num_orders[e]):
        release_date = shop.release_date[e, order]
        shop.material_date[e, order] = release_date
        if regimes > 0 and product_needs_material(factory, g, shop.product[e, order]):
            while release_date >= stay_end:
                stay += 1
                stay_end += stay_length(seed, draws.SUPPLY_REGIME, stay, factory.supply_duration[g, stay % regimes])
            regime = stay % regimes
            if draws.uniform(seed, draws.MATERIAL, order, 0) < factory.late_probability[g, regime]:
                lateness = draws.exponential_ticks(factory.mean_lateness[g, regime], seed, draws.LATENESS, order, 0)
                shop.material_date[e, order] = release_date + lateness


@compiled
def product_needs_material(factory, g, product):
    """Whether any operation of the product needs material."""
    for operation in range(factory.num_operations[g, product]):
        if factory.needs_material[g, product, operation]:
            return True
    return False
