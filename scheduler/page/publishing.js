/** The plan is published for the MES and all pages, and another page's plan is taken over. */

import { byId, state } from "./state.js";
import { announce, ask, attempt } from "./service.js";
import { render, shownPlan } from "./shown.js";
import { ageText, dateText } from "./times.js";
import { say } from "./language.js";
import { currentPublication, keepAuthor, knownAuthor } from "./publication.js";
import { serviceNow } from "./freshness.js";
import { locks } from "./moves.js";

let seen = 0; // revision that the planner saw when the dialog was opened

/** Ask for the name of the planner, then publish the plan that is shown. */
export function openPublishing() {
  seen = currentPublication().revision;
  byId("author").value = knownAuthor();
  byId("publish-note").textContent = seen ? say("publish_replaces", { plan: publicationText() }) : say("publish_first");
  byId("publish-dialog").returnValue = "";
  byId("publish-dialog").showModal();
}

byId("publish-form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "publish") return;
  const author = byId("author").value.trim();
  if (!author) return;
  keepAuthor(author);
  publish(author);
});

async function publish(author) {
  const error = await attempt("publish", async () => {
    const body = { plan: shownPlan(), locks: locks(), published_by: author, revision: seen };
    state.published = await ask("/v1/plans/current", body, "PUT");
    Object.assign(state, { draft: null, edits: [], undone: [], moved: "" });
    render();
    announce(publicationText());
  });
  if (error?.status === 409) await refreshPublished().catch(() => {});
}

/** Read the published plan; a page without moves of its own shows what another page has published. */
export async function refreshPublished() {
  const before = currentPublication();
  const published = await ask("/v1/plans/current");
  if (published.revision === before.revision && published.published_date === before.published_date) return;
  state.published = published;
  if (published.plan) announce(publicationText());
  if (canTakeOver(published)) takeOver(published);
  renderPublication();
}

/** Whether the page shows the floor that the plan is for, and nothing that its planner works on. */
function canTakeOver({ plan }) {
  const shown = shownPlan();
  return plan && shown && !state.trial && !state.draft && state.following && plan.clock === shown.clock && plan.factory === shown.factory;
}

function takeOver({ plan, locks: wanted }) {
  const { moment, by } = state;
  state.round += 1;
  Object.assign(state, { moment: { ...moment, snapshot: { ...moment.snapshot, locks: wanted } }, plans: { [by]: plan }, moved: "", round: state.round + 1 });
  render();
}

export function publicationText() {
  const { plan, revision, published_by: author, published_date: date } = currentPublication();
  if (!plan) return "";
  const seconds = Math.max(0, (serviceNow() - Date.parse(date)) / 1000);
  return say("published_by", { revision, author, age: ageText(seconds) });
}

const sequence = ({ clock, operations }) => JSON.stringify([clock, operations.map((one) => [one.machine, one.order, one.operation, one.start_date])]);

/** What is published, and whether it is what the screen shows. */
export function renderPublication() {
  const { plan } = currentPublication();
  const shown = state.trial ? null : shownPlan();
  const relation = plan && shown ? (sequence(plan) === sequence(shown) ? say("published_shown") : say("published_differs")) : "";
  const text = publicationText() || say("not_published");
  byId("published").textContent = [text, relation].filter(Boolean).join("; ");
  byId("published").title = plan ? say("published_for", { plan: text, clock: dateText(plan.clock) }) : text;
}
