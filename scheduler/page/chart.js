/** The chart of the plan that is shown. */

import { byId, state } from "./state.js";
import { renderLegend } from "./colours.js";
import { Gantt } from "./gantt.js";
import { showTooltip } from "./tooltip.js";
import { findStops, isAfter, selectOrder } from "./shown.js";

export const gantt = new Gantt(byId("gantt"), { onSelect: selectOrder, onHover: showTooltip });

export function renderChart(plan) {
  const orders = new Map(plan.orders.map((order) => [order.order, order]));
  const until = Math.max(plan.end_date, state.trial?.before.end_date ?? 0, state.trial?.after.end_date ?? 0);
  gantt.show({ plan, orders, until, stops: findStops(plan, isAfter()), earlier: isAfter() ? state.trial.before.operations : [] });
  renderLegend(plan);
  byId("versions").hidden = byId("back").hidden = !state.trial;
  byId("chart-title").textContent = state.trial ? "What if" : "Plan";
}
