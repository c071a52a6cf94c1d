"""Arrays that the kernel runs on: ``FactoryArrays`` (static), ``ShopState`` (a slice for each env).

Each is a :class:`factory.jit.array_struct.ArrayStruct` of a few NumPy arrays. Arrays of *records*
hold what belongs to one thing side by side in memory and under its domain name: ``shop.orders[e,
order].due_date`` in the kernel, ``shop.orders.due_date[e]`` from Python. Records have only scalar
fields, so that the compiled kernel fits every size of factory.

Letters in the shapes: G factories of a batch, E environments, C work centres, M machines, T
changeover attributes, V values of an attribute, P products, N operations of a product, U options, W
values of an option, R demand regimes, K customer classes, S supply regimes, O orders of an episode,
Q slots of a queue, J job rows, H changeover rows, L log lines, Y calendars, X edges of calendars, B
groups of people, D needs of people, I kinds of maintenance of a machine. Smaller factories are
padded to the largest.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from factory.cost_terms import COST_TABLE
from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled
from factory.tick_dates import NEVER as NEVER

Records = Any
"""``numpy.recarray`` of one of the dtypes below; its fields are attributes."""

OPERATION_BITS = 6
"""An operation of an order in one number: ``operation_id = (order << OPERATION_BITS) | operation``.

