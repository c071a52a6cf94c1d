/** What if: the plan before and after the changes. */

import { byId, state } from "./state.js";
import { count, make, mark, money, signed } from "./building.js";
import { dateText, durationText, shortDate } from "./times.js";
import { announce, ask, attempt } from "./service.js";
import { render, toggleOrder } from "./shown.js";
import { latenessCell } from "./orders.js";
import { followFloor } from "./following.js";
import { costTable, movedOperations, planNames } from "./plan_differences.js";

const CHANGE_TEXTS = {
  rush_order: (change) =>
    `rush order ${change.order_id}: ${change.product} (${Object.values(change.options).join(", ")}), due ${dateText(change.due_date)}, weight ${change.weight}`,
  machine_down: (change) => `${change.machine} is down until ${dateText(change.until)}`,
  order_terms: (change) => `order ${change.order} is due ${dateText(change.due_date)}, weight ${change.weight}`,
  cancel_order: (change) => `order ${change.order} is cancelled`,
  lock: (change) => `order ${change.order}, ${change.operation} is locked to ${change.machine}`,
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
    announce(`Tried: cost ${signed(trial.cost_difference, money(Math.abs(trial.cost_difference)))}`);
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
            state.changes.length
              ? "Try plans with and without the changes."
              : "Add changes, then try them: the plan is made with and without them. Nothing is sent to the shop floor.",
          ),
        ]),
  );
}

function changeItem(change, place) {
  const text = CHANGE_TEXTS[change.change](change);
  return make(
    "li",
    {},
    make("span", {}, text),
    make("button", { type: "button", "aria-label": `Remove: ${text}`, click: () => removeChange(place) }, "Remove"),
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
      ` cost: ${money(trial.before.total_cost)} before, ${money(trial.after.total_cost)} after`,
    ),
    costTable(trial),
    becomesLate.length
      ? make("p", { class: "late-text" }, mark("warning-mark"), `late now: ${becomesLate.map((order) => order.order).join(", ")}`)
      : make("p", { class: "quiet" }, "No order becomes late."),
    becomesTimely.length ? make("p", {}, `in time now: ${becomesTimely.map((order) => order.order).join(", ")}`) : "",
    movedTable(moved, trial.before.clock),
    make("p", { class: "quiet" }, `${moved.length} of ${count(orders.length, "order")} moved, came or went.`),
    ...movedOperations(trial),
    make("p", { class: "buttons" }, make("button", { type: "button", click: leaveTrial }, "Back to the plan")),
  ];
}

function movedTable(moved, clock) {
  if (!moved.length) return "";
  const headings = ["order", "before", "after", "moves", "then"].map((text) => make("th", { scope: "col" }, text));
  return make(
    "table",
    { class: "moved" },
    make("thead", {}, make("tr", {}, ...headings)),
    make("tbody", {}, ...moved.map((order) => movedRow(order, clock))),
  );
}

function movedRow(order, clock) {
  const dateOf = (tick) => (tick === null ? "\u2013" : shortDate(tick, clock));
  const shift = order.moved === null ? (order.before === null ? "new" : "gone") : signed(order.moved, durationText(order.moved));
  const lateness = order.lateness_after === null ? "\u2013" : latenessCell({ lateness: order.lateness_after });
  const choose = make("button", { type: "button", class: "choose", "aria-pressed": String(order.order === state.selected) }, order.order);
  const cells = [choose, dateOf(order.before), dateOf(order.after), shift, lateness].map((content) => make("td", {}, content));
  return make(
    "tr",
    { "data-order": order.order, class: order.order === state.selected ? "selected" : "", click: () => toggleOrder(order.order) },
    ...cells,
  );
}
