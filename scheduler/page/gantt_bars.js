/** Bars of the Gantt chart: what they are, and the elements that show them where they are few. */

import { draw } from "./building.js";
import { inkOn, LIGHT_INK, operationColour, operationLabels, setupColour } from "./colours.js";
import { say, sayName } from "./language.js";
import { clockTime, dateText, latenessText } from "./times.js";

const LOCK_WIDTH = 12;

/** Bars of a scene, by date within each lane. */
export function makeBars(chart) {
  const { plan, orders, matches } = chart.scene;
  const changeoverHeight = Math.round(chart.laneHeight * 0.62);
  const bars = [];
  for (const changeover of plan.changeovers) {
    const lane = chart.tops.get(changeover.machine);
    if (lane === undefined) continue;
    const top = lane + (chart.laneHeight - changeoverHeight) / 2;
    bars.push({ changeover, machine: changeover.machine, start: changeover.start_date, end: changeover.end_date, lane, top, height: changeoverHeight });
  }
  for (const operation of plan.operations) {
    const lane = chart.tops.get(operation.machine);
    if (lane === undefined) continue;
    const order = orders.get(operation.order);
    const height = chart.laneHeight - 6;
    const { start_date: start, end_date: end, machine } = operation;
    bars.push({ operation, order, machine, start, end, lane, top: lane + 3, height, isOff: !matches(operation, order) });
  }
  return bars.sort((one, other) => one.lane - other.lane || one.start - other.start);
}

/** Give each bar the colours and labels of the choice on the page. */
export function colourBar(bar) {
  if (bar.changeover) {
    bar.colour = setupColour(bar.changeover.setup);
    return;
  }
  bar.colour = operationColour(bar.operation, bar.order);
  bar.ink = inkOn(bar.colour);
  bar.labels = operationLabels(bar.operation, bar.order);
}

/** The longest label that has room in a bar, and where it begins; a bar that begins before the view keeps it in view. */
export function labelOf(chart, bar, left, width) {
  const hidden = Math.max(0, -left);
  const isLocked = bar.operation.locked && width >= LOCK_WIDTH;
  const room = width - hidden - (isLocked ? LOCK_WIDTH : 0) - 3;
  const text = room < 4 ? "" : (bar.labels.find((label) => chart.textWidth(label) <= room) ?? "");
  return { text, x: text ? hidden + Math.min(6, (room + 3 - chart.textWidth(text)) / 2) : 0, isLocked };
}

/** What a screen reader says of a bar. */
export function describeBar({ operation, changeover, order }) {
  const { start_date: start, end_date: end } = operation ?? changeover;
  const dates = { start: dateText(start), end: dateText(end) };
  if (changeover) return say("bar_changeover", { ...dates, machine: changeover.machine, setup: Object.values(changeover.setup).join(" ") });
  const states = [
    order && latenessText(order.lateness),
    operation.in_process && say("in_process"),
    operation.locked && say("locked"),
  ].filter(Boolean);
  const text = say("bar_operation", { ...dates, order: operation.order, operation: operation.operation, machine: operation.machine });
  return [text, ...states].join(", ");
}

/** The elements of a bar, made when they are first needed. */
export function furnish(chart, bar) {
  if (bar.node) return;
  if (bar.changeover) furnishChangeover(bar);
  else furnishOperation(chart, bar);
  bar.node.setAttribute("aria-label", describeBar(bar));
  bar.node.classList.toggle("off", Boolean(bar.isOff));
  recolourNode(bar);
  markNode(chart, bar);
}

function furnishChangeover(bar) {
  const { height, changeover } = bar;
  bar.shape = draw("rect", { class: "tint", height, rx: 2 });
  bar.over = draw("rect", { class: "hatch", height, rx: 2 });
  bar.node = draw("g", { class: "changeover", role: "img", "data-machine": changeover.machine }, bar.shape, bar.over);
}

function furnishOperation(chart, bar) {
  const { operation, height } = bar;
  bar.shape = draw("rect", { height, rx: 3 });
  const names = { "data-order": operation.order, "data-machine": operation.machine, "data-operation": operation.operation };
  bar.node = draw("g", { class: "operation", role: "button", tabindex: "-1", ...names }, bar.shape);
  if (operation.in_process) {
    bar.node.classList.add("begun");
    bar.elapsed = bar.node.appendChild(draw("rect", { class: "elapsed", height, rx: 3 }));
  }
  if (operation.locked) bar.lock = bar.node.appendChild(draw("use", { class: "lock", href: "#lock-mark", width: 9, height: 11, y: 2 }));
  if (bar.order?.lateness > 0) bar.over = bar.node.appendChild(draw("rect", { class: "late-strip", y: height - 4, height: 4 }));
  bar.label = bar.node.appendChild(draw("text", { y: height / 2, "font-size": chart.fontSize }));
}

