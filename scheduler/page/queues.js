/** The queue of each machine. */

import { byId, QUEUE_LENGTH, state } from "./state.js";
import { make, mark, setupText, swatch } from "./building.js";
import { say, sayName } from "./language.js";
import { dateText, durationText, latenessText, shortDate } from "./times.js";
import { setupColour } from "./colours.js";
import { isShown } from "./filter.js";
import { findStops, isAfter, toggleOrder } from "./shown.js";

export function renderQueues(plan) {
  const lines = new Map(plan.machines.filter((machine) => isShown(machine, plan)).map((machine) => [machine, []]));
  plan.changeovers
    .filter((changeover) => changeover.end_date > plan.clock)
    .forEach((changeover) => lines.get(changeover.machine)?.push({ start: changeover.start_date, changeover }));
  plan.operations
    .filter((operation) => operation.end_date > plan.clock || operation.in_process)
    .forEach((operation) => lines.get(operation.machine)?.push({ start: operation.start_date, operation }));
  const stops = new Map(findStops(plan, isAfter()).map((stop) => [stop.machine, stop]));
  byId("queues").replaceChildren(...[...lines].map(([machine, line]) => queueRow(machine, line, plan, stops.get(machine))));
}

function queueRow(machine, line, plan, stop) {
  line.sort((one, other) => one.start - other.start);
  const operations = line.filter((entry) => entry.operation);
  const last = operations[Math.min(operations.length, QUEUE_LENGTH) - 1];
  const shown = last ? line.slice(0, line.indexOf(last) + 1) : line;
  const chips = shown.map((entry) => (entry.operation ? operationChip(entry.operation, plan) : changeoverChip(entry.changeover, plan)));
  const name = make(
    "div",
    { class: "machine-name" },
    make("b", {}, machine),
    make("span", { class: "quiet" }, machineText(machine, plan.clock, stop)),
  );
  const total = make("span", { class: "total" }, operations.length ? say("planned", { number: operations.length }) : say("nothing_planned"));
  return make("li", {}, name, make("ol", { "aria-label": say("queue_of", { machine }) }, ...chips), total);
}

/** What a machine is at, with what it has mounted. */
function machineText(machine, clock, stop) {
  const at = state.moment.snapshot.machines[machine];
  if (stop) {
    const isUnknown = at?.status === "down" && (at.expected_end ?? null) === null && stop.reason === "down";
    return say(isUnknown ? "stop_until_about" : "stop_until", { reason: sayName("stop", stop.reason), end: shortDate(stop.end, clock) });
  }
  if (!at) return "";
  const mounted = setupText(at.setup ?? {});
  if (at.status === "changing") return say("changing_to", { setup: mounted });
  return [sayName("status", at.status), mounted].filter(Boolean).join(", ");
}

function operationChip(operation, plan) {
  const order = plan.orders.find((one) => one.order === operation.order);
  const isLate = order?.lateness > 0;
  const time = operation.in_process ? say("until_date", { date: shortDate(operation.end_date, plan.clock) }) : shortDate(operation.start_date, plan.clock);
  const states = [operation.in_process && "begun", isLate && "late", state.selected === operation.order && "selected"].filter(Boolean).join(" ");
  const title = say("operation_of", { order: operation.order, operation: operation.operation }) + (isLate ? `, ${latenessText(order.lateness)}` : "");
  const content = [
    swatch(setupColour(operation.setup)),
    make("b", {}, operation.order),
    operation.locked ? mark("lock-mark") : null,
    make("span", { class: "time" }, time),
  ];
  const button = make(
    "button",
    { type: "button", class: "choose", title, "aria-pressed": String(state.selected === operation.order), click: () => toggleOrder(operation.order) },
    ...content.filter(Boolean),
  );
  return make("li", { class: `chip ${states}`.trim(), "data-order": operation.order }, button);
}

function changeoverChip(changeover, plan) {
  const rest = changeover.end_date - Math.max(changeover.start_date, plan.clock);
  const title = say("changeover_dates", { setup: setupText(changeover.setup), start: dateText(changeover.start_date), end: dateText(changeover.end_date) });
  return make(
    "li",
    { class: "chip change", title },
    swatch(setupColour(changeover.setup)),
    setupText(changeover.setup),
    make("span", { class: "time" }, durationText(rest)),
  );
}
