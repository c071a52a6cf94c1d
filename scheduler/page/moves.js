/** Operations moved and locked by hand: the service plans anew with the locks, and each step can be taken back. */

import { state } from "./state.js";
import { money, signed } from "./building.js";
import { say } from "./language.js";
import { announce, attempt, Refusal } from "./service.js";
import { render, shownPlan } from "./shown.js";
import { requestPlan } from "./planning.js";
import { withLocks } from "./kept_locks.js";
import { isSame, sequenceOf } from "./move_rules.js";

const MAX_UNDO = 50;

/** The locks that the plan on the screen was made with. */
export const locks = () => state.moment?.snapshot.locks ?? [];

export const isLocked = (operation) => locks().some((one) => isSame(one, operation));

/**
 * Locks with which a machine does an operation before another one, or behind all others.
 * What the machine does before it is locked too, as a machine does nothing else before its locks.
 */
function locksFor(operation, machine, before) {
  const sequence = sequenceOf(machine).filter((one) => !isSame(one, operation));
  const place = before ? sequence.findIndex((one) => isSame(one, before)) : sequence.length;
  const ahead = sequence.slice(0, place < 0 ? sequence.length : place);
  const behind = sequence.slice(ahead.length).filter(isLocked);
  const lock = (one) => ({ machine, order: one.order, operation: one.operation });
  const others = locks().filter((one) => one.machine !== machine && !isSame(one, operation));
  return [...others, ...[...ahead, operation, ...behind].map(lock)];
}

export const moveOperation = (operation, machine, before = null) => replan(locksFor(operation, machine, before), () => say("moved_to", { ...operation, machine }));

/** Fix an operation to its machine and place, or free it. */
export function toggleLock(operation) {
  const wanted = locks().filter((one) => !isSame(one, operation));
  if (wanted.length < locks().length) return replan(wanted, () => say("unlocked_operation", operation));
  const sequence = sequenceOf(operation.machine);
  const next = sequence[sequence.findIndex((one) => isSame(one, operation)) + 1] ?? null;
  return replan(locksFor(operation, operation.machine, next), () => say("locked_on", operation));
}

const step = (text) => ({ text, moment: state.moment, plans: state.plans, draft: state.draft });

/** Let the service check the locks and plan with them; `text` says what was done. */
function replan(wanted, text) {
  const before = step(text);
  return planWith(wanted, wanted, () => {
    state.edits = [...state.edits, before].slice(-MAX_UNDO);
    state.undone = [];
    const difference = shownPlan().total_cost - (before.plans[state.by] ?? Object.values(before.plans)[0]).total_cost;
    state.moved = () => say("moved_at_cost", { move: text(), difference: signed(difference, money(Math.abs(difference))) });
    return state.moved();
  });
}

/** Show the plan with some locks once it is here, if nothing else was asked for meanwhile. */
function planWith(wanted, draft, finish) {
  const { moment, by, plans } = state;
  const round = ++state.round;
  return attempt("board", async () => {
    const snapshot = { ...moment.snapshot, locks: wanted };
    const made = await requestPlan({ ...moment, snapshot }, by, { previous: plans[by] ?? null });
    const refused = refusedLocks(made, Object.values(plans));
    if (refused.length) throw new Refusal(422, refused);
    if (round !== state.round) return;
    Object.assign(state, { moment: { ...moment, snapshot }, plans: { [by]: made }, draft });
    const text = finish();
    render();
    announce(text);
  });
}

/** Problems of locks that the service put aside, but not in the plans before: the planner's wish cannot be carried out. */
function refusedLocks(plan, before) {
  const known = new Set(before.flatMap((one) => one.set_aside.map(({ problem }) => problem)));
  return plan.set_aside.filter(({ place, problem }) => place.startsWith("locks") && !known.has(problem)).map(({ place, problem }) => `${place}: ${problem}`);
}

export const undo = () => goTo("edits", "undone", "taken_back");
export const redo = () => goTo("undone", "edits", "done_again");

/** Go one step back or forth; on a newer floor the locks of that step are planned again. */
function goTo(from, to, key) {
  const target = state[from].at(-1);
  if (!target) return undefined;
  const finish = () => {
    state[from] = state[from].slice(0, -1);
    state[to] = [...state[to], here];
    state.moved = "";
    return say(key, { move: target.text() });
  };
  const here = step(target.text);
  const isOfThisFloor = target.moment.received === state.moment.received && target.moment.snapshot.clock === state.moment.snapshot.clock;
  if (!isOfThisFloor) return planWith(withLocks(state.moment.snapshot, target.moment.snapshot.locks ?? [], []), target.draft, finish);
  state.round += 1;
  Object.assign(state, { moment: target.moment, plans: target.plans, draft: target.draft });
  const text = finish();
  render();
  announce(text);
  return undefined;
}
