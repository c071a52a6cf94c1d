/** What alternatives of the next decision cost, against the policy's choice in equal sampled futures. */

import { state } from "./state.js";
import { make, money, signed } from "./building.js";
import { say, sayCount, sayName } from "./language.js";
import { ask, attempt } from "./service.js";

const COST_FUTURES = 64;

/** Simulating the alternatives takes some seconds, so that it is done if asked for. */
export function costsButton(alternatives, redraw) {
  if (alternatives.length < 2 || alternatives.some(({ costs }) => costs)) return "";
  const title = say("compare_costs_title", { futures: COST_FUTURES });
  return make("p", { class: "buttons" }, make("button", { id: "compare-costs", type: "button", title, click: () => compareCosts(redraw) }, say("compare_costs")));
}

function compareCosts(redraw) {
  const { moment } = state;
  return attempt("explain", async () => {
    const explanation = await ask("/v1/explain", { snapshot: moment.snapshot, futures: COST_FUTURES });
    if (state.moment !== moment) return; // another floor has come meanwhile
    state.explanation = explanation;
    redraw();
  });
}

/** The cost difference of an alternative: "42 more in 64 equal futures (± 9): tardiness +30, changeover +12". */
export function costsLine({ costs }) {
  if (!costs) return "";
  const { futures, mean, half_width: width, terms } = costs;
  const interval = width === null ? "" : ` (\u00b1 ${money(width)})`;
  const listed = Object.entries(terms).map(([term, amount]) => `${sayName("cost", term)} ${signed(amount, money(Math.abs(amount)))}`);
  const total = say(mean >= 0 ? "choice_dearer" : "choice_cheaper", { cost: money(Math.abs(mean)), futures: sayCount("equal_futures", futures), interval });
  return make("p", { class: "costs" }, listed.length ? `${total}: ${listed.join(", ")}` : total);
}
