/** Is the policy still better? Policy against rule so far, the alarm, and columns that have drifted. */

import { byId } from "./state.js";
import { count, make, money, percent } from "./building.js";
import { ask } from "./service.js";

const VERDICTS = {
  collecting: "Too few periods for a verdict yet",
  "policy pays": "The policy pays",
  undecided: "No difference is certain yet",
  "rule is cheaper": "The rule is cheaper",
  "no policy": "No policy is compared",
};

/** Read the comparison anew, and show it; without an answer the last one stays. */
export async function refreshOutcomes() {
  renderOutcomes(await ask("/v1/outcomes"));
}

function renderOutcomes(outcomes) {
  byId("outcomes").replaceChildren(...outcomeParts(outcomes));
  byId("outcomes-tab").classList.toggle("warns", outcomes.alarm !== null || outcomes.put_aside);
}

function outcomeParts(outcomes) {
  const { verdict, alarm, fault } = outcomes;
  return [
    make("p", { class: alarm ? "rule differs" : "rule" }, make("b", {}, VERDICTS[verdict]), ` ${savingText(outcomes)}`),
    takenOver(outcomes),
    alarm ? make("p", { class: "alarm", role: "alert" }, make("b", {}, "Alarm: "), alarm) : "",
    fault ? make("p", { class: "quiet" }, `The newest period could not be compared: ${fault}`) : "",
    periodTable(outcomes),
    ...driftParts(outcomes),
  ];
}

function savingText({ periods, saving, relative_saving: share, relative_half_width: width }) {
  if (!periods || saving === null) return "";
  const better = saving >= 0 ? "less" : "more";
  const interval = width === null ? "" : `, ${percent(share, 1)} (\u00b1 ${percent(width, 1)})`;
  return `The policy costs ${money(Math.abs(saving))} ${better} than the rule for a period${interval}, over ${count(periods, "period")}.`;
}

function takenOver({ alarm, on_drift: onDrift, put_aside: putAside }) {
  if (putAside) return make("p", { class: "rule differs" }, make("b", {}, "The rule has taken over"), " after an alarm. A reload of the bundle lets the policy decide again.");
  if (alarm && onDrift === "warn") return make("p", { class: "quiet" }, "The policy goes on deciding: the service was told only to warn.");
  return "";
}

function periodTable({ newest, realised_cost: realised, rule_estimate: estimate }) {
  const rows = [];
  if (newest) rows.push(["Newest period, simulated", newest.policy_cost, newest.rule_cost]);
  if (realised !== null) rows.push(["Lateness and work in progress, as it was", realised, estimate]);
  if (!rows.length) return "";
  const headings = ["cost", "policy", "rule"].map((text) => make("th", { scope: "col" }, text));
  const lines = rows.map(([title, policy, rule]) => make("tr", {}, make("th", { scope: "row" }, title), make("td", {}, money(policy)), make("td", {}, money(rule))));
  return make("table", { class: "differences" }, make("thead", {}, make("tr", {}, ...headings)), make("tbody", {}, ...lines));
}

function driftParts({ verdict, drift_known: isKnown, drifted, snapshots }) {
  if (verdict === "no policy") return [];
  if (!isKnown) return [make("p", { class: "quiet" }, "The bundle has no ranges of its training, so drift cannot be noticed. Export it again.")];
  if (!drifted.length) return [make("p", { class: "quiet" }, `The floor is like that of the training (${count(snapshots, "snapshot")} compared).`)];
  return [
    make("p", {}, make("b", {}, "Unlike the training:")),
    make("ul", { class: "drifted" }, ...drifted.map(({ sentence, column }) => make("li", { title: column }, sentence))),
  ];
}
