/** The next decision: its alternatives, and what separates them. */

import { ALTERNATIVES, byId, state } from "./state.js";
import { make, money, percent, setupText } from "./building.js";
import { durationText } from "./times.js";
import { meter } from "./orders.js";
import { costsButton, costsLine } from "./choice_costs.js";

function choiceText({ action, order, operation, setup }) {
  const what = order === null ? "" : `order ${order}, ${operation}`;
  const mounted = setupText(setup ?? {});
  if (action === "wait") return "wait";
  if (action === "start") return `start ${what}`;
  return `change over to ${mounted}${what ? ` for ${what}` : ""}`;
}

const sameChoice = (one, other) => whole(one) === whole(other);
const whole = ({ action, order, operation, setup }) => JSON.stringify([action, order, operation, Object.entries(setup ?? {}).sort()]);

const UNITS = {
  ticks: (value) => `${value < 0 ? "\u2212" : ""}${durationText(value)}`,
  flag: (value) => (value ? "yes" : "no"),
};

function valueText(value, unit) {
  return UNITS[unit]?.(value) ?? value.toLocaleString("en", { maximumFractionDigits: 2 });
}

export function renderDecision() {
  byId("decision").replaceChildren(...decisionParts(state.explanation));
}

function decisionParts(explanation) {
  if (!state.policy.policy.loaded)
    return [make("p", { class: "quiet" }, "No policy is loaded, so that there is nothing to explain. The rule decides.")];
  if (!explanation) return [make("p", { class: "quiet" }, "Asking the policy \u2026")];
  if (explanation.machine === null) return [make("p", { class: "quiet" }, "There is nothing to decide now.")];
  const { alternatives } = explanation;
  const [shown, folded] = [alternatives.slice(0, ALTERNATIVES), alternatives.slice(ALTERNATIVES)];
  return [
    decisionHead(explanation),
    ruleLine(explanation),
    costsButton(alternatives, renderDecision),
    make("ol", { class: "alternatives" }, ...shown.map((alternative, place) => alternativeItem(alternative, place, explanation))),
    folded.length ? foldedAlternatives(folded, explanation) : "",
  ];
}

function decisionHead({ machine, alternatives, expected_cost: cost }) {
  const note =
    cost === null
      ? ""
      : make(
          "span",
          { class: "quiet", title: "Discounted cost to come, as the policy sees it, with orders that are not known yet" },
          `expects cost ${money(cost)}`,
        );
  return make("div", { class: "head" }, make("p", {}, make("b", {}, machine), " ", choiceText(alternatives[0].choice)), note);
}

function ruleLine({ rule, rule_choice: choice, alternatives }) {
  if (!choice) return "";
  const agrees = sameChoice(choice, alternatives[0].choice);
  return make(
    "p",
    { class: agrees ? "rule" : "rule differs" },
    make("b", {}, agrees ? "Rule agrees" : "Rule differs"),
    ` ${rule} would ${agrees ? "do the same" : choiceText(choice)}.`,
  );
}

function alternativeItem(alternative, place, { rule_choice: rule }) {
  const tags = [place === 0 && "policy", rule && sameChoice(rule, alternative.choice) && "rule"].filter(Boolean);
  const line = [
    make("span", { class: "choice-text" }, choiceText(alternative.choice), ...tags.map((tag) => make("span", { class: "tag" }, tag))),
    meter(alternative.probability),
    make("span", { class: "share" }, percent(alternative.probability, 1)),
  ];
  if (!alternative.differs_in.length) return make("li", {}, make("div", { class: "line" }, ...line), costsLine(alternative));
  return make("li", {}, make("details", { open: place === 1 }, make("summary", { class: "line" }, ...line), costsLine(alternative), differenceTable(alternative.differs_in)));
}

function differenceTable(differences) {
  const rows = differences.map(({ column, unit, meaning, here, chosen }) =>
    make(
      "tr",
      { title: meaning },
      make("th", { scope: "row" }, column.replaceAll("_", " ")),
      make("td", {}, valueText(here, unit)),
      make("td", {}, valueText(chosen, unit)),
      make("td", { class: "quiet" }, unit === "ticks" ? "time" : unit),
    ),
  );
  const headings = ["what separates it", "here", "chosen", "unit"].map((text) => make("th", { scope: "col" }, text));
  return make("table", { class: "differences" }, make("thead", {}, make("tr", {}, ...headings)), make("tbody", {}, ...rows));
}

function foldedAlternatives(folded, explanation) {
  const share = folded.reduce((sum, alternative) => sum + alternative.probability, 0);
  const items = folded.map((alternative, place) => alternativeItem(alternative, place + ALTERNATIVES, explanation));
  return make(
    "details",
    { class: "folded" },
    make("summary", {}, `${folded.length} more, ${percent(share, 1)} together`),
    make("ol", { class: "alternatives" }, ...items),
  );
}
