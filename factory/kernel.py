"""The simulator: what happens on the shop floor, and what a decision does to it (docs/model.md, sections 3 to 5 and 8). Compiled.

Every function takes the static ``factory``, the ``shop`` and the environment ``e``; it changes nothing but ``shop[...][e]``.
An *entry* is order * N + operation. Use: :func:`begin_episode`, then :func:`advance` and :func:`decide` in turn while ``deciding >= 0``.
"""

from __future__ import annotations

import math

from factory import draws
from factory.arrays import (
    CHANGEOVER,
    CHANGING,
    DONE,
    DOWN,
    ENERGY,
    HOLDING,
    IDLE,
    IN_PROCESS,
    LOGGED_CHANGEOVER,
    LOGGED_FAILURE,
    LOGGED_OPERATION,
    LOGGED_WAIT,
    NEVER,
    PROCESSING,
    READY,
    TARDINESS,
    UPCOMING,
    WASTE,
)
from factory.choices import list_choices, process_time
from factory.compiled import compiled
from factory.demand import draw_orders
from factory.setups import complete_setup, differs, setup_cost, setup_time, setup_waste

EPISODE_OVER = -1
STUCK = -2
MAX_ATTEMPTS = 4
ATTEMPT_KEYS = 64


# --- episode ----------------------------------------------------------------------------------------------------------------


@compiled
def begin_episode(factory, shop, e, g, seed):
    """Empty shop of factory ``g`` at date 0, with the orders that belong to ``seed`` still to come. Call :func:`advance` next."""
    shop.factory[e] = g
    shop.seed[e] = seed
    shop.clock[e] = 0
    shop.decisions[e] = 0
    shop.deciding[e] = EPISODE_OVER
    shop.num_released[e] = 0
    shop.num_completed[e] = 0
    shop.num_active[e] = 0
    shop.queue_length[e, :] = 0
    shop.queue_work[e, :] = 0.0
    shop.upcoming_length[e, :] = 0
    shop.num_travelling[e] = 0
    shop.crews_free[e] = factory.crews[g]
    shop.log_length[e] = 0
    clear_accounts(shop, e)
    draw_orders(factory, shop, e)
    for machine in range(factory.num_machines[g]):
        start_machine(factory, shop, e, machine)
    refresh_power(factory, shop, e)


@compiled
def clear_accounts(shop, e):
    """Nothing has been spent or produced yet."""
    shop.cost[e, :] = 0.0
    shop.tardiness_done[e] = 0.0
    shop.flow[e] = 0
    shop.energy_kwh[e] = 0.0
    shop.energy_co2[e] = 0.0
    shop.waste_kg[e] = 0.0
    shop.num_changeovers[e] = 0
    shop.changeover_ticks[e] = 0
    shop.process_ticks[e] = 0
    shop.down_ticks[e] = 0


@compiled
def start_machine(factory, shop, e, machine):
    """An idle machine with its initial setup and its first failure ahead."""
    g = shop.factory[e]
    shop.machine_status[e, machine] = IDLE
    shop.machine_entry[e, machine] = -1
    shop.machine_date[e, machine] = NEVER
    shop.state_date[e, machine] = 0
    shop.expected_end[e, machine] = 0
    shop.process_left[e, machine] = 0
    shop.start_date[e, machine] = 0
    shop.process_start_date[e, machine] = 0
    shop.num_failures[e, machine] = 0
    shop.first_piece[e, machine] = False
    shop.wait_until[e, machine] = NEVER
    shop.wait_start[e, machine] = 0
    for attribute in range(shop.mounted.shape[2]):
        shop.mounted[e, machine, attribute] = factory.initial_setup[g, machine, attribute]
    shop.time_to_failure[e, machine] = NEVER
    if factory.mean_time_to_failure[g, machine] > 0:
        shop.time_to_failure[e, machine] = draws.exponential_ticks(factory.mean_time_to_failure[g, machine], shop.seed[e], draws.FAILURE, machine, 0)


@compiled
def advance(factory, shop, e):
    """Let events happen until a machine is asked (``deciding``) or the episode is over."""
    while True:
        happen_now(factory, shop, e)
        shop.deciding[e] = EPISODE_OVER
        if shop.num_completed[e] == shop.num_orders[e]:
            break
        shop.deciding[e] = ask_machine(factory, shop, e)
        if shop.deciding[e] >= 0:
            break
        date = next_date(factory, shop, e)
        if date == NEVER:
            shop.deciding[e] = STUCK
            break
        pass_time(factory, shop, e, date)
    settle_accounts(factory, shop, e)


