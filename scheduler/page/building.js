/** Elements of the document, and numbers as text. */

import { decimal, locale } from "./language.js";
import { SVG } from "./state.js";

/** An element; attributes whose value is a function are event handlers, false and null leave an attribute out. */
export function make(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
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

export function mark(symbol) {
  return draw("svg", { class: "mark", "aria-hidden": "true" }, draw("use", { href: `#${symbol}` }));
}

export function swatch(colour, kind = "") {
  const square = make("span", { class: `swatch ${kind}`.trim(), "aria-hidden": "true" });
  if (colour) square.style.background = colour;
  return square;
}

export const percent = (share, digits = 0) => `${decimal(100 * share, digits)} %`;
export const signed = (number, text) => `${number > 0 ? "+" : number < 0 ? "\u2212" : "\u00b1"}${text}`;
export const setupText = (setup) => Object.values(setup).join(" \u00b7 ");

export function money(cost) {
  const digits = cost !== 0 && Math.abs(cost) < 100 ? 1 : 0;
  const parts = new Intl.NumberFormat(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).formatToParts(cost);
  return parts.map(({ type, value }) => (type === "group" ? "\u202f" : value)).join("");
}
