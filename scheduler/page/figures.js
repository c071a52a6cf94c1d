/** The header, and the key figures of the plan. */

import { byId, state } from "./state.js";
import { count, make, mark, money, percent, signed, swatch } from "./building.js";
import { ageText, dateText, durationText, fromNow } from "./times.js";
import { PALETTE } from "./colours.js";
import { isNewFloor, lateOrders } from "./shown.js";
import { isOld, renderFreshness, serviceNow } from "./freshness.js";

export function renderHeader(plan) {
  byId("factory").textContent = state.policy.factory;
  byId("clock").textContent = dateText(plan.clock);
  document.title = `${count(lateOrders(plan).length, "order")} late \u2013 ${state.policy.factory}`;
  byId("badges").replaceChildren(...findBadges(plan).map(renderBadge));
  renderAge();
  renderFollowing();
}

export function findBadges(plan) {
  const { policy, rule, shadow } = state.policy;
  const steps = policy.trained_steps ? `, trained for ${(policy.trained_steps / 1e6).toFixed(1)} million steps` : "";
  const badges = [];
  if (policy.loaded)
    badges.push({ text: `policy ${policy.sha256?.slice(0, 8) ?? ""}`, title: `SHA-256 ${policy.sha256}${steps}. Fallback rule: ${rule}` });
  else badges.push({ text: "no policy: the rule plans and decides", title: `${policy.fault ?? "No policy is loaded."} Rule: ${rule}`, warns: true });
  if (policy.loaded && policy.refused) badges.push({ text: "newest policy refused", title: `${policy.refused} (${policy.refused_date})`, warns: true });
  if (shadow)
    badges.push({
      text: "shadow mode: the rule decides",
      title: `The MES gets the decisions of ${rule}; those of the policy are only logged.`,
      warns: true,
    });
  if (plan?.fallbacks) badges.push({ text: `rule stood in for ${count(plan.fallbacks, "decision")}`, title: plan.faults.join("\n"), warns: true });
  return badges;
}

export function renderBadge({ text, title, warns }) {
  return make("li", { class: warns ? "badge warns" : "badge", title }, warns ? mark("warning-mark") : null, text);
}

/** Where the snapshot is from, and how old it is. */
export function renderAge() {
  renderFreshness();
  if (!state.moment) return;
  const { source, received } = state.moment;
  const seconds = received ? Math.max(0, (serviceNow() - Date.parse(received)) / 1000) : 0;
  const newer = isNewFloor() && (state.trial || !state.following) ? "; a newer one is here" : "";
  byId("age").textContent = received ? `received ${ageText(seconds)} ago${newer}` : `${source}${newer}`;
  byId("age").classList.toggle("warns", isOld(seconds));
}

const TEXTS = {
  aside: (order, place, problem) => `Put aside: ${order === null ? place : `order ${order}, ${place}`}: ${problem}`,
  unfrozen: (order, operation, reason) => `Had to move: order ${order}, ${operation}: ${reason}`,
  numAside: (number) => `${count(number, "part")} of the snapshot put aside; the plan is made without`,
  numUnfrozen: (number) => `${count(number, "frozen operation")} had to move`,
  byHand: (difference) => `moved by hand: ${difference} since the last plan of the service`,
};

/** What the plan leaves out of the snapshot, and what it could not keep. */
export function renderNotes(plan) {
  const asides = (plan.set_aside ?? []).map(({ order, place, problem }) => TEXTS.aside(order, place, problem));
  const moved = (plan.unfrozen ?? []).map(({ order, operation, reason }) => TEXTS.unfrozen(order, operation, reason));
  const lines = [...asides, ...moved];
  byId("notes").hidden = !lines.length;
  byId("notes-title").textContent = [asides.length && TEXTS.numAside(asides.length), moved.length && TEXTS.numUnfrozen(moved.length)].filter(Boolean).join("; ");
  byId("note-lines").replaceChildren(...lines.map((line) => make("li", {}, line)));
}