A shift is much cheaper than a division.
"""
OPERATION_MASK = (1 << OPERATION_BITS) - 1

# operations.status
UPCOMING, READY, IN_PROCESS, DONE = 0, 1, 2, 3
# machines.status; PAUSED: taken, but closed or without its people
IDLE, CHANGING, PROCESSING, DOWN, PAUSED = 0, 1, 2, 3, 4
# machines.paused_work: what goes on after a pause
CHANGEOVER_WORK, PROCESSING_START, PROCESSING_REST = 0, 1, 2
# across_closures: pause, end before the closing, go on
PAUSE, FIT, THROUGH = 0, 1, 2
# needs of people other than a row of FactoryArrays.needs
NO_PEOPLE, CREW = -1, -2
# maintenance.by
USE, CLOCK, OPERATIONS = 0, 1, 2


def _record(**fields: type) -> np.dtype[Any]:
    return np.dtype(list(fields.items()), align=True)


_i1, _i2, _i4, _i8, _f8, _b = np.int8, np.int16, np.int32, np.int64, np.float64, np.bool_

# --- static: the factory --------------------------------------------------------------------------

PLANT = _record(
    ticks_per_hour=_i8,
    hours_per_tick=_f8,
    start_hour=_i8,
    crews=_i8,
    changeover_ahead=_b,
    waiting=_b,
    num_centres=_i8,
    num_machines=_i8,
    num_options=_i8,
    num_orders=_i8,  # of an episode (of the order book, if there is one)
    initial_orders=_i8,
    batch_low=_i8,
    batch_high=_i8,
    num_regimes=_i8,  # demand regimes; 0: order book
    num_customers=_i8,
    num_supply_regimes=_i8,  # 0: material is always there
    has_hours=_b,  # whether calendars or groups of people are to be looked at
    num_groups=_i8,  # of people; 0: crews alone, which only changeovers need
    max_need=_i8,  # largest number of people that any work needs
    open_allowances=_b,  # allowances count time in which a machine is open
    plant_calendar=_i4,  # open while a machine is open; -1: always
    stuck_after=_i8,  # ticks without any event but closings and openings that are too many
    **{term.rate_field: _f8 for term in COST_TABLE},
    co2_per_waste_kg=_f8,
    cost_scale=_f8,  # the reward is -cost / cost_scale
)
CENTRE = _record(
    # machines of centre c: first_machine of c up to (not with) first_machine of c + 1
    first_machine=_i8,
    num_attributes=_i8,
    longest_wait=_i8,
    combine_sum=_b,  # attributes' times add (else: the longest counts)
    across_closures=_i1,  # of changeovers and maintenance
    changeover_need=_i2,
)
MACHINE = _record(
    centre=_i8,
    speed=_f8,
    idle_power=_f8,  # kW
    processing_power=_f8,
    changeover_power=_f8,
    mean_time_to_failure=_f8,  # ticks of processing; 0: never fails
    mean_time_to_repair=_f8,
    any_forbidden=_b,  # whether some changeover is forbidden on it, so that detours may be needed
    has_runs=_b,  # whether an attribute has a minimum or maximum run
    counts_work=_b,  # whether it has runs or maintenance
    num_maintenance=_i2,
    calendar=_i4,  # -1: always open
    closed_power=_f8,
)
SETUP = _record(
    time=_i4,  # ticks; -1: forbidden
    via=_i2,  # next value on the way; -1: cannot be reached
    cost=_f8,
    waste=_f8,  # kg
)
PRODUCT_RECORD = _record(num_operations=_i8, launch_date=_i8)
OPERATION = _record(
    centre=_i2,
    num_predecessors=_i2,
    num_successors=_i2,
    needs_material=_b,
    mean_base=_f8,  # mean over eligible machines of base_time / speed
    mean_pace=_f8,  # mean over eligible machines of 1 / speed
    sigma=_f8,  # of the log-normal process time; 0: deterministic
    rework_probability=_f8,
    first_piece_rework_probability=_f8,
    across_closures=_i1,
    need_at_start=_b,  # whether people are needed only when processing starts
    need=_i2,
    longest_pause=_i8,  # NEVER: no limit
)
CALENDAR = _record(
    # edges of calendar y: first_edge up to (not with) first_edge + num_edges
    first_edge=_i8,
    num_edges=_i8,
    repeat_from=_i8,
    period=_i8,
    end=_i8,  # repeat_from + period
    open_at_end=_i8,  # ticks open from 0 to the end
    open_in_period=_i8,
)
EDGE = _record(date=_i8, open_before=_i8)  # ticks open from 0 to the date
GROUP = _record(count=_i8, calendar=_i4, cost=_f8)  # cost: currency a person and tick
NEED = _record(number=_i8)
MAINTENANCE_RECORD = _record(
    every=_i8,
    early=_i8,
    time=_i8,
    cost=_f8,
    waste=_f8,
    need=_i2,
    by=_i1,
)
RUN = _record(min_run=_i8, max_run=_i8, counts_ticks=_b)  # 0 and NEVER: no limit
OPTION_RECORD = _record(num_values=_i8)
REGIME = _record(duration=_f8, interarrival_time=_f8)  # duration 0: for ever
CUSTOMER_RECORD = _record(weight=_f8, allowance_low=_f8, allowance_high=_f8)
SUPPLY = _record(duration=_f8, late_probability=_f8, mean_lateness=_f8)
BOOKED = _record(release_date=_i8, due_date=_i8, weight=_f8, product=_i2)
HOUR = _record(
    price=_f8,  # currency per kWh
    price_before=_f8,  # sum over the hours of the day before
    co2=_f8,  # kg per kWh
    co2_before=_f8,
)


@dataclass(frozen=True, eq=False)
class FactoryArrays(ArrayStruct):
    """Constants of an episode, for G factories; :func:`factory.loading.load.load` makes them."""

    plant: Records  # PLANT [G]
    centres: Records  # CENTRE [G, C + 1]
    transport_time: NDArray[np.int64]  # [G, C, C]
    machines: Records  # MACHINE [G, M]
    initial_setup: NDArray[np.int16]  # [G, M, T]; 0 where the centre has no such attribute
    setups: Records  # SETUP [G, M, T, V, V] from mounted to wanted value
    products: Records  # PRODUCT [G, P]
    operations: Records  # OPERATION [G, P, N] in topological order
    base_time: NDArray[np.int32]  # [G, P, N, M] nominal ticks; -1: not eligible
    predecessors: NDArray[np.int16]  # [G, P, N, N] first num_predecessors entries
    successors: NDArray[np.int16]  # [G, P, N, N]
    operation_setup: NDArray[np.int16]  # [G, P, N, T] wanted value; -1: don't care
    options: Records  # OPTION [G, U]
    option_applies: NDArray[np.bool_]  # [G, U, P]
    option_time: NDArray[np.int32]  # [G, U, W, P, N] extra nominal ticks
    option_setup: NDArray[np.int16]  # [G, U, W, P, N, T] wanted value; -1: leaves it as it is
    regimes: Records  # REGIME [G, R]
    mix: NDArray[np.float64]  # [G, R, P]
    mix_end: NDArray[np.float64]  # [G, R, P]
    option_share: NDArray[np.float64]  # [G, R, U, W]
    customer_share: NDArray[np.float64]  # [G, R, K]
    customers: Records  # CUSTOMER [G, K]
    supplies: Records  # SUPPLY [G, S]
    book: Records  # BOOKED [G, O], used where num_regimes is 0
    book_options: NDArray[np.int16]  # [G, O, U] chosen value; -1: option does not apply
    hours: Records  # HOUR [G, 25] by hour of the day; the last holds the sums over the day
    calendars: Records  # CALENDAR [G, Y]
    edges: Records  # EDGE [G, X] dates at which calendars open and close in turn
    # [G, M, D + 1] calendar of work with a need on a machine, the last of work that needs nobody
    work_calendar: NDArray[np.int32]
    groups: Records  # GROUP [G, B]
    needs: Records  # NEED [G, D]
    need_groups: NDArray[np.int16]  # [G, D, B] groups in the order in which they are taken; -1: end
    maintenance: Records  # MAINTENANCE_RECORD [G, M, I]
    maintenance_mounts: NDArray[np.int16]  # [G, M, I, T] mounted value; -1: as it is
    runs: Records  # RUN [G, C, T]
    relief: NDArray[np.int16]  # [G, M, T, V] value to change to at the longest run; -1: none


# --- changing: the shop floor ---------------------------------------------------------------------

ENV = _record(
    factory=_i8,  # index into FactoryArrays
    seed=np.uint64,
    clock=_i8,
    decisions=_i8,  # taken so far
    # of these, waits with nothing under way, and changeovers without an operation
    idle_decisions=_i8,
    deciding=_i8,  # machine that is asked; -1: the episode is over; -2: stuck (a defect)
    num_orders=_i8,
    num_released=_i8,  # orders are numbered by release, so the next one is this
    num_completed=_i8,
    num_active=_i8,
    num_travelling=_i8,
    crews_free=_i8,  # free people on duty, where the factory lists groups of people
    # next date at which a calendar opens or closes, or maintenance is offered or due
    next_shift=_i8,
    last_event=_i8,  # date of the last event other than these
    num_paused=_i8,  # machines with status PAUSED
    num_overtime=_i8,  # machines in overtime
    staff_cost=_f8,  # currency per tick for people at work
    overtime_ticks=_i8,
    power=_f8,  # kW drawn by all machines now
    # integrals of the tariff up to the clock, see factory.simulation.costs.integrate_tariff
    price_hours=_f8,
    co2_hours=_f8,
    tardiness_done=_f8,  # sum of w_j T_j (ticks) of completed orders
    flow=_i8,  # order-ticks in progress
    energy_kwh=_f8,
    energy_co2=_f8,  # kg
    waste_kg=_f8,
    num_changeovers=_i8,  # of positive time
    changeover_ticks=_i8,
    process_ticks=_i8,
    down_ticks=_i8,
    num_job_rows=_i8,
    num_changeover_rows=_i8,
    num_hidden=_i8,  # ready, eligible operations that found no row
    log_length=_i8,  # grows beyond L if the log was too short
)
SHOP_ORDER = _record(
    release_date=_i8,
    due_date=_i8,
    material_date=_i8,  # hidden until it has passed
    completion_date=_i8,  # -1: not yet
    weight=_f8,
    work_left=_f8,  # sum of mean_time over operations that are not done
    critical_work=_f8,  # work on the longest path of operations
    product=_i2,
    customer=_i2,  # -1: from an order book
    operations_left=_i2,
)
SHOP_OPERATION = _record(
    # number of the wanted setup within its work centre; equal setups have equal numbers
    family=_i8,
    mean_time=_f8,
    # longest expected work of the order up to and with it, counted back from the order's end
    work_through=_f8,
    arrival_date=_i8,  # latest arrival from a completed predecessor
    join_date=_i8,  # when it joined the queue
    expected_date=_i8,  # while upcoming: see factory.simulation.estimates.foresee_order
    lead_time=_f8,
    option_time=_i4,  # extra nominal ticks of the order's options
    predecessors_left=_i2,
    status=_i1,
    attempt=_i1,
)
SHOP_MACHINE = _record(
    date=_i8,  # its next event (hidden); NEVER: none
    wait_until=_i8,  # end of the wait; NEVER: not waiting
    operation_id=_i4,  # operation in work; -1: none
    status=_i1,
    closed=_b,
    first_piece=_b,  # the next (or present) operation is the first after a changeover
    paused_work=_i1,
    state_date=_i8,  # when the present status began
    expected_end=_i8,  # when it is expected to be idle again, from what is known
    process_left=_i8,  # realised processing ticks still to do (hidden)
    time_to_failure=_i8,  # processing ticks until the next failure (hidden)
    start_date=_i8,  # when the operation or changeover in work was selected
    process_start_date=_i8,  # when processing of the operation in work began
    wait_start=_i8,
    num_failures=_i8,
    need=_i2,  # whose people the machine holds
    maintenance=_i2,  # kind of the maintenance in work; -1: none
    shift_date=_i8,  # when its calendar opens or closes next
    maintenance_date=_i8,  # when a maintenance by the clock is next offered or due
    change_left=_i8,  # ticks of the changeover or maintenance in work still to do at state_date
    changeover_line=_i8,  # of the changeover in the log
    assigned_date=_i8,  # since when it holds its people
)
SHOP_GROUP = _record(free=_i8, date=_i8, on_duty=_b)  # date: next change of duty
SHOP_CENTRE = _record(
    queue_length=_i8, upcoming_length=_i8, queue_work=_f8
)  # queue_work: mean process times of the queue, summed
IN_TRANSIT = _record(date=_i8, operation_id=_i4)
QUEUE_SLOT = _record(
    urgency=_f8, family=_i4, shown=_b, family_shown=_b
)  # scratch for the asked machine's queue; family -1: cannot be done on it


@dataclass(frozen=True, eq=False)
class ShopState(ArrayStruct):
    """State of E shop floors; ``[e]`` of each array belongs to environment e alone.

    :func:`factory.loading.allocation.allocate` makes it.
    """

    env: Records  # ENV [E]
    orders: Records  # SHOP_ORDER [E, O]
    option_value: NDArray[np.int16]  # [E, O, U] -1: option does not apply
    active: NDArray[np.int32]  # [E, O] orders in progress, by release; first num_active entries
    operations: Records  # SHOP_OPERATION [E, O, N]
    wanted: NDArray[np.int16]  # [E, O, N, T] wanted setup; -1: don't care
    centres: Records  # SHOP_CENTRE [E, C]
    queue: NDArray[np.int32]  # [E, C, Q] operation ids that are ready
    upcoming: NDArray[np.int32]  # [E, C, Q] operation ids released, not ready
    in_transit: Records  # IN_TRANSIT [E, O * N] binary heap: in transport or awaiting material
    machines: Records  # SHOP_MACHINE [E, M]
    mounted: NDArray[np.int16]  # [E, M, T] (during a changeover: the setup that is being mounted)
    groups: Records  # SHOP_GROUP [E, B]
    held: NDArray[np.int16]  # [E, M, B] people that machines hold
    runs: NDArray[np.int64]  # [E, M, T] length of the present run of each attribute
    run_kept: NDArray[np.bool_]  # [E, T] scratch: values that the asked machine must not change
    # [E, M, I] counter of a maintenance; by the clock: the date at which it was last done
    maintenance_count: NDArray[np.int64]
    cost: NDArray[np.float64]  # [E, 8] up to the clock, by COST_TABLE
    job_row: NDArray[np.int32]  # [E, J] operation ids that the asked machine may choose
    changeover_target: NDArray[np.int16]  # [E, H, T] setup after the changeover (never -1)
    changeover_lead: NDArray[np.int32]  # [E, H] operation id that it is for; -1 - i: maintenance i
    legal: NDArray[np.bool_]  # [E, J + H + 1] the action mask
    queue_slots: Records  # QUEUE_SLOT [E, Q]
    log: NDArray[np.int64]  # [E, L, 9] by LOG_COLUMNS
    log_setup: NDArray[np.int16]  # [E, L, 2, T] changeovers: setup before and after


@compiled
def order_of(operation_id):
    """Return the order of an operation id."""
    return operation_id >> OPERATION_BITS


@compiled
def operation_of(operation_id):
    """Return the operation, by its number within the order, of an operation id."""
    return operation_id & OPERATION_MASK


@compiled
def operation_id_of(order, operation):
    """Return the operation id of an operation of an order."""
    return (order << OPERATION_BITS) | operation


def split_operation_id(operation_id: int | np.integer[Any]) -> tuple[int, int]:
    """Return order and operation of an operation id."""
    value = int(operation_id)
    return value >> OPERATION_BITS, value & OPERATION_MASK
