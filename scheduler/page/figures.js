/** The header, and the key figures of the plan. */

import { byId, state } from "./state.js";
import { make, mark, money, percent, signed, swatch } from "./building.js";
import { decimal, say, sayCount, sayName } from "./language.js";
import { ageText, dateText, durationText, fromNow, wholeDate, zoneName } from "./times.js";
import { PALETTE } from "./colours.js";
import { isNewFloor, lateOrders } from "./shown.js";
import { isOld, renderFreshness, serviceNow } from "./freshness.js";

export function renderHeader(plan) {
  byId("factory").textContent = state.policy.factory;
  byId("clock").textContent = wholeDate(plan.clock);
  byId("clock").title = say("zone_title", { zone: zoneName() || say("no_zone") });
  byId("zone").textContent = zoneName();
  document.title = say("page_title", { orders: sayCount("orders_count", lateOrders(plan).length), factory: state.policy.factory });
  byId("badges").replaceChildren(...findBadges(plan).map(renderBadge));
  renderAge();
  renderFollowing();
}

export function findBadges(plan) {
  const { policy, rule, shadow } = state.policy;
  const steps = policy.trained_steps ? say("trained_steps", { millions: decimal(policy.trained_steps / 1e6, 1) }) : "";
  const badges = [];
  if (policy.loaded)
    badges.push({ text: say("policy_badge", { hash: policy.sha256?.slice(0, 8) ?? "" }), title: say("policy_title", { hash: policy.sha256, steps, rule }) });
  else badges.push({ text: say("no_policy_badge"), title: say("no_policy_title", { fault: policy.fault ?? say("no_policy"), rule }), warns: true });
  if (policy.loaded && policy.refused) badges.push({ text: say("refused_badge"), title: `${policy.refused} (${policy.refused_date})`, warns: true });
  if (shadow)
    badges.push({
      text: say("shadow_badge"),
      title: say("shadow_title", { rule }),
      warns: true,
    });
  if (plan?.fallbacks) badges.push({ text: say("fallback_badge", { decisions: sayCount("decisions", plan.fallbacks) }), title: plan.faults.join("\n"), warns: true });
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
  const newer = isNewFloor() && (state.trial || !state.following) ? say("newer_here") : "";
  byId("age").textContent = received ? say("received_ago", { age: ageText(seconds) }) + newer : sayName("source", source, source) + newer;
  byId("age").classList.toggle("warns", isOld(seconds));
}

/** What the plan leaves out of the snapshot, and what it could not keep. */
export function renderNotes(plan) {
  const asides = (plan.set_aside ?? []).map(({ order, place, problem }) => say("aside", { part: order === null ? place : say("order_lower", { order }), problem }));
  const moved = (plan.unfrozen ?? []).map(({ order, operation, reason }) => say("unfrozen", { order, operation, reason }));
  const lines = [...asides, ...moved];
  byId("notes").hidden = !lines.length;
  byId("notes-title").textContent = [asides.length && sayCount("notes_aside", asides.length), moved.length && sayCount("notes_moved", moved.length)].filter(Boolean).join("; ");
  byId("note-lines").replaceChildren(...lines.map((line) => make("li", {}, line)));
}

export function renderFollowing() {
  const button = byId("follow");
  button.setAttribute("aria-pressed", String(state.following));
  button.textContent = say(!state.following ? "paused" : state.trial ? "on_hold" : "following");
}

export function renderFigures(plan) {
  const late = lateOrders(plan);
  byId("figures").replaceChildren(
    costFigure(plan),
    figure(
      say("late_orders"),
      say("number_of", { number: late.length, all: plan.orders.length }),
      late.length ? say("late_together", { duration: durationText(late.reduce((sum, order) => sum + order.lateness, 0)) }) : say("all_in_time"),
      late.length > 0,
    ),
    figure(say("all_done"), dateText(plan.end_date), fromNow(plan.end_date, plan.clock)),
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
      say("expected_cost"),
      money(plan.total_cost),
      say("cost_before_after", {
        before: money(before.total_cost),
        after: money(after.total_cost),
        difference: signed(difference, money(Math.abs(difference))),
      }),
    );
  }
  return figure(say("expected_cost"), money(plan.total_cost), compareCosts(state.plans));
}

function compareCosts({ search, policy, rule }) {
  const first = state.edits.find(({ moment }) => moment.received === state.moment.received);
  if (first && state.draft) return compareMoves(first.plans, state.plans);
  if (!state.policy.policy.loaded) return say("no_policy_to_compare");
  if (!policy || !rule) return state.comparing === state.round ? say("comparing") : "";
  const share = rule.total_cost ? (policy.total_cost - rule.total_cost) / rule.total_cost : 0;
  const searched = search ? say("search_cost", { cost: money(search.total_cost) }) : "";
  return searched + say("costs_compared", { policy: money(policy.total_cost), rule: money(rule.total_cost), difference: signed(share, percent(Math.abs(share))) });
}

/** What the moves by hand have cost together. */
function compareMoves(before, after) {
  const planOf = (plans) => plans[state.by] ?? Object.values(plans)[0];
  const difference = planOf(after).total_cost - planOf(before).total_cost;
  return say("moved_by_hand", { difference: signed(difference, money(Math.abs(difference))) });
}

function changeoverFigure(plan) {
  const coming = plan.changeovers.filter((changeover) => changeover.end_date > plan.clock);
  const ticks = coming.reduce((sum, changeover) => sum + changeover.end_date - Math.max(plan.clock, changeover.start_date), 0);
  return figure(say("changeovers_to_come"), String(coming.length), say("machine_time", { duration: durationText(ticks) }));
}

function breakdownFigure(plan) {
  const terms = Object.entries(plan.cost);
  const bar = make("dd", { class: "shares", "aria-hidden": "true" }, ...terms.map(([, cost], place) => costShare(cost, plan.total_cost, place)));
  const keys = terms.map(([term, cost], place) => make("span", { class: "entry" }, swatch(PALETTE[place]), `${sayName("cost", term)} ${money(cost)}`));
  const title = terms.map(([term, cost]) => `${sayName("cost", term)} ${money(cost)}`).join(", ");
  return make("div", { class: "figure wide", title }, make("dt", {}, say("cost_by_term")), bar, make("dd", { class: "note" }, ...keys));
}

function costShare(cost, total, place) {
  const part = make("span");
  part.style.width = `${total > 0 ? (100 * Math.max(0, cost)) / total : 0}%`;
  part.style.background = PALETTE[place];
  return part;
}

function nervousnessFigure(plan) {
  const change = state.trial ? state.trial.nervousness : plan.nervousness;
  const name = say(state.trial ? "moved_by_changes" : "moved_since");
  if (!change) return figure(name, "\u2013", say("no_plan_before"));
  const machines = change.changed_machine ? say("to_another_machine", { share: percent(change.changed_machine) }) : "";
  return figure(name, percent(change.moved), say("of_operations", { operations: sayCount("operations", change.operations) }) + machines);
}