export function renderFollowing() {
  const button = byId("follow");
  button.setAttribute("aria-pressed", String(state.following));
  button.textContent = !state.following ? "Paused" : state.trial ? "On hold" : "Following";
}

export function renderFigures(plan) {
  const late = lateOrders(plan);
  byId("figures").replaceChildren(
    costFigure(plan),
    figure(
      "late orders",
      `${late.length} of ${plan.orders.length}`,
      late.length ? `by ${durationText(late.reduce((sum, order) => sum + order.lateness, 0))} together` : "all in time",
      late.length > 0,
    ),
    figure("all done", dateText(plan.end_date), fromNow(plan.end_date, plan.clock)),
    changeoverFigure(plan),
    breakdownFigure(plan),
    nervousnessFigure(plan),
  );
}

function figure(name, value, note, warns = false) {
  return make(
    "div",
    { class: warns ? "figure warns" : "figure" },
    make("dt", {}, name),
    make("dd", {}, warns ? mark("warning-mark") : null, value),
    make("dd", { class: "note" }, note),
  );
}

function costFigure(plan) {
  if (state.trial) {
    const { before, after, cost_difference: difference } = state.trial;
    return figure(
      "expected cost",
      money(plan.total_cost),
      `before ${money(before.total_cost)}, after ${money(after.total_cost)}: ${signed(difference, money(Math.abs(difference)))}`,
    );
  }
  return figure("expected cost", money(plan.total_cost), compareCosts(state.plans));
}

function compareCosts({ search, policy, rule }) {
  const first = state.edits.find(({ moment }) => moment.received === state.moment.received);
  if (first && state.draft) return compareMoves(first.plans, state.plans);
  if (!state.policy.policy.loaded) return "no policy to compare with";
  if (!policy || !rule) return "comparing policy and rule \u2026";
  const share = rule.total_cost ? (policy.total_cost - rule.total_cost) / rule.total_cost : 0;
  const searched = search ? `search ${money(search.total_cost)}, ` : "";
  return `${searched}policy ${money(policy.total_cost)}, rule ${money(rule.total_cost)}: ${signed(share, percent(Math.abs(share)))}`;
}

/** What the moves by hand have cost together. */
function compareMoves(before, after) {
  const planOf = (plans) => plans[state.by] ?? Object.values(plans)[0];
  const difference = planOf(after).total_cost - planOf(before).total_cost;
  return TEXTS.byHand(signed(difference, money(Math.abs(difference))));
}

function changeoverFigure(plan) {
  const coming = plan.changeovers.filter((changeover) => changeover.end_date > plan.clock);
  const ticks = coming.reduce((sum, changeover) => sum + changeover.end_date - Math.max(plan.clock, changeover.start_date), 0);
  return figure("changeovers to come", String(coming.length), `${durationText(ticks)} of machine time`);
}

function breakdownFigure(plan) {
  const terms = Object.entries(plan.cost);
  const bar = make("dd", { class: "shares", "aria-hidden": "true" }, ...terms.map(([, cost], place) => costShare(cost, plan.total_cost, place)));
  const keys = terms.map(([term, cost], place) => make("span", { class: "entry" }, swatch(PALETTE[place]), `${term} ${money(cost)}`));
  const title = terms.map(([term, cost]) => `${term} ${money(cost)}`).join(", ");
  return make("div", { class: "figure wide", title }, make("dt", {}, "cost by term"), bar, make("dd", { class: "note" }, ...keys));
}

function costShare(cost, total, place) {
  const part = make("span");
  part.style.width = `${total > 0 ? (100 * Math.max(0, cost)) / total : 0}%`;
  part.style.background = PALETTE[place];
  return part;
}

function nervousnessFigure(plan) {
  const change = state.trial ? state.trial.nervousness : plan.nervousness;
  const name = state.trial ? "moved by the changes" : "moved since the last plan";
  if (!change) return figure(name, "\u2013", "no plan before this one");
  const machines = change.changed_machine ? `, ${percent(change.changed_machine)} to another machine` : "";
  return figure(name, percent(change.moved), `of ${count(change.operations, "operation")}${machines}`);
}
