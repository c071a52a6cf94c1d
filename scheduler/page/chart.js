/** The chart of the plan that is shown. */

import { byId, state, WALL_PAGE_SECONDS } from "./state.js";
import { renderLegend } from "./colours.js";
import { groupMachines, isFiltering, orderMatches } from "./filter.js";
import { Gantt } from "./gantt.js";
import { say, sayName } from "./language.js";
import { showTooltip } from "./tooltip.js";
import { findStops, isAfter, selectOrder, shownPlan } from "./shown.js";
import { dateText, wholeDate, zoneName } from "./times.js";
import { renderBoard, tellRefusal } from "./board.js";
import { eligibleMachines, isMovable, placesOn, refuseMachine } from "./move_rules.js";
import { moveOperation } from "./moves.js";

export const gantt = new Gantt(byId("gantt"), {
  onSelect: selectOrder,
  onHover: showTooltip,
  onFocus: focusOperation,
  onMove: moveOperation,
  onKey: (id) => byId(id).click(),
  canMove: isMovable,
  lanesFor: eligibleMachines,
  placesFor: placesOn,
  refuseLane: refuseMachine,
  onRefusal: tellRefusal,
});

function focusOperation(operation) {
  state.focused = operation;
  renderBoard();
}

export function renderChart(plan) {
  const orders = new Map(plan.orders.map((order) => [order.order, order]));
  const until = Math.max(plan.end_date, state.trial?.before.end_date ?? 0, state.trial?.after.end_date ?? 0);
  const matches = isFiltering() ? (_, order) => orderMatches(order) : () => true;
  const groups = groupMachines(plan);
  gantt.show({ plan, orders, until, groups, matches, stops: findStops(plan, isAfter()), earlier: isAfter() ? state.trial.before.operations : [] });
  renderLegend(plan);
  byId("versions").hidden = byId("back").hidden = !state.trial;
  byId("chart-title").textContent = say(state.trial ? (state.trial.names ? "comparison" : "what_if") : "plan");
}

// --- paper and wall

let turning = null; // timer of the wall

/** Name of the plan, its dates and the number of its orders, for paper. */
function renderPaperTitle(plan) {
  const values = { factory: plan.factory, by: sayName("by", plan.made_by, plan.made_by), clock: wholeDate(plan.clock), zone: zoneName(), end: dateText(plan.end_date) };
  byId("paper-title").textContent = say("paper_title", values);
  byId("paper-note").textContent = say("paper_note", { ...values, orders: plan.orders.length, late: plan.orders.filter((order) => order.lateness > 0).length });
}

function setPaper(isPaper) {
  const plan = shownPlan();
  if (!plan) return;
  renderPaperTitle(plan);
  gantt.print(isPaper);
}

/** Lay the plan out for paper whenever it is printed. */
export function wirePaper() {
  addEventListener("beforeprint", () => setPaper(true));
  addEventListener("afterprint", () => setPaper(false));
  matchMedia("print").addEventListener("change", ({ matches }) => setPaper(matches));
}

/** The chart alone, in letters for a reader at two metres; lanes that have no room take turns. */
export function setWall(isWall) {
  document.body.toggleAttribute("data-wall", isWall);
  byId("wall").setAttribute("aria-pressed", String(isWall));
  const address = new URL(location.href);
  if (isWall) address.searchParams.set("wall", "");
  else address.searchParams.delete("wall");
  history.replaceState(null, "", address);
  clearInterval(turning);
  if (isWall) turning = setInterval(() => gantt.turnPage(), 1000 * WALL_PAGE_SECONDS);
  if (!gantt.scene) return;
  gantt.fitted = true;
  gantt.show(gantt.scene);
}

export const isWallAsked = () => new URL(location.href).searchParams.has("wall");
