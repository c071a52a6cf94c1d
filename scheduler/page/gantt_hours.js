/** Closures, pauses and maintenance in the Gantt chart: shaded, striped, and as bars with their names. */

import { draw } from "./building.js";
import { say } from "./language.js";
import { dateText } from "./times.js";

const TITLES = { closures: "closures_title", maintenance: "maintenance_title", pauses: "pauses_title" };
const KINDS = Object.keys(TITLES);

/** The spans of a scene; closures lie below the bars, pauses and maintenance above them. */
export function drawHours(chart) {
  chart.hourMarks = KINDS.flatMap((kind) => (chart.scene.plan[kind] ?? []).filter(({ machine }) => chart.tops.has(machine)).map((span) => makeMark(chart, kind, span)));
  for (const kind of KINDS) chart[kind].replaceChildren(...chart.hourMarks.filter((one) => one.kind === kind).flatMap(({ node, words }) => [node, words]));
}

function makeMark(chart, kind, span) {
  const lane = chart.tops.get(span.machine);
  const inset = kind === "closures" ? 0 : 3;
  const dates = { start: dateText(span.start_date), end: dateText(span.end_date) };
  const title = say(TITLES[kind], { ...dates, machine: span.machine, name: span.name ?? "" });
  const shape = { class: kind, y: lane + inset, height: chart.laneHeight - 2 * inset, rx: inset };
  const node = draw("rect", { ...shape, role: "img", "aria-label": title }, draw("title", {}, title));
  const words = draw("text", { class: `${kind}-text`, y: lane + chart.laneHeight / 2, "font-size": chart.fontSize, "aria-hidden": "true" });
  const texts = kind === "maintenance" ? [span.name] : [];
  return { kind, node, words, texts, start: span.start_date, end: span.end_date };
}

/** Place the spans that are in view. */
export function placeHours(chart) {
  for (const mark of chart.hourMarks) placeMark(chart, mark);
}

function placeMark(chart, { node, words, texts, start, end }) {
  const [left, right] = [Math.max(0, chart.x(start)), Math.min(chart.width, chart.x(end))];
  const isVisible = right >= 0 && left <= chart.width;
  for (const part of [node, words]) part.style.display = isVisible ? "" : "none";
  if (!isVisible) return;
  const width = Math.max(1, right - left);
  node.setAttribute("x", left);
  node.setAttribute("width", width);
  words.textContent = texts.find((one) => chart.textWidth(one) <= width - 8) ?? "";
  words.setAttribute("x", left + 4);
}
