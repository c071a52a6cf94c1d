/** The newest shop floor, followed as it comes in. */

import { POLL_SECONDS, state } from "./state.js";
import { ask, attempt, clearProblems, Refusal, showProblems, tasks } from "./service.js";
import { say } from "./language.js";
import { renderAge, renderFollowing } from "./figures.js";
import { plan } from "./planning.js";
import { isNewFloor } from "./shown.js";
import { noteAnswer, noteSilence } from "./freshness.js";
import { withPlannersLocks } from "./kept_locks.js";

let isCutOff = false;

/** Look for a newer floor, and what else there is, for as long as the page is open. */
export async function pollForever(readOthers) {
  await poll();
  await readOthers();
  setTimeout(() => pollForever(readOthers), 1000 * POLL_SECONDS);
}

export async function poll() {
  try {
    const floor = await ask("/v1/floor");
    isCutOff = false;
    noteAnswer();
    clearProblems("floor");
    if (floor.snapshot) state.floor = floor;
    else if (!state.moment && tasks === 0) document.body.dataset.state = "empty";
    followFloor();
  } catch (error) {
    // told once, so that it stays away when it is dismissed
    if (!isCutOff) showProblems(error, "floor");
    isCutOff = true;
    if (error.status === 0 || error.status >= 500) noteSilence();
  }
}

/** Plan the newest floor, unless the planner looks at something else. */
export function followFloor() {
  renderAge();
  if (!state.following || state.trial || !isNewFloor()) return;
  state.seen = state.floor.received;
  refreshPolicy();
  plan({ snapshot: withPlannersLocks(state.floor.snapshot), source: "MES", received: state.floor.received });
}

/** A policy may be loaded or fail while the page is open. */
async function refreshPolicy() {
  try {
    state.policy = await ask("/v1/policy");
  } catch (error) {
    showProblems(error, "floor");
  }
}

export function setFollowing(following) {
  state.following = following;
  renderFollowing();
  followFloor();
}

/** Plan something else than the floor; following would soon replace it. */
function planAside(snapshot, source) {
  setFollowing(false);
  Object.assign(state, { seen: null, draft: null, edits: [], undone: [], moved: "" });
  return plan({ snapshot, source, received: null });
}

export const loadExample = () => attempt("load", async () => planAside(await ask("/v1/example"), "example"));

export function loadFile(file) {
  return attempt("load", async () => {
    const content = parseSnapshot(await file.text(), file.name);
    await planAside(content, file.name);
  });
}

function parseSnapshot(text, name) {
  try {
    const content = JSON.parse(text);
    return content.snapshot ?? content;
  } catch {
    throw new Refusal(0, [() => say("no_json", { name })]);
  }
}
