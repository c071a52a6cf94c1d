/** The table of orders. */

import { byId, state } from "./state.js";
import { make, mark, percent } from "./building.js";
import { locale, say, sayCount } from "./language.js";
import { latenessText, shortDate } from "./times.js";
import { orderMatches } from "./filter.js";
import { shownPlan, toggleOrder } from "./shown.js";

const beyond = (tick) => (tick === null ? Infinity : tick);

const COLUMNS = [
  { name: "order", title: "order", key: (order) => order.order, cell: orderCell },
  { name: "product", title: "product", key: (order) => order.product, cell: (order) => order.product },
  { name: "due_date", title: "due", key: (order) => order.due_date, cell: (order, clock) => shortDate(order.due_date, clock) },
  {
    name: "completion_date",
    title: "expected",
    key: (order) => order.completion_date,
    cell: (order, clock) => shortDate(order.completion_date, clock),
  },
  { name: "lateness", title: "lateness", key: (order) => order.lateness, cell: latenessCell },
  {
    name: "completion_p10",
    title: "quantile_10",
    sampled: true,
    key: (order) => beyond(order.completion_p10),
    cell: (order, clock) => sampledDate(order.completion_p10, clock),
  },
  {
    name: "completion_p50",
    title: "quantile_50",
    sampled: true,
    key: (order) => beyond(order.completion_p50),
    cell: (order, clock) => sampledDate(order.completion_p50, clock),
  },
  {
    name: "completion_p90",
    title: "quantile_90",
    sampled: true,
    key: (order) => beyond(order.completion_p90),
    cell: (order, clock) => sampledDate(order.completion_p90, clock),
  },
  { name: "on_time_probability", title: "on_time", sampled: true, key: (order) => order.on_time_probability, cell: probabilityCell },
];

const sampledDate = (tick, clock) => (tick === null ? say("later") : shortDate(tick, clock));

function orderCell(order) {
  return make(
    "button",
    { type: "button", class: "choose", "aria-pressed": String(order.order === state.selected), title: say("weight_of", { weight: order.weight }) },
    order.order,
  );
}

export function latenessCell(order) {
  if (order.lateness <= 0) return latenessText(order.lateness);
  return make("span", { class: "late-text" }, mark("warning-mark"), latenessText(order.lateness));
}

function probabilityCell(order) {
  return make("span", { class: "probability" }, meter(order.on_time_probability), percent(order.on_time_probability));
}

export function meter(share) {
  const fill = make("span");
  fill.style.width = `${100 * share}%`;
  return make("span", { class: "meter", "aria-hidden": "true" }, fill);
}

export function renderOrders(plan) {
  const columns = COLUMNS.filter((column) => plan.futures > 0 || !column.sampled);
  const shown = plan.orders.filter(orderMatches);
  const focused = document.activeElement?.closest("#order-rows [data-order]")?.dataset.order;
  byId("orders-title").textContent = ordersTitle(plan, shown);
  byId("sample").disabled = Boolean(state.trial);
  byId("order-columns").replaceChildren(...columns.map(columnHeading));
  byId("order-rows").replaceChildren(...sortOrders(shown).map((order) => orderRow(order, columns, plan.clock)));
  if (focused) document.querySelector(`#order-rows [data-order="${CSS.escape(focused)}"] .choose`)?.focus();
}

/** The first order of the table; null where it is empty. */
export const firstOrder = () => byId("order-rows").firstElementChild?.dataset.order ?? null;

function ordersTitle(plan, shown) {
  const parts = [say("orders")];
  if (shown.length < plan.orders.length) parts.push(say("shown_of", { shown: shown.length, all: plan.orders.length }));
  if (plan.futures) parts.push(say("futures_sampled", { futures: sayCount("futures", plan.futures) }));
  return parts.join(", ");
}

function columnHeading(column) {
  const { sorting } = state;
  const isSorted = sorting.column === column.name;
  const direction = sorting.descending ? "descending" : "ascending";
  return make(
    "th",
    { scope: "col", "aria-sort": isSorted ? direction : "none" },
    make("button", { type: "button", "data-column": column.name, click: () => sortBy(column.name) }, say(column.title)),
  );
}

function sortBy(name) {
  state.sorting = { column: name, descending: state.sorting.column === name && !state.sorting.descending };
  renderOrders(shownPlan());
  document.querySelector(`#order-columns [data-column="${name}"]`)?.focus();
}

/** Orders by the column; numbers in names count as numbers. */
function sortOrders(orders) {
  const column = COLUMNS.find(({ name }) => name === state.sorting.column);
  const sign = state.sorting.descending ? -1 : 1;
  const collator = new Intl.Collator(locale(), { numeric: true });
  return [...orders].sort((one, other) => {
    const [a, b] = [column.key(one), column.key(other)];
    const difference = typeof a === "string" ? collator.compare(a, b) : a === b ? 0 : a - b;
    return sign * difference || collator.compare(one.order, other.order);
  });
}

function orderRow(order, columns, clock) {
  const classes = [order.lateness > 0 && "late", order.order === state.selected && "selected"].filter(Boolean).join(" ");
  const cells = columns.map((column) => make("td", { class: column.name }, column.cell(order, clock)));
  return make("tr", { class: classes, "data-order": order.order, click: () => toggleOrder(order.order) }, ...cells);
}

/** Mark the rows of the selected order, here and in the other lists. */
export function markOrder(selected) {
  for (const row of document.querySelectorAll("[data-order]:not(.operation)")) {
    const isChosen = row.dataset.order === selected;
    row.classList.toggle("selected", isChosen);
    if (row.tagName === "TR" && isChosen) row.scrollIntoView({ block: "nearest" });
    row.querySelector(".choose")?.setAttribute("aria-pressed", String(isChosen));
  }
}
