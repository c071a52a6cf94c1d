/** What-ifs that are kept under a name, for all pages. */

import { byId, state } from "./state.js";
import { make } from "./building.js";
import { say, sayCount } from "./language.js";
import { announce, ask, attempt, Refusal, showProblems } from "./service.js";
import { ageText } from "./times.js";
import { renderWhatIf, tryChanges } from "./what_if.js";
import { keepAuthor, knownAuthor } from "./publication.js";
import { serviceNow } from "./freshness.js";

const pathOf = (name) => `/v1/plans/scenarios/${encodeURIComponent(name)}`;

export async function refreshScenarios() {
  showScenarios(await ask("/v1/plans/scenarios"));
}

function showScenarios({ scenarios }) {
  state.scenarios = scenarios;
  renderScenarios();
}

export function renderScenarios() {
  byId("scenarios").replaceChildren(...state.scenarios.map(scenarioItem));
  nameScenario();
}

function scenarioItem(scenario) {
  const { name, saved_by: author, saved_date: date, changes } = scenario;
  const age = ageText(Math.max(0, (serviceNow() - Date.parse(date)) / 1000));
  const open = make("button", { type: "button", click: () => openScenario(scenario) }, name);
  const detail = make("span", { class: "quiet stretch" }, sayCount("changes_kept", changes.length, { author, age }));
  const remove = make("button", { type: "button", "aria-label": say("remove_scenario", { name }), click: () => removeScenario(name) }, say("remove"));
  return make("li", { "data-scenario": name }, open, detail, remove);
}

/** Take the changes of a scenario, and try them on what is known now. */
function openScenario({ name, changes }) {
  state.changes = [...changes];
  byId("scenario-name").value = name;
  nameScenario();
  renderWhatIf();
  announce(say("scenario_opened", { name }));
  if (state.moment) tryChanges();
}

const removeScenario = (name) => attempt("scenarios", async () => showScenarios(await ask(pathOf(name), null, "DELETE")));

/** Say whether keeping replaces a scenario of that name. */
export function nameScenario() {
  const isKept = state.scenarios.some(({ name }) => name === byId("scenario-name").value.trim());
  byId("keep-scenario").textContent = isKept ? say("replace") : say("keep");
  if (!byId("scenario-author").value) byId("scenario-author").value = knownAuthor();
}

export function keepScenario() {
  const [name, author] = ["scenario-name", "scenario-author"].map((id) => byId(id).value.trim());
  const missing = !state.changes.length ? "no_changes" : !name ? "no_name" : author ? "" : "no_author";
  if (missing) {
    showProblems(new Refusal(422, [() => say(missing)]), "scenarios");
    return undefined;
  }
  keepAuthor(author);
  return attempt("scenarios", async () => {
    showScenarios(await ask(pathOf(name), { changes: state.changes, saved_by: author }, "PUT"));
    byId("scenario-name").value = "";
    nameScenario();
    announce(say("scenario_kept", { name }));
  });
}
