"""The arrays the kernel runs on: ``FactoryArrays`` (static) and ``ShopState`` (one slice an environment).

Letters in the shapes: G factories of a batch, E environments, C work centres, M machines, T changeover attributes, V values of an
attribute, P products, N operations of a product, U options, W values of an option, R demand regimes, K customer classes, S supply
regimes, O orders of an episode, Q places in a queue, J job rows, H changeover rows. Smaller factories are padded to the largest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Tiny = NDArray[np.int16]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEVER = np.int64(2**62)
"""Date of an event that is not going to happen."""

# operation_status
UPCOMING, READY, IN_PROCESS, DONE = 0, 1, 2, 3
# machine_status
IDLE, CHANGING, PROCESSING, DOWN = 0, 1, 2, 3
# cost terms, in the order of ShopState.cost
COST_TERMS = ("tardiness", "changeover", "waste", "energy", "holding")
TARDINESS, CHANGEOVER, WASTE, ENERGY, HOLDING = range(5)
# what a log line tells, ShopState.log[..., LOG_KIND]
LOGGED_CHANGEOVER, LOGGED_OPERATION, LOGGED_FAILURE, LOGGED_WAIT = 0, 1, 2, 3


class FactoryArrays(NamedTuple):
    """What does not change during an episode, for G factories side by side. Names and index orders are those of ``factory.model``."""

    ticks_per_hour: Ints  # [G]
    hours_per_tick: Floats  # [G]
    start_hour: Ints  # [G]
    crews: Ints  # [G]
    changeover_ahead: Bools  # [G]
    waiting: Bools  # [G]
    # work centres
    num_centres: Ints  # [G]
    num_machines: Ints  # [G]
    first_machine: Ints  # [G, C + 1] machines of centre c are first_machine[c] .. first_machine[c + 1] - 1
    combine_sum: Bools  # [G, C] attributes' times add (else: the longest counts)
    longest_wait: Ints  # [G, C]
    num_attributes: Ints  # [G, C]
    transport_time: Ints  # [G, C, C]
    # machines
    machine_centre: Ints  # [G, M]
    speed: Floats  # [G, M]
    idle_power: Floats  # [G, M] kW
    processing_power: Floats  # [G, M] kW
    changeover_power: Floats  # [G, M] kW
    mean_time_to_failure: Floats  # [G, M] ticks of processing; 0: never fails
    mean_time_to_repair: Floats  # [G, M]
    initial_setup: Tiny  # [G, M, T]; 0 where the centre has no such attribute
    setup_time: Small  # [G, M, T, V, V] -1: forbidden
    setup_cost: Floats  # [G, M, T, V, V]
    setup_waste: Floats  # [G, M, T, V, V] kg
    setup_via: Tiny  # [G, M, T, V, V] next value on the way; -1: cannot be reached
    # products
    num_operations: Ints  # [G, P]
    launch_date: Ints  # [G, P]
    operation_centre: Tiny  # [G, P, N]
    base_time: Small  # [G, P, N, M] nominal ticks; -1: not eligible
    mean_base: Floats  # [G, P, N] mean over eligible machines of base_time / speed
    mean_pace: Floats  # [G, P, N] mean over eligible machines of 1 / speed
    num_predecessors: Tiny  # [G, P, N]
    predecessors: Tiny  # [G, P, N, N] first num_predecessors entries; operations stand in topological order
    num_successors: Tiny  # [G, P, N]
    successors: Tiny  # [G, P, N, N]
    operation_setup: Tiny  # [G, P, N, T] wanted value; -1: don't care
    needs_material: Bools  # [G, P, N]
    sigma: Floats  # [G, P, N] of the log-normal process time; 0: deterministic
    rework_probability: Floats  # [G, P, N]
    first_piece_rework_probability: Floats  # [G, P, N]
    # options
    num_options: Ints  # [G]
    num_option_values: Ints  # [G, U]
    option_applies: Bools  # [G, U, P]
    option_time: Small  # [G, U, W, P, N] extra nominal ticks
    option_setup: Tiny  # [G, U, W, P, N, T] wanted value; -1: leaves it as it is
    # demand
    num_orders: Ints  # [G] orders of an episode (of the order book, if there is one)
    initial_orders: Ints  # [G]
    batch_low: Ints  # [G]
    batch_high: Ints  # [G]
    num_regimes: Ints  # [G]; 0: order book
    regime_duration: Floats  # [G, R]; 0: for ever
    interarrival_time: Floats  # [G, R]
    mix: Floats  # [G, R, P]
    mix_end: Floats  # [G, R, P]
    option_share: Floats  # [G, R, U, W]
    num_customers: Ints  # [G]
    customer_share: Floats  # [G, R, K]
    customer_weight: Floats  # [G, K]
    allowance_low: Floats  # [G, K]
    allowance_high: Floats  # [G, K]
    # material
    num_supply_regimes: Ints  # [G]; 0: material is always there
    supply_duration: Floats  # [G, S]; 0: for ever
    late_probability: Floats  # [G, S]
    mean_lateness: Floats  # [G, S]
    # order book, used where num_regimes is 0
    book_release_date: Ints  # [G, O]
    book_due_date: Ints  # [G, O]
    book_weight: Floats  # [G, O]
    book_product: Tiny  # [G, O]
    book_options: Tiny  # [G, O, U] chosen value; -1: option does not apply
    # costs
    price: Floats  # [G, 24] currency per kWh by hour of the day
    price_before: Floats  # [G, 25] sum of price over the hours of the day before hour h
    co2: Floats  # [G, 24] kg per kWh
    co2_before: Floats  # [G, 25]
    tardiness_rate: Floats  # [G] per weight and tick
    changeover_rate: Floats  # [G]
    waste_rate: Floats  # [G] per kg
    energy_rate: Floats  # [G]
    holding_rate: Floats  # [G] per order and tick
    co2_per_waste_kg: Floats  # [G]
    cost_scale: Floats  # [G] the reward is -cost / cost_scale


class ShopState(NamedTuple):
    """The state of E shop floors. ``[e]`` of each array belongs to environment e alone, so that environments never meet."""

    factory: Ints  # [E] index into FactoryArrays
    seed: NDArray[np.uint64]  # [E]
    clock: Ints  # [E]
    decisions: Ints  # [E] decisions taken
    deciding: Ints  # [E] machine that is asked; -1: the episode is over; -2: stuck (a defect)
    # orders
    num_orders: Ints  # [E]
    num_released: Ints  # [E] orders are numbered by release, so the next one is this
    num_completed: Ints  # [E]
    release_date: Ints  # [E, O]
    due_date: Ints  # [E, O]
    weight: Floats  # [E, O]
    product: Tiny  # [E, O]
    option_value: Tiny  # [E, O, U] -1: option does not apply
    customer: Tiny  # [E, O] -1: from an order book
    material_date: Ints  # [E, O]
    completion_date: Ints  # [E, O] -1: not yet
    operations_left: Tiny  # [E, O]
    work_left: Floats  # [E, O] sum of mean_time over operations that are not done
    work_content: Floats  # [E, O]
    critical_work: Floats  # [E, O] work on the longest path of operations
    active: Small  # [E, O] released and not completed, in order of release; first num_active entries
    num_active: Ints  # [E]
    # operations
    operation_status: NDArray[np.int8]  # [E, O, N]
    option_time: Small  # [E, O, N] extra nominal ticks of the order's options
    wanted: Tiny  # [E, O, N, T] wanted setup; -1: don't care
    family: Ints  # [E, O, N] number of the wanted setup within its work centre; equal setups have equal numbers
    mean_time: Floats  # [E, O, N]
    work_through: Floats  # [E, O, N] longest expected work of the order up to and with the operation, counted back from its last one
    predecessors_left: Tiny  # [E, O, N]
    arrival_date: Ints  # [E, O, N] latest arrival from a completed predecessor
    join_date: Ints  # [E, O, N] when it joined the queue
    expected_date: Ints  # [E, O, N] when all predecessors that have started are expected to have arrived (for upcoming ones)
    lead_time: Floats  # [E, O, N] longest expected work of predecessors that have not started
    attempt: NDArray[np.int8]  # [E, O, N]
    # queues; entries are order * N + operation
    queue: Small  # [E, C, Q]
    queue_length: Ints  # [E, C]
    queue_work: Floats  # [E, C] mean process times of the queue, summed
    upcoming: Small  # [E, C, Q] released, not ready
    upcoming_length: Ints  # [E, C]
    travel_date: Ints # [E, O * N] binary heap of (date, entry): in transport or awaiting material
    travel_entry: Small  # [E, O * N]
    num_travelling: Ints  # [E]
    # machines
    machine_status: NDArray[np.int8]  # [E, M]
    machine_entry: Small  # [E, M] order * N + operation in work; -1: none
    machine_date: Ints  # [E, M] next event of the machine; NEVER: none
    state_date: Ints  # [E, M] when the present status began
    expected_end: Ints  # [E, M] when it is expected to be idle again, from what is known
    process_left: Ints  # [E, M] realised processing ticks still to do (hidden)
    start_date: Ints  # [E, M] when the operation or changeover in work was selected
    process_start_date: Ints  # [E, M] when processing of the operation in work began
    time_to_failure: Ints  # [E, M] processing ticks until the next failure (hidden)
    num_failures: Ints  # [E, M]
    first_piece: Bools  # [E, M] the next (or present) operation is the first after a changeover
    mounted: Tiny  # [E, M, T] (during a changeover: the setup that is being mounted)
    wait_until: Ints  # [E, M] end of the wait; NEVER: not waiting
    wait_start: Ints  # [E, M]
    crews_free: Ints  # [E]
    power: Floats  # [E] kW drawn by all machines now
    # accounts
    cost: Floats  # [E, 5] up to the clock, by COST_TERMS
    tardiness_done: Floats  # [E] sum of w_j T_j (ticks) of completed orders
    flow: Ints  # [E] order-ticks in progress
    energy_kwh: Floats  # [E]
    energy_co2: Floats  # [E] kg
    waste_kg: Floats  # [E]
    num_changeovers: Ints  # [E] of positive time
    changeover_ticks: Ints  # [E]
    process_ticks: Ints  # [E]
    down_ticks: Ints  # [E]
    # choices of the machine that is asked
    num_job_rows: Ints  # [E]
    job_row: Small  # [E, J] order * N + operation
    num_changeover_rows: Ints  # [E]
    changeover_target: Tiny  # [E, H, T] setup after it (never -1)
    changeover_lead: Small  # [E, H] order * N + operation it is for
    num_hidden: Ints  # [E] ready, eligible operations that found no row
    legal: Bools  # [E, J + H + 1] the action mask
    shown: Bools  # [E, Q] scratch: which places of the queue have a row
    urgency: Floats  # [E, Q] scratch: key by which rows are picked where there are too few
    # log of what happened; L = 0: not kept
    log: Ints  # [E, L, 8] kind, machine, order, operation, start_date, end_date, process_start_date, attempt or changeover number
    log_setup: Tiny  # [E, L, 2, T] changeovers: setup before and after
    log_length: Ints  # [E]; grows beyond L if the log was too short
