"""Check of plans by the independent verifier."""

from __future__ import annotations

from factory.model import Factory, Order, OrderBook, Uncertainty
from factory.schedule.bill import Bill
from factory.verification.verifier import verify
from factory.verification.violations import VerificationError
from scheduler.plans.errors import PlanError
from scheduler.plans.schema import Plan
from scheduler.portfolio.plan_schedule import plan_schedule
from scheduler.snapshot.calendar import with_extra_hours
from scheduler.snapshot.schema import MachineState, Snapshot


def verify_plan(plan: Plan, snapshot: Snapshot, factory: Factory) -> Bill:
    """Check a plan that begins from an empty shop floor with the independent verifier.

    The verifier recomputes every duration, changeover and cost from factory and orders.

    Raises
    ------
    factory.verification.violations.VerificationError
        If the plan breaks a constraint.
    ValueError
        If work is in progress at the snapshot, which the verifier does not know.
    """
    if not _is_verifiable(snapshot, factory):
        raise ValueError(
            "verify_plan: work is in progress at the snapshot; the verifier knows complete"
            " schedules only. Plan from an order list without a snapshot."
        )
    book = OrderBook(
        orders=tuple(
            Order(
                order_id=order.order_id,
                release_date=order.release_date,
                due_date=order.due_date,
                weight=order.weight,
                product=order.product,
                options=order.options,
            )
            for order in snapshot.orders
        )
    )
    schedule = plan_schedule(plan, snapshot, factory)
    return verify(schedule, expected_factory(with_extra_hours(factory, snapshot)), book)


def check_plan(plan: Plan, snapshot: Snapshot, factory: Factory) -> bool | None:
    """Check a plan with the independent verifier; None if it begins from work in progress.

    Raises
    ------
    PlanError
        If the verifier refuses the plan.
    """
    if not _is_verifiable(snapshot, factory):
        return None
    try:
        verify_plan(plan, snapshot, factory)
    except VerificationError as error:
        raise PlanError(
            f"plan: the verifier refuses the plan by {plan.made_by} ({error}). Report this as a"
            " fault of the software, with the factory and the orders."
        ) from error
    return True


def _is_verifiable(snapshot: Snapshot, factory: Factory) -> bool:
    """Return whether nothing has begun, and maintenance by the clock counts from tick 0."""
    return is_untouched(snapshot) and (snapshot.clock == 0 or not _any_by_clock(factory))


def is_untouched(snapshot: Snapshot) -> bool:
    """Return whether nothing has begun: no operation, changeover, repair or other work.

    Counters of maintenance and runs are those of a factory at tick 0, and its people are present.
    """
    return (
        snapshot.staff is None
        and not snapshot.closures
        and not snapshot.absences
        and all(_is_new(machine) for machine in snapshot.machines.values())
        and _has_no_work(snapshot)
    )


def _is_new(machine: MachineState) -> bool:
    return (
        machine.status == "idle"
        and machine.out_of_service_until is None
        and not any(counter.used for counter in machine.maintenance.values())
        and not any(machine.runs.values())
    )


def _any_by_clock(factory: Factory) -> bool:
    return any(
        item.by == "clock"
        for centre in factory.work_centres
        for machine in centre.machines
        for item in machine.maintenance
    )


def _has_no_work(snapshot: Snapshot) -> bool:
    return all(
        state.status in ("upcoming", "ready") and state.attempt == 0
        for order in snapshot.orders
        for state in order.operations.values()
    )


def expected_factory(factory: Factory) -> Factory:
    """Return the factory in which everything takes its expected time and nothing fails."""
    certain = {"cv": None, "rework_probability": None, "first_piece_rework_probability": None}
    never_failing = {"mean_time_to_failure": None, "mean_time_to_repair": None}
    return factory.model_copy(
        update={
            "uncertainty": Uncertainty(),
            "material": (),
            "products": tuple(
                product.model_copy(
                    update={
                        "operations": tuple(
                            operation.model_copy(update=certain) for operation in product.operations
                        )
                    }
                )
                for product in factory.products
            ),
            "work_centres": tuple(
                centre.model_copy(
                    update={
                        "machines": tuple(
                            machine.model_copy(update=never_failing) for machine in centre.machines
                        )
                    }
                )
                for centre in factory.work_centres
            ),
        }
    )
