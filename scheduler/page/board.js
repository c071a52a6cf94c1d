/** The planners' board: operations are moved and locked by hand, and plans are published for all pages. */

import { byId, state } from "./state.js";
import { make } from "./building.js";
import { announce, ask, attempt } from "./service.js";
import { orderState, render, shownPlan } from "./shown.js";
import { ageText, dateText } from "./times.js";
import { requestPlan } from "./planning.js";
import { comparePlans } from "./comparison.js";
import { currentPublication } from "./publication.js";

const AUTHOR = "author";
const MAX_UNDO = 50;

/** The locks that the next plan is made with: those of the planner, or else those of the snapshot. */
export const locks = () => state.moment?.snapshot.locks ?? [];

const isSame = (one, other) => one.order === other.order && one.operation === other.operation;

/** Machines that can do an operation of an order. */
export function eligibleMachines(operation) {
  const product = orderState(operation.order)?.product;
  return state.policy.eligible_machines?.[product]?.[operation.operation] ?? [operation.machine];
}

export const isMovable = (operation) => !operation.in_process && !state.trial && operation.end_date > shownPlan().clock;

/** Operations of a machine in their sequence that have not begun. */
export function sequenceOf(machine) {
  const plan = shownPlan();
  return plan.operations.filter((one) => one.machine === machine && isMovable(one)).sort((one, other) => one.selected_date - other.selected_date);
}

/**
 * Move an operation to a machine, before another one there, or behind all that is locked or planned there.
 * What the machine does before it is locked too, as a machine does nothing before its locks.
 */
export function moveOperation(operation, machine, before = null) {
  const sequence = sequenceOf(machine).filter((one) => !isSame(one, operation));
  const place = before ? sequence.findIndex((one) => isSame(one, before)) : sequence.length;
  const ahead = sequence.slice(0, place < 0 ? sequence.length : place);
  const behind = sequence.slice(ahead.length).filter((one) => one.locked);
  const lock = (one) => ({ machine, order: one.order, operation: one.operation });
  const others = locks().filter((one) => one.machine !== machine && !isSame(one, operation));
  const wanted = [...others, ...[...ahead, operation, ...behind].map(lock)];
  return replan(wanted, `Order ${operation.order}, ${operation.operation} moved to ${machine}`);
}

export const isLocked = (operation) => locks().some((one) => isSame(one, operation));

/** Fix an operation to its machine and place, or free it. */
export function toggleLock(operation) {
  if (!isLocked(operation)) {
    const sequence = sequenceOf(operation.machine);
    return moveOperation(operation, operation.machine, sequence[sequence.findIndex((one) => isSame(one, operation)) + 1] ?? null);
  }
  return replan(
    locks().filter((one) => !isSame(one, operation)),
    `Order ${operation.order}, ${operation.operation} unlocked`,
  );
}

/** Let the service check the locks and plan with them; what was before can be had back. */
async function replan(wanted, text) {
  const { moment, by, plans, edits } = state;
  const round = ++state.round;
  await attempt("board", async () => {
    const snapshot = { ...moment.snapshot, locks: wanted };
    const made = await requestPlan({ ...moment, snapshot }, by, { previous: plans[by] ?? null, strict: true });
    if (round !== state.round) return;
    edits.push({ moment, plans });
    if (edits.length > MAX_UNDO) edits.shift();
    Object.assign(state, { moment: { ...moment, snapshot }, plans: { [by]: made } });
    render();
    announce(text);
  });
}

export function undo() {
  const before = state.edits.pop();
  if (!before) return;
  state.round += 1;
  Object.assign(state, before);
  render();
  announce("Undone");
}

// --- publishing ------------------------------------------------------------------------------------------------------------------

/** Ask for the name of the planner, then publish the plan that is shown. */
export function openPublishing() {
  const dialog = byId("publish-dialog");
  byId("author").value = localStorage.getItem(AUTHOR) ?? "";
  byId("publish-note").textContent = publicationText() || "No plan was published yet.";
  dialog.returnValue = "";
  dialog.showModal();
}

byId("publish-form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "publish") return;
  const author = byId("author").value.trim();
  if (!author) return;
  localStorage.setItem(AUTHOR, author);
  publish(author);
});

function publish(author) {
  const { revision } = currentPublication();
  return attempt("publish", async () => {
    const body = { plan: shownPlan(), locks: locks(), published_by: author, revision };
    state.published = await ask("/v1/plans/current", body, "PUT");
    state.edits = [];
    renderBoard();
    announce(publicationText());
  });
}

/** Read the published plan again; another page may have published it. */
export async function refreshPublished() {
  const before = currentPublication().revision;
  state.published = await ask("/v1/plans/current");
  if (state.published.revision !== before && state.published.plan) announce(publicationText());
  renderBoard();
}

function publicationText() {
  const { plan, revision, published_by: author, published_date: date } = currentPublication();
  if (!plan) return "";
  const seconds = Math.max(0, (Date.now() + state.clockOffset - Date.parse(date)) / 1000);
  return `Plan ${revision}, published by ${author} ${ageText(seconds)} ago, from ${dateText(plan.clock)} on`;
}

/** Show what changes from the published plan to the one on the screen. */
export function compareWithPublished() {
  const { plan } = currentPublication();
  if (!plan || !shownPlan()) return;
  comparePlans(plan, shownPlan());
}

/** Buttons and texts of the board, for the bar that has the focus. */
export function renderBoard() {
  const { plan } = currentPublication();
  const isBusy = Boolean(state.trial) || !shownPlan();
  const movable = !isBusy && state.focused && isMovable(state.focused);
  byId("published").textContent = publicationText() || "No plan published";
  byId("undo").disabled = isBusy || !state.edits.length;
  byId("publish").disabled = isBusy;
  byId("compare").disabled = isBusy || !plan;
  byId("move").disabled = byId("lock").disabled = !movable;
  byId("lock").textContent = movable && isLocked(state.focused) ? "Unlock" : "Lock";
}

// --- moving by keyboard and by tap -----------------------------------------------------------------------------------------------

export function openMoving() {
  const operation = state.focused;
  if (!operation || !isMovable(operation)) return;
  const machines = eligibleMachines(operation).map((machine) => make("option", { value: machine, selected: machine === operation.machine }, machine));
  byId("move-title").textContent = `Move order ${operation.order}, ${operation.operation}`;
  byId("move-machine").replaceChildren(...machines);
  renderPlaces();
  byId("move-dialog").returnValue = "";
  byId("move-dialog").showModal();
}

function placesOn(machine) {
  return sequenceOf(machine).filter((one) => !isSame(one, state.focused));
}

function renderPlaces() {
  const places = placesOn(byId("move-machine").value).map((one, place) => make("option", { value: place }, `before order ${one.order}, ${one.operation}`));
  byId("move-place").replaceChildren(...places, make("option", { value: "" }, "behind all others"));
}

byId("move-machine").addEventListener("change", renderPlaces);
byId("move-form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "move") return;
  const [machine, place] = [byId("move-machine").value, byId("move-place").value];
  moveOperation(state.focused, machine, place === "" ? null : placesOn(machine)[Number(place)]);
});
