"""Stability of plans: the nervousness against a previous plan."""

from __future__ import annotations

from scheduler.plans.schema import Nervousness, Plan


def measure_nervousness(previous: Plan, plan: Plan) -> Nervousness:
    """Measure how much of ``previous`` moved in ``plan``.

    The measure compares operations that are in both plans and had begun in neither.
    """
    before = {
        (planned.order, planned.operation): planned
        for planned in previous.operations
        if not planned.in_process
    }
    pairs = [
        (before[planned.order, planned.operation], planned)
        for planned in plan.operations
        if not planned.in_process and (planned.order, planned.operation) in before
    ]
    if not pairs:
        return Nervousness(operations=0, moved=0.0, changed_machine=0.0, mean_shift=0.0)
    mean_time = sum(planned.end_date - planned.start_date for _, planned in pairs) / len(pairs)
    shifts = [abs(new.start_date - old.start_date) for old, new in pairs]
    changed = [new.machine != old.machine for old, new in pairs]
    moved = sum(is_new or shift > mean_time for is_new, shift in zip(changed, shifts, strict=True))
    return Nervousness(
        operations=len(pairs),
        moved=moved / len(pairs),
        changed_machine=sum(changed) / len(pairs),
        mean_shift=sum(shifts) / len(pairs),
    )
