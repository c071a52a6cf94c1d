/** The Gantt chart. */

import { draw, make } from "./building.js";
import { clockTime, dateText, tickMinutes } from "./times.js";
import { inkOn, LIGHT_INK, operationColour, operationLabels, setupColour } from "./colours.js";
import { Axis } from "./gantt_axis.js";
import { GanttInput } from "./gantt_input.js";

// lengths for a font size of the page of 15 pixels; they grow with it
const PAGE_FONT = 15;
const LANE_HEIGHTS = [25, 47];
const GROUP_GAP = 7;
const SHORTEST_VIEW = 10; // minutes

/** Operations on machines over time, drawn in SVG. Only what lies in view is placed, so that thousands of bars stay smooth. */
export class Gantt {
  constructor(host, handlers) {
    Object.assign(this, { host, ...handlers }); // see chart.js
    this.focused = null; // operation
    this.bars = [];
    this.view = null; // ticks {from, to}
    this.fitted = true;
    this.textWidths = new Map();
    this.pen = document.createElement("canvas").getContext("2d");
    this.build();
    this.timeAxis = new Axis(this);
    this.input = new GanttInput(this);
  }

  // --- skeleton

  build() {
    this.axis = draw("svg", { class: "axis", "aria-hidden": "true" });
    this.names = draw("svg", { class: "names" });
    this.field = draw("svg", { class: "field" }, hatchPatterns());
    for (const layer of ["backdrop", "grid", "stops", "changes", "ghosts", "operations", "links", "drops", "front"]) {
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
    this.refocus();
  }

  /** Keep the focus at the operation that had it in the plan before. */
  refocus() {
    const { focused } = this;
    const isFocused = (one) => one.order === focused?.order && one.operation === focused?.operation;
    this.focus(focused ? (this.scene.plan.operations.find(isFocused) ?? null) : null);
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
    const stopped = new Set(this.scene.stops.filter((stop) => stop.start <= this.scene.plan.clock).map((stop) => stop.machine));
    const names = machines.map((machine) => {
      const middle = this.tops.get(machine) + this.laneHeight / 2;
      return draw("text", { class: stopped.has(machine) ? "machine stopped" : "machine", x: this.gutter - 10, y: middle, "font-size": this.fontSize }, stopped.has(machine) ? `\u2716 ${machine}` : machine);
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
          draw("title", {}, `${stop.machine}: ${stop.reason} until ${dateText(stop.end)}`),
        );
        const lane = this.tops.get(stop.machine);
        const words = draw("text", { class: "stop-text", y: lane + this.laneHeight - 5, "font-size": this.fontSize });
        const texts = [`${stop.reason} until ${clockTime(stop.end)}`, stop.reason];
        this.bars.push({ node, shape: node, words, texts, lane, start: stop.start, end: stop.end });
        return [node, words];
      });
    this.stops.replaceChildren(...nodes.flat());
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
    this.timeAxis.place();
    this.placeFront();
    this.placeLinks();
  }

  placeBar(bar) {
    const [left, right] = [this.x(bar.start), this.x(bar.end)];
    const visible = right >= 0 && left <= this.width && bar.lane >= this.lanesInView[0] && bar.lane <= this.lanesInView[1];
    if (visible !== bar.visible) bar.node.style.display = visible ? "" : "none";
    if (bar.words && visible !== bar.visible) bar.words.style.display = visible ? "" : "none";
    bar.visible = visible;
    if (!visible) return;
    const width = Math.max(1, right - left - (right - left > 4 ? 1 : 0));
    if (!bar.top) bar.node.setAttribute("x", left);
    else bar.node.setAttribute("transform", `translate(${left.toFixed(2)} ${bar.top})`);
    bar.shape.setAttribute("width", width.toFixed(2));
    bar.over?.setAttribute("width", width.toFixed(2));
    if (bar.words) this.placeWords(bar, left, width);
    if (bar.operation) this.placeInside(bar, left, width);
  }

  placeWords(bar, left, width) {
    const from = Math.max(0, left);
    const room = Math.min(this.width, left + width) - from - 8;
    bar.words.textContent = bar.texts.find((text) => this.textWidth(text) <= room) ?? "";
    bar.words.setAttribute("x", from + 4);
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

  /** Give the focus to the bar of an operation; null: to none. */
  focus(operation) {
    this.focused = operation;
    for (const bar of this.bars) if (bar.operation) bar.node.classList.toggle("focused", bar.operation === operation);
    this.onFocus(operation);
  }

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
