/** What is told of a bar of the chart. */

import { byId } from "./state.js";
import { make, percent, setupText } from "./building.js";
import { dateText, durationText, fromNow, latenessText } from "./times.js";
import { orderState, shownPlan } from "./shown.js";

let described = null;

export function showTooltip(bar, x, y) {
  const tooltip = byId("tooltip");
  if (!bar) {
    described = null;
    tooltip.hidden = true;
    return;
  }
  if (bar !== described) tooltip.replaceChildren(...(bar.operation ? describeOperation(bar) : describeChangeover(bar.changeover)));
  described = bar;
  tooltip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tooltip;
  tooltip.style.left = `${x + 16 + width > innerWidth ? Math.max(4, x - width - 12) : x + 16}px`;
  tooltip.style.top = `${Math.max(4, Math.min(y + 16, innerHeight - height - 6))}px`;
}

const facts = (pairs) => make("dl", {}, ...pairs.filter(Boolean).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));

function describeOperation({ operation, order }) {
  const { clock } = shownPlan();
  const { start_date: start, end_date: end, selected_date: selected } = operation;
  const states = [operation.in_process && "in process", operation.locked && "locked"].filter(Boolean).join(", ");
  const setup = Object.entries(operation.setup)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  const options = Object.values(orderState(operation.order)?.options ?? {}).join(", ");
  return [
    make("strong", {}, `Order ${operation.order}`, states ? make("em", {}, states) : ""),
    facts([
      order && ["product", options ? `${order.product}: ${options}` : order.product],
      ["operation", `${operation.operation} on ${operation.machine}`],
      setup && ["setup", setup],
      ["from", `${dateText(start)}, ${fromNow(start, clock)}`],
      ["until", `${dateText(end)}, takes ${durationText(end - start)}`],
      selected < start && ["changeover", `from ${dateText(selected)}, ${durationText(start - selected)}`],
      ...(order ? orderFacts(order) : []),
    ]),
  ];
}

function orderFacts(order) {
  const spread = [order.completion_p10, order.completion_p50, order.completion_p90];
  return [
    ["due", dateText(order.due_date)],
    ["done", dateText(order.completion_date)],
    ["lateness", make("span", { class: order.lateness > 0 ? "late-text" : "" }, latenessText(order.lateness))],
    order.on_time_probability !== null && ["10 / 50 / 90 %", spread.map((tick) => (tick === null ? "later" : dateText(tick))).join(" / ")],
    order.on_time_probability !== null && ["on time", `in ${percent(order.on_time_probability)} of the futures`],
  ];
}

function describeChangeover(changeover) {
  const { start_date: start, end_date: end } = changeover;
  return [
    make("strong", {}, `Changeover to ${setupText(changeover.setup)}`),
    facts([
      ["machine", changeover.machine],
      ["from", `${dateText(start)}, ${fromNow(start, shownPlan().clock)}`],
      ["until", `${dateText(end)}, takes ${durationText(end - start)}`],
      changeover.order !== null && ["for order", changeover.order],
    ]),
  ];
}
