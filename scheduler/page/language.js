/** The language of the page, and its texts (texts.js). */

import { TEXTS } from "./texts.js";

export const LANGUAGES = { en: "en-GB", de: "de-DE" };
const KEPT = "language";
const changed = [];

let language = chooseLanguage();

/** The language of the address (`?lang=de`), else the one chosen before, else the browser's. */
function chooseLanguage() {
  const asked = [new URL(location.href).searchParams.get("lang"), localStorage.getItem(KEPT), ...(navigator.languages ?? [])];
  const found = asked.map((name) => name?.slice(0, 2).toLowerCase()).find((name) => Object.hasOwn(LANGUAGES, name));
  return found ?? "en";
}

export const currentLanguage = () => language;
export const locale = () => LANGUAGES[language];

/** Call `redraw` after each change of the language. */
export const onLanguage = (redraw) => changed.push(redraw);

export function setLanguage(name) {
  language = name;
  localStorage.setItem(KEPT, name);
  translateDocument();
  for (const redraw of changed) redraw();
}

/** The text of a key, with values for the names in braces. */
export const say = (key, values = {}) => fill(TEXTS[key][language], values);

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** A number with its noun; the text of the key has singular and plural, parted by a bar. */
export function sayCount(key, number, values = {}) {
  const [one, many] = TEXTS[key][language].split("|");
  return `${number} ${fill(number === 1 ? one : many, values)}`;
}

/** A text that outlasts a change of the language: a function that says it, or a text of the service, which stays as it is. */
export const sayKept = (text) => (typeof text === "function" ? text() : text);

/** The words for a name of the service, such as that of a column; `otherwise` where there are none. */
export function sayName(kind, name, otherwise = name.replaceAll("_", " ")) {
  const key = `${kind}_${name.replaceAll(" ", "_")}`;
  return Object.hasOwn(TEXTS, key) ? say(key) : otherwise;
}

/** Numbers with the decimal mark of the language. */
export const decimal = (number, digits) => number.toLocaleString(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });

const PLACES = { text: (element, words) => (element.textContent = words) };
for (const name of ["title", "aria-label", "placeholder"]) PLACES[name] = (element, words) => element.setAttribute(name, words);

/** Write the texts of the document: `data-text`, `data-title`, `data-aria-label` and `data-placeholder` name their keys. */
export function translateDocument() {
  document.documentElement.lang = language;
  for (const [place, write] of Object.entries(PLACES)) {
    for (const element of document.querySelectorAll(`[data-${place}]`)) write(element, say(element.getAttribute(`data-${place}`)));
  }
}
