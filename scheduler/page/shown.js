/** What is shown: the plan and its order, by choice. Whoever draws it is told of every change. */

import { state } from "./state.js";
import { announce } from "./service.js";

export const shownPlan = () => (state.trial ? state.trial[state.version] : (state.plans[state.by] ?? Object.values(state.plans)[0]));
export const isAfter = () => Boolean(state.trial) && state.version === "after";
export const orderState = (id) => state.moment?.snapshot.orders.find((order) => order.order_id === id);
export const lateOrders = (plan) => plan.orders.filter((order) => order.lateness > 0);
export const isNewFloor = () => Boolean(state.floor) && state.floor.received !== state.seen;

const drawers = [];
const markers = [];

/** Call `draw` with the plan whenever another one is shown, after those that asked before. */
export const onPlan = (draw) => drawers.push(draw);

/** Call `mark` with the order, or null, whenever another one is selected. */
export const onSelection = (mark) => markers.push(mark);

/** Draw the plan that is shown now. */
export function render() {
  const plan = shownPlan();
  if (!plan) return;
  document.body.dataset.state = "ready";
  for (const draw of drawers) draw(plan);
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
  for (const mark of markers) mark(order);
  if (order) announce(`Order ${order} selected`);
}

export const toggleOrder = (order) => selectOrder(state.selected === order ? null : order);
