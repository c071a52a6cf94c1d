/** What if: the forms in which changes are entered. */

import { byId, state } from "./state.js";
import { make } from "./building.js";
import { say } from "./language.js";
import { dateText, hoursOfTicks, ticksOfHours, wholeDate } from "./times.js";
import { orderState, shownPlan } from "./shown.js";
import { renderWhatIf } from "./what_if.js";

const isOpen = (order) => Object.values(order.operations).some(({ status }) => status !== "done");
const openOrders = () => state.moment.snapshot.orders.filter(isOpen).map((order) => order.order_id);
const machineNames = () => Object.keys(state.moment.snapshot.machines);
const hoursAhead = (tick) => Math.round(hoursOfTicks(tick - state.moment.snapshot.clock) * 100) / 100;
const tickAhead = (hours) => state.moment.snapshot.clock + ticksOfHours(Number(hours));

const today = () => wholeDate(state.moment.snapshot.clock).slice(0, 10);

const label = (key) => say(key).replace(/^./, (letter) => letter.toUpperCase());

/** Fields depend on the values so far: the options of the chosen product, the machines of the chosen operation. */
export const CHANGE_FORMS = {
  rush_order: {
    title: "rush_order",
    fields: (values) => {
      const product = values.product ?? Object.keys(state.policy.products)[0];
      const options = Object.entries(state.policy.products[product].options);
      return [
        { name: "order_id", label: label("order"), kind: "text", value: freshOrder() },
        { name: "product", label: label("product"), kind: "select", choices: Object.keys(state.policy.products), value: product, decides: true },
        ...options.map(([option, choices]) => ({ name: `option ${option}`, label: option, kind: "select", choices })),
        { name: "due", label: label("due"), kind: "hours", value: 8 },
        { name: "weight", label: label("weight"), kind: "number", value: 4 },
      ];
    },
    read: (values) => {
      const options = Object.keys(state.policy.products[values.product].options).map((option) => [option, values[`option ${option}`]]);
      return {
        order_id: values.order_id,
        product: values.product,
        options: Object.fromEntries(options),
        due_date: tickAhead(values.due),
        weight: Number(values.weight),
      };
    },
  },
  machine_down: {
    title: "machine_down",
    fields: () => [
      { name: "machine", label: label("machine"), kind: "select", choices: machineNames() },
      { name: "until", label: label("until"), kind: "hours", value: 2, least: 0.05 },
    ],
    read: (values) => ({ machine: values.machine, until: tickAhead(values.until) }),
  },
  extra_shift: {
    title: "extra_shift",
    fields: () => [
      { name: "calendar", label: label("calendar"), kind: "select", choices: state.policy.calendars },
      { name: "open", label: label("open_hours"), kind: "text", value: `${today()} 06:00..${today()} 14:00` },
    ],
    read: (values) => ({ calendar: values.calendar, open: values.open }),
  },
  staff_absent: {
    title: "staff_absent",
    fields: () => [
      { name: "group", label: label("group"), kind: "select", choices: state.policy.groups },
      { name: "number", label: label("people"), kind: "number", value: 1 },
      { name: "until", label: label("until"), kind: "hours", value: 8, least: 0.05 },
    ],
    read: (values) => ({ group: values.group, number: Number(values.number), until: tickAhead(values.until) }),
  },
  order_terms: {
    title: "other_due_date",
    fields: (values) => {
      const order = orderState(values.order) ?? state.moment.snapshot.orders[0];
      return [
        { name: "order", label: label("order"), kind: "select", choices: openOrders(), value: order?.order_id, decides: true },
        { name: `due ${order?.order_id}`, label: label("due"), kind: "hours", value: order ? hoursAhead(order.due_date) : 0 },
        { name: `weight ${order?.order_id}`, label: label("weight"), kind: "number", value: order?.weight ?? 1 },
      ];
    },
    read: (values) => ({ order: values.order, due_date: tickAhead(values[`due ${values.order}`]), weight: Number(values[`weight ${values.order}`]) }),
  },
  cancel_order: {
    title: "cancel_order",
    fields: () => [
      {
        name: "order",
        label: label("order"),
        kind: "select",
        choices: state.moment.snapshot.orders.filter((order) => !isInWork(order)).map((order) => order.order_id),
      },
    ],
    read: (values) => ({ order: values.order }),
  },
  lock: {
    title: "lock_operation",
    fields: (values) => {
      const orders = state.moment.snapshot.orders.filter((order) => waitingOperations(order).length);
      const order = orders.find((one) => one.order_id === values.order) ?? orders[0];
      const operations = order ? waitingOperations(order) : [];
      const operation = operations.includes(values.operation) ? values.operation : operations[0];
      return [
        { name: "order", label: label("order"), kind: "select", choices: orders.map((one) => one.order_id), value: order?.order_id, decides: true },
        { name: "operation", label: label("operation"), kind: "select", choices: operations, value: operation, decides: true },
        { name: "machine", label: label("machine"), kind: "select", choices: order ? machinesFor(order.order_id, operation) : [] },
      ];
    },
    read: (values) => ({ machine: values.machine, order: values.order, operation: values.operation }),
  },
};

