"""Actions of tests on the planners' board: read the plan, drag bars, publish."""

from __future__ import annotations

import json
from typing import Any

from tests.builders.browser import Visit

_PLAN = """
async () => {
    const { shownPlan } = await import("./shown.js");
    const { state } = await import("./state.js");
    const { isMovable } = await import("./move_rules.js");
    const operations = shownPlan().operations.map(
        (one) => ({ ...one, movable: isMovable(one) }));
    return { operations, machines: shownPlan().machines,
        products: Object.fromEntries(state.moment.snapshot.orders.map(
            (order) => [order.order_id, order.product])),
        eligible: state.policy.eligible_machines };
}
"""


def focus_movable(visit: Visit) -> None:
    """Go from bar to bar with the keyboard until one can be moved."""
    visit.page.focus("#gantt")
    for _ in range(visit.page.locator("#gantt .operation").count()):
        visit.page.keyboard.press(".")
        if visit.page.is_enabled("#move"):
            return
    raise AssertionError("no bar can be moved")


def locks_of(answer: Any) -> list[tuple[str, str, str]]:
    """Return machine, order and operation of the locks of a request for a plan."""
    snapshot = json.loads(answer.value.request.post_data)["snapshot"]
    return [(lock["machine"], lock["order"], lock["operation"]) for lock in snapshot["locks"]]


def sequence_of(visit: Visit, machine: str) -> list[Any]:
    """Return the operations of a machine that can be moved, in their sequence."""
    operations = visit.page.evaluate(_PLAN)["operations"]
    mine = [one for one in operations if one["machine"] == machine and one["movable"]]
    return sorted(mine, key=lambda one: int(one["selected_date"]))


def machines_of(visit: Visit) -> list[str]:
    return list(visit.page.evaluate(_PLAN)["machines"])


def movable_elsewhere(visit: Visit) -> tuple[Any, list[str]]:
    """Return an operation that can be moved, and the other machines that can do it."""
    shown = visit.page.evaluate(_PLAN)
    for operation in shown["operations"]:
        product = shown["products"][operation["order"]]
        able = shown["eligible"][product][operation["operation"]]
        others = [machine for machine in able if machine != operation["machine"]]
        if operation["movable"] and others:
            return operation, others
    raise AssertionError("nothing can be moved to another machine")


def box_of(visit: Visit, operation: Any) -> Any:
    """Return the rectangle of a bar on the screen."""
    names = "".join(
        f'[data-{name}="{operation[name]}"]' for name in ("order", "operation", "machine")
    )
    return visit.page.locator(f"#gantt .operation{names} > rect").first.bounding_box()


def drag(visit: Visit, operation: Any, machine: str, before: Any, *, share: float = 0.25) -> None:
    """Take a bar to a machine, onto the first part of another bar or behind all, and hold it."""
    visit.page.focus("#gantt")
    visit.page.keyboard.press("0")
    visit.settle()
    start = box_of(visit, operation)
    lane = visit.page.evaluate(
        """async (machine) => {
            const { gantt } = await import("./chart.js");
            const field = gantt.field.getBoundingClientRect();
            const y = field.y + gantt.tops.get(machine) + gantt.laneHeight / 2;
            return { y, right: field.x + gantt.width - 3 };
        }""",
        machine,
    )
    target = None if before is None else box_of(visit, before)
    x = lane["right"] if target is None else target["x"] + target["width"] * share
    visit.page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    visit.page.mouse.down()
    visit.page.mouse.move(x, lane["y"], steps=4)


def publish(visit: Visit, author: str) -> None:
    visit.click("#publish")
    visit.page.fill("#author", author)
    with visit.page.expect_response("**/v1/plans/current"):
        visit.click('#publish-form button[value="publish"]')
    visit.settle()


def show_what_ifs(visit: Visit) -> None:
    visit.click('.tabs button[data-panel="what-if"]')
