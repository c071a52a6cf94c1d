/** Two plans compared: on the screen before and after, with the differences in the panel of what-ifs. */

import { byId, state } from "./state.js";
import { make } from "./building.js";
import { say, sayName } from "./language.js";
import { shownPlan } from "./shown.js";
import { setVersion } from "./what_if.js";
import { currentPublication } from "./publication.js";

/** Plans that can be compared, each with a function that says its name. */
export function comparablePlans() {
  const shown = shownPlan();
  if (!shown || state.trial) return [];
  const publication = currentPublication();
  const planOf = (edit) => edit && (edit.plans[state.by] ?? Object.values(edit.plans)[0]);
  const plans = [
    { name: () => say("plan_published", { revision: publication.revision, author: publication.published_by }), plan: publication.plan },
    { name: () => say("plan_before_last_move"), plan: planOf(state.edits.at(-1)) },
    { name: () => say("plan_before_all_moves"), plan: state.edits.length > 1 ? planOf(state.edits[0]) : null },
    ...["search", "policy", "rule"].map((by) => ({ name: () => sayName("plan_by", by), plan: state.plans[by] === shown ? null : state.plans[by] })),
    { name: () => say("plan_on_screen"), plan: shown },
  ];
  return plans.filter(({ plan }) => plan);
}

let choices = [];

export function openComparing() {
  choices = comparablePlans();
  const optionsWith = (chosen) => choices.map(({ name }, place) => make("option", { value: place, selected: place === chosen }, name()));
  byId("compare-before").replaceChildren(...optionsWith(0));
  byId("compare-after").replaceChildren(...optionsWith(choices.length - 1));
  byId("compare-dialog").returnValue = "";
  byId("compare-dialog").showModal();
}

byId("compare-form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "compare") return;
  comparePlans(choices[Number(byId("compare-before").value)], choices[Number(byId("compare-after").value)]);
});

function comparePlans({ name: from, plan: before }, { name: to, plan: after }) {
  const earlier = new Map(before.orders.map((order) => [order.order, order]));
  const later = new Map(after.orders.map((order) => [order.order, order]));
  const names = new Set([...earlier.keys(), ...later.keys()]);
  state.trial = {
    before,
    after,
    names: { before: from, after: to },
    changes: [],
    orders: [...names].map((order) => compareOrder(order, earlier.get(order), later.get(order))),
    cost_difference: after.total_cost - before.total_cost,
    nervousness: null,
  };
  setVersion("after");
  document.querySelector('.tabs button[data-panel="what-if"]').click();
  byId("comparison").scrollIntoView({ block: "start" });
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
