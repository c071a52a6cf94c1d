/** Bars of the chart that the planner moves, by pointer and by keyboard. */

import { draw } from "./building.js";

/** Drags a bar to another machine or place, and shows the lanes that it may go to. */
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
    this.lanes = new Set(chart.lanesFor(bar.operation));
    const marks = [...chart.tops].map(([machine, top]) =>
      draw("rect", { class: this.lanes.has(machine) ? "legal" : "illegal", "data-machine": machine, y: top, width: "100%", height: chart.laneHeight }),
    );
    this.outline = draw("rect", { class: "ghost", height: bar.height, width: bar.shape.getAttribute("width"), rx: 3 });
    this.gap = draw("line", { class: "gap" });
    chart.drops.replaceChildren(...marks, this.outline, this.gap);
  }

  /** Follow the pointer, given in pixels of the field. */
  follow(x, y) {
    const { chart } = this;
    const width = Number(this.bar.shape.getAttribute("width"));
    this.outline.setAttribute("x", x - width / 2);
    this.outline.setAttribute("y", y - this.bar.height / 2);
    this.target = this.findTarget(x, y);
    this.gap.style.display = this.target ? "" : "none";
    if (!this.target) return;
    const { machine, before, last } = this.target;
    const at = before ? chart.x(before.start) : last ? chart.x(last.end) : chart.x(chart.scene.plan.clock);
    const top = chart.tops.get(machine);
    for (const [name, value] of Object.entries({ x1: at, x2: at, y1: top, y2: top + chart.laneHeight })) this.gap.setAttribute(name, value);
  }

  /** The machine under the pointer, and the bar there that the moved one goes before; null where it may not go. */
  findTarget(x, y) {
    const { chart } = this;
    const machine = [...chart.tops].find(([, top]) => y >= top && y < top + chart.laneHeight)?.[0];
    if (!machine || !this.lanes.has(machine)) return null;
    const others = chart.bars.filter((bar) => bar !== this.bar && bar.operation?.machine === machine && chart.canMove(bar.operation));
    others.sort((one, other) => one.start - other.start);
    const tick = chart.tickUnder(x);
    const before = others.find((bar) => (bar.start + bar.end) / 2 > tick) ?? null;
    return { machine, before, last: others.at(-1) };
  }

  /** Let go of the bar; give it up with `isGiven` false. */
  end(isGiven) {
    const { bar, target, chart } = this;
    this.bar = this.target = null;
    chart.drops.replaceChildren();
    if (isGiven && bar && target) chart.onMove(bar.operation, target.machine, target.before?.operation ?? null);
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
