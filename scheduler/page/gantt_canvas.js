/** The Gantt chart's bars, painted where they are too many for elements. */

import { make } from "./building.js";
import { barWidth, labelOf } from "./gantt_bars.js";

const OFF = 0.14; // opacity of bars that the filter leaves out
const LATE_STRIP = 4; // pixels

/** A canvas behind the chart's elements, as high as all lanes. */
export class BarCanvas {
  constructor(chart) {
    this.chart = chart;
    this.canvas = make("canvas", { class: "bars", "aria-hidden": "true" });
    this.pen = this.canvas.getContext("2d");
    this.isEmpty = true;
  }

  /** Fit the canvas to the chart; this also empties it. */
  measure() {
    const { width, height } = this.chart;
    this.scale = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * this.scale), height: Math.round(height * this.scale) });
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.isEmpty = true;
    const style = getComputedStyle(this.chart.host);
    this.colours = Object.fromEntries(["edge", "late", "hatch", "text"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.pattern = null;
  }

  clear() {
    if (this.isEmpty) return;
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
    this.pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.isEmpty = true;
  }

  paint(bars) {
    const { pen, chart } = this;
    this.clear();
    this.isEmpty = false;
    pen.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    pen.font = chart.pen.font;
    pen.textBaseline = "middle";
    pen.lineWidth = 1;
    const hasSelection = chart.host.classList.contains("has-selection");
    for (const bar of bars) {
      const isFaint = hasSelection && bar.operation?.order !== chart.selected;
      pen.globalAlpha = bar.isOff ? OFF : isFaint ? 0.3 : 1;
      if (bar.operation) this.paintOperation(bar);
      else this.paintChangeover(bar);
    }
    pen.globalAlpha = 1;
  }

  paintOperation(bar) {
    const { pen, chart } = this;
    const left = chart.x(bar.start);
    const width = barWidth(left, chart.x(bar.end));
    pen.fillStyle = bar.colour;
    pen.fillRect(left, bar.top, width, bar.height);
    if (bar.order?.lateness > 0) {
      pen.fillStyle = this.colours.late;
      pen.fillRect(left, bar.top + bar.height - LATE_STRIP, width, LATE_STRIP);
    }
    if (width < 4) return;
    pen.strokeStyle = bar.operation.in_process ? this.colours.text : this.colours.edge;
    pen.strokeRect(left + 0.5, bar.top + 0.5, width - 1, bar.height - 1);
    const { text, x } = labelOf(chart, bar, left, width);
    if (!text) return;
    pen.fillStyle = bar.ink;
    pen.fillText(text, left + x, bar.top + bar.height / 2);
  }

  paintChangeover(bar) {
    const { pen, chart } = this;
    const left = chart.x(bar.start);
    const width = barWidth(left, chart.x(bar.end));
    pen.fillStyle = bar.colour;
    pen.fillRect(left, bar.top, width, bar.height);
    pen.fillStyle = this.hatch();
    pen.fillRect(left, bar.top, width, bar.height);
  }

  /** Stripes, as those of the elements. */
  hatch() {
    if (this.pattern) return this.pattern;
    const size = 6;
    const tile = make("canvas", { width: size, height: size });
    const pen = tile.getContext("2d");
    pen.strokeStyle = this.colours.hatch;
    pen.lineWidth = 2;
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift - 1, size + 1);
      pen.lineTo(shift + size + 1, -1);
    }
    pen.stroke();
    this.pattern = this.pen.createPattern(tile, "repeat");
    return this.pattern;
  }
}
