/** What differs between two plans: cost by term, and the operations that have moved. */

import { make, money, signed } from "./building.js";
import { say, sayCount, sayName } from "./language.js";
import { durationText, shortDate } from "./times.js";
import { toggleOrder } from "./shown.js";

const MOST = 50; // operations listed

/** Names of the plans, where they were chosen. */
export const planNames = (trial) => (trial.names ? make("p", {}, say("compared_plans", { before: trial.names.before(), after: trial.names.after() })) : "");

function table(name, headings, rows) {
  const head = make("tr", {}, ...headings.map((key) => make("th", { scope: "col" }, say(key))));
  return make("table", { class: `compared ${name}` }, make("thead", {}, head), make("tbody", {}, ...rows));
}

/** Cost of both plans by term. */
export function costTable({ before, after }) {
  const terms = [...new Set([...Object.keys(before.cost), ...Object.keys(after.cost)])];
  const rows = terms.map((term) => [sayName("cost", term), before.cost[term] ?? 0, after.cost[term] ?? 0]);
  const all = [...rows, [say("total"), before.total_cost, after.total_cost]];
  const cells = ([name, first, second]) => [make("th", { scope: "row" }, name), ...[money(first), money(second), signed(second - first, money(Math.abs(second - first)))].map((text) => make("td", {}, text))];
  return table("costs", ["cost", "before", "after", "difference"], all.map((row) => make("tr", {}, ...cells(row))));
}

const keyOf = ({ order, operation }) => JSON.stringify([order, operation]);

/** Operations that are in both plans, with another machine or start. */
function findMoved({ before, after }) {
  const earlier = new Map(before.operations.map((one) => [keyOf(one), one]));
  const pairs = after.operations.map((one) => [earlier.get(keyOf(one)), one]);
  return pairs.filter(([first, second]) => first && (first.machine !== second.machine || first.start_date !== second.start_date));
}

/** The operations that have moved, those on other machines first. */
export function movedOperations(trial) {
  const moved = findMoved(trial);
  if (!moved.length) return [make("p", { class: "quiet" }, say("none_moved"))];
  const changed = moved.filter(([first, second]) => first.machine !== second.machine);
  const others = moved.filter(([first, second]) => first.machine === second.machine);
  const rows = [...changed, ...others].slice(0, MOST).map((pair) => operationRow(pair, trial.after.clock));
  return [
    make("p", {}, sayCount("operations_moved", moved.length, { machines: changed.length })),
    table("operations", ["order", "operation", "before", "after", "start_moves"], rows),
    moved.length > MOST ? make("p", { class: "quiet" }, say("and_others", { others: sayCount("others", moved.length - MOST) })) : "",
  ];
}

function operationRow([first, second], clock) {
  const at = (one) => `${one.machine}, ${shortDate(one.start_date, clock)}`;
  const shift = second.start_date - first.start_date;
  const cells = [second.order, second.operation, at(first), at(second), shift ? signed(shift, durationText(shift)) : "\u2013"];
  return make("tr", { class: first.machine === second.machine ? null : "other-machine", click: () => toggleOrder(second.order) }, ...cells.map((text) => make("td", {}, text)));
}
