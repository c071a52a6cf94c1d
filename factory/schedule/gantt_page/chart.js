/** Interactive Gantt chart: lanes of bars over time, drawn in SVG from plain rows. */

import { draw, make } from "./building.js";
import { Calendar, DAY } from "./calendar.js";
import { colourValues, isDark } from "./colours.js";
import { ChartInput } from "./chart_input.js";

const STEPS = [1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 20 * DAY, 50 * DAY, 100 * DAY]; // minutes
const STROKE_GAP = 64; // least pixels between two strokes of the axis
const SAME_MINUTE = 0.001; // minutes by which times of the same minute may differ
const AXIS_HEIGHT = 36;
const LOWEST_LANE = 26;
const BAR_HEIGHT = 20;
const HEIGHTS = { closed: LOWEST_LANE, changeover: 13, down: 7 }; // a repair lies at the foot of the operation that it interrupts
const KINDS = ["changeover", "wait", "maintenance", "pause", "closed", "down", "other work"];
const LATENESS = [
  ["on time", "#b9d4ea"],
  ["late order", "#e58a7b"],
];

/** Hatches of changeovers; each chart has its own, as a hidden one would take the hatches of all with it. */
function hatch(id) {
  return draw(
    "defs",
    {},
    draw("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, draw("rect", { width: 2.2, height: 6 })),
  );
}

export class Chart {
  constructor(host) {
    this.host = host;
    const data = JSON.parse(host.querySelector("script").textContent);
    this.calendar = new Calendar(data);
    this.lanes = data.lanes;
    this.bars = data.bars.map((row) => this.read(row, data.texts));
    this.orders = [...new Set(this.bars.map((bar) => bar.order).filter((order) => order !== null))];
    this.whole = this.findWhole(data.since, data.until);
    this.view = { ...this.whole };
    this.pen = document.createElement("canvas").getContext("2d");
    this.textWidths = new Map();
    this.build();
    this.colour("setup");
    this.input = new ChartInput(this);
    new ResizeObserver(() => this.resize()).observe(host);
    this.resize();
  }

  read([lane, start, end, kind, order, label, late, ...details], texts) {
    const pairs = [];
    for (let place = 0; place < details.length; place += 2) pairs.push([texts[details[place]], texts[details[place + 1]]]);
    return { lane, start, end, kind: texts[kind], order: order < 0 ? null : texts[order], label: texts[label], late: Boolean(late), details: new Map(pairs) };
  }

  findWhole(since, until) {
    let [from, to] = [since, until ?? since];
    for (const bar of this.bars) {
      from = Math.min(from, bar.start);
      if (until === null) to = Math.max(to, bar.end);
    }
    const margin = Math.max(1e-3, (to - from) * 0.01);
    return { from, to: Math.max(to, from + 1) + margin };
  }

  // --- skeleton

  build() {
    this.host.dataset.drawn = "";
    this.axis = draw("svg", { class: "gantt-axis", height: AXIS_HEIGHT, "aria-hidden": "true" });
    this.names = make("div", { class: "gantt-names" });
    this.hatch = `gantt-hatch-${Math.random().toString(36).slice(2)}`;
    this.field = draw("svg", { class: "gantt-field" }, hatch(this.hatch));
    for (const layer of ["backdrop", "grid", "marks"]) this.field.append((this[layer] = draw("g")));
    this.tooltip = make("div", { class: "gantt-tooltip", role: "status", hidden: "" });
    this.legend = make("div", { class: "gantt-legend" });
    this.body = make("div", { class: "gantt-body", tabindex: 0, role: "application", "aria-label": this.host.getAttribute("aria-label") }, this.names, make("div", { class: "gantt-plot" }, this.axis, this.field));
    for (const bar of this.bars) this.marks.append(this.makeBar(bar));
    this.host.replaceChildren(...this.host.querySelectorAll("script, .gantt-title"), this.toolbar(), this.body, this.legend, this.tooltip);
  }

  toolbar() {
    const button = (text, name, act) => make("button", { type: "button", title: name, "aria-label": name, click: act }, text);
    const colouring = make(
      "select",
      { change: (event) => this.colour(event.target.value) },
      ...this.colourings().map((name) => make("option", { value: name }, name)),
    );
    this.search = make("input", { type: "search", placeholder: "order id", size: 12, input: () => this.find(), change: () => this.find() });
    this.status = make("span", { class: "gantt-status", "aria-live": "polite" });
    return make(
      "div",
      { class: "gantt-toolbar" },
      button("+", "zoom in (Ctrl + wheel, or +)", () => this.zoom(1.5)),
      button("−", "zoom out (Ctrl + wheel, or −)", () => this.zoom(1 / 1.5)),
      button("◀", "earlier (drag, or left arrow)", () => this.pan(-0.25)),
      button("▶", "later (drag, or right arrow)", () => this.pan(0.25)),
      button("all", "show the whole schedule (0)", () => this.look(this.whole.from, this.whole.to)),
      make("label", {}, "colour by ", colouring),
      make("label", {}, "find ", this.search),
      this.status,
    );
  }

  colourings() {
    const held = (name) => this.bars.some((bar) => bar.details.has(name));
    return [...["setup", "product"].filter(held), "order", "lateness"];
  }

  makeBar(bar) {
    const height = HEIGHTS[bar.kind] ?? BAR_HEIGHT;
    bar.height = height;
    bar.sunk = bar.kind === "down" ? (BAR_HEIGHT - height) / 2 : 0;
    bar.shape = draw("rect", { height, rx: bar.kind === "operation" ? 3 : 1 });
    bar.node = draw("g", { class: `gantt-bar gantt-${bar.kind.replaceAll(" ", "-")}${bar.late ? " gantt-late" : ""}` }, bar.shape);
    if (bar.kind === "changeover") bar.over = bar.node.appendChild(draw("rect", { style: `fill: url(#${this.hatch}); stroke: none`, height }));
    if (bar.late && bar.kind === "operation") bar.over = bar.node.appendChild(draw("rect", { class: "gantt-late-strip", y: height - 4, height: 4 }));
    if (bar.kind === "operation" || bar.kind === "maintenance") bar.text = bar.node.appendChild(draw("text", { y: height / 2 + 4 }));
    bar.node.bar = bar;
    if (bar.order !== null) bar.node.dataset.order = bar.order;
    return bar.node;
  }

  // --- colours and legend

  valueOf(bar) {
    if (this.colouring === "lateness") return LATENESS[Number(bar.late)][0];
    return (this.colouring === "order" ? bar.order : bar.details.get(this.colouring)) ?? "none";
  }

  colour(name) {
    this.colouring = this.colourings().includes(name) ? name : this.colourings()[0];
    const operations = this.bars.filter((bar) => bar.kind === "operation");
    const values = [...new Set(operations.map((bar) => this.valueOf(bar)))].sort();
    const colours = this.colouring === "lateness" ? new Map(LATENESS) : colourValues(values);
    for (const bar of operations) {
      const colour = colours.get(this.valueOf(bar));
      bar.shape.style.fill = colour;
      bar.node.classList.toggle("gantt-dark", isDark(colour));
    }
    this.writeLegend(values.length > 40 && this.colouring === "order" ? [] : values, colours);
  }

  writeLegend(values, colours) {
    const entry = (swatch, text) => make("span", { class: "gantt-entry" }, swatch, text);
    const swatches = values.map((value) => {
      const swatch = make("i", { class: "gantt-swatch" });
      swatch.style.background = colours.get(value);
      return entry(swatch, value);
    });
    const kinds = KINDS.filter((kind) => this.bars.some((bar) => bar.kind === kind));
    const marks = kinds.map((kind) => entry(make("i", { class: `gantt-swatch gantt-${kind.replaceAll(" ", "-")}` }), kind));
    if (this.bars.some((bar) => bar.late)) marks.push(entry(make("i", { class: "gantt-swatch gantt-late" }), "late order"));
    this.legend.replaceChildren(make("b", {}, `${this.colouring}: `), ...swatches, ...marks);
  }

  // --- view

  x(tick) {
    return ((tick - this.view.from) / (this.view.to - this.view.from)) * this.width;
  }

  tickUnder(x) {
    return this.view.from + (x / this.width) * (this.view.to - this.view.from);
  }

  look(from, to) {
    const all = this.whole.to - this.whole.from;
    const span = Math.min(Math.max(to - from, Math.min(all, 5 / this.calendar.tickMinutes)), all);
    const first = Math.min(Math.max(from, this.whole.from), this.whole.to - span);
    this.view = { from: first, to: first + span };
    this.place();
  }

  zoom(factor, x = this.width / 2) {
    const fixed = this.tickUnder(x);
    const span = Math.min((this.view.to - this.view.from) / factor, this.whole.to - this.whole.from);
    const from = fixed - (x / this.width) * span;
    this.look(from, from + span);
  }

  pan(share) {
    const span = this.view.to - this.view.from;
    this.look(this.view.from + share * span, this.view.to + share * span);
  }

  resize() {
    if (!this.host.clientWidth || this.host.clientWidth === this.drawnWidth) return;
    this.drawnWidth = this.host.clientWidth;
    this.names.style.maxWidth = `${Math.floor(this.drawnWidth * 0.36)}px`;
    const names = this.lanes.map((lane) => make("div", { class: "gantt-name" }, lane));
    this.names.replaceChildren(...names);
    this.laneHeight = Math.max(LOWEST_LANE, ...names.map((name) => Math.ceil(name.getBoundingClientRect().height) + 2));
    for (const name of names) name.style.height = `${this.laneHeight}px`;
    this.names.style.paddingTop = `${AXIS_HEIGHT}px`;
    this.height = Math.max(1, this.lanes.length) * this.laneHeight;
    this.width = Math.max(40, this.body.clientWidth - this.names.offsetWidth - 2);
    for (const part of [this.axis, this.field]) part.setAttribute("width", this.width);
    this.field.setAttribute("height", this.height);
    this.backdrop.replaceChildren(
      ...this.lanes.map((_, lane) => draw("rect", { class: lane % 2 ? "gantt-lane gantt-odd" : "gantt-lane", y: lane * this.laneHeight, width: this.width, height: this.laneHeight })),
    );
    this.pen.font = `11px ${getComputedStyle(this.host).fontFamily}`;
    this.textWidths.clear();
    this.place();
  }

  place() {
    if (!this.width) return;
    for (const bar of this.bars) this.placeBar(bar);
    this.placeAxis();
  }

  placeBar(bar) {
    const [left, right] = [this.x(bar.start), this.x(bar.end)];
    const visible = right >= 0 && left <= this.width;
    if (visible !== bar.visible) bar.node.style.display = visible ? "" : "none";
    bar.visible = visible;
    if (!visible) return;
    // the ends lie just outside the view, so that no coordinate grows beyond what a browser draws
    const start = Math.max(left, -10);
    const width = Math.max(1, Math.min(right, this.width + 10) - start);
    const top = bar.lane * this.laneHeight + (this.laneHeight - bar.height) / 2 + bar.sunk;
    bar.node.setAttribute("transform", `translate(${start.toFixed(2)} ${top})`);
    bar.shape.setAttribute("width", width.toFixed(2));
    bar.over?.setAttribute("width", width.toFixed(2));
    if (bar.text) this.placeText(bar, start, width);
  }

  placeText(bar, left, width) {
    const hidden = Math.max(0, -left);
    const room = Math.min(width - hidden, this.width - left) - 6;
    const text = this.textWidth(bar.label) <= room ? bar.label : "";
    if (bar.text.textContent !== text) bar.text.textContent = text;
    if (text) bar.text.setAttribute("x", (hidden + 3).toFixed(1));
  }

  textWidth(text) {
    let width = this.textWidths.get(text);
    if (width === undefined) this.textWidths.set(text, (width = this.pen.measureText(text).width));
    return width;
  }

  placeAxis() {
    const { calendar } = this;
    const [from, to] = [calendar.minutesAt(this.view.from), calendar.minutesAt(this.view.to)];
    const least = (STROKE_GAP * (to - from)) / this.width;
    const longest = STEPS.at(-1);
    const step = STEPS.find((minutes) => minutes >= least) ?? Math.ceil(least / longest) * longest;
    const [lines, labels] = [[], []];
    for (let minutes = Math.ceil(from / step) * step; minutes <= to; minutes += step) {
      const tick = calendar.tickAt(minutes);
      if (Math.abs(calendar.minutesAt(tick) - minutes) > SAME_MINUTE) continue; // an hour that the clock skips
      const x = this.x(tick).toFixed(1);
      const midnight = minutes % DAY === 0;
      lines.push(draw("line", { class: midnight ? "gantt-midnight" : "gantt-stroke", x1: x, x2: x, y1: 0, y2: this.height }));
      if (step < DAY && x > 14 && x < this.width - 14) labels.push(draw("text", { class: "gantt-hour", x, y: 31 }, calendar.time(minutes)));
    }
    this.grid.replaceChildren(...lines);
    this.axis.replaceChildren(...labels, ...this.dayLabels(from, to, step));
  }

  /** The name of each day where it begins, that of the first at the left edge; the longest form that there is room for. */
  dayLabels(from, to, step) {
    const { calendar } = this;
    const length = Math.max(DAY, step);
    const labels = [];
    let free = 0;
    for (let minutes = Math.floor(from / length) * length; minutes <= to; minutes += length) {
      const x = Math.max(2, this.x(calendar.tickAt(minutes)) + 2);
      const room = Math.min(this.x(calendar.tickAt(minutes + length)), this.width) - x;
      const text = calendar.days(minutes, !labels.length).find((form) => this.textWidth(form) * 1.1 <= room);
      if (x < free || !text) continue;
      labels.push(draw("text", { class: "gantt-day", x, y: 14 }, text));
      free = x + this.textWidth(text) * 1.1 + 4;
    }
    return labels;
  }

  // --- one order

  find() {
    const id = this.search.value.trim();
    const order = this.orders.find((one) => one === id) ?? this.orders.find((one) => one.toLowerCase() === id.toLowerCase());
    this.highlight(order ?? null, id && order === undefined ? `no order ${id}` : "");
    if (order !== undefined) this.show(order);
  }

  highlight(order, message = "") {
    this.chosen = order;
    this.host.classList.toggle("gantt-chosen", order !== null);
    const own = this.bars.filter((bar) => bar.order === order && order !== null);
    for (const bar of this.bars) bar.node.classList.toggle("gantt-own", bar.order === order && order !== null);
    const operations = own.filter((bar) => bar.kind === "operation");
    const ends = operations.map((bar) => bar.end);
    const starts = operations.map((bar) => bar.start);
    this.status.textContent = operations.length
      ? `order ${order}: ${operations.length} operation${operations.length > 1 ? "s" : ""}, ${this.calendar.text(Math.min(...starts))} to ${this.calendar.text(Math.max(...ends))}`
      : message;
  }

  /** Move the view, if none of the order lies in it. */
  show(order) {
    const own = this.bars.filter((bar) => bar.order === order);
    if (own.some((bar) => bar.end >= this.view.from && bar.start <= this.view.to)) return;
    const middle = (Math.min(...own.map((bar) => bar.start)) + Math.max(...own.map((bar) => bar.end))) / 2;
    const span = this.view.to - this.view.from;
    this.look(middle - span / 2, middle + span / 2);
  }
}
