/** What is told of a bar of the chart. */

import { byId } from "./state.js";
import { make, percent, setupText } from "./building.js";
import { say } from "./language.js";
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
  const states = [operation.in_process && say("in_process"), operation.locked && say("locked")].filter(Boolean).join(", ");
  const setup = Object.entries(operation.setup)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  const options = Object.values(orderState(operation.order)?.options ?? {}).join(", ");
  return [
    make("strong", {}, say("order_named", { order: operation.order }), states ? make("em", {}, states) : ""),
    facts([
      order && [say("product"), options ? `${order.product}: ${options}` : order.product],
      [say("operation"), say("operation_on", { operation: operation.operation, machine: operation.machine })],
      setup && [say("setup"), setup],
      [say("from"), `${dateText(start)}, ${fromNow(start, clock)}`],
      [say("until"), say("date_takes", { date: dateText(end), duration: durationText(end - start) })],
      selected < start && [say("changeover"), say("from_date", { date: dateText(selected), duration: durationText(start - selected) })],
      ...(order ? orderFacts(order) : []),
    ]),
  ];
}

function orderFacts(order) {
  const spread = [order.completion_p10, order.completion_p50, order.completion_p90];
  return [
    [say("due"), dateText(order.due_date)],
    [say("done"), dateText(order.completion_date)],
    [say("lateness"), make("span", { class: order.lateness > 0 ? "late-text" : "" }, latenessText(order.lateness))],
    order.on_time_probability !== null && [say("quantiles"), spread.map((tick) => (tick === null ? say("later") : dateText(tick))).join(" / ")],
    order.on_time_probability !== null && [say("on_time"), say("share_of_futures", { share: percent(order.on_time_probability) })],
  ];
}

function describeChangeover(changeover) {
  const { start_date: start, end_date: end } = changeover;
  return [
    make("strong", {}, say("changeover_to", { setup: setupText(changeover.setup) })),
    facts([
      [say("machine"), changeover.machine],
      [say("from"), `${dateText(start)}, ${fromNow(start, shownPlan().clock)}`],
      [say("until"), say("date_takes", { date: dateText(end), duration: durationText(end - start) })],
      changeover.order !== null && [say("for_order"), changeover.order],
    ]),
  ];
}
