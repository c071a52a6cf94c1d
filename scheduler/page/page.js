/** The planner's page: the newest shop floor, its plan, the next decision, and what would happen if. */

const POLL_SECONDS = 5;
const OLD_SECONDS = 600; // a snapshot that is older than this is pointed out
const FUTURES = 32;
const QUEUE_LENGTH = 10; // operations shown for each machine
const ALTERNATIVES = 5; // shown at once; the others fold away
const MINUTES_A_DAY = 24 * 60;
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);

const state = {
  policy: null, // answer of /v1/policy
  moment: null, // {snapshot, source, received} that the plans belong to
  plans: {}, // by "policy" and by "rule"
  previous: {}, // the plans of the moment before, to tell how much moved
  explanation: null,
  by: "policy",
  following: true,
  floor: null, // newest answer of /v1/floor that has a snapshot
  seen: null, // when the floor was received that was planned last, or could not be
  round: 0, // of planning; answers of earlier rounds are dropped
  changes: [],
  trial: null, // answer of /v1/what-if while it is shown
  version: "after", // of the trial
  selected: null, // order
  colouring: "setup",
  sorting: { column: "due_date", descending: false },
};

// --- building the document -------------------------------------------------------------------------------------------------------

/** An element; attributes whose value is a function are event handlers, false and null leave an attribute out. */
function make(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function mark(symbol) {
  return draw("svg", { class: "mark", "aria-hidden": "true" }, draw("use", { href: `#${symbol}` }));
}

function swatch(colour, kind = "") {
  const square = make("span", { class: `swatch ${kind}`.trim(), "aria-hidden": "true" });
  if (colour) square.style.background = colour;
  return square;
}

const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
const signed = (number, text) => `${number > 0 ? "+" : number < 0 ? "\u2212" : "\u00b1"}${text}`;
const setupText = (setup) => Object.values(setup).join(" \u00b7 ");

function money(cost) {
  const digits = cost !== 0 && Math.abs(cost) < 100 ? 1 : 0;
  return cost.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replaceAll(",", "\u202f");
}

// --- times -----------------------------------------------------------------------------------------------------------------------

const tickMinutes = () => state.policy.tick_minutes;
const ticksOfHours = (hours) => Math.round((hours * 60) / tickMinutes());
const hoursOfTicks = (ticks) => (ticks * tickMinutes()) / 60;
const minutesAt = (tick) => state.policy.start_hour * 60 + tick * tickMinutes();
const tickAt = (minutes) => (minutes - state.policy.start_hour * 60) / tickMinutes();
const dayAt = (tick) => Math.floor(minutesAt(tick) / MINUTES_A_DAY) + 1;
const twoDigits = (number) => String(number).padStart(2, "0");

function clockTime(tick) {
  const minutes = Math.floor(minutesAt(tick) + 1e-6);
  const ofDay = ((minutes % MINUTES_A_DAY) + MINUTES_A_DAY) % MINUTES_A_DAY;
  return `${twoDigits(Math.floor(ofDay / 60))}:${twoDigits(ofDay % 60)}`;
}

const dateText = (tick) => `day ${dayAt(tick)} ${clockTime(tick)}`;

/** The date, without the day where it is the clock's. */
const shortDate = (tick, clock) => (dayAt(tick) === dayAt(clock) ? clockTime(tick) : dateText(tick));

function durationText(ticks) {
  const minutes = Math.round(Math.abs(ticks) * tickMinutes());
  const [days, hours, rest] = [Math.floor(minutes / MINUTES_A_DAY), Math.floor((minutes % MINUTES_A_DAY) / 60), minutes % 60];
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return rest ? `${hours} h ${rest} min` : `${hours} h`;
  return `${rest} min`;
}

function fromNow(tick, clock) {
  if (tick === clock) return "now";
  return tick > clock ? `in ${durationText(tick - clock)}` : `${durationText(clock - tick)} ago`;
}

function latenessText(lateness) {
  if (lateness > 0) return `late ${durationText(lateness)}`;
  return lateness < 0 ? `early ${durationText(lateness)}` : "on time";
}

function ageText(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

// --- the service -----------------------------------------------------------------------------------------------------------------

/** What the service says when it does not answer. */
class Refusal extends Error {
  constructor(status, problems) {
    super(problems.join("\n"));
    Object.assign(this, { status, problems });
  }
}

const TOKEN = "token";
let tokenAsked = null;

/** An answer of the service; asks for the token as often as it is missing or wrong. */
async function ask(path, body) {
  for (;;) {
    const response = await send(path, body);
    if (response.ok) return response.json();
    const refusal = new Refusal(response.status, await readProblems(response));
    if (response.status !== 401 || !(await askForToken(refusal.problems))) throw refusal;
  }
}

async function send(path, body) {
  const headers = {};
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refusal(0, ["The service cannot be reached. The page goes on trying."]);
  }
}

async function readProblems(response) {
  try {
    const { problems } = await response.json();
    if (Array.isArray(problems) && problems.length) return problems.map(String);
  } catch {
    // an answer from something between the page and the service is no JSON
  }
  return [`The service answered ${response.status} ${response.statusText}.`];
}

/** Whether a token was given; requests that wait at the same time share one question. */
function askForToken(problems) {
  tokenAsked ??= new Promise((resolve) => {
    const dialog = byId("token-dialog");
    byId("token-problem").textContent = problems.join(" ");
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
let tasks = 0;

/** Show why something did not work; the topic tells when the problem is over. */
function showProblems(error, topic) {
  const lines = error instanceof Refusal ? error.problems : [`The page failed: ${error.message}. Reload it.`];
  problemsTopic = topic;
  byId("problem-lines").replaceChildren(...lines.map((line) => make("li", {}, line)));
  byId("problems").hidden = false;
}

function clearProblems(topic) {
  if (topic === problemsTopic) hideProblems();
}

function hideProblems() {
  problemsTopic = null;
  byId("problems").hidden = true;
}

/** Show that something is under way while a task runs, and its problems if it fails; the error, or null. */
async function attempt(topic, task) {
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

const announce = (text) => {
  byId("status").textContent = text;
};

// --- colours ---------------------------------------------------------------------------------------------------------------------

/** Light colours that stay apart for colour-blind readers and carry dark text (after Paul Tol). */
const PALETTE = ["#77aadd", "#eedd88", "#44bb99", "#ee8866", "#aaaa00", "#ffaabb", "#99ddff", "#bbcc33", "#c4c9cf"];
const PLAIN = "#b4bec8";
const [DARK_INK, LIGHT_INK] = ["#11161c", "#ffffff"];
/** Paint looks like itself, a little softened; the steps of lightness keep it apart without hue. */
const PAINTS = {
  white: "#f5f5f0",
  silver: "#b3bcc6",
  grey: "#8d97a1",
  gray: "#8d97a1",
  black: "#3d454f",
  red: "#cf5a4e",
  orange: "#ec9a4b",
  yellow: "#f0d65c",
  green: "#4da06c",
  blue: "#4f86cf",
  purple: "#8d6bb5",
  pink: "#f0a6bd",
  brown: "#8a644b",
  beige: "#d9caa8",
};
const SHADES = [0, -0.2, 0.35, -0.38, 0.55];
const LATENESS = [
  { most: -60, colour: "#6f9fd0", label: "more than 1 h early" },
  { most: 0, colour: "#b9d4ea", label: "in time, less than 1 h to spare" },
  { most: 240, colour: "#f3b25f", label: "late" },
  { most: Infinity, colour: "#d4604a", label: "more than 4 h late" },
];
const KNOWN_VALUES = "setup values";

/** Numbers the values of every attribute, for good: a value keeps its colour whatever the next plan holds. */
class Values {
  constructor() {
    this.lists = new Map(Object.entries(JSON.parse(localStorage.getItem(KNOWN_VALUES) ?? "{}")));
  }

  learn(attribute, values) {
    const list = this.lists.get(attribute) ?? [];
    const fresh = [...new Set(values)].filter((value) => !list.includes(value));
    if (!fresh.length) return;
    this.lists.set(attribute, [...list, ...fresh]);
    localStorage.setItem(KNOWN_VALUES, JSON.stringify(Object.fromEntries(this.lists)));
  }

  number(attribute, value) {
    this.learn(attribute, [value]);
    return this.lists.get(attribute).indexOf(value);
  }
}

const known = new Values();

/** Learn first from what the factory can make, then from the plan in alphabetical order, so that most screens agree. */
function learnValues() {
  known.learn("product", Object.keys(state.policy.products));
  for (const { options } of Object.values(state.policy.products)) {
    for (const [option, values] of Object.entries(options)) known.learn(option, values);
  }
}

function learnSetups(plan) {
  const found = new Map();
  for (const { setup } of plan.operations) {
    for (const [attribute, value] of Object.entries(setup)) found.set(attribute, [...(found.get(attribute) ?? []), value]);
  }
  for (const [attribute, values] of found) known.learn(attribute, values.sort());
}

function channels(colour) {
  return [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
}

/** Towards white for a positive share, towards black for a negative one. */
function shade(colour, share) {
  const end = share > 0 ? 255 : 0;
  const mixed = channels(colour).map((channel) => Math.round(channel + (end - channel) * Math.abs(share)));
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

function inkOn(colour) {
  const [red, green, blue] = channels(colour);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 125 ? DARK_INK : LIGHT_INK;
}

/** The first attribute gives the colour, the others its shade. */
function setupColour(setup) {
  const [first, ...others] = Object.entries(setup);
  if (!first) return PLAIN;
  const [attribute, value] = first;
  const number = known.number(...first);
  const base =
    attribute.includes("colo") && PAINTS[value]
      ? PAINTS[value]
      : shade(PALETTE[number % PALETTE.length], SHADES[Math.floor(number / PALETTE.length) % SHADES.length]);
  const step = others.reduce((sum, [name, other]) => sum + known.number(name, other), 0);
  return shade(base, SHADES[step % SHADES.length]);
}

const productColour = (product) => PALETTE[known.number("product", product) % PALETTE.length];

/** Orders of a product differ in shade, so that neighbours can be told apart. */
function orderColour(order) {
  const letters = [...order.order].reduce((sum, letter) => sum * 7 + letter.charCodeAt(0), 0);
  return shade(productColour(order.product), [0, -0.14, 0.3][letters % 3]);
}

const latenessClass = (lateness) => LATENESS.find(({ most }) => lateness * tickMinutes() <= most);

function operationColour(operation, order) {
  if (state.colouring === "setup" || !order) return setupColour(operation.setup);
  return state.colouring === "lateness" ? latenessClass(order.lateness).colour : orderColour(order);
}

/** What stands on a bar, the longest text first. */
function operationLabels(operation, order) {
  const more = {
    setup: setupText(operation.setup),
    lateness: order ? latenessText(order.lateness) : "",
    product: order?.product ?? "",
  }[state.colouring];
  return more ? [`${operation.order} \u00b7 ${more}`, operation.order] : [operation.order];
}

// --- legend ----------------------------------------------------------------------------------------------------------------------

const KINDS = [
  ["changeover", "changeover"],
  ["begun", "in process"],
  ["locked", "locked"],
  ["late", "late order"],
  ["stop", "out of service"],
];

function renderLegend(plan) {
  const groups = { setup: setupLegend, lateness: latenessLegend, product: productLegend }[state.colouring](plan);
  const kinds = KINDS.map(([kind, label]) => make("span", { class: "entry" }, kind === "locked" ? mark("lock-mark") : swatch(null, kind), label));
  byId("legend").replaceChildren(...groups, make("li", {}, ...kinds));
}

function legendGroup(title, entries) {
  const shown = entries.map(([colour, label]) => make("span", { class: "entry" }, swatch(colour), label));
  return make("li", {}, title ? make("b", {}, title) : null, ...shown);
}

function setupLegend(plan) {
  const centreOf = new Map(plan.machines.map((machine, place) => [machine, plan.work_centres[place]]));
  const setups = new Map(plan.work_centres.map((centre) => [centre, new Map()]));
  for (const { machine, setup } of plan.operations) {
    if (Object.keys(setup).length) setups.get(centreOf.get(machine)).set(setupText(setup), setup);
  }
  const used = [...setups].filter(([, found]) => found.size);
  return used.map(([centre, found]) =>
    legendGroup(
      centre,
      [...found].sort(bySetup).map(([text, setup]) => [setupColour(setup), text]),
    ),
  );
}

function bySetup([, one], [, other]) {
  for (const [attribute, value] of Object.entries(one)) {
    const difference = known.number(attribute, value) - known.number(attribute, other[attribute] ?? value);
    if (difference) return difference;
  }
  return 0;
}

const latenessLegend = () => [
  legendGroup(
    "",
    LATENESS.map(({ colour, label }) => [colour, label]),
  ),
];

function productLegend(plan) {
  const products = [...new Set(plan.orders.map((order) => order.product))].sort(
    (one, other) => known.number("product", one) - known.number("product", other),
  );
  return [
    legendGroup(
      "product, a shade for each order",
      products.map((product) => [productColour(product), product]),
    ),
  ];
}

// --- Gantt chart -----------------------------------------------------------------------------------------------------------------

const AXIS_STEPS = [5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 7200, 14400, 28800]; // minutes
// lengths for a font size of the page of 15 pixels; they grow with it
const PAGE_FONT = 15;
const AXIS_GAP = 62; // least room between two strokes
const DAY_WIDTH = 50; // room that the name of a day needs
const LANE_HEIGHTS = [25, 47];
const NOW_WIDTH = 80;
const GROUP_GAP = 7;
const SHORTEST_VIEW = 10; // minutes
const DRAG_THRESHOLD = 4; // pixels; less is a click

/** Operations on machines over time, drawn in SVG. Only what lies in view is placed, so that thousands of bars stay smooth. */
class Gantt {
  constructor(host, { onSelect, onHover }) {
    Object.assign(this, { host, onSelect, onHover });
    this.bars = [];
    this.view = null; // ticks {from, to}
    this.fitted = true;
    this.textWidths = new Map();
    this.pen = document.createElement("canvas").getContext("2d");
    this.build();
    this.listen();
  }

  // --- skeleton

  build() {
    this.axis = draw("svg", { class: "axis", "aria-hidden": "true" });
    this.names = draw("svg", { class: "names" });
    this.field = draw("svg", { class: "field" }, hatchPatterns());
    for (const layer of ["backdrop", "grid", "stops", "changes", "ghosts", "operations", "links", "front"]) {
      this[layer] = draw("g", { class: layer });
      this.field.append(this[layer]);
    }
    this.corner = make("div", { class: "corner" });
    this.lanes = make("div", { class: "lanes" }, this.names, this.field);
    this.host.append(this.corner, this.axis, this.lanes);
    new ResizeObserver(() => this.resize()).observe(this.host);
  }

  /** Show a scene: plan, orders (by id), stops, earlier (operations to compare with) and until (end of the time to fit). */
  show(scene) {
    const clockBefore = this.scene?.plan.clock;
    const sameFloor = this.scene?.plan.factory === scene.plan.factory;
    this.scene = scene;
    this.bars = [];
    this.hovered = null;
    this.layOut();
    this.drawLanes();
    this.drawStops();
    scene.plan.changeovers.forEach((changeover) => this.addChangeover(changeover));
    scene.plan.operations.forEach((operation) => this.addOperation(operation));
    this.changes.replaceChildren(...this.bars.filter((bar) => bar.changeover).map((bar) => bar.node));
    this.operations.replaceChildren(...this.bars.filter((bar) => bar.operation).map((bar) => bar.node));
    if (!this.view || this.fitted || !sameFloor) this.fit();
    else this.move(scene.plan.clock - clockBefore);
    this.recolour();
    this.select(this.selected);
  }

  layOut() {
    const { machines, work_centres: centres } = this.scene.plan;
    this.unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / PAGE_FONT;
    const [least, most] = LANE_HEIGHTS.map((height) => Math.round(height * this.unit));
    const groups = centres.filter((centre, place) => centre !== centres[place - 1]).length;
    const room = (this.lanes.clientHeight || 400) - groups * GROUP_GAP - 2;
    this.laneHeight = Math.max(least, Math.min(most, Math.floor(room / machines.length)));
    this.fontSize = Math.max(11, Math.min(Math.round(14 * this.unit), Math.round(this.laneHeight * 0.38)));
    this.tops = new Map();
    let top = 0;
    machines.forEach((machine, place) => {
      if (place && centres[place] !== centres[place - 1]) top += GROUP_GAP;
      this.tops.set(machine, top);
      top += this.laneHeight;
    });
    this.height = top + 2;
    this.pen.font = `600 ${this.fontSize}px ${getComputedStyle(this.host).fontFamily}`;
    this.textWidths.clear();
    this.measure();
  }

  measure() {
    this.gutter = this.names.clientWidth || 150;
    this.width = Math.max(50, this.host.clientWidth - this.gutter - (this.lanes.offsetWidth - this.lanes.clientWidth));
    for (const part of [this.names, this.field]) part.setAttribute("height", this.height);
    this.field.setAttribute("width", this.width);
    this.axis.setAttribute("width", this.width);
  }

  resize() {
    if (!this.scene || !this.host.clientWidth) return;
    this.show(this.scene);
  }

  drawLanes() {
    const { machines, work_centres: centres } = this.scene.plan;
    const stripes = machines.map((machine, place) => {
      return draw("rect", { class: place % 2 ? "lane odd" : "lane", y: this.tops.get(machine), width: "100%", height: this.laneHeight });
    });
    this.past = draw("rect", { class: "past", x: 0, y: 0, width: 0, height: this.height });
    this.backdrop.replaceChildren(...stripes, this.past);
    const names = machines.map((machine) => {
      const middle = this.tops.get(machine) + this.laneHeight / 2;
      return draw("text", { class: "machine", x: this.gutter - 10, y: middle, "font-size": this.fontSize }, machine);
    });
    this.names.replaceChildren(...this.groupMarks(machines, centres), ...names);
  }

  /** A bracket beside the machines of each work centre. */
  groupMarks(machines, centres) {
    return [...new Set(centres)].map((centre) => {
      const tops = machines.filter((_, place) => centres[place] === centre).map((machine) => this.tops.get(machine));
      const [top, bottom] = [Math.min(...tops), Math.max(...tops) + this.laneHeight];
      return draw("rect", { class: "centre", x: 0, y: top + 1, width: 4, height: bottom - top - 2 }, draw("title", {}, centre));
    });
  }

  drawStops() {
    const nodes = this.scene.stops
      .filter((stop) => this.tops.has(stop.machine))
      .map((stop) => {
        const node = draw(
          "rect",
          { class: "stop", y: this.tops.get(stop.machine) + 1, height: this.laneHeight - 2 },
          draw("title", {}, `${stop.machine} is out of service until ${dateText(stop.end)}`),
        );
        this.bars.push({ node, shape: node, lane: this.tops.get(stop.machine), start: stop.start, end: stop.end });
        return node;
      });
    this.stops.replaceChildren(...nodes);
  }

  addChangeover(changeover) {
    const height = Math.round(this.laneHeight * 0.62);
    const lane = this.tops.get(changeover.machine);
    const top = lane + (this.laneHeight - height) / 2;
    const tint = draw("rect", { class: "tint", height, rx: 2 });
    const hatch = draw("rect", { class: "hatch", height, rx: 2 });
    const node = draw("g", { class: "changeover", "data-machine": changeover.machine }, tint, hatch);
    tint.style.fill = setupColour(changeover.setup);
    this.bars.push({ node, shape: tint, over: hatch, lane, top, changeover, start: changeover.start_date, end: changeover.end_date });
  }

  addOperation(operation) {
    const { machine, order, start_date: start, end_date: end } = operation;
    const height = this.laneHeight - 6;
    const shape = draw("rect", { height, rx: 3 });
    const node = draw("g", { class: "operation", "data-order": order, "data-machine": machine, "data-operation": operation.operation }, shape);
    const lane = this.tops.get(machine);
    const bar = { node, shape, operation, start, end, height, lane, top: lane + 3, order: this.scene.orders.get(order) };
    if (operation.in_process) this.addElapsed(bar);
    if (operation.locked) bar.lock = node.appendChild(draw("use", { class: "lock", href: "#lock-mark", width: 9, height: 11, y: 2 }));
    if (bar.order?.lateness > 0) bar.over = node.appendChild(draw("rect", { class: "late-strip", y: height - 4, height: 4 }));
    bar.label = node.appendChild(draw("text", { y: height / 2, "font-size": this.fontSize }));
    this.bars.push(bar);
  }

  addElapsed(bar) {
    bar.node.classList.add("begun");
    bar.elapsed = bar.node.appendChild(draw("rect", { class: "elapsed", height: bar.height, rx: 3 }));
  }

  recolour() {
    for (const bar of this.bars) {
      if (!bar.operation) continue;
      const colour = operationColour(bar.operation, bar.order);
      bar.shape.style.fill = colour;
      bar.shape.classList.toggle("dark", inkOn(colour) === LIGHT_INK);
      bar.label.style.fill = inkOn(colour);
      if (bar.lock) bar.lock.style.color = inkOn(colour);
      bar.labels = operationLabels(bar.operation, bar.order);
    }
    this.place();
  }

  // --- view

  x(tick) {
    return ((tick - this.view.from) / (this.view.to - this.view.from)) * this.width;
  }

  tickUnder(x) {
    return this.view.from + (x / this.width) * (this.view.to - this.view.from);
  }

  /** All of the plan that is still to come, with what has begun. */
  fitting() {
    const { plan, until } = this.scene;
    const begun = plan.operations.filter((operation) => operation.in_process).map((operation) => operation.start_date);
    const from = Math.min(plan.clock, ...begun);
    const margin = Math.max(1, (until - from) * 0.015);
    return { from: from - margin, to: until + margin };
  }

  fit() {
    this.view = this.fitting();
    this.fitted = true;
    this.schedule();
  }

  zoom(factor, x = this.width / 2) {
    if (!this.view) return;
    const whole = this.fitting();
    const span = this.view.to - this.view.from;
    const wanted = Math.min(Math.max(span / factor, SHORTEST_VIEW / tickMinutes()), 3 * (whole.to - whole.from));
    const fixed = this.tickUnder(x);
    const from = fixed - (x / this.width) * wanted;
    this.look(from, from + wanted);
  }

  move(ticks) {
    if (this.view) this.look(this.view.from + ticks, this.view.to + ticks);
  }

  /** Show a stretch of time, of which some of the plan always stays in view. */
  look(from, to) {
    const whole = this.fitting();
    const span = to - from;
    const first = Math.min(Math.max(from, whole.from - 0.8 * span), whole.to - 0.2 * span);
    this.view = { from: first, to: first + span };
    this.fitted = false;
    this.schedule();
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.place();
    });
  }

  // --- placing

  place() {
    if (!this.view) return;
    this.lanesInView = [this.lanes.scrollTop - this.laneHeight, this.lanes.scrollTop + this.lanes.clientHeight];
    for (const bar of this.bars) this.placeBar(bar);
    this.placeAxis();
    this.placeFront();
    this.placeLinks();
  }

  placeBar(bar) {
    const [left, right] = [this.x(bar.start), this.x(bar.end)];
    const visible = right >= 0 && left <= this.width && bar.lane >= this.lanesInView[0] && bar.lane <= this.lanesInView[1];
    if (visible !== bar.visible) bar.node.style.display = visible ? "" : "none";
    bar.visible = visible;
    if (!visible) return;
    const width = Math.max(1, right - left - (right - left > 4 ? 1 : 0));
    if (!bar.top) bar.node.setAttribute("x", left);
    else bar.node.setAttribute("transform", `translate(${left.toFixed(2)} ${bar.top})`);
    bar.shape.setAttribute("width", width.toFixed(2));
    bar.over?.setAttribute("width", width.toFixed(2));
    if (bar.operation) this.placeInside(bar, left, width);
  }

  placeInside(bar, left, width) {
    if (bar.elapsed) bar.elapsed.setAttribute("width", Math.max(0, Math.min(width, this.x(this.scene.plan.clock) - left)).toFixed(2));
    const locked = bar.lock && width >= 12;
    if (bar.lock) {
      bar.lock.style.display = locked ? "" : "none";
      bar.lock.setAttribute("x", width - 11);
    }
    // a bar that begins before the view keeps its text in view
    const hidden = Math.max(0, -left);
    const room = width - hidden - (locked ? 12 : 0) - 3;
    const text = bar.labels?.find((label) => this.textWidth(label) <= room) ?? "";
    if (text !== bar.text) bar.label.textContent = text;
    bar.text = text;
    if (text) bar.label.setAttribute("x", (hidden + Math.min(6, (room + 3 - this.textWidth(text)) / 2)).toFixed(1));
  }

  textWidth(text) {
    let width = this.textWidths.get(text);
    if (width === undefined) this.textWidths.set(text, (width = this.pen.measureText(text).width));
    return width;
  }

  placeAxis() {
    const step =
      AXIS_STEPS.find((minutes) => ((minutes / tickMinutes()) * this.width) / (this.view.to - this.view.from) >= AXIS_GAP * this.unit) ??
      AXIS_STEPS.at(-1);
    const [lines, labels] = [[], []];
    const last = minutesAt(this.view.to);
    for (let minutes = Math.ceil(minutesAt(this.view.from) / step) * step; minutes <= last; minutes += step) {
      const x = this.x(tickAt(minutes)).toFixed(1);
      const midnight = minutes % MINUTES_A_DAY === 0;
      lines.push(draw("line", { class: midnight ? "midnight" : "stroke", x1: x, x2: x, y1: 0, y2: this.height }));
      if (step < MINUTES_A_DAY && x > 18 * this.unit && x < this.width - 18 * this.unit)
        labels.push(draw("text", { class: "hour", x, y: 33 * this.unit }, clockTime(tickAt(minutes))));
    }
    this.grid.replaceChildren(...lines);
    this.axis.replaceChildren(...labels, ...this.dayLabels(step), ...this.nowLabel());
  }

  /** The name of each day where it begins; that of the first at the left edge. */
  dayLabels(step) {
    const labels = [];
    const days = Math.max(1, step / MINUTES_A_DAY);
    const first = Math.floor(minutesAt(this.view.from) / MINUTES_A_DAY);
    const last = Math.floor(minutesAt(this.view.to) / MINUTES_A_DAY);
    for (let day = first; day <= last; day += days) {
      const start = this.x(tickAt(day * MINUTES_A_DAY));
      const end = this.x(tickAt((day + days) * MINUTES_A_DAY));
      const x = this.besideNow(Math.max(3, start + 4));
      if (end - x < DAY_WIDTH * this.unit) continue;
      if (start > 0) labels.push(draw("line", { class: "midnight", x1: start, x2: start, y1: 0, y2: "100%" }));
      labels.push(draw("text", { class: "day", x, y: 14 * this.unit }, `day ${day + 1}`));
    }
    return labels;
  }

  /** Where the label of the now-line begins and ends; null while it is out of view. */
  nowRange() {
    const x = this.x(this.scene.plan.clock);
    if (x < 0 || x > this.width) return null;
    const width = NOW_WIDTH * this.unit;
    const left = Math.min(Math.max(x - width / 2, 0), this.width - width);
    return [left, left + width];
  }

  /** The place for the name of a day, moved to the right where the label of the now-line is in the way. */
  besideNow(x) {
    const range = this.nowRange();
    const isFree = !range || x > range[1] || x + DAY_WIDTH * this.unit < range[0];
    return isFree ? x : range[1] + 6;
  }

  nowLabel() {
    const range = this.nowRange();
    if (!range) return [];
    const plate = draw("rect", { class: "now-plate", x: range[0], y: 2, width: range[1] - range[0], height: 16 * this.unit, rx: 3 });
    const text = draw("text", { class: "now-text", x: (range[0] + range[1]) / 2, y: 14 * this.unit }, `now ${clockTime(this.scene.plan.clock)}`);
    return [plate, text];
  }

  placeFront() {
    const { plan } = this.scene;
    const now = this.x(plan.clock);
    this.past.setAttribute("width", Math.max(0, Math.min(this.width, now)));
    const nodes = [draw("line", { class: "now", x1: now, x2: now, y1: 0, y2: this.height })];
    const order = this.scene.orders.get(this.selected);
    if (order) nodes.push(...this.dueMark(order));
    this.front.replaceChildren(...nodes);
  }

  dueMark(order) {
    const x = this.x(order.due_date);
    if (x < 0 || x > this.width) return [];
    const flip = x > this.width - 120;
    return [
      draw("line", { class: "due", x1: x, x2: x, y1: 0, y2: this.height }),
      draw(
        "text",
        { class: "due-text", x: flip ? x - 5 : x + 5, y: this.height - 6, "text-anchor": flip ? "end" : "start" },
        `${order.order} due ${clockTime(order.due_date)}`,
      ),
    ];
  }

  // --- selection

  select(order) {
    this.selected = order;
    this.host.classList.toggle("has-selection", Boolean(order && this.scene?.orders.has(order)));
    for (const bar of this.bars) {
      if (bar.operation) bar.node.classList.toggle("selected", bar.operation.order === order);
    }
    if (!this.scene || !this.view) return;
    this.placeFront();
    this.placeLinks();
  }

  /** Connect the operations of the selected order, and outline where they were. */
  placeLinks() {
    const chosen = this.bars.filter((bar) => bar.operation && bar.operation.order === this.selected);
    this.links.replaceChildren(...successions(chosen).map(([one, other]) => this.link(one, other)));
    this.ghosts.replaceChildren(
      ...this.scene.earlier
        .filter((operation) => operation.order === this.selected && this.hasMoved(operation, chosen))
        .map((operation) => this.ghost(operation)),
    );
  }

  hasMoved(earlier, chosen) {
    const now = chosen.find((bar) => bar.operation.operation === earlier.operation)?.operation;
    return !now || now.machine !== earlier.machine || now.start_date !== earlier.start_date;
  }

  ghost(operation) {
    const [left, right] = [this.x(operation.start_date), this.x(operation.end_date)];
    return draw("rect", {
      class: "ghost",
      x: left,
      y: this.tops.get(operation.machine) + 3,
      width: Math.max(1, right - left),
      height: this.laneHeight - 6,
      rx: 3,
    });
  }

  link(one, other) {
    const [x1, x2] = [this.x(one.end), this.x(other.start)];
    const [y1, y2] = [one.top + one.height / 2, other.top + other.height / 2];
    const bend = Math.max(12, Math.abs(x2 - x1) / 2);
    return draw("path", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` });
  }

  // --- pointer and keys

  listen() {
    this.lanes.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    this.axis.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    this.lanes.addEventListener("scroll", () => this.schedule());
    this.lanes.addEventListener("pointerdown", (event) => this.onDown(event));
    this.lanes.addEventListener("pointermove", (event) => this.onMove(event));
    this.lanes.addEventListener("pointerup", () => this.endDrag());
    this.lanes.addEventListener("pointercancel", () => this.endDrag());
    this.lanes.addEventListener("pointerleave", () => this.onHover(null));
    this.lanes.addEventListener("click", (event) => this.onClick(event));
    document.addEventListener("keydown", (event) => this.onKey(event));
  }

  onWheel(event) {
    if (!this.view) return;
    event.preventDefault();
    this.onHover(null);
    if (event.shiftKey) this.lanes.scrollTop += event.deltaY || event.deltaX;
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.move((event.deltaX / this.width) * (this.view.to - this.view.from));
    else this.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) * 0.0022), event.clientX - this.field.getBoundingClientRect().left);
  }

  onDown(event) {
    if (event.button !== 0 || !this.view) return;
    this.drag = { x: event.clientX, y: event.clientY, view: this.view, top: this.lanes.scrollTop, pointer: event.pointerId, moved: false };
    this.wasDragged = false;
  }

  onMove(event) {
    if (!this.drag) return this.hover(event);
    const [right, down] = [event.clientX - this.drag.x, event.clientY - this.drag.y];
    if (!this.drag.moved && Math.hypot(right, down) < DRAG_THRESHOLD) return undefined;
    if (!this.drag.moved) this.startDrag();
    const ticks = (right / this.width) * (this.drag.view.to - this.drag.view.from);
    this.look(this.drag.view.from - ticks, this.drag.view.to - ticks);
    this.lanes.scrollTop = this.drag.top - down;
    return undefined;
  }

  /** Capture only once it is a drag: a captured click would no longer tell which bar was meant. */
  startDrag() {
    this.drag.moved = this.wasDragged = true;
    this.lanes.setPointerCapture(this.drag.pointer);
    this.host.classList.add("dragging");
    this.onHover(null);
  }

  endDrag() {
    this.drag = null;
    this.host.classList.remove("dragging");
  }

  onClick(event) {
    if (this.wasDragged) {
      this.wasDragged = false;
      return;
    }
    this.onSelect(event.target.closest(".operation")?.dataset.order ?? null);
  }

  hover(event) {
    const node = event.target.closest(".operation, .changeover");
    const bar = node && (this.hovered?.node === node ? this.hovered : this.bars.find((one) => one.node === node));
    this.hovered = bar;
    this.onHover(bar, event.clientX, event.clientY);
  }

  onKey(event) {
    const focused = document.activeElement === document.body || this.host.contains(document.activeElement);
    if (!focused || !this.scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = this.view.to - this.view.from;
    const actions = {
      "+": () => this.zoom(1.3),
      "=": () => this.zoom(1.3),
      "-": () => this.zoom(1 / 1.3),
      0: () => this.fit(),
      ArrowLeft: () => this.move(-0.1 * step),
      ArrowRight: () => this.move(0.1 * step),
      ArrowUp: () => (this.lanes.scrollTop -= this.laneHeight),
      ArrowDown: () => (this.lanes.scrollTop += this.laneHeight),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }
}

function hatchPatterns() {
  const stripes = (id, gap) =>
    draw(
      "pattern",
      { id, width: gap, height: gap, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      draw("rect", { width: gap / 2.6, height: gap }),
    );
  return draw("defs", {}, stripes("changeover-hatch", 7), stripes("stop-hatch", 11));
}

/** Pairs of bars to connect: each with the one that ended last before it, and with the first that begins after it. */
function successions(bars) {
  const pairs = new Map();
  const add = (one, other) => one && other && pairs.set(`${bars.indexOf(one)} ${bars.indexOf(other)}`, [one, other]);
  for (const bar of bars) {
    const before = bars.filter((other) => other !== bar && other.end <= bar.start);
    const after = bars.filter((other) => other !== bar && other.start >= bar.end);
    add(
      before.reduce((best, other) => (best && best.end >= other.end ? best : other), null),
      bar,
    );
    add(
      bar,
      after.reduce((best, other) => (best && best.start <= other.start ? best : other), null),
    );
  }
  return [...pairs.values()];
}

// --- tooltip ---------------------------------------------------------------------------------------------------------------------

let described = null;

function showTooltip(bar, x, y) {
  const tooltip = byId("tooltip");
  if (!bar) {
    described = null;
    tooltip.hidden = true;
    return;
  }
  if (bar !== described) tooltip.replaceChildren(...(bar.operation ? describeOperation(bar) : describeChangeover(bar.changeover)));
  described = bar;
  tooltip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tooltip;
  tooltip.style.left = `${x + 16 + width > innerWidth ? Math.max(4, x - width - 12) : x + 16}px`;
  tooltip.style.top = `${Math.max(4, Math.min(y + 16, innerHeight - height - 6))}px`;
}

const facts = (pairs) => make("dl", {}, ...pairs.filter(Boolean).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));

function describeOperation({ operation, order }) {
  const { clock } = shownPlan();
  const { start_date: start, end_date: end, selected_date: selected } = operation;
  const states = [operation.in_process && "in process", operation.locked && "locked"].filter(Boolean).join(", ");
  const setup = Object.entries(operation.setup)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  const options = Object.values(orderState(operation.order)?.options ?? {}).join(", ");
  return [
    make("strong", {}, `Order ${operation.order}`, states ? make("em", {}, states) : ""),
    facts([
      order && ["product", options ? `${order.product}: ${options}` : order.product],
      ["operation", `${operation.operation} on ${operation.machine}`],
      setup && ["setup", setup],
      ["from", `${dateText(start)}, ${fromNow(start, clock)}`],
      ["until", `${dateText(end)}, takes ${durationText(end - start)}`],
      selected < start && ["changeover", `from ${dateText(selected)}, ${durationText(start - selected)}`],
      ...(order ? orderFacts(order) : []),
    ]),
  ];
}

function orderFacts(order) {
  const spread = [order.completion_p10, order.completion_p50, order.completion_p90];
  return [
    ["due", dateText(order.due_date)],
    ["done", dateText(order.completion_date)],
    ["lateness", make("span", { class: order.lateness > 0 ? "late-text" : "" }, latenessText(order.lateness))],
    order.on_time_probability !== null && ["10 / 50 / 90 %", spread.map((tick) => (tick === null ? "later" : dateText(tick))).join(" / ")],
    order.on_time_probability !== null && ["on time", `in ${percent(order.on_time_probability)} of the futures`],
  ];
}

function describeChangeover(changeover) {
  const { start_date: start, end_date: end } = changeover;
  return [
    make("strong", {}, `Changeover to ${setupText(changeover.setup)}`),
    facts([
      ["machine", changeover.machine],
      ["from", `${dateText(start)}, ${fromNow(start, shownPlan().clock)}`],
      ["until", `${dateText(end)}, takes ${durationText(end - start)}`],
      changeover.order !== null && ["for order", changeover.order],
    ]),
  ];
}

// --- what is shown ---------------------------------------------------------------------------------------------------------------

const gantt = new Gantt(byId("gantt"), { onSelect: selectOrder, onHover: showTooltip });

const shownPlan = () => (state.trial ? state.trial[state.version] : (state.plans[state.by] ?? Object.values(state.plans)[0]));
const isAfter = () => Boolean(state.trial) && state.version === "after";
const orderState = (id) => state.moment?.snapshot.orders.find((order) => order.order_id === id);
const lateOrders = (plan) => plan.orders.filter((order) => order.lateness > 0);

function render() {
  const plan = shownPlan();
  if (!plan) return;
  document.body.dataset.state = "ready";
  learnSetups(plan);
  renderHeader(plan);
  renderFigures(plan);
  renderChart(plan);
  renderQueues(plan);
  renderOrders(plan);
  renderDecision();
  renderWhatIf();
}

function renderChart(plan) {
  const orders = new Map(plan.orders.map((order) => [order.order, order]));
  const until = Math.max(plan.end_date, state.trial?.before.end_date ?? 0, state.trial?.after.end_date ?? 0);
  gantt.show({ plan, orders, until, stops: findStops(isAfter()), earlier: isAfter() ? state.trial.before.operations : [] });
  renderLegend(plan);
  byId("versions").hidden = byId("back").hidden = !state.trial;
  byId("chart-title").textContent = state.trial ? "What if" : "Plan";
}

/** When machines are out of service, with those that were tried to be. */
function findStops(withChanges) {
  const { snapshot } = state.moment;
  const stops = Object.entries(snapshot.machines).map(([machine, at]) => ({
    machine,
    start: snapshot.clock,
    end: Math.max(at.out_of_service_until ?? 0, at.status === "down" ? (at.expected_end ?? 0) : 0),
  }));
  const tried = withChanges ? state.trial.changes.filter(({ change }) => change === "machine_down") : [];
  return [...stops, ...tried.map(({ machine, until }) => ({ machine, start: snapshot.clock, end: until }))].filter(({ start, end }) => end > start);
}

function selectOrder(order) {
  state.selected = order;
  gantt.select(order);
  for (const row of document.querySelectorAll("[data-order]:not(.operation)")) {
    const isChosen = row.dataset.order === order;
    row.classList.toggle("selected", isChosen);
    if (row.tagName === "TR" && isChosen) row.scrollIntoView({ block: "nearest" });
    row.querySelector(".choose")?.setAttribute("aria-pressed", String(isChosen));
  }
  if (order) announce(`Order ${order} selected`);
}

const toggleOrder = (order) => selectOrder(state.selected === order ? null : order);

// --- header and figures ----------------------------------------------------------------------------------------------------------

function renderHeader(plan) {
  byId("factory").textContent = state.policy.factory;
  byId("clock").textContent = dateText(plan.clock);
  document.title = `${count(lateOrders(plan).length, "order")} late \u2013 ${state.policy.factory}`;
  byId("badges").replaceChildren(...findBadges(plan).map(renderBadge));
  renderAge();
  renderFollowing();
}

function findBadges(plan) {
  const { policy, rule, shadow } = state.policy;
  const steps = policy.trained_steps ? `, trained for ${(policy.trained_steps / 1e6).toFixed(1)} million steps` : "";
  const badges = [];
  if (policy.loaded)
    badges.push({ text: `policy ${policy.sha256?.slice(0, 8) ?? ""}`, title: `SHA-256 ${policy.sha256}${steps}. Fallback rule: ${rule}` });
  else badges.push({ text: "no policy: the rule plans and decides", title: `${policy.fault ?? "No policy is loaded."} Rule: ${rule}`, warns: true });
  if (policy.loaded && policy.fault) badges.push({ text: "newest policy refused", title: policy.fault, warns: true });
  if (shadow)
    badges.push({
      text: "shadow mode: the rule decides",
      title: `The MES gets the decisions of ${rule}; those of the policy are only logged.`,
      warns: true,
    });
  if (plan?.fallbacks) badges.push({ text: `rule stood in for ${count(plan.fallbacks, "decision")}`, title: plan.faults.join("\n"), warns: true });
  return badges;
}

function renderBadge({ text, title, warns }) {
  return make("li", { class: warns ? "badge warns" : "badge", title }, warns ? mark("warning-mark") : null, text);
}

/** Where the snapshot is from, and how old it is. */
function renderAge() {
  if (!state.moment) return;
  const { source, received } = state.moment;
  const seconds = received ? Math.max(0, (Date.now() - Date.parse(received)) / 1000) : 0;
  const newer = isNewFloor() && (state.trial || !state.following) ? "; a newer one is here" : "";
  byId("age").textContent = received ? `received ${ageText(seconds)} ago${newer}` : `${source}${newer}`;
  byId("age").classList.toggle("warns", seconds > OLD_SECONDS);
}

function renderFollowing() {
  const button = byId("follow");
  button.setAttribute("aria-pressed", String(state.following));
  button.textContent = !state.following ? "Paused" : state.trial ? "On hold" : "Following";
}

function renderFigures(plan) {
  const late = lateOrders(plan);
  byId("figures").replaceChildren(
    costFigure(plan),
    figure(
      "late orders",
      `${late.length} of ${plan.orders.length}`,
      late.length ? `by ${durationText(late.reduce((sum, order) => sum + order.lateness, 0))} together` : "all in time",
      late.length > 0,
    ),
    figure("all done", dateText(plan.end_date), fromNow(plan.end_date, plan.clock)),
    changeoverFigure(plan),
    breakdownFigure(plan),
    nervousnessFigure(plan),
  );
}

function figure(name, value, note, warns = false) {
  return make(
    "div",
    { class: warns ? "figure warns" : "figure" },
    make("dt", {}, name),
    make("dd", {}, warns ? mark("warning-mark") : null, value),
    make("dd", { class: "note" }, note),
  );
}

function costFigure(plan) {
  if (state.trial) {
    const { before, after, cost_difference: difference } = state.trial;
    return figure(
      "expected cost",
      money(plan.total_cost),
      `before ${money(before.total_cost)}, after ${money(after.total_cost)}: ${signed(difference, money(Math.abs(difference)))}`,
    );
  }
  return figure("expected cost", money(plan.total_cost), compareCosts(state.plans));
}

function compareCosts({ policy, rule }) {
  if (!state.policy.policy.loaded) return "no policy to compare with";
  if (!policy || !rule) return "comparing policy and rule \u2026";
  const share = rule.total_cost ? (policy.total_cost - rule.total_cost) / rule.total_cost : 0;
  return `policy ${money(policy.total_cost)}, rule ${money(rule.total_cost)}: ${signed(share, percent(Math.abs(share)))}`;
}

function changeoverFigure(plan) {
  const coming = plan.changeovers.filter((changeover) => changeover.end_date > plan.clock);
  const ticks = coming.reduce((sum, changeover) => sum + changeover.end_date - Math.max(plan.clock, changeover.start_date), 0);
  return figure("changeovers to come", String(coming.length), `${durationText(ticks)} of machine time`);
}

function breakdownFigure(plan) {
  const terms = Object.entries(plan.cost);
  const bar = make("dd", { class: "shares", "aria-hidden": "true" }, ...terms.map(([, cost], place) => costShare(cost, plan.total_cost, place)));
  const keys = terms.map(([term, cost], place) => make("span", { class: "entry" }, swatch(PALETTE[place]), `${term} ${money(cost)}`));
  const title = terms.map(([term, cost]) => `${term} ${money(cost)}`).join(", ");
  return make("div", { class: "figure wide", title }, make("dt", {}, "cost by term"), bar, make("dd", { class: "note" }, ...keys));
}

function costShare(cost, total, place) {
  const part = make("span");
  part.style.width = `${total > 0 ? (100 * Math.max(0, cost)) / total : 0}%`;
  part.style.background = PALETTE[place];
  return part;
}

function nervousnessFigure(plan) {
  const change = state.trial ? state.trial.nervousness : plan.nervousness;
  const name = state.trial ? "moved by the changes" : "moved since the last plan";
  if (!change) return figure(name, "\u2013", "no plan before this one");
  const machines = change.changed_machine ? `, ${percent(change.changed_machine)} to another machine` : "";
  return figure(name, percent(change.moved), `of ${count(change.operations, "operation")}${machines}`);
}

// --- queues ----------------------------------------------------------------------------------------------------------------------

function renderQueues(plan) {
  const lines = new Map(plan.machines.map((machine) => [machine, []]));
  plan.changeovers
    .filter((changeover) => changeover.end_date > plan.clock)
    .forEach((changeover) => lines.get(changeover.machine)?.push({ start: changeover.start_date, changeover }));
  plan.operations
    .filter((operation) => operation.end_date > plan.clock || operation.in_process)
    .forEach((operation) => lines.get(operation.machine)?.push({ start: operation.start_date, operation }));
  const stops = new Map(findStops(isAfter()).map(({ machine, end }) => [machine, end]));
  byId("queues").replaceChildren(...[...lines].map(([machine, line]) => queueRow(machine, line, plan, stops.get(machine))));
}

function queueRow(machine, line, plan, stoppedUntil) {
  line.sort((one, other) => one.start - other.start);
  const operations = line.filter((entry) => entry.operation);
  const last = operations[Math.min(operations.length, QUEUE_LENGTH) - 1];
  const shown = last ? line.slice(0, line.indexOf(last) + 1) : line;
  const chips = shown.map((entry) => (entry.operation ? operationChip(entry.operation, plan) : changeoverChip(entry.changeover, plan)));
  const name = make(
    "div",
    { class: "machine-name" },
    make("b", {}, machine),
    make("span", { class: "quiet" }, machineText(machine, plan.clock, stoppedUntil)),
  );
  const total = make("span", { class: "total" }, operations.length ? `${operations.length} planned` : "nothing planned");
  return make("li", {}, name, make("ol", { "aria-label": `Queue of ${machine}` }, ...chips), total);
}

/** What a machine is at, with what it has mounted. */
function machineText(machine, clock, stoppedUntil) {
  if (stoppedUntil) return `out of service until ${shortDate(stoppedUntil, clock)}`;
  const at = state.moment.snapshot.machines[machine];
  if (!at) return "";
  const mounted = setupText(at.setup ?? {});
  if (at.status === "changing") return `changing to ${mounted}`;
  return mounted ? `${at.status}, ${mounted}` : at.status;
}

function operationChip(operation, plan) {
  const order = plan.orders.find((one) => one.order === operation.order);
  const isLate = order?.lateness > 0;
  const time = operation.in_process ? `until ${shortDate(operation.end_date, plan.clock)}` : shortDate(operation.start_date, plan.clock);
  const states = [operation.in_process && "begun", isLate && "late", state.selected === operation.order && "selected"].filter(Boolean).join(" ");
  const title = `Order ${operation.order}, ${operation.operation}${isLate ? `, ${latenessText(order.lateness)}` : ""}`;
  const content = [
    swatch(setupColour(operation.setup)),
    make("b", {}, operation.order),
    operation.locked ? mark("lock-mark") : null,
    make("span", { class: "time" }, time),
  ];
  const button = make(
    "button",
    { type: "button", class: "choose", title, "aria-pressed": String(state.selected === operation.order), click: () => toggleOrder(operation.order) },
    ...content.filter(Boolean),
  );
  return make("li", { class: `chip ${states}`.trim(), "data-order": operation.order }, button);
}

function changeoverChip(changeover, plan) {
  const rest = changeover.end_date - Math.max(changeover.start_date, plan.clock);
  const title = `Changeover to ${setupText(changeover.setup)} from ${dateText(changeover.start_date)} until ${dateText(changeover.end_date)}`;
  return make(
    "li",
    { class: "chip change", title },
    swatch(setupColour(changeover.setup)),
    setupText(changeover.setup),
    make("span", { class: "time" }, durationText(rest)),
  );
}

// --- orders ----------------------------------------------------------------------------------------------------------------------

const beyond = (tick) => (tick === null ? Infinity : tick);

const COLUMNS = [
  { name: "order", title: "order", key: (order) => order.order, cell: orderCell },
  { name: "product", title: "product", key: (order) => order.product, cell: (order) => order.product },
  { name: "due_date", title: "due", key: (order) => order.due_date, cell: (order, clock) => shortDate(order.due_date, clock) },
  {
    name: "completion_date",
    title: "expected",
    key: (order) => order.completion_date,
    cell: (order, clock) => shortDate(order.completion_date, clock),
  },
  { name: "lateness", title: "lateness", key: (order) => order.lateness, cell: latenessCell },
  {
    name: "completion_p10",
    title: "10 %",
    sampled: true,
    key: (order) => beyond(order.completion_p10),
    cell: (order, clock) => sampledDate(order.completion_p10, clock),
  },
  {
    name: "completion_p50",
    title: "50 %",
    sampled: true,
    key: (order) => beyond(order.completion_p50),
    cell: (order, clock) => sampledDate(order.completion_p50, clock),
  },
  {
    name: "completion_p90",
    title: "90 %",
    sampled: true,
    key: (order) => beyond(order.completion_p90),
    cell: (order, clock) => sampledDate(order.completion_p90, clock),
  },
  { name: "on_time_probability", title: "on time", sampled: true, key: (order) => order.on_time_probability, cell: probabilityCell },
];

const sampledDate = (tick, clock) => (tick === null ? "later" : shortDate(tick, clock));

function orderCell(order) {
  return make(
    "button",
    { type: "button", class: "choose", "aria-pressed": String(order.order === state.selected), title: `weight ${order.weight}` },
    order.order,
  );
}

function latenessCell(order) {
  if (order.lateness <= 0) return latenessText(order.lateness);
  return make("span", { class: "late-text" }, mark("warning-mark"), latenessText(order.lateness));
}

function probabilityCell(order) {
  return make("span", { class: "probability" }, meter(order.on_time_probability), percent(order.on_time_probability));
}

function meter(share) {
  const fill = make("span");
  fill.style.width = percent(share, 1).replace(" ", "");
  return make("span", { class: "meter", "aria-hidden": "true" }, fill);
}

function renderOrders(plan) {
  const columns = COLUMNS.filter((column) => plan.futures > 0 || !column.sampled);
  const focused = document.activeElement?.closest("#order-rows [data-order]")?.dataset.order;
  byId("orders-title").textContent = plan.futures ? `Orders, ${count(plan.futures, "future")} sampled` : "Orders";
  byId("sample").disabled = Boolean(state.trial);
  byId("order-columns").replaceChildren(...columns.map(columnHeading));
  byId("order-rows").replaceChildren(...sortOrders(plan.orders).map((order) => orderRow(order, columns, plan.clock)));
  if (focused) document.querySelector(`#order-rows [data-order="${CSS.escape(focused)}"] .choose`)?.focus();
}

function columnHeading(column) {
  const { sorting } = state;
  const isSorted = sorting.column === column.name;
  const direction = sorting.descending ? "descending" : "ascending";
  return make(
    "th",
    { scope: "col", "aria-sort": isSorted ? direction : "none" },
    make("button", { type: "button", "data-column": column.name, click: () => sortBy(column.name) }, column.title),
  );
}

function sortBy(name) {
  state.sorting = { column: name, descending: state.sorting.column === name && !state.sorting.descending };
  renderOrders(shownPlan());
  document.querySelector(`#order-columns [data-column="${name}"]`)?.focus();
}

/** Orders by the column; numbers in names count as numbers. */
function sortOrders(orders) {
  const column = COLUMNS.find(({ name }) => name === state.sorting.column);
  const sign = state.sorting.descending ? -1 : 1;
  const collator = new Intl.Collator("en", { numeric: true });
  return [...orders].sort((one, other) => {
    const [a, b] = [column.key(one), column.key(other)];
    const difference = typeof a === "string" ? collator.compare(a, b) : a === b ? 0 : a - b;
    return sign * difference || collator.compare(one.order, other.order);
  });
}

function orderRow(order, columns, clock) {
  const classes = [order.lateness > 0 && "late", order.order === state.selected && "selected"].filter(Boolean).join(" ");
  const cells = columns.map((column) => make("td", { class: column.name }, column.cell(order, clock)));
  return make("tr", { class: classes, "data-order": order.order, click: () => toggleOrder(order.order) }, ...cells);
}

// --- the next decision -----------------------------------------------------------------------------------------------------------

function choiceText({ action, order, operation, setup }) {
  const what = order === null ? "" : `order ${order}, ${operation}`;
  const mounted = setupText(setup ?? {});
  if (action === "wait") return "wait";
  if (action === "start") return `start ${what}`;
  return `change over to ${mounted}${what ? ` for ${what}` : ""}`;
}

const sameChoice = (one, other) => choiceText(one) === choiceText(other);

const UNITS = {
  ticks: (value) => `${value < 0 ? "\u2212" : ""}${durationText(value)}`,
  flag: (value) => (value ? "yes" : "no"),
};

function valueText(value, unit) {
  return UNITS[unit]?.(value) ?? value.toLocaleString("en", { maximumFractionDigits: 2 });
}

function renderDecision() {
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
  if (!alternative.differs_in.length) return make("li", {}, make("div", { class: "line" }, ...line));
  return make("li", {}, make("details", { open: place === 1 }, make("summary", { class: "line" }, ...line), differenceTable(alternative.differs_in)));
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

// --- what if: forms --------------------------------------------------------------------------------------------------------------

const openOrders = () => state.moment.snapshot.orders.map((order) => order.order_id);
const machineNames = () => Object.keys(state.moment.snapshot.machines);
const hoursAhead = (tick) => Math.round(hoursOfTicks(tick - state.moment.snapshot.clock) * 100) / 100;
const tickAhead = (hours) => state.moment.snapshot.clock + ticksOfHours(Number(hours));

/** Fields depend on the values so far: the options of the chosen product, the machines of the chosen operation. */
const CHANGE_FORMS = {
  rush_order: {
    title: "Rush order",
    fields: (values) => {
      const product = values.product ?? Object.keys(state.policy.products)[0];
      const options = Object.entries(state.policy.products[product].options);
      return [
        { name: "order_id", label: "Order", kind: "text", value: freshOrder() },
        { name: "product", label: "Product", kind: "select", choices: Object.keys(state.policy.products), value: product, decides: true },
        ...options.map(([option, choices]) => ({ name: `option ${option}`, label: option, kind: "select", choices })),
        { name: "due", label: "Due", kind: "hours", value: 8 },
        { name: "weight", label: "Weight", kind: "number", value: 4 },
      ];
    },
    read: (values) => {
      const options = Object.keys(state.policy.products[values.product].options).map((option) => [option, values[`option ${option}`]]);
      return {
        order_id: values.order_id,
        product: values.product,
        options: Object.fromEntries(options),
        due_date: tickAhead(values.due),
        weight: Number(values.weight),
      };
    },
  },
  machine_down: {
    title: "Machine down",
    fields: () => [
      { name: "machine", label: "Machine", kind: "select", choices: machineNames() },
      { name: "until", label: "Until", kind: "hours", value: 2, least: 0.05 },
    ],
    read: (values) => ({ machine: values.machine, until: tickAhead(values.until) }),
  },
  order_terms: {
    title: "Other due date",
    fields: (values) => {
      const order = orderState(values.order) ?? state.moment.snapshot.orders[0];
      return [
        { name: "order", label: "Order", kind: "select", choices: openOrders(), value: order?.order_id, decides: true },
        { name: `due ${order?.order_id}`, label: "Due", kind: "hours", value: order ? hoursAhead(order.due_date) : 0 },
        { name: `weight ${order?.order_id}`, label: "Weight", kind: "number", value: order?.weight ?? 1 },
      ];
    },
    read: (values) => ({ order: values.order, due_date: tickAhead(values[`due ${values.order}`]), weight: Number(values[`weight ${values.order}`]) }),
  },
  cancel_order: {
    title: "Cancel order",
    fields: () => [
      {
        name: "order",
        label: "Order",
        kind: "select",
        choices: state.moment.snapshot.orders.filter((order) => !isInWork(order)).map((order) => order.order_id),
      },
    ],
    read: (values) => ({ order: values.order }),
  },
  lock: {
    title: "Lock operation",
    fields: (values) => {
      const orders = state.moment.snapshot.orders.filter((order) => waitingOperations(order).length);
      const order = orders.find((one) => one.order_id === values.order) ?? orders[0];
      const operations = order ? waitingOperations(order) : [];
      const operation = operations.includes(values.operation) ? values.operation : operations[0];
      return [
        { name: "order", label: "Order", kind: "select", choices: orders.map((one) => one.order_id), value: order?.order_id, decides: true },
        { name: "operation", label: "Operation", kind: "select", choices: operations, value: operation, decides: true },
        { name: "machine", label: "Machine", kind: "select", choices: order ? machinesFor(order.order_id, operation) : [] },
      ];
    },
    read: (values) => ({ machine: values.machine, order: values.order, operation: values.operation }),
  },
};

const isInWork = (order) => Object.values(order.operations).some(({ status }) => status === "in_process");
const waitingOperations = (order) =>
  Object.entries(order.operations)
    .filter(([, { status }]) => status === "ready" || status === "upcoming")
    .map(([name]) => name);

function freshOrder() {
  const taken = new Set([...openOrders(), ...state.changes.map((change) => change.order_id)]);
  for (let number = 1; ; number += 1) {
    if (!taken.has(`rush-${number}`)) return `rush-${number}`;
  }
}

/** Machines of the work centre where the plan does the operation, the planned one first. */
function machinesFor(order, operation) {
  const plan = shownPlan();
  const planned = plan.operations.find((one) => one.order === order && one.operation === operation)?.machine;
  if (!planned) return machineNames();
  const centre = plan.work_centres[plan.machines.indexOf(planned)];
  return [planned, ...plan.machines.filter((machine, place) => machine !== planned && plan.work_centres[place] === centre)];
}

function openForm(kind) {
  const dialog = byId("change-dialog");
  byId("change-title").textContent = CHANGE_FORMS[kind].title;
  dialog.dataset.kind = kind;
  dialog.returnValue = "";
  const chosen = state.selected && openOrders().includes(state.selected) ? { order: state.selected } : {};
  renderFields(CHANGE_FORMS[kind].fields(chosen), chosen);
  dialog.showModal();
}

/** The fields, with values that were filled in before where they still fit. */
function renderFields(fields, values) {
  byId("change-fields").replaceChildren(...fields.flatMap((field) => renderField(field, values[field.name] ?? field.value)));
}

function renderField(field, value) {
  const id = `field-${field.name.replaceAll(" ", "-")}`;
  const input = field.kind === "select" ? renderSelect(field, value, id) : renderInput(field, value, id);
  return [make("label", { for: id }, field.label), field.kind === "hours" ? withDate(input) : input];
}

function renderSelect(field, value, id) {
  const options = field.choices.map((choice) => make("option", { value: choice, selected: choice === value }, choice));
  return make("select", { id, name: field.name, required: true, change: field.decides ? rebuildFields : null }, ...options);
}

function renderInput(field, value, id) {
  if (field.kind === "text") return make("input", { id, name: field.name, type: "text", required: true, maxlength: 200, value });
  return make("input", {
    id,
    name: field.name,
    type: "number",
    step: "any",
    required: true,
    min: field.kind === "number" ? 0 : (field.least ?? null),
    value,
  });
}

/** Hours from now, with the date that they come to. */
function withDate(input) {
  const date = make("output", { for: input.id });
  const tell = () => (date.textContent = Number.isFinite(input.valueAsNumber) ? `h from now: ${dateText(tickAhead(input.value))}` : "h from now");
  input.addEventListener("input", tell);
  tell();
  return make("span", { class: "hours" }, input, date);
}

const formValues = () => Object.fromEntries(new FormData(byId("change-form")));

function rebuildFields(event) {
  const values = formValues();
  const { name } = event.target;
  renderFields(CHANGE_FORMS[byId("change-dialog").dataset.kind].fields(values), values);
  byId("change-form").elements.namedItem(name)?.focus();
}

byId("change-form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "add") return;
  const { kind } = byId("change-dialog").dataset;
  state.changes.push({ change: kind, ...CHANGE_FORMS[kind].read(formValues()) });
  renderWhatIf();
});

// --- what if: trying -------------------------------------------------------------------------------------------------------------

const CHANGE_TEXTS = {
  rush_order: (change) =>
    `rush order ${change.order_id}: ${change.product} (${Object.values(change.options).join(", ")}), due ${dateText(change.due_date)}, weight ${change.weight}`,
  machine_down: (change) => `${change.machine} is down until ${dateText(change.until)}`,
  order_terms: (change) => `order ${change.order} is due ${dateText(change.due_date)}, weight ${change.weight}`,
  cancel_order: (change) => `order ${change.order} is cancelled`,
  lock: (change) => `order ${change.order}, ${change.operation} is locked to ${change.machine}`,
};

async function tryChanges() {
  const { changes, moment } = state;
  const round = ++state.round;
  await attempt("what-if", async () => {
    const trial = await ask("/v1/what-if", { snapshot: moment.snapshot, changes, futures: 0, seed: 0 });
    if (round !== state.round) return;
    state.trial = { ...trial, changes: [...changes] };
    setVersion("after");
    byId("comparison").scrollIntoView({ block: "start" });
    announce(`Tried: cost ${signed(trial.cost_difference, money(Math.abs(trial.cost_difference)))}`);
  });
}

function setVersion(version) {
  state.version = version;
  document.querySelector(`input[name="version"][value="${version}"]`).checked = true;
  render();
}

function leaveTrial() {
  state.trial = null;
  render();
  followFloor();
}

function renderWhatIf() {
  byId("try").disabled = !state.changes.length || !state.moment;
  for (const button of byId("change-kinds").children) button.disabled = !state.moment;
  byId("changes").replaceChildren(...state.changes.map(changeItem));
  byId("comparison").replaceChildren(
    ...(state.trial
      ? comparisonParts(state.trial)
      : [
          make(
            "p",
            { class: "quiet" },
            state.changes.length
              ? "Try plans with and without the changes."
              : "Add changes, then try them: the plan is made with and without them. Nothing is sent to the shop floor.",
          ),
        ]),
  );
}

function changeItem(change, place) {
  const text = CHANGE_TEXTS[change.change](change);
  return make(
    "li",
    {},
    make("span", {}, text),
    make("button", { type: "button", "aria-label": `Remove: ${text}`, click: () => removeChange(place) }, "Remove"),
  );
}

function removeChange(place) {
  state.changes.splice(place, 1);
  renderWhatIf();
}

function comparisonParts(trial) {
  const { orders, cost_difference: difference } = trial;
  const moved = orders.filter((order) => order.moved !== 0);
  const becomesLate = orders.filter((order) => order.lateness_after > 0 && !(order.lateness_before > 0));
  const becomesTimely = orders.filter((order) => order.lateness_before > 0 && order.lateness_after !== null && order.lateness_after <= 0);
  return [
    make(
      "p",
      { class: difference > 0 ? "difference dearer" : "difference" },
      make("b", {}, signed(difference, money(Math.abs(difference)))),
      ` cost: ${money(trial.before.total_cost)} before, ${money(trial.after.total_cost)} after`,
    ),
    becomesLate.length
      ? make("p", { class: "late-text" }, mark("warning-mark"), `late now: ${becomesLate.map((order) => order.order).join(", ")}`)
      : make("p", { class: "quiet" }, "No order becomes late."),
    becomesTimely.length ? make("p", {}, `in time now: ${becomesTimely.map((order) => order.order).join(", ")}`) : "",
    movedTable(moved, trial.before.clock),
    make("p", { class: "quiet" }, `${moved.length} of ${count(orders.length, "order")} moved, came or went.`),
    make("p", { class: "buttons" }, make("button", { type: "button", click: leaveTrial }, "Back to the plan")),
  ];
}

function movedTable(moved, clock) {
  if (!moved.length) return "";
  const headings = ["order", "before", "after", "moves", "then"].map((text) => make("th", { scope: "col" }, text));
  return make(
    "table",
    { class: "moved" },
    make("thead", {}, make("tr", {}, ...headings)),
    make("tbody", {}, ...moved.map((order) => movedRow(order, clock))),
  );
}

function movedRow(order, clock) {
  const dateOf = (tick) => (tick === null ? "\u2013" : shortDate(tick, clock));
  const shift = order.moved === null ? (order.before === null ? "new" : "gone") : signed(order.moved, durationText(order.moved));
  const lateness = order.lateness_after === null ? "\u2013" : latenessCell({ lateness: order.lateness_after });
  const choose = make("button", { type: "button", class: "choose", "aria-pressed": String(order.order === state.selected) }, order.order);
  const cells = [choose, dateOf(order.before), dateOf(order.after), shift, lateness].map((content) => make("td", {}, content));
  return make(
    "tr",
    { "data-order": order.order, class: order.order === state.selected ? "selected" : "", click: () => toggleOrder(order.order) },
    ...cells,
  );
}

// --- planning --------------------------------------------------------------------------------------------------------------------

/** States of a service that is away, busy or starting: the floor is planned again at the next poll. */
const PASSING = new Set([0, 429, 503]);

const other = (by) => (by === "policy" ? "rule" : "policy");

function requestPlan(moment, by, { futures = 0, previous = null } = {}) {
  return ask("/v1/plan", { snapshot: moment.snapshot, by, futures, seed: 0, previous, frozen: 0 });
}

/** Plan a moment; what is on the screen stays until its plan is here. */
async function plan(moment) {
  const round = ++state.round;
  const isCurrent = () => round === state.round;
  const continues = state.moment?.source === moment.source && state.moment.snapshot.factory === moment.snapshot.factory;
  const previous = continues ? state.plans : {};
  if (!state.moment) document.body.dataset.state = "loading";
  const error = await attempt("plan", async () => {
    const first = await requestPlan(moment, state.by, { previous: previous[state.by] ?? null });
    if (!isCurrent()) return;
    Object.assign(state, { moment, previous, plans: { [state.by]: first }, trial: null, explanation: null });
    render();
    announce(`Planned: ${count(lateOrders(first).length, "order")} late`);
    await addPlan(other(state.by), isCurrent);
    await addExplanation(isCurrent);
  });
  if (PASSING.has(error?.status) && isCurrent() && state.moment !== moment) state.seen = null;
}

/** The plan of the other one, to compare costs. */
async function addPlan(by, isCurrent) {
  if (!state.policy.policy.loaded) return;
  const made = await requestPlan(state.moment, by, { previous: state.previous[by] ?? null });
  if (!isCurrent()) return;
  state.plans[by] = made;
  if (by === state.by) render();
  else renderFigures(shownPlan());
}

async function addExplanation(isCurrent) {
  if (!state.policy.policy.loaded) return;
  const explanation = await ask("/v1/explain", { snapshot: state.moment.snapshot });
  if (!isCurrent()) return;
  state.explanation = explanation;
  renderDecision();
}

async function sampleFutures() {
  if (!state.moment) return;
  const { moment, by, round } = state;
  byId("sample").disabled = true;
  await attempt("futures", async () => {
    const sampled = await requestPlan(moment, by, { futures: FUTURES, previous: state.previous[by] ?? null });
    if (round !== state.round || moment !== state.moment) return;
    state.plans[by] = sampled;
    render();
    announce(`${count(FUTURES, "future")} sampled`);
  });
  byId("sample").disabled = Boolean(state.trial);
}

function choosePlanner(by) {
  state.by = by;
  if (state.plans[by]) render();
  else if (state.moment) {
    const { round } = state;
    attempt("plan", () => addPlan(by, () => round === state.round));
  }
}

// --- following the floor ---------------------------------------------------------------------------------------------------------

const isNewFloor = () => Boolean(state.floor) && state.floor.received !== state.seen;

let isCutOff = false;

async function poll() {
  try {
    const floor = await ask("/v1/floor");
    isCutOff = false;
    clearProblems("floor");
    if (floor.snapshot) state.floor = floor;
    else if (!state.moment && tasks === 0) document.body.dataset.state = "empty";
    followFloor();
  } catch (error) {
    // told once, so that it stays away when it is dismissed
    if (!isCutOff) showProblems(error, "floor");
    isCutOff = true;
  }
  setTimeout(poll, 1000 * POLL_SECONDS);
}

/** Plan the newest floor, unless the planner looks at something else. */
function followFloor() {
  renderAge();
  if (!state.following || state.trial || !isNewFloor()) return;
  state.seen = state.floor.received;
  refreshPolicy();
  plan({ snapshot: state.floor.snapshot, source: "MES", received: state.floor.received });
}

/** A policy may be loaded or fail while the page is open. */
async function refreshPolicy() {
  try {
    state.policy = await ask("/v1/policy");
  } catch (error) {
    showProblems(error, "floor");
  }
}

function setFollowing(following) {
  state.following = following;
  renderFollowing();
  followFloor();
}

/** Plan something else than the floor; following would soon replace it. */
function planAside(snapshot, source) {
  setFollowing(false);
  state.seen = null;
  return plan({ snapshot, source, received: null });
}

const loadExample = () => attempt("load", async () => planAside(await ask("/v1/example"), "the example"));

function loadFile(file) {
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
    throw new Refusal(0, [`${name} is no JSON. Choose a file with a snapshot.`]);
  }
}

// --- wiring ----------------------------------------------------------------------------------------------------------------------

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
  onChoice("by", choosePlanner);
  onChoice("version", setVersion);
  onChoice("colouring", recolour);
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
  const kinds = Object.entries(CHANGE_FORMS).map(([kind, { title }]) =>
    make("button", { type: "button", "data-kind": kind, disabled: true, click: () => openForm(kind) }, title),
  );
  byId("change-kinds").replaceChildren(...kinds);
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
  wireControls();
  wirePanels();
  wireDropping();
  wireKeys();
  await awaitPolicy();
  byId("factory").textContent = state.policy.factory;
  byId("badges").replaceChildren(...findBadges(null).map(renderBadge));
  learnValues();
  setInterval(renderAge, 1000);
  poll();
}

start();
