/** Plans and explanations, asked for in rounds. */

import { byId, FUTURES, state } from "./state.js";
import { say, sayCount } from "./language.js";
import { announce, ask, attempt } from "./service.js";
import { lateOrders, render, shownPlan } from "./shown.js";
import { renderFigures } from "./figures.js";
import { renderDecision } from "./decision.js";

/** States of a service that is away, busy or starting: the floor is planned again at the next poll. */
const PASSING = new Set([0, 429, 503]);

/** Plans to compare the cost with. */
const others = (by) => ["policy", "rule"].filter((one) => one !== by);

/** A plan of the service; `strict` refuses locks that cannot be carried out. */
export function requestPlan(moment, by, { futures = 0, previous = null, strict = false } = {}) {
  const frozen = previous ? state.frozen : 0;
  return ask("/v1/plan", { snapshot: moment.snapshot, by, futures, seed: 0, previous, frozen, strict });
}

/** Plan a moment; what is on the screen stays until its plan is here. */
export async function plan(moment) {
  const round = ++state.round;
  const isCurrent = () => round === state.round;
  const continues = state.moment?.source === moment.source && state.moment.snapshot.factory === moment.snapshot.factory;
  const previous = continues ? state.plans : {};
  if (!state.moment) document.body.dataset.state = "loading";
  const error = await attempt("plan", async () => {
    const first = await requestPlan(moment, state.by, { previous: previous[state.by] ?? null });
    if (!isCurrent()) return;
    Object.assign(state, { moment, previous, plans: { [state.by]: first }, trial: null, explanation: null, moved: "", focused: null, comparing: round });
    render();
    announce(say("planned_late", { orders: sayCount("orders_count", lateOrders(first).length) }));
    for (const by of others(state.by)) await addPlan(by, isCurrent);
    await addExplanation(isCurrent);
  });
  if (PASSING.has(error?.status) && isCurrent() && state.moment !== moment) state.seen = null;
}

/** The plan of the other one, to compare costs. */
async function addPlan(by, isCurrent) {
  if (!state.policy.policy.loaded && by === "policy") return;
  const made = await requestPlan(state.moment, by, { previous: state.previous[by] ?? null });
  if (!isCurrent()) return;
  state.plans[by] = made;
  if (by === state.by) render();
  else renderFigures(shownPlan());
}

async function addExplanation(isCurrent) {
  if (!state.policy.policy.loaded) return;
  const explanation = await ask("/v1/explain", { snapshot: state.moment.snapshot });
  if (!isCurrent()) return;
  state.explanation = explanation;
  renderDecision();
}

export async function sampleFutures() {
  if (!state.moment) return;
  const { moment, by, round } = state;
  byId("sample").disabled = true;
  await attempt("futures", async () => {
    const sampled = await requestPlan(moment, by, { futures: FUTURES, previous: state.previous[by] ?? null });
    if (round !== state.round || moment !== state.moment) return;
    state.plans[by] = sampled;
    render();
    announce(say("futures_sampled", { futures: sayCount("futures", FUTURES) }));
  });
  byId("sample").disabled = Boolean(state.trial);
}

export function choosePlanner(by) {
  state.by = by;
  if (state.plans[by]) render();
  else if (state.moment) {
    const { round } = state;
    attempt("plan", () => addPlan(by, () => round === state.round));
  }
}
