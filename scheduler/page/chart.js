/** The chart of the plan that is shown. */

import { byId, state } from "./state.js";
import { renderLegend } from "./colours.js";
import { Gantt } from "./gantt.js";
import { showTooltip } from "./tooltip.js";
import { findStops, isAfter, selectOrder } from "./shown.js";
import { announce } from "./service.js";
import { dateText } from "./times.js";
import { renderBoard, tellRefusal } from "./board.js";
import { eligibleMachines, isMovable, placesOn, refuseMachine } from "./move_rules.js";
import { moveOperation } from "./moves.js";

export const gantt = new Gantt(byId("gantt"), {
  onSelect: selectOrder,
  onHover: showTooltip,
  onFocus: focusOperation,
  onMove: moveOperation,
  onKey: (id) => byId(id).click(),
  canMove: isMovable,
  lanesFor: eligibleMachines,
  placesFor: placesOn,
  refuseLane: refuseMachine,
  onRefusal: tellRefusal,
});

function focusOperation(operation) {
  state.focused = operation;
  renderBoard();
  if (!operation || document.activeElement !== byId("gantt")) return;
  const { order, operation: name, machine, start_date: start, end_date: end, in_process: begun, locked } = operation;
  announce(`Order ${order}, ${name} on ${machine}, from ${dateText(start)} until ${dateText(end)}${begun ? ", in process" : ""}${locked ? ", locked" : ""}`);
}

export function renderChart(plan) {
  const orders = new Map(plan.orders.map((order) => [order.order, order]));
  const until = Math.max(plan.end_date, state.trial?.before.end_date ?? 0, state.trial?.after.end_date ?? 0);
  gantt.show({ plan, orders, until, stops: findStops(plan, isAfter()), earlier: isAfter() ? state.trial.before.operations : [] });
  renderLegend(plan);
  byId("versions").hidden = byId("back").hidden = !state.trial;
  byId("chart-title").textContent = state.trial ? (state.trial.names ? "Comparison" : "What if") : "Plan";
}
