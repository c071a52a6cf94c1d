/** What the planner looks for among many orders and machines, and how machines are grouped. */

import { make } from "./building.js";
import { say } from "./language.js";
import { byId, state } from "./state.js";

/** What is looked for: text in orders and products, a product, machines of a work centre or one machine, late orders. */
const filter = { text: "", product: "", machines: "", late: false, grouping: "centre" };

export const isFiltering = () => Boolean(filter.text || filter.product || filter.late);

/** Whether an order is one that the planner looks for. */
export function orderMatches(order) {
  if (!order) return !isFiltering();
  if (filter.late && order.lateness <= 0) return false;
  if (filter.product && order.product !== filter.product) return false;
  return !filter.text || `${order.order} ${order.product}`.toLowerCase().includes(filter.text);
}

/** Whether a machine is among those that the planner looks at. */
export function isShown(machine, plan) {
  const [kind, name] = JSON.parse(filter.machines || "[]");
  if (kind === "centre") return plan.work_centres[plan.machines.indexOf(machine)] === name;
  return !kind || machine === name;
}

/** Machines of a plan in named groups: by work centre, by what they can do, or none. */
export function groupMachines(plan) {
  const nameOf = { centre: (machine) => centreOf(plan, machine), kind: kindNames(plan), none: () => "" }[filter.grouping];
  const groups = new Map();
  for (const machine of plan.machines.filter((one) => isShown(one, plan))) {
    const name = nameOf(machine);
    groups.set(name, [...(groups.get(name) ?? []), machine]);
  }
  return [...groups].map(([name, machines]) => ({ name, machines }));
}

const centreOf = (plan, machine) => plan.work_centres[plan.machines.indexOf(machine)];

/** Machines of one kind can do the same operations of the same products; kinds of a work centre have letters. */
function kindNames(plan) {
  const abilities = new Map(plan.machines.map((machine) => [machine, []]));
  for (const [product, operations] of Object.entries(state.policy.eligible_machines ?? {})) {
    for (const [operation, machines] of Object.entries(operations)) {
      for (const machine of machines) abilities.get(machine)?.push(`${product} ${operation}`);
    }
  }
  const kinds = new Map(); // of each work centre
  const kindOf = (machine) => {
    const known = kinds.get(centreOf(plan, machine)) ?? [];
    kinds.set(centreOf(plan, machine), known);
    const ability = JSON.stringify(abilities.get(machine).sort());
    if (!known.includes(ability)) known.push(ability);
    return known.indexOf(ability);
  };
  const numbers = new Map(plan.machines.map((machine) => [machine, kindOf(machine)]));
  return (machine) => {
    const centre = centreOf(plan, machine);
    if (kinds.get(centre).length === 1) return centre;
    return say("kind_of", { centre, kind: String.fromCharCode(65 + numbers.get(machine)) });
  };
}

/** Offer the products and machines of a plan; choices that it does not have are given up. */
export function renderFilter(plan) {
  const products = [...new Set(plan.orders.map((order) => order.product))].sort();
  filter.product = fill("filter-product", filter.product, [["", say("all_products")], ...products.map((product) => [product, product])]);
  const centres = [...new Set(plan.work_centres)].map((centre) => [JSON.stringify(["centre", centre]), say("machines_of", { centre })]);
  const machines = plan.machines.map((machine) => [JSON.stringify(["machine", machine]), machine]);
  filter.machines = fill("filter-machines", filter.machines, [["", say("all_machines")], ...centres, ...machines]);
  const number = plan.orders.filter(orderMatches).length;
  byId("filter-count").textContent = isFiltering() ? say("number_of", { number, all: plan.orders.length }) : "";
  byId("filter-clear").disabled = !isFiltering() && !filter.machines;
}

/** Fill a list of choices; the value that is chosen then. */
function fill(id, value, choices) {
  const chosen = choices.some(([one]) => one === value) ? value : "";
  byId(id).replaceChildren(...choices.map(([one, name]) => make("option", { value: one, selected: one === chosen }, name)));
  byId(id).value = chosen;
  return chosen;
}

/** Call `redraw` whenever the planner looks for something else, and `choose` when the first order of those is meant. */
export function wireFilter(redraw, choose) {
  const listen = (id, event, read) =>
    byId(id).addEventListener(event, ({ target }) => {
      read(target);
      redraw();
    });
  listen("search", "input", ({ value }) => (filter.text = value.trim().toLowerCase()));
  byId("search").addEventListener("keydown", ({ key }) => {
    if (key === "Enter" && isFiltering()) choose();
  });
  listen("filter-product", "change", ({ value }) => (filter.product = value));
  listen("filter-machines", "change", ({ value }) => (filter.machines = value));
  listen("filter-late", "change", ({ checked }) => (filter.late = checked));
  listen("grouping", "change", ({ value }) => (filter.grouping = value));
  listen("filter-clear", "click", () => {
    Object.assign(filter, { text: "", product: "", machines: "", late: false });
    byId("search").value = "";
    byId("filter-late").checked = false;
  });
}
