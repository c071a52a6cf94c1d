/** The planners' board: its buttons, and the dialog that moves an operation without a pointer. */

import { byId, state } from "./state.js";
import { make } from "./building.js";
import { say, sayKept } from "./language.js";
import { announce, Refusal, showProblems } from "./service.js";
import { shownPlan } from "./shown.js";
import { eligibleMachines, findHold, placesOn } from "./move_rules.js";
import { isLocked, moveOperation } from "./moves.js";
import { comparablePlans } from "./comparison.js";
import { renderPublication } from "./publishing.js";

/** Buttons and texts of the board, for the bar that has the focus. */
export function renderBoard() {
  const isBusy = Boolean(state.trial) || !shownPlan();
  const hold = state.focused ? findHold(state.focused) : say("choose_bar");
  byId("undo").disabled = isBusy || !state.edits.length;
  byId("redo").disabled = isBusy || !state.undone.length;
  byId("publish").disabled = isBusy;
  byId("compare").disabled = isBusy || comparablePlans().length < 2;
  byId("move").disabled = byId("lock").disabled = isBusy || Boolean(hold);
  byId("lock").textContent = state.focused && isLocked(state.focused) ? say("unlock") : say("lock");
  const note = (state.focused && hold) || sayKept(state.moved) || hold;
  Object.assign(byId("board-note"), { textContent: note, title: note });
  renderPublication();
}

/** Tell why a bar was not put where the planner let go of it. */
export function tellRefusal(reason) {
  showProblems(new Refusal(422, [reason]), "board");
  announce(reason);
}

// --- moving by keyboard and by tap -----------------------------------------------------------------------------------------------

let moving = null; // operation that the dialog is about; the focus may go to another one

export function openMoving() {
  moving = state.focused;
  if (!moving || findHold(moving)) return;
  const machines = eligibleMachines(moving).map((machine) => make("option", { value: machine, selected: machine === moving.machine }, machine));
  byId("move-title").textContent = say("move_operation", moving);
  byId("move-machine").replaceChildren(...machines);
  renderPlaces();
  byId("move-dialog").returnValue = "";
  byId("move-dialog").showModal();
}

function renderPlaces() {
  const places = placesOn(byId("move-machine").value, moving);
  const options = places.map(({ before, refusal }, place) =>
    make("option", { value: place, disabled: Boolean(refusal), title: refusal || null }, before ? say("before_operation", before) : say("behind_all")),
  );
  byId("move-place").replaceChildren(...options);
  const about = places.findIndex(({ before, refusal }) => !refusal && (!before || before.selected_date >= moving.selected_date));
  byId("move-place").value = String(about);
}

byId("move-machine").addEventListener("change", renderPlaces);
byId("move-form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "move") return;
  const [machine, place] = [byId("move-machine").value, byId("move-place").value];
  if (place) moveOperation(moving, machine, placesOn(machine, moving)[Number(place)].before);
});
