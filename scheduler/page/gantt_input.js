/** Pointer, wheel and keys on the Gantt chart. */

const DRAG_THRESHOLD = 4; // pixels; less is a click

/** Zooms, moves and selects in a chart as the planner asks. */
export class GanttInput {
  constructor(chart) {
    this.chart = chart;
    chart.lanes.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    chart.axis.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    chart.lanes.addEventListener("scroll", () => chart.schedule());
    chart.lanes.addEventListener("pointerdown", (event) => this.onDown(event));
    chart.lanes.addEventListener("pointermove", (event) => this.onMove(event));
    chart.lanes.addEventListener("pointerup", () => this.endDrag());
    chart.lanes.addEventListener("pointercancel", () => this.endDrag());
    chart.lanes.addEventListener("pointerleave", () => chart.onHover(null));
    chart.lanes.addEventListener("click", (event) => this.onClick(event));
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
    this.wasDragged = false;
  }

  onMove(event) {
    const { chart } = this;
    if (!this.drag) return this.hover(event);
    const [right, down] = [event.clientX - this.drag.x, event.clientY - this.drag.y];
    if (!this.drag.moved && Math.hypot(right, down) < DRAG_THRESHOLD) return undefined;
    if (!this.drag.moved) this.startDrag();
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
  }

  endDrag() {
    const { chart } = this;
    this.drag = null;
    chart.host.classList.remove("dragging");
  }

  onClick(event) {
    const { chart } = this;
    if (this.wasDragged) {
      this.wasDragged = false;
      return;
    }
    chart.onSelect(event.target.closest(".operation")?.dataset.order ?? null);
  }

  hover(event) {
    const { chart } = this;
    const node = event.target.closest(".operation, .changeover");
    const bar = node && (chart.hovered?.node === node ? chart.hovered : chart.bars.find((one) => one.node === node));
    chart.hovered = bar;
    chart.onHover(bar, event.clientX, event.clientY);
  }

  onKey(event) {
    const { chart } = this;
    const focused = document.activeElement === document.body || chart.host.contains(document.activeElement);
    if (!focused || !chart.scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = chart.view.to - chart.view.from;
    const actions = {
      "+": () => chart.zoom(1.3),
      "=": () => chart.zoom(1.3),
      "-": () => chart.zoom(1 / 1.3),
      0: () => chart.fit(),
      ArrowLeft: () => chart.move(-0.1 * step),
      ArrowRight: () => chart.move(0.1 * step),
      ArrowUp: () => (chart.lanes.scrollTop -= chart.laneHeight),
      ArrowDown: () => (chart.lanes.scrollTop += chart.laneHeight),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }
}
