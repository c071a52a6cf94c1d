/** The planner's page: the newest shop floor, its plan, the next decision, and what would happen if. */

import { byId, POLL_SECONDS, state } from "./state.js";
import { make } from "./building.js";
import { ask, clearProblems, hideProblems, showProblems } from "./service.js";
import { learnSetups, learnValues, renderLegend } from "./colours.js";
import { onPlan, onSelection, render, selectOrder, shownPlan } from "./shown.js";
import { gantt, isWallAsked, renderChart, setWall, wirePaper } from "./chart.js";
import { renderFilter, wireFilter } from "./filter.js";
import { currentLanguage, onLanguage, say, setLanguage, translateDocument } from "./language.js";
import { findBadges, renderAge, renderBadge, renderFigures, renderFollowing, renderHeader, renderNotes } from "./figures.js";
import { renderQueues } from "./queues.js";
import { firstOrder, markOrder, renderOrders } from "./orders.js";
import { renderDecision } from "./decision.js";
import { CHANGE_FORMS, openForm } from "./change_forms.js";
import { leaveTrial, renderWhatIf, setVersion, tryChanges } from "./what_if.js";
import { choosePlanner, sampleFutures } from "./planning.js";
import { loadExample, loadFile, poll, pollForever, setFollowing } from "./following.js";
import { openMoving, renderBoard } from "./board.js";
import { openComparing } from "./comparison.js";
import { refreshOutcomes, renderOutcomes } from "./outcomes.js";
import { redo, toggleLock, undo } from "./moves.js";
import { openPublishing, refreshPublished } from "./publishing.js";
import { keepScenario, nameScenario, refreshScenarios, renderScenarios } from "./scenarios.js";
import { isTold, listen, onEvent } from "./events.js";
import { ticksOfHours } from "./times.js";

function wireDrawing() {
  for (const draw of [learnSetups, renderFilter, renderHeader, renderFigures, renderChart, renderQueues, renderOrders, renderDecision, renderWhatIf, renderNotes, renderBoard]) onPlan(draw);
  onSelection((order) => gantt.select(order));
  onSelection(markOrder);
}

/** Draw the lists and the chart for what the planner looks for now. */
function drawFiltered() {
  const plan = shownPlan();
  if (plan) for (const draw of [renderFilter, renderChart, renderQueues, renderOrders]) draw(plan);
}

function onClick(id, handler) {
  byId(id).addEventListener("click", handler);
}

function onChoice(name, handler) {
  for (const input of document.querySelectorAll(`input[name="${name}"]`)) input.addEventListener("change", () => handler(input.value));
}

function wireControls() {
  onClick("dismiss", hideProblems);
  onClick("follow", () => setFollowing(!state.following));
  for (const id of ["load-example", "welcome-example"]) onClick(id, loadExample);
  for (const id of ["load-file", "welcome-file"]) onClick(id, () => byId("file").click());
  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) loadFile(file);
    event.target.value = "";
  });
  onClick("zoom-in", () => gantt.zoom(1.4));
  onClick("zoom-out", () => gantt.zoom(1 / 1.4));
  onClick("fit", () => gantt.scene && gantt.fit());
  onClick("back", leaveTrial);
  onClick("try", tryChanges);
  onClick("sample", sampleFutures);
  onClick("undo", undo);
  onClick("redo", redo);
  onClick("publish", openPublishing);
  onClick("compare", openComparing);
  onClick("move", openMoving);
  onClick("lock", () => state.focused && toggleLock(state.focused));
  onClick("keep-scenario", keepScenario);
  byId("scenario-name").addEventListener("input", nameScenario);
  onClick("wall", () => setWall(!document.body.hasAttribute("data-wall")));
  onClick("leave-wall", () => setWall(false));
  onClick("print", () => print());
  byId("frozen").addEventListener("change", (event) => {
    state.frozen = Math.max(0, ticksOfHours(Number(event.target.value) || 0));
  });
  onChoice("by", choosePlanner);
  onChoice("version", setVersion);
  onChoice("colouring", recolour);
}

/** The language of the address, of the last visit or of the browser, until another is chosen. */
function wireLanguage() {
  translateDocument();
  byId("language").value = currentLanguage();
  byId("language").addEventListener("change", ({ target }) => setLanguage(target.value));
  onLanguage(() => {
    showPolicy();
    nameChanges();
    render();
    for (const draw of [renderBoard, renderWhatIf, renderScenarios, renderOutcomes, renderAge, renderFollowing]) draw();
    clearProblems("board");
  });
}

function recolour(colouring) {
  state.colouring = colouring;
  if (!gantt.scene) return;
  gantt.recolour();
  renderLegend(shownPlan());
}

function wirePanels() {
  const tabs = document.querySelectorAll(".tabs button");
  for (const tab of tabs) {
    tab.addEventListener("click", () => {
      document.body.dataset.panel = tab.dataset.panel;
      for (const one of tabs) one.setAttribute("aria-pressed", String(one === tab));
    });
  }
  const kinds = Object.keys(CHANGE_FORMS).map((kind) => make("button", { type: "button", "data-kind": kind, disabled: true, click: () => openForm(kind) }));
  byId("change-kinds").replaceChildren(...kinds);
  nameChanges();
}

function nameChanges() {
  for (const button of byId("change-kinds").children) button.textContent = say(CHANGE_FORMS[button.dataset.kind].title);
}

/** Factory and policy, which are known before there is a plan. */
function showPolicy() {
  if (!state.policy) return;
  byId("factory").textContent = state.policy.factory;
  const needs = { extra_shift: state.policy.calendars, staff_absent: state.policy.groups };
  for (const button of byId("change-kinds").children) button.hidden = needs[button.dataset.kind]?.length === 0;
  byId("badges").replaceChildren(...findBadges(null).map(renderBadge));
}

function wireDropping() {
  let depth = 0; // the pointer enters and leaves every element on its way
  const over = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dropping", depth > 0);
  };
  document.addEventListener("dragenter", () => over(1));
  document.addEventListener("dragleave", () => over(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(-depth);
    const [file] = event.dataTransfer.files;
    if (file) loadFile(file);
  });
}

function wireKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) selectOrder(null);
  });
}

/** Who plans here; the service may still be starting. */
async function awaitPolicy() {
  for (;;) {
    try {
      state.policy = await ask("/v1/policy");
      clearProblems("start");
      return;
    } catch (error) {
      showProblems(error, "start");
      document.body.dataset.state = "fault";
      await new Promise((resolve) => setTimeout(resolve, 1000 * POLL_SECONDS));
    }
  }
}

async function start() {
  wireLanguage();
  wireDrawing();
  wireControls();
  wirePanels();
  wireDropping();
  wireKeys();
  wirePaper();
  wireFilter(drawFiltered, () => selectOrder(firstOrder()));
  setWall(isWallAsked());
  await awaitPolicy();
  showPolicy();
  learnValues();
  setInterval(renderAge, 1000);
  for (const [event, read] of [["floor", poll], ["plan", refreshPublished], ["scenarios", refreshScenarios], ["floor", refreshOutcomes]]) onEvent(event, () => void read().catch(() => {}));
  await refreshPublished().catch(() => {});
  await refreshOutcomes().catch(() => {});
  nameScenario();
  listen();
  pollForever(async () => isTold() || Promise.allSettled([refreshPublished(), refreshScenarios()]));
}

start();