@compiled
def ask_machine(factory, shop, e):
    """The lowest idle machine that is not waiting and has something to choose; -1 if there is none."""
    for machine in range(factory.num_machines[shop.factory[e]]):
        if shop.machine_status[e, machine] == IDLE and shop.wait_until[e, machine] == NEVER and list_choices(factory, shop, e, machine):
            return machine
    return -1


@compiled
def next_date(factory, shop, e):
    """Date of the next event; NEVER if nothing is going to happen."""
    date = NEVER
    if shop.num_released[e] < shop.num_orders[e]:
        date = shop.release_date[e, shop.num_released[e]]
    if shop.num_travelling[e] > 0:
        date = min(date, shop.travel_date[e, 0])
    for machine in range(factory.num_machines[shop.factory[e]]):
        date = min(date, shop.machine_date[e, machine], shop.wait_until[e, machine])
    return date


# --- decisions --------------------------------------------------------------------------------------------------------------


@compiled
def decide(factory, shop, e, row):
    """Carry out choice ``row`` of the asked machine. False, and nothing has changed, if it is not legal."""
    machine = shop.deciding[e]
    if machine < 0 or row < 0 or row >= shop.legal.shape[1] or not shop.legal[e, row]:
        return False
    job_rows = shop.job_row.shape[1]
    shop.decisions[e] += 1
    if row < job_rows:
        select_operation(factory, shop, e, machine, shop.job_row[e, row])
    elif row < shop.legal.shape[1] - 1:
        target = shop.changeover_target[e, row - job_rows]
        change_over(factory, shop, e, machine, target, -1)
    else:
        shop.wait_start[e, machine] = shop.clock[e]
        shop.wait_until[e, machine] = shop.clock[e] + factory.longest_wait[shop.factory[e], factory.machine_centre[shop.factory[e], machine]]
    return True


@compiled
def select_operation(factory, shop, e, machine, entry):
    """Take a ready operation out of its queue and start it, after a changeover if it needs one."""
    operations = shop.operation_status.shape[2]
    order, operation = entry // operations, entry % operations
    leave_queue(factory, shop, e, machine, entry)
    shop.operation_status[e, order, operation] = IN_PROCESS
    shop.machine_entry[e, machine] = entry
    shop.start_date[e, machine] = shop.clock[e]
    change_over(factory, shop, e, machine, shop.wanted[e, order, operation], entry)
    if shop.machine_status[e, machine] == IDLE:
        start_processing(factory, shop, e, machine)
    else:
        shop.expected_end[e, machine] += process_time(factory, shop, e, order, operation, machine)
    foresee_order(factory, shop, e, order)


@compiled
def change_over(factory, shop, e, machine, wanted, entry):
    """Mount ``wanted``: books its cost and waste now; with a positive time the machine is changing over until its end, with a crew."""
    g = shop.factory[e]
    centre = factory.machine_centre[g, machine]
    mounted = shop.mounted[e, machine]
    if not differs(mounted, wanted):
        return
    time = setup_time(factory, g, centre, machine, mounted, wanted)
    waste = setup_waste(factory, g, centre, machine, mounted, wanted)
    shop.cost[e, CHANGEOVER] += factory.changeover_rate[g] * setup_cost(factory, g, centre, machine, mounted, wanted)
    shop.cost[e, WASTE] += factory.waste_rate[g] * waste
    shop.waste_kg[e] += waste
    clock = shop.clock[e]
    log_changeover(shop, e, machine, entry, clock, clock + time, wanted)
    complete_setup(mounted, wanted, mounted)
    if time > 0:
        shop.first_piece[e, machine] = True
        shop.num_changeovers[e] += 1
        shop.changeover_ticks[e] += time
        shop.crews_free[e] -= 1
        shop.start_date[e, machine] = clock
        shop.expected_end[e, machine] = clock + time
        shop.machine_date[e, machine] = clock + time
        enter_status(factory, shop, e, machine, CHANGING)


@compiled
def start_processing(factory, shop, e, machine):
    """Processing of the machine's operation begins; how long it will really take is drawn now."""
    operations = shop.operation_status.shape[2]
    entry = shop.machine_entry[e, machine]
    order, operation = entry // operations, entry % operations
    expected = process_time(factory, shop, e, order, operation, machine)
    shop.process_left[e, machine] = realised_time(factory, shop, e, order, operation, expected)
    shop.process_start_date[e, machine] = shop.clock[e]
    shop.expected_end[e, machine] = shop.clock[e] + expected
    resume_processing(factory, shop, e, machine)


