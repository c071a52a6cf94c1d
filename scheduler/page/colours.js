/** Colours of setups, orders and lateness, and their legend. */

import { byId, state } from "./state.js";
import { make, mark, setupText, swatch } from "./building.js";
import { say } from "./language.js";
import { latenessText, tickMinutes } from "./times.js";

// --- colours ---------------------------------------------------------------------------------------------------------------------

/** Light colours that stay apart for colour-blind readers and carry dark text (after Paul Tol). */
export const PALETTE = ["#77aadd", "#eedd88", "#44bb99", "#ee8866", "#aaaa00", "#ffaabb", "#99ddff", "#bbcc33", "#c4c9cf"];
const PLAIN = "#b4bec8";
export const [DARK_INK, LIGHT_INK] = ["#11161c", "#ffffff"];
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
  { most: -60, colour: "#6f9fd0", label: "early_much" },
  { most: 0, colour: "#b9d4ea", label: "early_little" },
  { most: 240, colour: "#f3b25f", label: "late" },
  { most: Infinity, colour: "#d4604a", label: "late_much" },
];
const SHORT_NAMES = [4, 3]; // letters at the end of an order's name that stand on narrow bars
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
export function learnValues() {
  known.learn("product", Object.keys(state.policy.products));
  for (const { options } of Object.values(state.policy.products)) {
    for (const [option, values] of Object.entries(options)) known.learn(option, values);
  }
}

export function learnSetups(plan) {
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

export function inkOn(colour) {
  const [red, green, blue] = channels(colour);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 125 ? DARK_INK : LIGHT_INK;
}

/** The first attribute gives the colour, the others its shade. */
export function setupColour(setup) {
  const [first, ...others] = Object.entries(setup);
  if (!first) return PLAIN;
  const [attribute, value] = first;
  const number = known.number(...first);
  const base =
    attribute.includes("colo") && Object.hasOwn(PAINTS, value) // a value may be called as what every object has
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

export function operationColour(operation, order) {
  if (state.colouring === "setup" || !order) return setupColour(operation.setup);
  return state.colouring === "lateness" ? latenessClass(order.lateness).colour : orderColour(order);
}

/** What stands on a bar, the longest text first. */
export function operationLabels(operation, order) {
  const more = {
    setup: setupText(operation.setup),
    lateness: order ? latenessText(order.lateness) : "",
    product: order?.product ?? "",
  }[state.colouring];
  const { order: id } = operation;
  const labels = more ? [`${id} \u00b7 ${more}`, id] : [id];
  const ends = SHORT_NAMES.filter((letters) => letters < id.length - 1).map((letters) => `\u2026${id.slice(-letters)}`);
  return [...labels, ...ends];
}

// --- legend ----------------------------------------------------------------------------------------------------------------------

const KINDS = [
  ["changeover", "changeover"],
  ["begun", "in_process"],
  ["locked", "locked"],
  ["late", "late_order"],
  ["stop", "out_of_service"],
];
const HOUR_KINDS = [
  ["closures", "closed"],
  ["pauses", "pause"],
  ["maintenance", "maintenance"],
];

export function renderLegend(plan) {
  const groups = { setup: setupLegend, lateness: latenessLegend, product: productLegend }[state.colouring](plan);
  const present = HOUR_KINDS.filter(([kind]) => plan[kind]?.length);
  const kinds = [...KINDS, ...present].map(([kind, label]) => make("span", { class: "entry" }, kind === "locked" ? mark("lock-mark") : swatch(null, kind), say(label)));
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
    if (Object.keys(setup).length) setups.get(centreOf.get(machine)).set(JSON.stringify(setup), setup);
  }
  const used = [...setups].filter(([, found]) => found.size);
  return used.map(([centre, found]) =>
    legendGroup(
      centre,
      [...found].sort(bySetup).map(([, setup]) => [setupColour(setup), setupText(setup)]),
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
    LATENESS.map(({ colour, label }) => [colour, say(label)]),
  ),
];

function productLegend(plan) {
  const products = [...new Set(plan.orders.map((order) => order.product))].sort(
    (one, other) => known.number("product", one) - known.number("product", other),
  );
  return [
    legendGroup(
      say("product_shades"),
      products.map((product) => [productColour(product), product]),
    ),
  ];
}
