"""Plan of a plant as an object: table, schedule, files, and its look in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from changeover.plant.data import PlanData
from changeover.plant.files import write_plan_files
from changeover.plant.page import plan_fragment
from changeover.plant.sentences import describe_plan
from changeover.plant.tables import operation_rows
from factory.schedule.records import Schedule
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

    def __repr__(self) -> str:
        return "\n".join(describe_plan(self))

    def _repr_html_(self) -> str:
        return plan_fragment(self)
