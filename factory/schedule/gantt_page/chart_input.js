/** Pointer, wheel and keys on an interactive Gantt chart, and what is told of the bar under the pointer. */

import { make } from "./building.js";

const DRAG_THRESHOLD = 4; // pixels; less is a click

/** Zooms, moves and selects in a chart. The wheel alone scrolls the page; with Ctrl it zooms. */
export class ChartInput {
  constructor(chart) {
    this.chart = chart;
    const { body, field } = chart;
    body.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    body.addEventListener("keydown", (event) => this.onKey(event));
    field.addEventListener("pointerdown", (event) => this.onDown(event));
    field.addEventListener("pointermove", (event) => this.onMove(event));
    field.addEventListener("pointerup", () => this.endDrag());
    field.addEventListener("pointercancel", () => this.endDrag());
    field.addEventListener("pointerleave", () => this.describe(null));
    field.addEventListener("click", (event) => this.onClick(event));
    field.addEventListener("dblclick", (event) => chart.zoom(2, this.xOf(event)));
  }

  xOf(event) {
    return event.clientX - this.chart.field.getBoundingClientRect().left;
  }

  onWheel(event) {
    const { chart } = this;
    if (event.ctrlKey || event.metaKey) chart.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) * 0.004), this.xOf(event));
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) chart.pan((event.deltaX || event.deltaY) / chart.width);
    else return;
    event.preventDefault();
    this.describe(null);
  }

  onDown(event) {
    if (event.button !== 0) return;
    this.drag = { x: event.clientX, view: this.chart.view, pointer: event.pointerId, moved: false };
    this.wasDragged = false;
  }

  onMove(event) {
    const { chart, drag } = this;
    if (!drag) {
      this.describe(event.target.closest(".gantt-bar")?.bar ?? null, event.clientX, event.clientY);
      return;
    }
    const right = event.clientX - drag.x;
    if (!drag.moved && Math.abs(right) < DRAG_THRESHOLD) return;
    // a captured click would not tell which bar was meant, so only a drag is captured
    if (!drag.moved) chart.field.setPointerCapture(drag.pointer);
    drag.moved = this.wasDragged = true;
    this.describe(null);
    const ticks = (right / chart.width) * (drag.view.to - drag.view.from);
    chart.look(drag.view.from - ticks, drag.view.to - ticks);
  }

  endDrag() {
    this.drag = null;
  }

  onClick(event) {
    if (this.wasDragged) {
      this.wasDragged = false;
      return;
    }
    const bar = event.target.closest(".gantt-bar")?.bar ?? null;
    const order = bar?.order ?? null;
    this.chart.search.value = order ?? "";
    this.chart.highlight(order);
    this.describe(bar, event.clientX, event.clientY);
  }

  onKey(event) {
    const { chart } = this;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {
      "+": () => chart.zoom(1.5),
      "=": () => chart.zoom(1.5),
      "-": () => chart.zoom(1 / 1.5),
      0: () => chart.look(chart.whole.from, chart.whole.to),
      ArrowLeft: () => chart.pan(-0.1),
      ArrowRight: () => chart.pan(0.1),
      Escape: () => chart.highlight(null),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  // --- tooltip

  describe(bar, x, y) {
    const { tooltip } = this.chart;
    tooltip.hidden = !bar;
    if (!bar) {
      this.described = null;
      return;
    }
    if (bar !== this.described) tooltip.replaceChildren(...this.facts(bar));
    this.described = bar;
    const { offsetWidth: width, offsetHeight: height } = tooltip;
    const left = x + 14 + width > innerWidth ? x - width - 10 : x + 14;
    tooltip.style.left = `${Math.max(4, left)}px`;
    tooltip.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - height - 6))}px`;
  }

  facts(bar) {
    const { calendar, lanes } = this.chart;
    const title = bar.kind === "operation" && bar.order !== null ? `order ${bar.order}` : bar.kind;
    const rows = [
      ...(bar.order !== null && bar.kind !== "operation" ? [["for order", bar.order]] : []),
      ["machine", lanes[bar.lane]],
      ["start", calendar.text(bar.start)],
      ["end", calendar.text(bar.end)],
      ["takes", calendar.duration(bar.end - bar.start)],
      ...bar.details,
    ];
    const late = bar.late ? [make("em", {}, "late order")] : [];
    return [make("strong", {}, title), ...late, make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]))];
  }
}
