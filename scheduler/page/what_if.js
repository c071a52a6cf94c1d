/** What if: the plan before and after the changes. */

import { byId, state } from "./state.js";
import { make, mark, money, signed } from "./building.js";
import { say, sayCount } from "./language.js";
import { dateText, durationText, shortDate } from "./times.js";
import { announce, ask, attempt } from "./service.js";
import { render, toggleOrder } from "./shown.js";
import { latenessCell } from "./orders.js";
import { followFloor } from "./following.js";
import { costTable, movedOperations, planNames } from "./plan_differences.js";

const CHANGE_SAYERS = {
  rush_order: (change) =>
    say("change_rush_order", {
      order: change.order_id,
      product: [change.product, ...Object.values(change.options)].join(" "),
      due: dateText(change.due_date),
      weight: change.weight,
    }),
  machine_down: (change) => say("change_machine_down", { machine: change.machine, end: dateText(change.until) }),
  extra_shift: (change) => say("change_extra_shift", { calendar: change.calendar, hours: change.open }),
  staff_absent: (change) => say("change_staff_absent", { number: change.number, group: change.group, end: dateText(change.until) }),
  order_terms: (change) => say("change_order_terms", { order: change.order, due: dateText(change.due_date), weight: change.weight }),
  cancel_order: (change) => say("change_cancel_order", { order: change.order }),
  lock: (change) => say("change_lock", change),
};

export async function tryChanges() {
  const { changes, moment } = state;
  const round = ++state.round;
  await attempt("what-if", async () => {
    const trial = await ask("/v1/what-if", { snapshot: moment.snapshot, changes, futures: 0, seed: 0 });
    if (round !== state.round) return;
    state.trial = { ...trial, changes: [...changes] };
    setVersion("after");
    byId("comparison").scrollIntoView({ block: "start" });
    announce(say("tried", { difference: signed(trial.cost_difference, money(Math.abs(trial.cost_difference))) }));
  });
}

export function setVersion(version) {
  state.version = version;
  document.querySelector(`input[name="version"][value="${version}"]`).checked = true;
  render();
}

export function leaveTrial() {
  state.trial = null;
  render();
  followFloor();
}

export function renderWhatIf() {
  byId("try").disabled = !state.changes.length || !state.moment;
  for (const button of byId("change-kinds").children) button.disabled = !state.moment;
  byId("changes").replaceChildren(...state.changes.map(changeItem));
  byId("comparison").replaceChildren(
    ...(state.trial
      ? comparisonParts(state.trial)
      : [
          make(
            "p",
            { class: "quiet" },
            say(state.changes.length ? "try_hint" : "changes_hint"),
          ),
        ]),
  );
}

function changeItem(change, place) {
  const text = CHANGE_SAYERS[change.change](change);
  return make(
    "li",
    {},
    make("span", {}, text),
    make("button", { type: "button", "aria-label": say("remove_named", { name: text }), click: () => removeChange(place) }, say("remove")),
  );
}

function removeChange(place) {
  state.changes.splice(place, 1);
  renderWhatIf();
}

function comparisonParts(trial) {
  const { orders, cost_difference: difference } = trial;
  const moved = orders.filter((order) => order.moved !== 0);
  const becomesLate = orders.filter((order) => order.lateness_after > 0 && !(order.lateness_before > 0));
  const becomesTimely = orders.filter((order) => order.lateness_before > 0 && order.lateness_after !== null && order.lateness_after <= 0);
  return [
    planNames(trial),
    make(
      "p",
      { class: difference > 0 ? "difference dearer" : "difference" },
      make("b", {}, signed(difference, money(Math.abs(difference)))),
      ` ${say("cost_compared", { before: money(trial.before.total_cost), after: money(trial.after.total_cost) })}`,
    ),
    costTable(trial),
    becomesLate.length
      ? make("p", { class: "late-text" }, mark("warning-mark"), say("late_now", { orders: becomesLate.map((order) => order.order).join(", ") }))
      : make("p", { class: "quiet" }, say("none_becomes_late")),
    becomesTimely.length ? make("p", {}, say("in_time_now", { orders: becomesTimely.map((order) => order.order).join(", ") })) : "",
    movedTable(moved, trial.before.clock),
    make("p", { class: "quiet" }, say("orders_moved", { number: moved.length, orders: sayCount("orders_count", orders.length) })),
    ...movedOperations(trial),
    make("p", { class: "buttons" }, make("button", { type: "button", click: leaveTrial }, say("back_to_plan"))),
  ];
}

function movedTable(moved, clock) {
  if (!moved.length) return "";
  const headings = ["order", "before", "after", "moves", "lateness_then"].map((key) => make("th", { scope: "col" }, say(key)));
  return make(
    "table",
    { class: "moved" },
    make("thead", {}, make("tr", {}, ...headings)),
    make("tbody", {}, ...moved.map((order) => movedRow(order, clock))),
  );
}

function movedRow(order, clock) {
  const dateOf = (tick) => (tick === null ? "\u2013" : shortDate(tick, clock));
  const shift = order.moved === null ? (say(order.before === null ? "new_order" : "gone_order")) : signed(order.moved, durationText(order.moved));
  const lateness = order.lateness_after === null ? "\u2013" : latenessCell({ lateness: order.lateness_after });
  const choose = make("button", { type: "button", class: "choose", "aria-pressed": String(order.order === state.selected) }, order.order);
  const cells = [choose, dateOf(order.before), dateOf(order.after), shift, lateness].map((content) => make("td", {}, content));
  return make(
    "tr",
    { "data-order": order.order, class: order.order === state.selected ? "selected" : "", click: () => toggleOrder(order.order) },
    ...cells,
  );
}
