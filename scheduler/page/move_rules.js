/** Where an operation may go: the rules by which the service checks locks, as far as one machine and one route tell. */

import { state } from "./state.js";
import { say } from "./language.js";
import { orderState, shownPlan } from "./shown.js";

export const isSame = (one, other) => one.order === other?.order && one.operation === other?.operation;
const productOf = (operation) => orderState(operation.order)?.product;

/** Machines that can do an operation of an order. */
export const eligibleMachines = (operation) => state.policy.eligible_machines?.[productOf(operation)]?.[operation.operation] ?? [operation.machine];

/** Why an operation cannot be moved at all; empty if it can. */
export function findHold(operation) {
  if (state.trial) return say("hold_trial");
  if (operation.in_process) return say("hold_begun", operation);
  return operation.end_date > shownPlan().clock ? "" : say("hold_over", operation);
}

export const isMovable = (operation) => !findHold(operation);

/** Operations of a machine in their sequence that can be moved. */
export function sequenceOf(machine) {
  const mine = shownPlan().operations.filter((one) => one.machine === machine && isMovable(one));
  return mine.sort((one, other) => one.selected_date - other.selected_date);
}

/** Operations of the route that must be done before another, near or far. */
function ancestorsOf(product, operation) {
  const before = state.policy.predecessors?.[product] ?? {};
  const found = new Set();
  const open = [...(before[operation] ?? [])];
  while (open.length) {
    const one = open.pop();
    if (found.has(one)) continue;
    found.add(one);
    open.push(...(before[one] ?? []));
  }
  return found;
}

/** Places on a machine that does an operation: what each is before, null at the end, and why the operation may not go there. */
export function placesOn(machine, operation) {
  const others = sequenceOf(machine).filter((one) => !isSame(one, operation));
  const product = productOf(operation);
  const needed = ancestorsOf(product, operation.operation);
  const family = (one) => one.order === operation.order;
  return [...others, null].map((before, place) => {
    const later = others.slice(place).find((one) => family(one) && needed.has(one.operation));
    const earlier = others.slice(0, place).find((one) => family(one) && ancestorsOf(product, one.operation).has(operation.operation));
    const refusal = later ? say("too_early", { ...operation, other: later.operation }) : earlier ? say("too_late", { ...operation, other: earlier.operation }) : "";
    return { before, refusal };
  });
}

/** Why a machine cannot do an operation; empty if it can. */
export function refuseMachine(operation, machine) {
  const able = eligibleMachines(operation);
  return able.includes(machine) ? "" : say("machine_unable", { operation: operation.operation, machine, able: able.join(", ") });
}
