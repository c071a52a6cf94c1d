"""A schedule as a notebook shows it: key figures and an interactive Gantt chart."""

from __future__ import annotations

from factory.html_tables import html_figures
from factory.model import Factory
from factory.schedule.bill import tardiness
from factory.schedule.gantt_html import gantt_html, gantt_html_assets, schedule_bars
from factory.schedule.kpis import kpis
from factory.schedule.record_kinds import ScheduleRecords


def schedule_html(schedule: ScheduleRecords) -> str:
    """Return the schedule as a fragment of HTML that needs nothing else."""
    return (
        f"{html_figures(key_figures(schedule))}"
        f"{schedule_chart(schedule, title=_title(schedule))}{gantt_html_assets()}"
    )


def schedule_chart(
    schedule: ScheduleRecords, *, title: str = "", until: float | None = None
) -> str:
    """Return the interactive Gantt chart of a schedule, without script and style."""
    return gantt_html(
        schedule.machine_names,
        schedule_bars(schedule, schedule.factory),
        start=schedule.epoch,
        tick_minutes=schedule.tick_minutes,
        title=title,
        start_hour=schedule.start_hour,
        until=until,
    )


def key_figures(schedule: ScheduleRecords) -> dict[str, str]:
    """Return key figures as texts by name; costs and times only where the factory is at hand."""
    orders = schedule.orders
    done = sum(order.completion_date is not None for order in orders)
    late = sum(tardiness(order, schedule.end_date) > 0 for order in orders)
    total = len(orders) if schedule.num_orders is None else schedule.num_orders
    figures = {
        "until": schedule.dates.text(schedule.end_date),
        "orders done": f"{done} of {total}",
        "late orders": f"{late}",
    }
    if schedule.factory is not None:
        figures |= _costs(schedule, schedule.factory)
    return figures


def _costs(schedule: ScheduleRecords, factory: Factory) -> dict[str, str]:
    figures = kpis(schedule, factory)
    return {
        "on time": f"{figures.on_time_share:.0%}",
        "mean tardiness": f"{figures.mean_tardiness_hours:.1f} h",
        "mean flow time": f"{figures.mean_flow_hours:.1f} h",
        "changeovers": f"{figures.changeovers} ({figures.changeover_hours:.1f} h)",
        "machines processing": f"{figures.use.processing:.0%}",
        "machines changing over": f"{figures.use.changeover:.0%}",
        "cost": f"{figures.total_cost:,.0f}",
        **{f"of it {name}": f"{cost:,.0f}" for name, cost in figures.bill.terms.items()},
    }


def _title(schedule: ScheduleRecords) -> str:
    seed = "" if schedule.seed is None else f", seed {schedule.seed}"
    return f"{schedule.factory_name}{seed}"
