/** What-ifs that are kept under a name, for all pages. */

import { byId, state } from "./state.js";
import { make } from "./building.js";
import { announce, ask, attempt } from "./service.js";
import { renderWhatIf } from "./what_if.js";

const pathOf = (name) => `/v1/plans/scenarios/${encodeURIComponent(name)}`;

export async function refreshScenarios() {
  showScenarios(await ask("/v1/plans/scenarios"));
}

function showScenarios({ scenarios }) {
  state.scenarios = scenarios;
  byId("scenarios").replaceChildren(...scenarios.map(scenarioItem));
}

function scenarioItem(scenario) {
  const { name, saved_by: author, changes } = scenario;
  const open = make("button", { type: "button", title: `${changes.length} changes, kept by ${author}`, click: () => openScenario(scenario) }, name);
  const remove = make("button", { type: "button", "aria-label": `Remove scenario ${name}`, click: () => removeScenario(name) }, "Remove");
  return make("li", {}, open, remove);
}

function openScenario({ name, changes }) {
  state.changes = [...changes];
  renderWhatIf();
  announce(`Scenario ${name} opened`);
}

const removeScenario = (name) => attempt("scenarios", async () => showScenarios(await ask(pathOf(name), null, "DELETE")));

export function keepScenario() {
  const name = byId("scenario-name").value.trim();
  if (!name || !state.changes.length) return;
  const body = { changes: state.changes, saved_by: localStorage.getItem("author") || "a planner" };
  attempt("scenarios", async () => {
    showScenarios(await ask(pathOf(name), body, "PUT"));
    byId("scenario-name").value = "";
    announce(`Scenario ${name} kept`);
  });
}