@compiled
def realised_time(factory, shop, e, order, operation, expected):
    """Log-normal process time with the expected mean."""
    sigma = factory.sigma[shop.factory[e], shop.product[e, order], operation]
    if sigma == 0.0 or expected == 0:
        return expected
    z = draws.normal(shop.seed[e], draws.PROCESS, order, ATTEMPT_KEYS * operation + shop.attempt[e, order, operation])
    return max(1, math.floor(expected * math.exp(sigma * z - sigma * sigma / 2.0) + 0.5))


@compiled
def resume_processing(factory, shop, e, machine):
    """Process until done or until the machine fails, whichever is first; done is first on a tie."""
    shop.machine_date[e, machine] = shop.clock[e] + min(shop.process_left[e, machine], shop.time_to_failure[e, machine])
    enter_status(factory, shop, e, machine, PROCESSING)


# --- events -----------------------------------------------------------------------------------------------------------------


@compiled
def happen_now(factory, shop, e):
    """Everything that is due at the clock, in the order of docs/model.md, section 4."""
    clock = shop.clock[e]
    due = True
    while due:
        due = False
        for machine in range(factory.num_machines[shop.factory[e]]):
            if shop.machine_date[e, machine] <= clock:
                end_machine_status(factory, shop, e, machine)
                due = True
        while shop.num_travelling[e] > 0 and shop.travel_date[e, 0] <= clock:
            join_queue(factory, shop, e, pop_traveller(shop, e))
            due = True
        while shop.num_released[e] < shop.num_orders[e] and shop.release_date[e, shop.num_released[e]] <= clock:
            release_order(factory, shop, e, shop.num_released[e])
            due = True
    for machine in range(factory.num_machines[shop.factory[e]]):
        if shop.wait_until[e, machine] <= clock:
            end_wait(shop, e, machine)


@compiled
def end_machine_status(factory, shop, e, machine):
    """The machine's changeover, processing or repair ends, or a failure strikes."""
    status = shop.machine_status[e, machine]
    if status == CHANGING:
        end_changeover(factory, shop, e, machine)
    elif status == DOWN:
        end_repair(factory, shop, e, machine)
    else:
        elapsed = shop.clock[e] - shop.state_date[e, machine]
        shop.process_ticks[e] += elapsed
        shop.process_left[e, machine] -= elapsed
        if shop.time_to_failure[e, machine] != NEVER:
            shop.time_to_failure[e, machine] -= elapsed
        if shop.process_left[e, machine] == 0:
            end_processing(factory, shop, e, machine)
        else:
            fail(factory, shop, e, machine)


@compiled
def end_changeover(factory, shop, e, machine):
    """The crew comes free; processing starts if the changeover was for an operation."""
    shop.crews_free[e] += 1
    if shop.crews_free[e] == 1:
        end_all_waits(factory, shop, e)
    end_waits(factory, shop, e, factory.machine_centre[shop.factory[e], machine])
    if shop.machine_entry[e, machine] >= 0:
        start_processing(factory, shop, e, machine)
    else:
        become_idle(factory, shop, e, machine)


