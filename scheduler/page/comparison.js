/** Two plans compared, order by order. */

import { state } from "./state.js";
import { setVersion } from "./what_if.js";

/** Show two plans as before and after. */
export function comparePlans(before, after) {
  const moment = new Map(before.orders.map((order) => [order.order, order]));
  const names = new Set([...moment.keys(), ...after.orders.map((order) => order.order)]);
  const later = new Map(after.orders.map((order) => [order.order, order]));
  state.trial = {
    before,
    after,
    changes: [],
    orders: [...names].map((order) => compareOrder(order, moment.get(order), later.get(order))),
    cost_difference: after.total_cost - before.total_cost,
    nervousness: null,
  };
  setVersion("after");
}

function compareOrder(order, first, second) {
  return {
    order,
    before: first?.completion_date ?? null,
    after: second?.completion_date ?? null,
    moved: first && second ? second.completion_date - first.completion_date : null,
    lateness_before: first?.lateness ?? null,
    lateness_after: second?.lateness ?? null,
  };
}
