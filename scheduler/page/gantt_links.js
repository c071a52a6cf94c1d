/** The operations of the selected order, connected, and where they were before. */

import { draw } from "./building.js";

/** Connect the operations of the selected order, and outline where they were. */
export function placeLinks(chart) {
  const chosen = chart.selected ? chart.bars.filter((bar) => bar.operation?.order === chart.selected) : [];
  const moved = chart.scene.earlier.filter((operation) => isMoved(operation, chosen, chart));
  chart.links.replaceChildren(...successions(chosen).map(([one, other]) => link(chart, one, other)));
  chart.ghosts.replaceChildren(...moved.map((operation) => ghost(chart, operation)));
}

function isMoved(earlier, chosen, { selected, tops }) {
  if (earlier.order !== selected || !tops.has(earlier.machine)) return false;
  const now = chosen.find((bar) => bar.operation.operation === earlier.operation)?.operation;
  return !now || now.machine !== earlier.machine || now.start_date !== earlier.start_date;
}

function ghost(chart, operation) {
  const [left, right] = [chart.x(operation.start_date), chart.x(operation.end_date)];
  const place = { x: left, y: chart.tops.get(operation.machine) + 3, width: Math.max(1, right - left), height: chart.laneHeight - 6 };
  return draw("rect", { class: "ghost", ...place, rx: 3 });
}

function link(chart, one, other) {
  const [x1, x2] = [chart.x(one.end), chart.x(other.start)];
  const [y1, y2] = [one.top + one.height / 2, other.top + other.height / 2];
  const bend = Math.max(12, Math.abs(x2 - x1) / 2);
  return draw("path", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` });
}

/** Pairs of bars to connect: each with the one that ended last before it, and with the first that begins after it. */
function successions(bars) {
  const pairs = new Map();
  const add = (one, other) => one && other && pairs.set(`${bars.indexOf(one)} ${bars.indexOf(other)}`, [one, other]);
  for (const bar of bars) {
    const before = bars.filter((other) => other !== bar && other.end <= bar.start);
    const after = bars.filter((other) => other !== bar && other.start >= bar.end);
    add(
      before.reduce((best, other) => (best && best.end >= other.end ? best : other), null),
      bar,
    );
    add(
      bar,
      after.reduce((best, other) => (best && best.start <= other.start ? best : other), null),
    );
  }
  return [...pairs.values()];
}