@compiled
def fail(factory, shop, e, machine):
    """A breakdown pauses the operation."""
    g = shop.factory[e]
    repair_time = draws.exponential_ticks(factory.mean_time_to_repair[g, machine], shop.seed[e], draws.REPAIR, machine, shop.num_failures[e, machine])
    shop.machine_date[e, machine] = shop.clock[e] + repair_time
    shop.expected_end[e, machine] = max(shop.expected_end[e, machine], shop.clock[e]) + int(factory.mean_time_to_repair[g, machine])
    enter_status(factory, shop, e, machine, DOWN)
    end_waits(factory, shop, e, factory.machine_centre[g, machine])
    foresee_order(factory, shop, e, shop.machine_entry[e, machine] // shop.operation_status.shape[2])


@compiled
def end_repair(factory, shop, e, machine):
    """The paused operation resumes; the next failure is drawn."""
    g = shop.factory[e]
    repair_time = shop.clock[e] - shop.state_date[e, machine]
    shop.down_ticks[e] += repair_time
    log_line(shop, e, LOGGED_FAILURE, machine, shop.machine_entry[e, machine], shop.state_date[e, machine], shop.clock[e], -1, shop.num_failures[e, machine])
    shop.num_failures[e, machine] += 1
    shop.time_to_failure[e, machine] = draws.exponential_ticks(
        factory.mean_time_to_failure[g, machine], shop.seed[e], draws.FAILURE, machine, shop.num_failures[e, machine]
    )
    shop.expected_end[e, machine] += repair_time - int(factory.mean_time_to_repair[g, machine])
    resume_processing(factory, shop, e, machine)
    end_waits(factory, shop, e, factory.machine_centre[g, machine])
    foresee_order(factory, shop, e, shop.machine_entry[e, machine] // shop.operation_status.shape[2])


@compiled
def end_processing(factory, shop, e, machine):
    """The operation is done, or must be done again; the machine is idle."""
    g = shop.factory[e]
    operations = shop.operation_status.shape[2]
    entry = shop.machine_entry[e, machine]
    order, operation = entry // operations, entry % operations
    attempt = shop.attempt[e, order, operation]
    log_line(shop, e, LOGGED_OPERATION, machine, entry, shop.start_date[e, machine], shop.clock[e], shop.process_start_date[e, machine], attempt)
    probability = factory.rework_probability[g, shop.product[e, order], operation]
    if shop.first_piece[e, machine]:
        probability = factory.first_piece_rework_probability[g, shop.product[e, order], operation]
    shop.first_piece[e, machine] = False
    shop.machine_entry[e, machine] = -1
    become_idle(factory, shop, e, machine)
    end_waits(factory, shop, e, factory.machine_centre[g, machine])
    rework = attempt < MAX_ATTEMPTS - 1 and draws.uniform(shop.seed[e], draws.REWORK, order, ATTEMPT_KEYS * operation + attempt) < probability
    if rework:
        shop.attempt[e, order, operation] += 1
        join_queue(factory, shop, e, entry)
    else:
        finish_operation(factory, shop, e, order, operation)
    if shop.operations_left[e, order] > 0:
        foresee_order(factory, shop, e, order)


@compiled
def finish_operation(factory, shop, e, order, operation):
    """Successors come nearer; the last operation completes the order."""
    g, product = shop.factory[e], shop.product[e, order]
    shop.operation_status[e, order, operation] = DONE
    shop.operations_left[e, order] -= 1
    shop.work_left[e, order] -= shop.mean_time[e, order, operation]
    centre = factory.operation_centre[g, product, operation]
    for place in range(factory.num_successors[g, product, operation]):
        successor = factory.successors[g, product, operation, place]
        arrival_date = shop.clock[e] + factory.transport_time[g, centre, factory.operation_centre[g, product, successor]]
        shop.arrival_date[e, order, successor] = max(shop.arrival_date[e, order, successor], arrival_date)
        shop.predecessors_left[e, order, successor] -= 1
        if shop.predecessors_left[e, order, successor] == 0:
            send_operation(factory, shop, e, order, successor)
    if shop.operations_left[e, order] == 0:
        complete_order(shop, e, order)


@compiled
def send_operation(factory, shop, e, order, operation):
    """All predecessors are done: the operation is ready once transport and material have arrived."""
    date = shop.arrival_date[e, order, operation]
    if factory.needs_material[shop.factory[e], shop.product[e, order], operation]:
        date = max(date, shop.material_date[e, order])
    entry = order * shop.operation_status.shape[2] + operation
    if date <= shop.clock[e]:
        join_queue(factory, shop, e, entry)
    else:
        push_traveller(shop, e, date, entry)


@compiled
def complete_order(shop, e, order):
    """The order leaves the shop."""
    shop.completion_date[e, order] = shop.clock[e]
    shop.num_completed[e] += 1
    shop.tardiness_done[e] += shop.weight[e, order] * max(0, shop.clock[e] - shop.due_date[e, order])
    place = 0
    while shop.active[e, place] != order:
        place += 1
    shop.num_active[e] -= 1
    for later in range(place, shop.num_active[e]):
        shop.active[e, later] = shop.active[e, later + 1]


@compiled
def release_order(factory, shop, e, order):
    """The order becomes known; its first operations are ready (or await material), the others upcoming."""
    g, product = shop.factory[e], shop.product[e, order]
    operations = shop.operation_status.shape[2]
    shop.num_released[e] += 1
    shop.active[e, shop.num_active[e]] = order
    shop.num_active[e] += 1
    shop.operations_left[e, order] = factory.num_operations[g, product]
    shop.work_left[e, order] = shop.work_content[e, order]
    for operation in range(factory.num_operations[g, product]):
        centre = factory.operation_centre[g, product, operation]
        shop.operation_status[e, order, operation] = UPCOMING
        shop.predecessors_left[e, order, operation] = factory.num_predecessors[g, product, operation]
        shop.arrival_date[e, order, operation] = shop.clock[e]
        shop.attempt[e, order, operation] = 0
        shop.upcoming[e, centre, shop.upcoming_length[e, centre]] = order * operations + operation
        shop.upcoming_length[e, centre] += 1
        if shop.predecessors_left[e, order, operation] == 0:
            send_operation(factory, shop, e, order, operation)
    foresee_order(factory, shop, e, order)


@compiled
def become_idle(factory, shop, e, machine):
    """Nothing in work."""
    shop.machine_date[e, machine] = NEVER
    shop.expected_end[e, machine] = shop.clock[e]
    enter_status(factory, shop, e, machine, IDLE)


@compiled
def enter_status(factory, shop, e, machine, status):
    """Change what the machine is doing, and with it the power drawn."""
    shop.machine_status[e, machine] = status
    shop.state_date[e, machine] = shop.clock[e]
    refresh_power(factory, shop, e)


# --- queues -----------------------------------------------------------------------------------------------------------------


@compiled
def join_queue(factory, shop, e, entry):
    """The operation is ready: into its centre's queue, ordered by date of joining, then order, then operation."""
    operations = shop.operation_status.shape[2]
    order, operation = entry // operations, entry % operations
    centre = factory.operation_centre[shop.factory[e], shop.product[e, order], operation]
    if shop.operation_status[e, order, operation] == UPCOMING:
        shop.upcoming_length[e, centre] -= 1
        remove_entry(shop.upcoming[e, centre], shop.upcoming_length[e, centre], entry)
    shop.operation_status[e, order, operation] = READY
    shop.join_date[e, order, operation] = shop.clock[e]
    place = shop.queue_length[e, centre]
    while place > 0:
        other = shop.queue[e, centre, place - 1]
        if other < entry or shop.join_date[e, other // operations, other % operations] < shop.clock[e]:
            break
        shop.queue[e, centre, place] = other
        place -= 1
    shop.queue[e, centre, place] = entry
    shop.queue_length[e, centre] += 1
    shop.queue_work[e, centre] += shop.mean_time[e, order, operation]
    end_waits(factory, shop, e, centre)


@compiled
def leave_queue(factory, shop, e, machine, entry):
    """The operation was selected."""
    centre = factory.machine_centre[shop.factory[e], machine]
    shop.queue_length[e, centre] -= 1
    remove_entry(shop.queue[e, centre], shop.queue_length[e, centre], entry)
    operations = shop.operation_status.shape[2]
    shop.queue_work[e, centre] -= shop.mean_time[e, entry // operations, entry % operations]
    if shop.queue_length[e, centre] == 0:
        shop.queue_work[e, centre] = 0.0  # no rounding piles up
    end_waits(factory, shop, e, centre)


@compiled
def remove_entry(entries, length_after, entry):
    """Take ``entry`` out and close the gap; the others keep their order."""
    place = 0
    while entries[place] != entry:
        place += 1
    for later in range(place, length_after):
        entries[later] = entries[later + 1]


@compiled
def comes_before(shop, e, date, entry, place):
    """Order of the heap of travellers: by date, then entry."""
    return date < shop.travel_date[e, place] or (date == shop.travel_date[e, place] and entry < shop.travel_entry[e, place])


@compiled
def push_traveller(shop, e, date, entry):
    """Into the binary heap of operations that become ready at a known (hidden) date."""
    place = shop.num_travelling[e]
    shop.num_travelling[e] += 1
    while place > 0 and comes_before(shop, e, date, entry, (place - 1) // 2):
        parent = (place - 1) // 2
        shop.travel_date[e, place] = shop.travel_date[e, parent]
        shop.travel_entry[e, place] = shop.travel_entry[e, parent]
        place = parent
    shop.travel_date[e, place] = date
    shop.travel_entry[e, place] = entry


@compiled
def pop_traveller(shop, e):
    """Out of the heap: the entry that is due first."""
    first = shop.travel_entry[e, 0]
    shop.num_travelling[e] -= 1
    length = shop.num_travelling[e]
    date, entry = shop.travel_date[e, length], shop.travel_entry[e, length]
    place = 0
    while 2 * place + 1 < length:
        child = 2 * place + 1
        if child + 1 < length and comes_before(shop, e, shop.travel_date[e, child + 1], shop.travel_entry[e, child + 1], child):
            child += 1
        if comes_before(shop, e, date, entry, child):
            break
        shop.travel_date[e, place] = shop.travel_date[e, child]
        shop.travel_entry[e, place] = shop.travel_entry[e, child]
        place = child
    shop.travel_date[e, place] = date
    shop.travel_entry[e, place] = entry
    return first


# --- waits ------------------------------------------------------------------------------------------------------------------


@compiled
def end_waits(factory, shop, e, centre):
    """Something changed for the work centre: its waiting machines are asked again."""
    g = shop.factory[e]
    for machine in range(factory.first_machine[g, centre], factory.first_machine[g, centre + 1]):
        if shop.wait_until[e, machine] != NEVER:
            end_wait(shop, e, machine)


@compiled
def end_all_waits(factory, shop, e):
    """A crew came free when none was: every waiting machine is asked again."""
    for machine in range(factory.num_machines[shop.factory[e]]):
        if shop.wait_until[e, machine] != NEVER:
            end_wait(shop, e, machine)


@compiled
def end_wait(shop, e, machine):
    """The machine is idle and may be asked."""
    log_line(shop, e, LOGGED_WAIT, machine, -1, shop.wait_start[e, machine], shop.clock[e], -1, 0)
    shop.wait_until[e, machine] = NEVER


# --- what is foreseen -------------------------------------------------------------------------------------------------------


@compiled
def foresee_order(factory, shop, e, order):
    """When the order's upcoming operations can be expected, from what is known: expectations of what has started, mean times of the rest.

    ``expected_date`` is the date by which all predecessors would have arrived if those not started began now; ``lead_time`` the longest
    expected work (or material lateness) still before the operation that has not started.
    """
    g, product = shop.factory[e], shop.product[e, order]
    for operation in range(factory.num_operations[g, product]):
        if shop.operation_status[e, order, operation] == UPCOMING:
            foresee_operation(factory, shop, e, g, product, order, operation)


@compiled
def foresee_operation(factory, shop, e, g, product, order, operation):
    """One upcoming operation; its predecessors have been foreseen before, as operations stand in topological order."""
    clock = shop.clock[e]
    expected_date, lead_time = shop.arrival_date[e, order, operation], 0.0
    centre = factory.operation_centre[g, product, operation]
    for place in range(factory.num_predecessors[g, product, operation]):
        predecessor = factory.predecessors[g, product, operation, place]
        status = shop.operation_status[e, order, predecessor]
        if status == DONE:
            continue
        transport_time = factory.transport_time[g, factory.operation_centre[g, product, predecessor], centre]
        if status == IN_PROCESS:
            date = expected_end_of(factory, shop, e, order, predecessor) + transport_time
        else:
            start, lead = clock, 0.0
            if status == UPCOMING:
                start, lead = shop.expected_date[e, order, predecessor], shop.lead_time[e, order, predecessor]
            duration = shop.mean_time[e, order, predecessor] + transport_time
            date = max(clock, start) + math.ceil(duration)
            lead_time = max(lead_time, lead + duration)
        expected_date = max(expected_date, date)
    if factory.needs_material[g, product, operation] and shop.material_date[e, order] > clock:
        lead_time = max(lead_time, expected_lateness(factory, g))
    shop.expected_date[e, order, operation] = expected_date
    shop.lead_time[e, order, operation] = lead_time


@compiled
def expected_end_of(factory, shop, e, order, operation):
    """Expected end of an operation in process."""
    g = shop.factory[e]
    entry = order * shop.operation_status.shape[2] + operation
    centre = factory.operation_centre[g, shop.product[e, order], operation]
    for machine in range(factory.first_machine[g, centre], factory.first_machine[g, centre + 1]):
        if shop.machine_entry[e, machine] == entry:
            return shop.expected_end[e, machine]
    return shop.clock[e]


@compiled
def expected_lateness(factory, g):
    """Mean lateness of material that is late, over the supply regimes in the long run (lateness has no memory)."""
    late, total = 0.0, 0.0
    for regime in range(factory.num_supply_regimes[g]):
        share = factory.late_probability[g, regime] * max(1.0, factory.supply_duration[g, regime])
        late += share
        total += share * factory.mean_lateness[g, regime]
    return total / late if late > 0.0 else 0.0


# --- accounts ---------------------------------------------------------------------------------------------------------------


@compiled
def refresh_power(factory, shop, e):
    """Power drawn by all machines; summed anew each time so that no rounding piles up."""
    g = shop.factory[e]
    power = 0.0
    for machine in range(factory.num_machines[g]):
        status = shop.machine_status[e, machine]
        if status == CHANGING:
            power += factory.changeover_power[g, machine]
        elif status == PROCESSING:
            power += factory.processing_power[g, machine]
        else:
            power += factory.idle_power[g, machine]
    shop.power[e] = power


@compiled
def integrate_day(rates, before, ticks_per_hour, start_hour, date):
    """Integral over hours of an hourly rate that repeats every day, from the start of day 0 to ``date``."""
    hours = date // ticks_per_hour
    part = (date - hours * ticks_per_hour) / ticks_per_hour
    hours += start_hour
    days = hours // 24
    hour = hours - 24 * days
    return days * before[24] + before[hour] + rates[hour] * part


@compiled
def pass_time(factory, shop, e, date):
    """Move the clock to ``date``; power is drawn and orders are held meanwhile."""
    g = shop.factory[e]
    clock = shop.clock[e]
    power = shop.power[e]
    if power > 0.0:
        ticks_per_hour, start_hour = factory.ticks_per_hour[g], factory.start_hour[g]
        price, before = factory.price[g], factory.price_before[g]
        price_hours = integrate_day(price, before, ticks_per_hour, start_hour, date) - integrate_day(price, before, ticks_per_hour, start_hour, clock)
        co2, before = factory.co2[g], factory.co2_before[g]
        co2_hours = integrate_day(co2, before, ticks_per_hour, start_hour, date) - integrate_day(co2, before, ticks_per_hour, start_hour, clock)
        shop.cost[e, ENERGY] += factory.energy_rate[g] * power * price_hours
        shop.energy_kwh[e] += power * (date - clock) * factory.hours_per_tick[g]
        shop.energy_co2[e] += power * co2_hours
    shop.flow[e] += shop.num_active[e] * (date - clock)
    shop.clock[e] = date


@compiled
def settle_accounts(factory, shop, e):
    """Bring the terms that accrue with time up to the clock."""
    g = shop.factory[e]
    tardiness = shop.tardiness_done[e]
    for place in range(shop.num_active[e]):
        order = shop.active[e, place]
        late = shop.clock[e] - shop.due_date[e, order]
        if late > 0:
            tardiness += shop.weight[e, order] * late
    shop.cost[e, TARDINESS] = factory.tardiness_rate[g] * tardiness
    shop.cost[e, HOLDING] = factory.holding_rate[g] * shop.flow[e]


# --- log --------------------------------------------------------------------------------------------------------------------


@compiled
def log_line(shop, e, kind, machine, entry, start_date, end_date, process_start_date, number):
    """One line of the log, if there is one and it has room; ``log_length`` counts on so that a log too short shows."""
    line = shop.log_length[e]
    if shop.log.shape[1] == 0:
        return
    shop.log_length[e] += 1
    if line >= shop.log.shape[1]:
        return
    operations = shop.operation_status.shape[2]
    shop.log[e, line, 0] = kind
    shop.log[e, line, 1] = machine
    shop.log[e, line, 2] = entry // operations if entry >= 0 else -1
    shop.log[e, line, 3] = entry % operations if entry >= 0 else -1
    shop.log[e, line, 4] = start_date
    shop.log[e, line, 5] = end_date
    shop.log[e, line, 6] = process_start_date
    shop.log[e, line, 7] = number


@compiled
def log_changeover(shop, e, machine, entry, start_date, end_date, wanted):
    """A changeover, logged at its start with the setups before and after (its end may lie ahead)."""
    line = shop.log_length[e]
    if line < shop.log.shape[1]:
        for attribute in range(shop.mounted.shape[2]):
            shop.log_setup[e, line, 0, attribute] = shop.mounted[e, machine, attribute]
        complete_setup(shop.mounted[e, machine], wanted, shop.log_setup[e, line, 1])
    log_line(shop, e, LOGGED_CHANGEOVER, machine, entry, start_date, end_date, -1, shop.num_changeovers[e])
