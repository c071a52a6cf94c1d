/** The time axis of the Gantt chart: hours, days and the clock. */

import { MINUTES_A_DAY } from "./state.js";
import { draw } from "./building.js";
import { say } from "./language.js";
import { clockTime, dayName, minutesAt, tickAt, tickMinutes } from "./times.js";

const AXIS_STEPS = [5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 7200, 14400, 28800]; // minutes
// lengths for the chart's unit of 1, which grows with the font size of the page
const AXIS_GAP = 62; // least room between two strokes
const DAY_WIDTH = 78; // room that the name of a day needs
const NOW_WIDTH = 86;

/** Strokes and labels along the top of a chart, placed anew with every view. */
export class Axis {
  constructor(chart) {
    this.chart = chart;
  }

  place() {
    const { chart } = this;
    const least = (AXIS_GAP * chart.unit * (chart.view.to - chart.view.from) * tickMinutes()) / chart.width;
    const longest = AXIS_STEPS.at(-1);
    const step = AXIS_STEPS.find((minutes) => minutes >= least) ?? Math.ceil(least / longest) * longest;
    const [lines, labels] = [[], []];
    const last = minutesAt(chart.view.to);
    for (let minutes = Math.ceil(minutesAt(chart.view.from) / step) * step; minutes <= last; minutes += step) {
      const tick = tickAt(minutes);
      if (Math.abs(minutesAt(tick) - minutes) > 1) continue; // skipped by the change to summer time
      const x = chart.x(tick).toFixed(1);
      const midnight = minutes % MINUTES_A_DAY === 0;
      lines.push(draw("line", { class: midnight ? "midnight" : "stroke", x1: x, x2: x, y1: 0, y2: chart.height }));
      if (step < MINUTES_A_DAY && x > 18 * chart.unit && x < chart.width - 18 * chart.unit)
        labels.push(draw("text", { class: "hour", x, y: 33 * chart.unit }, clockTime(tick)));
    }
    chart.grid.replaceChildren(...lines);
    chart.axis.replaceChildren(...labels, ...this.dayLabels(step), ...this.nowLabel());
  }

  /** The name of each day where it begins; that of the first at the left edge. */
  dayLabels(step) {
    const { chart } = this;
    const labels = [];
    const days = Math.max(1, step / MINUTES_A_DAY);
    const first = Math.floor(minutesAt(chart.view.from) / MINUTES_A_DAY);
    const last = Math.floor(minutesAt(chart.view.to) / MINUTES_A_DAY);
    for (let day = first; day <= last; day += days) {
      const start = chart.x(tickAt(day * MINUTES_A_DAY));
      const end = chart.x(tickAt((day + days) * MINUTES_A_DAY));
      const x = this.besideNow(Math.max(3, start + 4));
      if (end - x < DAY_WIDTH * chart.unit) continue;
      if (start > 0) labels.push(draw("line", { class: "midnight", x1: start, x2: start, y1: 0, y2: "100%" }));
      labels.push(draw("text", { class: "day", x, y: 14 * chart.unit }, dayName(day)));
    }
    return labels;
  }

  /** Where the label of the now-line begins and ends; null while it is out of view. */
  nowRange() {
    const { chart } = this;
    const x = chart.x(chart.scene.plan.clock);
    if (x < 0 || x > chart.width) return null;
    const width = NOW_WIDTH * chart.unit;
    const left = Math.min(Math.max(x - width / 2, 0), chart.width - width);
    return [left, left + width];
  }

  /** The place for the name of a day, moved to the right where the label of the now-line is in the way. */
  besideNow(x) {
    const { chart } = this;
    const range = this.nowRange();
    const isFree = !range || x > range[1] || x + DAY_WIDTH * chart.unit < range[0];
    return isFree ? x : range[1] + 6;
  }

  nowLabel() {
    const { chart } = this;
    const range = this.nowRange();
    if (!range) return [];
    const plate = draw("rect", { class: "now-plate", x: range[0], y: 2, width: range[1] - range[0], height: 16 * chart.unit, rx: 3 });
    const text = draw("text", { class: "now-text", x: (range[0] + range[1]) / 2, y: 14 * chart.unit }, say("now_at", { time: clockTime(chart.scene.plan.clock) }));
    return [plate, text];
  }
}
