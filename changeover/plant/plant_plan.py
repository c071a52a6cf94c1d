"""Plan of a plant as an object: table, schedule, files, and its look in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from changeover.plant.data import PlanData
from changeover.plant.files import write_plan_files
from changeover.plant.page import plan_fragment
from changeover.plant.plan_changes import (
    RequestedChanges,
    add_rush_orders,
    plan_after,
    read_changes,
)
from changeover.plant.plant_planner import check_tick_zero, present_of
from changeover.plant.sentences import (
    describe_comparison,
    describe_plan,
    format_comparison,
    moved_orders,
)
from changeover.plant.tables import operation_rows
from factory.html_tables import html_table, html_text
from factory.io.order_list_files import read_order_list
from factory.schedule.records import Schedule
from scheduler.plans.what_if import PlanComparison, change_snapshot
from scheduler.portfolio.plan_schedule import plan_schedule

if TYPE_CHECKING:
    import pandas


class PlantPlan(PlanData):
    """A plan with the factory and the snapshot that it was made for.

    It shows itself as cost and late orders, in a notebook with an interactive Gantt chart.
    Attributes are those of :class:`changeover.plant.data.PlanData`.
    """

    def schedule(self) -> Schedule:
        """Return the plan as a schedule."""
        return plan_schedule(self.plan, self.snapshot, self.factory)

    def to_frame(self) -> pandas.DataFrame:
        """Return the operations as a table: a row for each, with names and dates."""
        import pandas

        head, *rows = operation_rows(self)
        rows = [tuple(None if cell == "" else cell for cell in row) for row in rows]
        return pandas.DataFrame(rows, columns=list(head))

    def write(self, folder: Path | str) -> list[Path]:
        """Write the plan's files into a folder; return their paths.

        They are ``plan.csv``, ``orders.csv``, ``plan.xlsx``, ``gantt.png``, ``plan.html`` and
        ``plan.json``, and in ``inputs`` what a what-if needs.
        """
        return write_plan_files(self, Path(folder))

    def what_if(
        self,
        *,
        machine_down: Mapping[str, str] | None = None,
        due: Mapping[str, str] | None = None,
        weight: Mapping[str, float] | None = None,
        cancel: Sequence[str] = (),
        rush: Path | str | None = None,
    ) -> PlanChange:
        """Plan again after changes, with the settings of this plan.

        Parameters
        ----------
        machine_down
            Machines, each with a time (``4h``, ``90min``, ``2d``) or date until which no work is
            done on it.
        due
            Orders, each with its new due date: a date, or a time from now.
        weight
            Orders, each with its new weight.
        cancel
            Orders that are cancelled.
        rush
            Order list with more orders.

        Raises
        ------
        ValueError
            If there is no change, the plan has no such machine or order, or a date cannot be read.
        scheduler.plans.errors.PlanError
            If there is no plan.
        """
        snapshot = self.snapshot
        if rush is not None:
            present = present_of(snapshot, self.factory)
            orders = read_order_list(rush, self.factory, epoch=self.dates.epoch, now=present)
            check_tick_zero(orders.epoch, snapshot, self.factory)
            snapshot = add_rush_orders(str(rush), snapshot, orders.book, self.factory)
        requested = RequestedChanges(
            [*(machine_down or {}).items()],
            [*(due or {}).items()],
            [(order, str(value)) for order, value in (weight or {}).items()],
            cancel,
            "what_if: {}".format,
        )
        changes = read_changes(requested, snapshot, self.dates)
        if not changes and rush is None:
            raise ValueError("what_if: there is no change. Give machine_down, due or another one.")
        changed = change_snapshot(snapshot, changes, self.factory)
        comparison, after = plan_after(self, changed)
        return PlanChange(self, PlantPlan(**vars(after)), comparison)

    def __repr__(self) -> str:
        return "\n".join(describe_plan(self))

    def _repr_html_(self) -> str:
        return plan_fragment(self)


@dataclass(frozen=True, repr=False)
class PlanChange:
    """A plan beside the plan after changes; a notebook shows what moves.

    Parameters
    ----------
    before, after
        The plans.
    comparison
        Differences of the plans.
    """

    before: PlantPlan
    after: PlantPlan
    comparison: PlanComparison

    def to_frame(self) -> pandas.DataFrame:
        """Return the orders whose completion moves as a table, the largest move first."""
        import pandas

        head, rows = moved_orders(self.before, self.comparison)
        return pandas.DataFrame(rows, columns=list(head))

    def __repr__(self) -> str:
        return format_comparison(self.before, self.comparison)

    def _repr_html_(self) -> str:
        lines = describe_comparison(self.before, self.comparison)
        text = "".join(f"<p>{html_text(line, 300)}</p>" for line in lines)
        head, rows = moved_orders(self.before, self.comparison)
        return f"{text}{html_table(head, rows) if rows else ''}"
