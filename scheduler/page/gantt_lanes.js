/** Lanes of the Gantt chart: one for each machine that is shown, in groups. */

import { draw } from "./building.js";

// lengths for a font size of the page of 15 pixels; they grow with it
const PAGE_FONT = 15;
const LANE_HEIGHTS = { page: [25, 47], wall: [23, 64], paper: [12, 36] };
const LETTER_SHARES = { page: 0.4, wall: 0.62, paper: 0.5 }; // of the height of a lane
const LARGEST_LETTERS = { page: 14, wall: 24, paper: 14 };
const GROUP_HEIGHT = 15; // of the line above a group, with its name

/** Where the chart is read: on the page, on the wall or on paper. */
export function medium(chart) {
  if (chart.isPrinted) return "paper";
  return document.body.hasAttribute("data-wall") ? "wall" : "page";
}

/** Place the lanes of the scene's groups below each other. */
export function layOutLanes(chart) {
  const { groups } = chart.scene;
  const place = medium(chart);
  chart.unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / PAGE_FONT;
  const [least, most] = LANE_HEIGHTS[place].map((height) => Math.round(height * chart.unit));
  const number = groups.reduce((sum, { machines }) => sum + machines.length, 0);
  const band = groups.some(({ name }) => name) ? Math.round(GROUP_HEIGHT * chart.unit) : 0;
  const room = chart.heightAtHand() - groups.length * band - 2;
  chart.laneHeight = Math.max(least, Math.min(most, Math.floor(room / Math.max(1, number))));
  const letters = [LETTER_SHARES[place] * chart.laneHeight, LARGEST_LETTERS[place] * chart.unit];
  chart.fontSize = Math.max(place === "paper" ? 7 : 11, Math.round(Math.min(...letters)));
  chart.tops = new Map();
  chart.groupTops = [];
  let top = 0;
  for (const { name, machines } of groups) {
    chart.groupTops.push({ name, top, band });
    top += band;
    for (const machine of machines) {
      chart.tops.set(machine, top);
      top += chart.laneHeight;
    }
  }
  chart.height = top + 2;
}

/** Stripes, names of machines and groups. */
export function drawLanes(chart) {
  const { clock } = chart.scene.plan;
  const lanes = [...chart.tops];
  const stripes = lanes.map(([, top], place) => draw("rect", { class: place % 2 ? "lane odd" : "lane", y: top, width: "100%", height: chart.laneHeight }));
  chart.past = draw("rect", { class: "past", x: 0, y: 0, width: 0, height: chart.height });
  chart.backdrop.replaceChildren(...stripes, chart.past);
  const stopped = new Set(chart.scene.stops.filter((stop) => stop.start <= clock && stop.end > clock).map((stop) => stop.machine));
  const names = lanes.map(([machine, top]) => machineName(chart, machine, top, stopped.has(machine)));
  chart.names.replaceChildren(...groupMarks(chart), ...names);
}

function machineName(chart, machine, top, isStopped) {
  const attributes = { class: isStopped ? "machine stopped" : "machine", x: chart.gutter - 10, y: top + chart.laneHeight / 2, "font-size": chart.fontSize };
  return draw("text", attributes, isStopped ? `\u2716 ${machine}` : machine);
}

function groupMarks(chart) {
  return chart.groupTops.flatMap(({ name, top, band }, place) => {
    const bottom = chart.groupTops[place + 1]?.top ?? chart.height;
    const bracket = draw("rect", { class: "centre", x: 0, y: top + band + 1, width: 4, height: Math.max(0, bottom - top - band - 2) });
    if (!band) return [bracket];
    return [bracket, draw("text", { class: "group", x: 3, y: top + band - 4, "font-size": Math.min(chart.fontSize, band - 3) }, name)];
  });
}
