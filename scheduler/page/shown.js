/** The plan that is shown, and everything that follows it. */

import { byId, state } from "./state.js";
import { announce } from "./service.js";
import { learnSetups, renderLegend } from "./colours.js";
import { Gantt } from "./gantt.js";
import { showTooltip } from "./tooltip.js";
import { renderFigures, renderHeader } from "./figures.js";
import { renderQueues } from "./queues.js";
import { renderOrders } from "./orders.js";
import { renderDecision } from "./decision.js";
import { renderWhatIf } from "./what_if.js";

export const gantt = new Gantt(byId("gantt"), { onSelect: selectOrder, onHover: showTooltip });

export const shownPlan = () => (state.trial ? state.trial[state.version] : (state.plans[state.by] ?? Object.values(state.plans)[0]));
export const isAfter = () => Boolean(state.trial) && state.version === "after";
export const orderState = (id) => state.moment?.snapshot.orders.find((order) => order.order_id === id);
export const lateOrders = (plan) => plan.orders.filter((order) => order.lateness > 0);

export function render() {
  const plan = shownPlan();
  if (!plan) return;
  document.body.dataset.state = "ready";
  learnSetups(plan);
  renderHeader(plan);
  renderFigures(plan);
  renderChart(plan);
  renderQueues(plan);
  renderOrders(plan);
  renderDecision();
  renderWhatIf();
}

function renderChart(plan) {
  const orders = new Map(plan.orders.map((order) => [order.order, order]));
  const until = Math.max(plan.end_date, state.trial?.before.end_date ?? 0, state.trial?.after.end_date ?? 0);
  gantt.show({ plan, orders, until, stops: findStops(isAfter()), earlier: isAfter() ? state.trial.before.operations : [] });
  renderLegend(plan);
  byId("versions").hidden = byId("back").hidden = !state.trial;
  byId("chart-title").textContent = state.trial ? "What if" : "Plan";
}

/** When machines are out of service, with those that were tried to be. */
export function findStops(withChanges) {
  const { snapshot } = state.moment;
  const stops = Object.entries(snapshot.machines).map(([machine, at]) => ({
    machine,
    start: snapshot.clock,
    end: Math.max(at.out_of_service_until ?? 0, at.status === "down" ? (at.expected_end ?? 0) : 0),
  }));
  const tried = withChanges ? state.trial.changes.filter(({ change }) => change === "machine_down") : [];
  return [...stops, ...tried.map(({ machine, until }) => ({ machine, start: snapshot.clock, end: until }))].filter(({ start, end }) => end > start);
}

export function selectOrder(order) {
  state.selected = order;
  gantt.select(order);
  for (const row of document.querySelectorAll("[data-order]:not(.operation)")) {
    const isChosen = row.dataset.order === order;
    row.classList.toggle("selected", isChosen);
    if (row.tagName === "TR" && isChosen) row.scrollIntoView({ block: "nearest" });
    row.querySelector(".choose")?.setAttribute("aria-pressed", String(isChosen));
  }
  if (order) announce(`Order ${order} selected`);
}

export const toggleOrder = (order) => selectOrder(state.selected === order ? null : order);