const isInWork = (order) => Object.values(order.operations).some(({ status }) => status === "in_process");
const waitingOperations = (order) =>
  Object.entries(order.operations)
    .filter(([, { status }]) => status === "ready" || status === "upcoming")
    .map(([name]) => name);

function freshOrder() {
  const taken = new Set([...state.moment.snapshot.orders.map((order) => order.order_id), ...state.changes.map((change) => change.order_id)]);
  for (let number = 1; ; number += 1) {
    if (!taken.has(`rush-${number}`)) return `rush-${number}`;
  }
}

/** Machines of the work centre where the plan does the operation, the planned one first. */
function machinesFor(order, operation) {
  const plan = shownPlan();
  const planned = plan.operations.find((one) => one.order === order && one.operation === operation)?.machine;
  if (!planned) return machineNames();
  const centre = plan.work_centres[plan.machines.indexOf(planned)];
  return [planned, ...plan.machines.filter((machine, place) => machine !== planned && plan.work_centres[place] === centre)];
}

export function openForm(kind) {
  const dialog = byId("change-dialog");
  byId("change-title").textContent = say(CHANGE_FORMS[kind].title);
  dialog.dataset.kind = kind;
  dialog.returnValue = "";
  const chosen = state.selected && openOrders().includes(state.selected) ? { order: state.selected } : {};
  renderFields(CHANGE_FORMS[kind].fields(chosen), chosen);
  dialog.showModal();
}

/** The fields, with values that were filled in before where they still fit. */
function renderFields(fields, values) {
  byId("change-fields").replaceChildren(...fields.flatMap((field, place) => renderField(field, values[field.name] ?? field.value, `field-${place}`)));
}

function renderField(field, value, id) {
  const input = field.kind === "select" ? renderSelect(field, value, id) : renderInput(field, value, id);
  return [make("label", { for: id }, field.label), field.kind === "hours" ? withDate(input) : input];
}

function renderSelect(field, value, id) {
  const options = field.choices.map((choice) => make("option", { value: choice, selected: choice === value }, choice));
  return make("select", { id, name: field.name, required: true, change: field.decides ? rebuildFields : null }, ...options);
}

function renderInput(field, value, id) {
  if (field.kind === "text") return make("input", { id, name: field.name, type: "text", required: true, maxlength: 200, value });
  return make("input", {
    id,
    name: field.name,
    type: "number",
    step: "any",
    required: true,
    min: field.kind === "number" ? 0 : (field.least ?? null),
    value,
  });
}

/** Hours from now, with the date that they come to. */
function withDate(input) {
  const date = make("output", { for: input.id });
  const tell = () => (date.textContent = Number.isFinite(input.valueAsNumber) ? `${say("hours_from_now")}: ${dateText(tickAhead(input.value))}` : say("hours_from_now"));
  input.addEventListener("input", tell);
  tell();
  return make("span", { class: "hours" }, input, date);
}

const formValues = () => Object.fromEntries(new FormData(byId("change-form")));

function rebuildFields(event) {
  const values = formValues();
  const { name } = event.target;
  renderFields(CHANGE_FORMS[byId("change-dialog").dataset.kind].fields(values), values);
  byId("change-form").elements.namedItem(name)?.focus();
}

byId("change-form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "add") return;
  const { kind } = byId("change-dialog").dataset;
  state.changes.push({ change: kind, ...CHANGE_FORMS[kind].read(formValues()) });
  renderWhatIf();
});
