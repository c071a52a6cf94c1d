/** The Gantt chart. */

import { draw, make } from "./building.js";
import { clockTime, tickMinutes } from "./times.js";
import { say } from "./language.js";
import { Axis } from "./gantt_axis.js";
import { colourBar, drawStops, furnish, makeBars, markNode, placeNode, placeStop, recolourNode } from "./gantt_bars.js";
import { drawHours, placeHours } from "./gantt_hours.js";
import { BarCanvas } from "./gantt_canvas.js";
import { GanttInput } from "./gantt_input.js";
import { drawLanes, layOutLanes, medium } from "./gantt_lanes.js";
import { placeLinks } from "./gantt_links.js";

const SHORTEST_VIEW = 10; // minutes
const WALL_VIEW = 12 * 60; // minutes from the clock that the wall shows
const PAPER_WIDTH = 1500; // pixels of the chart on A3 paper
const PAPER_HEIGHT = 900;
const MOST_ELEMENTS = 500; // bars of a plan that are elements; more are painted on a canvas
const HIT_MARGIN = 3; // pixels beside a narrow bar that still mean it

/**
 * Operations on machines over time. The bars of a small plan are elements; those of a large one are painted on a canvas, and
 * only the bars of the selected order, the one under the pointer and the one with the focus are elements then.
 */
export class Gantt {
  constructor(host, handlers) {
    Object.assign(this, { host, ...handlers }); // see chart.js
    this.focused = null; // operation
    this.bars = [];
    this.attached = new Set();
    this.view = null; // ticks {from, to}
    this.fitted = true;
    this.isPrinted = false;
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
    this.ground = draw("svg", { class: "ground", "aria-hidden": "true" });
    this.field = draw("svg", { class: "field" }, hatchPatterns());
    for (const layer of ["backdrop", "grid"]) this.ground.append((this[layer] = draw("g", { class: layer })));
    for (const layer of ["closures", "changes", "ghosts", "operations", "maintenance", "pauses", "stops", "links", "drops", "front"]) {
      this[layer] = draw("g", { class: layer });
      this.field.append(this[layer]);
    }
    this.painter = new BarCanvas(this);
    this.corner = make("div", { class: "corner" });
    this.lanes = make("div", { class: "lanes" }, this.names, make("div", { class: "layers" }, this.ground, this.painter.canvas, this.field));
    this.host.append(this.corner, this.axis, this.lanes);
    new ResizeObserver(() => this.resize()).observe(this.host);
  }

  /** Show a scene: plan, groups of machines, orders (by id), matches (filter), stops, earlier (operations to compare with) and until (end of the time to fit). */
  show(scene) {
    const clockBefore = this.scene?.plan.clock;
    const sameFloor = this.scene?.plan.factory === scene.plan.factory;
    this.scene = scene;
    this.hovered = null;
    const hadFocus = this.host.contains(document.activeElement);
    this.layOut();
    drawLanes(this);
    drawStops(this);
    drawHours(this);
    this.bars = makeBars(this);
    this.lanesOfBars = Map.groupBy(this.bars, (bar) => bar.lane);
    this.attached.clear();
    this.changes.replaceChildren();
    this.operations.replaceChildren();
    for (const bar of this.bars) colourBar(bar);
    if (!this.view || this.fitted || !sameFloor) this.view = this.fitting();
    else this.move(scene.plan.clock - clockBefore);
    this.select(this.selected);
    this.refocus();
    this.place();
    if (hadFocus) this.takeFocus();
  }

  /** Keep the focus at the operation that had it in the plan before. */
  refocus() {
    const { focused } = this;
    const isFocused = (one) => one.order === focused?.order && one.operation === focused?.operation;
    this.focus(focused ? (this.scene.plan.operations.find(isFocused) ?? null) : null);
  }

  layOut() {
    layOutLanes(this);
    this.pen.font = `600 ${this.fontSize}px ${getComputedStyle(this.host).fontFamily}`;
    this.textWidths.clear();
    this.measure();
  }

  heightAtHand() {
    return this.isPrinted ? PAPER_HEIGHT : this.lanes.clientHeight || 400;
  }

  measure() {
    this.gutter = this.names.clientWidth || 150;
    const scrollbar = this.lanes.offsetWidth - this.lanes.clientWidth;
    this.width = this.isPrinted ? PAPER_WIDTH - this.gutter : Math.max(50, this.host.clientWidth - this.gutter - scrollbar);
    for (const part of [this.names, this.ground, this.field]) part.setAttribute("height", this.height);
    for (const part of [this.ground, this.field, this.axis]) part.setAttribute("width", this.width);
    this.painter.measure();
  }

  resize() {
    if (!this.scene || !this.host.clientWidth || this.isPrinted) return;
    this.show(this.scene);
  }

  /** Lay the whole plan out for paper, or for the screen again. */
  print(isPrinted) {
    if (!this.scene || this.isPrinted === isPrinted) return;
    if (isPrinted) this.viewOfScreen = { view: this.view, fitted: this.fitted };
    this.isPrinted = isPrinted;
    this.fitted = true;
    this.show(this.scene);
    if (isPrinted) return;
    Object.assign(this, this.viewOfScreen);
    this.place();
  }

