/** What is shown: the plan and its order, by choice. Whoever draws it is told of every change. */

import { state } from "./state.js";
import { say } from "./language.js";
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

/** When machines do nothing for the orders, and why, with those that were tried to be out of service. */
export function findStops(plan, withChanges) {
  const { clock, machines } = state.moment.snapshot;
  const stops = new Map();
  const add = (machine, end, reason) => {
    if (end > Math.max(clock, stops.get(machine)?.end ?? 0)) stops.set(machine, { machine, start: clock, end, reason });
  };
  for (const stop of plan.stops ?? []) add(stop.machine, stop.end_date, stop.reason);
  for (const [machine, at] of Object.entries(machines)) {
    if (at.status === "down") add(machine, at.expected_end ?? endOfWork(plan, machine), "down");
    add(machine, at.out_of_service_until ?? 0, "out of service");
  }
  const tried = withChanges ? state.trial.changes.filter(({ change }) => change === "machine_down") : [];
  for (const { machine, until } of tried) add(machine, until, "out of service");
  return [...stops.values()];
}

/** When the plan ends what a machine has in work. */
const endOfWork = (plan, machine) => plan.operations.find((one) => one.in_process && one.machine === machine)?.end_date ?? 0;

export function selectOrder(order) {
  state.selected = order;
  for (const mark of markers) mark(order);
  if (order) announce(say("order_selected", { order }));
}

export const toggleOrder = (order) => selectOrder(state.selected === order ? null : order);
