/** Is the policy still better? Policy against rule so far, the alarm, and columns that have drifted. */

import { byId, state } from "./state.js";
import { make, money, percent } from "./building.js";
import { say, sayCount, sayName } from "./language.js";
import { ask } from "./service.js";

/** Read the comparison anew, and show it; without an answer the last one stays. */
export async function refreshOutcomes() {
  state.outcomes = await ask("/v1/outcomes");
  renderOutcomes();
}

export function renderOutcomes() {
  const { outcomes } = state;
  if (!outcomes) return;
  byId("outcomes").replaceChildren(...outcomeParts(outcomes));
  byId("outcomes-tab").classList.toggle("warns", outcomes.alarm !== null || outcomes.put_aside);
}

function outcomeParts(outcomes) {
  const { verdict, alarm, fault } = outcomes;
  return [
    make("p", { class: alarm ? "rule differs" : "rule" }, make("b", {}, sayName("verdict", verdict)), ` ${savingText(outcomes)}`),
    takenOver(outcomes),
    alarm ? make("p", { class: "alarm", role: "alert" }, make("b", {}, `${say("alarm")}: `), alarm) : "",
    fault ? make("p", { class: "quiet" }, say("period_fault", { fault })) : "",
    periodTable(outcomes),
    ...driftParts(outcomes),
  ];
}

function savingText({ periods, saving, relative_saving: share, relative_half_width: width }) {
  if (!periods || saving === null) return "";
  const interval = width === null ? "" : `, ${percent(share, 1)} (\u00b1 ${percent(width, 1)})`;
  return say(saving >= 0 ? "policy_cheaper" : "policy_dearer", { cost: money(Math.abs(saving)), interval, periods: sayCount("periods", periods) });
}

function takenOver({ alarm, on_drift: onDrift, put_aside: putAside }) {
  if (putAside) return make("p", { class: "rule differs" }, make("b", {}, say("rule_took_over")), ` ${say("rule_took_over_text")}`);
  if (alarm && onDrift === "warn") return make("p", { class: "quiet" }, say("only_warned"));
  return "";
}

function periodTable({ newest, realised_cost: realised, rule_estimate: estimate }) {
  const rows = [];
  if (newest) rows.push([say("newest_period"), newest.policy_cost, newest.rule_cost]);
  if (realised !== null) rows.push([say("realised_cost"), realised, estimate]);
  if (!rows.length) return "";
  const headings = ["cost", "by_policy", "by_rule"].map((key) => make("th", { scope: "col" }, say(key)));
  const lines = rows.map(([title, policy, rule]) => make("tr", {}, make("th", { scope: "row" }, title), make("td", {}, money(policy)), make("td", {}, money(rule))));
  return make("table", { class: "differences" }, make("thead", {}, make("tr", {}, ...headings)), make("tbody", {}, ...lines));
}

function driftParts({ verdict, drift_known: isKnown, drifted, snapshots }) {
  if (verdict === "no policy") return [];
  if (!isKnown) return [make("p", { class: "quiet" }, say("drift_unknown"))];
  if (!drifted.length) return [make("p", { class: "quiet" }, say("no_drift", { snapshots: sayCount("snapshots", snapshots) }))];
  return [
    make("p", {}, make("b", {}, say("drift_found"))),
    make("ul", { class: "drifted" }, ...drifted.map(({ sentence, column }) => make("li", { title: column }, sentence))),
  ];
}
