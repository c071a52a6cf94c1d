/** Bars of the chart that the planner moves, by pointer and by keyboard. */

import { draw } from "./building.js";

const EDGE = 24; // pixels at the rim of the lanes in which dragging scrolls

/** Drags a bar to another machine or place, and shows where it may go. */
export class BarMoves {
  constructor(chart) {
    this.chart = chart;
    this.bar = null;
  }

  canTake(bar) {
    return Boolean(bar?.operation) && this.chart.canMove(bar.operation);
  }

  start(bar) {
    const { chart } = this;
    this.bar = bar;
    const lanes = new Set(chart.lanesFor(bar.operation));
    this.places = new Map([...lanes].filter((machine) => chart.tops.has(machine)).map((machine) => [machine, this.placesIn(machine)]));
    const marks = [...chart.tops].map(([machine, top]) =>
      draw("rect", { class: lanes.has(machine) ? "legal" : "illegal", "data-machine": machine, y: top, width: "100%", height: chart.laneHeight }),
    );
    const gaps = [...this.places].flatMap(([machine, places]) => places.filter(({ refusal }) => !refusal).map((place) => this.gapAt(machine, place)));
    this.outline = draw("rect", { class: "ghost", height: bar.height, width: bar.shape.getAttribute("width"), rx: 3 });
    this.gap = draw("line", { class: "gap" });
    this.why = draw("text", { class: "why", "font-size": chart.fontSize });
    chart.drops.replaceChildren(...marks, ...gaps, this.outline, this.gap, this.why);
  }

  /** Places on a machine, each with the bar that it is before and its pixel. */
  placesIn(machine) {
    const { chart } = this;
    const bars = new Map(chart.bars.filter((bar) => bar.operation?.machine === machine).map((bar) => [bar.operation, bar]));
    const places = chart.placesFor(machine, this.bar.operation);
    const last = bars.get(places.at(-2)?.before);
    const end = last ? last.end : chart.scene.plan.clock;
    return places.map(({ before, refusal }) => {
      const bar = bars.get(before) ?? null;
      return { before, refusal, bar, x: chart.x(bar ? before.selected_date : end) };
    });
  }

  gapAt(machine, { x }) {
    const { tops, laneHeight } = this.chart;
    return draw("line", { class: "place", "data-machine": machine, x1: x, x2: x, y1: tops.get(machine) + 2, y2: tops.get(machine) + laneHeight - 2 });
  }

  /** Follow the pointer, given in pixels of the field. */
  follow(x, y) {
    const { chart } = this;
    const width = Number(this.bar.shape.getAttribute("width"));
    this.outline.setAttribute("x", x - width / 2);
    this.outline.setAttribute("y", y - this.bar.height / 2);
    this.scroll(y);
    this.target = this.findTarget(x, y);
    const refusal = this.target?.refusal ?? "";
    this.gap.style.display = this.target && !refusal ? "" : "none";
    this.why.textContent = refusal;
    const isRight = x > chart.width / 2;
    for (const [name, value] of Object.entries({ x: isRight ? x - 8 : x + 8, y: y - this.bar.height / 2 - 6, "text-anchor": isRight ? "end" : "start" })) this.why.setAttribute(name, value);
    this.outline.classList.toggle("refused", Boolean(refusal));
    if (!this.target || refusal) return;
    const { machine, x: at } = this.target;
    const top = chart.tops.get(machine);
    for (const [name, value] of Object.entries({ x1: at, x2: at, y1: top, y2: top + chart.laneHeight })) this.gap.setAttribute(name, value);
  }

  scroll(y) {
    const { lanes, laneHeight } = this.chart;
    const inView = y - lanes.scrollTop;
    if (inView < EDGE) lanes.scrollTop -= laneHeight / 3;
    else if (inView > lanes.clientHeight - EDGE) lanes.scrollTop += laneHeight / 3;
  }

  /** The machine under the pointer and the operation there that the moved one goes before, or why it may not; null beside the lanes. */
  findTarget(x, y) {
    const { chart } = this;
    const machine = [...chart.tops].find(([, top]) => y >= top && y < top + chart.laneHeight)?.[0];
    if (!machine) return null;
    const refusal = chart.refuseLane(this.bar.operation, machine);
    if (refusal) return { machine, refusal };
    const tick = chart.tickUnder(x);
    const places = this.places.get(machine);
    return { machine, ...(places.find(({ bar }) => bar && (bar.start + bar.end) / 2 > tick) ?? places.at(-1)) };
  }

  /** Let go of the bar; give it up with `isGiven` false. */
  end(isGiven) {
    const { bar, target, chart } = this;
    this.bar = this.target = null;
    chart.drops.replaceChildren();
    if (!isGiven || !bar || !target) return;
    chart.focus(bar.operation);
    if (target.refusal) chart.onRefusal(target.refusal);
    else if (!this.isHere(bar.operation, target)) chart.onMove(bar.operation, target.machine, target.before);
  }

  /** Whether a place is the one that the operation has, or right behind it. */
  isHere(operation, { machine, before }) {
    if (machine !== operation.machine) return false;
    const places = this.places.get(machine);
    const next = places.find(({ before: other }) => other && other.selected_date > operation.selected_date)?.before ?? null;
    return before === next;
  }

  /** Give the focus to the next bar, or the one before: by machine, then by date. */
  step(direction) {
    const { chart } = this;
    const bars = chart.bars.filter((bar) => bar.operation).sort((one, other) => one.lane - other.lane || one.start - other.start);
    if (!bars.length) return;
    const place = bars.findIndex((bar) => bar.operation === chart.focused);
    const next = bars[place < 0 ? 0 : (place + direction + bars.length) % bars.length];
    chart.focus(next.operation);
    const [left, right] = [chart.view.from, chart.view.to];
    if (next.start < left || next.end > right) chart.look(next.start - (right - left) / 4, next.start + (3 * (right - left)) / 4);
    if (next.lane < chart.lanes.scrollTop || next.lane + chart.laneHeight > chart.lanes.scrollTop + chart.lanes.clientHeight) chart.lanes.scrollTop = next.lane;
  }
}
