/** Pointer, wheel and keys on the Gantt chart. */

import { BarMoves } from "./gantt_moves.js";

const DRAG_THRESHOLD = 4; // pixels; less is a click

/** Zooms, moves and selects in a chart as the planner asks. */
export class GanttInput {
  constructor(chart) {
    this.chart = chart;
    this.moves = new BarMoves(chart);
    chart.lanes.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    chart.axis.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    chart.lanes.addEventListener("scroll", () => chart.scrolled());
    chart.lanes.addEventListener("pointerdown", (event) => this.onDown(event));
    chart.lanes.addEventListener("pointermove", (event) => this.onMove(event));
    chart.lanes.addEventListener("pointerup", () => this.endDrag(true));
    chart.lanes.addEventListener("pointercancel", () => this.endDrag(false));
    chart.lanes.addEventListener("pointerleave", () => chart.onHover(null));
    chart.lanes.addEventListener("click", (event) => this.onClick(event));
    chart.host.addEventListener("focusout", () => chart.onHover(null));
    document.addEventListener("keydown", (event) => this.onKey(event));
  }

  onWheel(event) {
    const { chart } = this;
    if (!chart.view) return;
    event.preventDefault();
    chart.onHover(null);
    if (event.shiftKey) chart.lanes.scrollTop += event.deltaY || event.deltaX;
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) chart.move((event.deltaX / chart.width) * (chart.view.to - chart.view.from));
    else chart.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) * 0.0022), event.clientX - chart.field.getBoundingClientRect().left);
  }

  onDown(event) {
    const { chart } = this;
    if (event.button !== 0 || !chart.view) return;
    this.drag = { x: event.clientX, y: event.clientY, view: chart.view, top: chart.lanes.scrollTop, pointer: event.pointerId, moved: false };
    const bar = this.barUnder(event);
    this.drag.bar = this.moves.canTake(bar) ? bar : null;
    this.wasDragged = false;
  }

  onMove(event) {
    const { chart } = this;
    if (!this.drag) return this.hover(event);
    const [right, down] = [event.clientX - this.drag.x, event.clientY - this.drag.y];
    if (!this.drag.moved && Math.hypot(right, down) < DRAG_THRESHOLD) return undefined;
    if (!this.drag.moved) this.startDrag();
    if (this.drag.bar) {
      const field = chart.field.getBoundingClientRect();
      this.moves.follow(event.clientX - field.left, event.clientY - field.top);
      return undefined;
    }
    const ticks = (right / chart.width) * (this.drag.view.to - this.drag.view.from);
    chart.look(this.drag.view.from - ticks, this.drag.view.to - ticks);
    chart.lanes.scrollTop = this.drag.top - down;
    return undefined;
  }

  /** Capture only once it is a drag: a captured click would no longer tell which bar was meant. */
  startDrag() {
    const { chart } = this;
    this.drag.moved = this.wasDragged = true;
    chart.lanes.setPointerCapture(this.drag.pointer);
    chart.host.classList.add("dragging");
    chart.onHover(null);
    if (!this.drag.bar) return;
    chart.hovered = this.drag.bar;
    chart.place(); // the bar may have been painted only
    this.moves.start(this.drag.bar);
  }

  endDrag(isGiven) {
    const { chart } = this;
    if (this.moves.bar) this.moves.end(isGiven);
    this.drag = null;
    chart.host.classList.remove("dragging");
  }

  onClick(event) {
    const { chart } = this;
    if (this.wasDragged) {
      this.wasDragged = false;
      return;
    }
    const bar = this.barUnder(event);
    chart.focus(bar?.operation ?? null);
    chart.onSelect(bar?.operation?.order ?? null);
    chart.onHover(bar, event.clientX, event.clientY);
  }

  barUnder(event) {
    return this.chart.barAt(event.clientX, event.clientY);
  }

  hover(event) {
    const { chart } = this;
    const bar = this.barUnder(event);
    chart.hover(bar);
    chart.onHover(bar, event.clientX, event.clientY);
  }

  /** Stand on the next bar, or the one before, and tell of it. */
  step(direction) {
    const { chart } = this;
    this.moves.step(direction);
    const bar = chart.takeFocus();
    if (!bar) return;
    const box = bar.node.getBoundingClientRect();
    chart.onHover(bar, box.left, box.bottom);
  }

  onKey(event) {
    const { chart } = this;
    const focused = document.activeElement === document.body || chart.host.contains(document.activeElement);
    if (!focused || !chart.scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = this.keyActions()[event.key];
    if (event.key === "Escape" && this.moves.bar) this.moves.end(false);
    if (event.key === "Escape") chart.onHover(null);
    if (!act) return;
    event.preventDefault();
    act();
  }

  keyActions() {
    const { chart } = this;
    const span = chart.view.to - chart.view.from;
    const select = () => chart.focused && chart.host.contains(document.activeElement) && chart.onSelect(chart.focused.order);
    return {
      "+": () => chart.zoom(1.3),
      "=": () => chart.zoom(1.3),
      "-": () => chart.zoom(1 / 1.3),
      0: () => chart.fit(),
      ArrowLeft: () => chart.move(-0.1 * span),
      ArrowRight: () => chart.move(0.1 * span),
      ArrowUp: () => (chart.lanes.scrollTop -= chart.laneHeight),
      ArrowDown: () => (chart.lanes.scrollTop += chart.laneHeight),
      ".": () => this.step(1),
      ",": () => this.step(-1),
      Enter: select,
      " ": select,
      m: () => chart.onKey("move"),
      l: () => chart.onKey("lock"),
      u: () => chart.onKey("undo"),
      r: () => chart.onKey("redo"),
    };
  }
}
