/** Requests to the service, and what is said while they run or when they fail. */

import { byId, state } from "./state.js";
import { make } from "./building.js";
import { onLanguage, say, sayKept } from "./language.js";

// --- the service -----------------------------------------------------------------------------------------------------------------

/** Why something does not work; a problem that the page itself names is a function that says it. */
export class Refusal extends Error {
  constructor(status, problems) {
    super(problems.map(sayKept).join("\n"));
    Object.assign(this, { status, problems });
  }
}

const TOKEN = "token";
let tokenAsked = null;

takeTokenFromAddress();

/** Move the token out of the address, where it would be seen, bookmarked and shared. */
function takeTokenFromAddress() {
  const address = new URL(location.href);
  const token = address.searchParams.get(TOKEN);
  if (token === null) return;
  sessionStorage.setItem(TOKEN, token);
  address.searchParams.delete(TOKEN);
  history.replaceState(null, "", address);
}

const answers = new Map(); // by path: the last answer that has a tag, so that it is downloaded once

/** An answer of the service; asks for the token as often as it is missing or wrong. */
export async function ask(path, body, method) {
  for (;;) {
    const response = await send(path, body, method);
    if (response.status === 304) return answers.get(path).answer;
    if (response.ok) return keepAnswer(path, response);
    const refusal = new Refusal(response.status, await readProblems(response));
    if (response.status !== 401 || !(await askForToken(refusal.problems))) throw refusal;
  }
}

async function keepAnswer(path, response) {
  const answer = await response.json();
  const tag = response.headers.get("etag");
  if (tag) answers.set(path, { tag, answer });
  return answer;
}

async function send(path, body = null, method = body ? "POST" : "GET") {
  const headers = {};
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  if (method === "GET" && answers.has(path)) headers["If-None-Match"] = answers.get(path).tag;
  try {
    const response = await fetch(path, Object.assign({ method, headers }, body && { body: JSON.stringify(body) }));
    noteClock(response);
    return response;
  } catch {
    throw new Refusal(0, [() => say("unreachable")]);
  }
}

/** The service's clock: its date beside that of this machine. */
function noteClock(response) {
  const date = Date.parse(response.headers.get("date") ?? "");
  if (Number.isFinite(date)) state.clockOffset = date - Date.now();
}

/** A stream of the service, read as it comes. */
export async function openStream(path) {
  const response = await send(path);
  if (!response.ok) throw new Refusal(response.status, await readProblems(response));
  return response.body.getReader();
}

async function readProblems(response) {
  try {
    const { problems } = await response.json();
    if (Array.isArray(problems) && problems.length) return problems.map(String);
  } catch {
    // an answer from something between the page and the service is no JSON
  }
  return [() => say("answered", { status: `${response.status} ${response.statusText}`.trim() })];
}

/** Whether a token was given; requests that wait at the same time share one question. */
function askForToken(problems) {
  tokenAsked ??= new Promise((resolve) => {
    const dialog = byId("token-dialog");
    byId("token-problem").textContent = problems.map(sayKept).join(" ");
    byId("token").value = "";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "send"), { once: true });
    dialog.showModal();
  }).finally(() => {
    tokenAsked = null;
  });
  return tokenAsked;
}

byId("token-form").addEventListener("submit", () => sessionStorage.setItem(TOKEN, byId("token").value.trim()));

// --- problems and progress -------------------------------------------------------------------------------------------------------

let problemsTopic = null;
let problems = []; // on the screen
export let tasks = 0;

/** Show why something did not work; the topic tells when the problem is over. */
export function showProblems(error, topic) {
  problems = error instanceof Refusal ? error.problems : [() => say("page_failed", { fault: error.message })];
  problemsTopic = topic;
  renderProblems();
  byId("problems").hidden = false;
}

function renderProblems() {
  byId("problem-lines").replaceChildren(...problems.map((problem) => make("li", {}, sayKept(problem))));
}

onLanguage(renderProblems);

export function clearProblems(topic) {
  if (topic === problemsTopic) hideProblems();
}

export function hideProblems() {
  problemsTopic = null;
  byId("problems").hidden = true;
}

/** Show that something is under way while a task runs, and its problems if it fails; the error, or null. */
export async function attempt(topic, task) {
  tasks += 1;
  byId("progress").hidden = false;
  try {
    await task();
    clearProblems(topic);
    return null;
  } catch (error) {
    showProblems(error, topic);
    if (!state.moment) document.body.dataset.state = state.policy && !state.floor ? "empty" : "fault";
    return error;
  } finally {
    tasks -= 1;
    byId("progress").hidden = tasks === 0;
  }
}

export const announce = (text) => {
  byId("status").textContent = text;
};