  recolour() {
    for (const bar of this.bars) {
      colourBar(bar);
      recolourNode(bar);
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
    const last = medium(this) === "wall" ? Math.min(until, plan.clock + WALL_VIEW / tickMinutes()) : until;
    const margin = Math.max(1, (last - from) * 0.015);
    return { from: from - margin, to: last + margin };
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
    const isPainted = this.isPainted();
    const inView = isPainted ? this.barsInView() : [];
    this.attach(isPainted ? inView.filter((bar) => this.isSpecial(bar)) : this.bars);
    if (isPainted) this.painter.paint(inView.filter((bar) => !this.attached.has(bar)));
    else this.painter.clear();
    for (const bar of this.attached) placeNode(this, bar);
    for (const stop of this.stopMarks) placeStop(this, stop);
    placeHours(this);
    this.timeAxis.place();
    this.placeFront();
    placeLinks(this);
    this.placed = true;
  }

  isPainted() {
    return this.bars.length > MOST_ELEMENTS && !this.isPrinted;
  }

  isSpecial(bar) {
    return bar === this.hovered || (bar.operation && (bar.operation === this.focused || bar.operation.order === this.selected));
  }

  /** Bars between the edges of the view, in lanes up to half a screen above and below it. */
  barsInView() {
    const { scrollTop, clientHeight } = this.lanes;
    const margin = clientHeight / 2;
    this.lanesInView = [scrollTop - margin - this.laneHeight, scrollTop + clientHeight + margin];
    const [top, bottom] = this.lanesInView;
    const found = [];
    for (const [lane, bars] of this.lanesOfBars) {
      if (lane < top || lane > bottom) continue;
      for (let place = firstEndingAfter(bars, this.view.from); place < bars.length && bars[place].start <= this.view.to; place += 1) found.push(bars[place]);
    }
    return found;
  }

  /** Have elements for these bars alone. */
  attach(bars) {
    const wanted = new Set(bars);
    for (const bar of this.attached) {
      if (wanted.has(bar)) continue;
      if (!bar.node.contains(document.activeElement)) bar.node.remove();
      else continue;
      this.attached.delete(bar);
    }
    for (const bar of bars) {
      if (this.attached.has(bar)) continue;
      furnish(this, bar);
      markNode(this, bar);
      (bar.operation ? this.operations : this.changes).append(bar.node);
      this.attached.add(bar);
    }
  }

  /** Bring an order into view, where none of its bars is. */
  reveal(order) {
    const bars = this.bars.filter((bar) => bar.operation?.order === order);
    const { scrollTop, clientHeight } = this.lanes;
    const isSeen = ({ start, end, lane }) => end > this.view.from && start < this.view.to && lane >= scrollTop && lane + this.laneHeight <= scrollTop + clientHeight;
    if (!bars.length || bars.some(isSeen)) return;
    const first = bars.reduce((best, bar) => (bar.start < best.start ? bar : best));
    const span = this.view.to - this.view.from;
    if (first.end <= this.view.from || first.start >= this.view.to) this.look(first.start - span / 4, first.start + (3 * span) / 4);
    this.lanes.scrollTop = first.lane - clientHeight / 3;
  }

  /** Show the next lanes that were out of view, after the last ones the first again. */
  turnPage() {
    const { lanes } = this;
    const isLast = lanes.scrollTop + lanes.clientHeight >= this.height - 1;
    lanes.scrollTop = isLast ? 0 : lanes.scrollTop + lanes.clientHeight - this.laneHeight;
  }

  /** Follow a scroll of the lanes; what was placed around the view is there already. */
  scrolled() {
    if (!this.placed || !this.isPainted()) return;
    const { scrollTop, clientHeight } = this.lanes;
    const [top, bottom] = this.lanesInView;
    if (scrollTop < top + this.laneHeight || scrollTop + clientHeight > bottom) this.schedule();
  }

  /** The bar at a point of the screen; null where there is none. */
  barAt(clientX, clientY) {
    if (!this.view) return null;
    const box = this.field.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    const lane = [...this.tops.values()].find((top) => y >= top && y < top + this.laneHeight);
    const distance = (bar) => Math.max(this.x(bar.start) - x, x - this.x(bar.end), 0);
    const near = (this.lanesOfBars.get(lane) ?? []).filter((bar) => distance(bar) <= HIT_MARGIN && x >= 0 && x <= this.width);
    return near.reduce((best, bar) => (best && distance(best) <= distance(bar) ? best : bar), null);
  }

  /** Have the bar under the pointer as an element. */
  hover(bar) {
    if (this.hovered === bar) return;
    this.hovered = bar;
    if (this.isPainted()) this.schedule();
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
        say("due_mark", { order: order.order, due: clockTime(order.due_date) }),
      ),
    ];
  }

  // --- selection

  /** Give the focus to the bar of an operation; null: to none. */
  focus(operation) {
    const former = this.focused;
    this.focused = operation;
    for (const bar of this.attached) if (bar.operation && (bar.operation === operation || bar.operation === former)) markNode(this, bar);
    if (operation && this.isPainted()) this.schedule();
    this.onFocus(operation);
  }

  /** Let the keyboard stand on the bar that has the focus. */
  takeFocus() {
    const bar = this.focusedBar();
    if (!bar) return null;
    this.place();
    bar.node?.focus({ preventScroll: true });
    return bar;
  }

  focusedBar() {
    return this.focused && (this.bars.find((bar) => bar.operation === this.focused) ?? null);
  }

  select(order) {
    this.selected = order;
    this.host.classList.toggle("has-selection", Boolean(order && this.scene?.orders.has(order)));
    for (const bar of this.attached) markNode(this, bar);
    if (!this.scene || !this.view) return;
    if (order && order !== this.revealed) this.reveal(order);
    this.revealed = order;
    if (this.isPainted()) this.schedule();
    this.placeFront();
    placeLinks(this);
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

/** The place of the first bar of a lane that ends after a date; bars of a lane do not overlap. */
function firstEndingAfter(bars, date) {
  let [low, high] = [0, bars.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle].end < date) low = middle + 1;
    else high = middle;
  }
  return low;
}
