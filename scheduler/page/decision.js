/** The next decision: its alternatives, and what separates them. */

import { ALTERNATIVES, byId, state } from "./state.js";
import { make, money, percent, setupText } from "./building.js";
import { locale, say, sayName } from "./language.js";
import { durationText } from "./times.js";
import { meter } from "./orders.js";
import { costsButton, costsLine } from "./choice_costs.js";

function choiceText({ action, order, operation, setup, maintenance }) {
  const mounted = setupText(setup ?? {});
  if (action === "maintenance") return say("choice_maintenance", { name: maintenance });
  if (action === "wait") return say("choice_wait");
  if (action === "start") return say("choice_start", { order, operation });
  return order === null ? say("choice_change", { setup: mounted }) : say("choice_change_for", { setup: mounted, order, operation });
}

const sameChoice = (one, other) => whole(one) === whole(other);
const whole = ({ action, order, operation, setup, maintenance = null }) => JSON.stringify([action, order, operation, maintenance, Object.entries(setup ?? {}).sort()]);

const UNITS = {
  ticks: (value) => `${value < 0 ? "\u2212" : ""}${durationText(value)}`,
  flag: (value) => say(value ? "yes" : "no"),
  currency: money,
  probability: (value) => percent(value, 1),
};

function valueText(value, unit) {
  return UNITS[unit]?.(value) ?? value.toLocaleString(locale(), { maximumFractionDigits: 2 });
}

export function renderDecision() {
  byId("decision").replaceChildren(...decisionParts(state.explanation));
}

function decisionParts(explanation) {
  if (!state.policy.policy.loaded)
    return [make("p", { class: "quiet" }, say("nothing_to_explain"))];
  if (!explanation) return [make("p", { class: "quiet" }, say("asking"))];
  if (explanation.machine === null) return [make("p", { class: "quiet" }, say("nothing_to_decide"))];
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
          { class: "quiet", title: say("expects_cost_title") },
          say("expects_cost", { cost: money(cost) }),
        );
  return make("div", { class: "head" }, make("p", {}, make("b", {}, machine), " ", choiceText(alternatives[0].choice)), note);
}

function ruleLine({ rule, rule_choice: choice, alternatives }) {
  if (!choice) return "";
  const agrees = sameChoice(choice, alternatives[0].choice);
  return make(
    "p",
    { class: agrees ? "rule" : "rule differs" },
    make("b", {}, say(agrees ? "rule_agrees" : "rule_differs")),
    ` ${agrees ? say("rule_same", { rule }) : say("rule_would", { rule, choice: choiceText(choice) })}`,
  );
}

function alternativeItem(alternative, place, { rule_choice: rule }) {
  const tags = [place === 0 && "policy", rule && sameChoice(rule, alternative.choice) && "rule"].filter(Boolean);
  const line = [
    make("span", { class: "choice-text" }, choiceText(alternative.choice), ...tags.map((tag) => make("span", { class: "tag" }, say(`by_${tag}`)))),
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
      make("th", { scope: "row" }, sayName("column", column)),
      make("td", {}, valueText(here, unit)),
      make("td", {}, valueText(chosen, unit)),
      make("td", { class: "quiet" }, sayName("unit", unit)),
    ),
  );
  const headings = ["what_separates", "here", "chosen", "unit"].map((key) => make("th", { scope: "col" }, say(key)));
  return make("table", { class: "differences" }, make("thead", {}, make("tr", {}, ...headings)), make("tbody", {}, ...rows));
}

function foldedAlternatives(folded, explanation) {
  const share = folded.reduce((sum, alternative) => sum + alternative.probability, 0);
  const items = folded.map((alternative, place) => alternativeItem(alternative, place + ALTERNATIVES, explanation));
  return make(
    "details",
    { class: "folded" },
    make("summary", {}, say("more_together", { number: folded.length, share: percent(share, 1) })),
    make("ol", { class: "alternatives" }, ...items),
  );
}