export function recolourNode(bar) {
  if (!bar.node) return;
  bar.shape.style.fill = bar.colour;
  if (!bar.operation) return;
  bar.shape.classList.toggle("dark", bar.ink === LIGHT_INK);
  bar.label.style.fill = bar.ink;
  if (bar.lock) bar.lock.style.color = bar.ink;
}

/** Selection and focus; one bar alone is a stop of the Tab key. */
export function markNode(chart, bar) {
  if (!bar.operation || !bar.node) return;
  const isFocused = bar.operation === chart.focused;
  bar.node.classList.toggle("selected", bar.operation.order === chart.selected);
  bar.node.classList.toggle("focused", isFocused);
  bar.node.setAttribute("tabindex", isFocused ? "0" : "-1");
  bar.node.setAttribute("aria-pressed", String(bar.operation.order === chart.selected));
}

export function placeNode(chart, bar) {
  const [left, right] = [chart.x(bar.start), chart.x(bar.end)];
  const isVisible = right >= 0 && left <= chart.width;
  if (isVisible !== bar.isVisible) bar.node.style.display = isVisible ? "" : "none";
  bar.isVisible = isVisible;
  if (!isVisible) return;
  const width = barWidth(left, right);
  bar.node.setAttribute("transform", `translate(${left.toFixed(2)} ${bar.top})`);
  if (width !== bar.width) {
    bar.shape.setAttribute("width", width.toFixed(2));
    bar.over?.setAttribute("width", width.toFixed(2));
  }
  bar.width = width;
  if (bar.operation) placeInside(chart, bar, left, width);
}

export const barWidth = (left, right) => Math.max(1, right - left - (right - left > 4 ? 1 : 0));

function placeInside(chart, bar, left, width) {
  if (bar.elapsed) bar.elapsed.setAttribute("width", Math.max(0, Math.min(width, chart.x(chart.scene.plan.clock) - left)).toFixed(2));
  const { text, x, isLocked } = labelOf(chart, bar, left, width);
  if (bar.lock) {
    bar.lock.style.display = isLocked ? "" : "none";
    bar.lock.setAttribute("x", width - 11);
  }
  if (text !== bar.text) bar.label.textContent = text;
  bar.text = text;
  if (text) bar.label.setAttribute("x", x.toFixed(1));
}

/** Times in which machines are out of service, over everything else: they are few, and must be seen. */
export function drawStops(chart) {
  chart.stopMarks = chart.scene.stops
    .filter((stop) => chart.tops.has(stop.machine))
    .map((stop) => {
      const lane = chart.tops.get(stop.machine);
      const reason = sayName("stop", stop.reason);
      const title = say("stop_title", { machine: stop.machine, reason, end: dateText(stop.end) });
      const node = draw("rect", { class: "stop", y: lane + 1, height: chart.laneHeight - 2 }, draw("title", {}, title));
      const words = draw("text", { class: "stop-text", y: lane + chart.laneHeight / 2, "font-size": chart.fontSize });
      const texts = [say("stop_until", { reason, end: clockTime(stop.end) }), reason, "\u2716"];
      const plateHeight = Math.min(chart.laneHeight - 4, chart.fontSize + 6);
      const plate = draw("rect", { class: "stop-plate", y: lane + (chart.laneHeight - plateHeight) / 2, height: plateHeight, rx: 3 });
      return { node, plate, words, texts, start: stop.start, end: stop.end };
    });
  chart.stops.replaceChildren(...chart.stopMarks.flatMap(({ node, plate, words }) => [node, plate, words]));
}

export function placeStop(chart, { node, plate, words, texts, start, end }) {
  const [left, right] = [Math.max(0, chart.x(start)), Math.min(chart.width, chart.x(end))];
  const isVisible = right >= 0 && left <= chart.width;
  for (const part of [node, plate, words]) part.style.display = isVisible ? "" : "none";
  if (!isVisible) return;
  const width = Math.max(3, right - left);
  node.setAttribute("x", left);
  node.setAttribute("width", width);
  const text = texts.find((one) => chart.textWidth(one) <= width - 12) ?? "";
  words.textContent = text;
  words.setAttribute("x", left + 6);
  plate.setAttribute("x", left + 2);
  plate.setAttribute("width", text ? chart.textWidth(text) + 8 : 0);
}
