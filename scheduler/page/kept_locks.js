/** Locks of the planners on the newest floor: those of the moves here, or else of the published plan. */

import { state } from "./state.js";
import { currentPublication } from "./publication.js";

const keyOf = ({ order, operation }) => JSON.stringify([order, operation]);

/** Locks on a floor: its own ones, and then others as far as their work has not begun. */
export function withLocks(snapshot, locks, own = snapshot.locks ?? []) {
  const known = new Set(own.map(keyOf));
  const open = new Map(snapshot.orders.map((order) => [order.order_id, order.operations]));
  const isOpen = ({ order, operation }) => ["ready", "upcoming"].includes(open.get(order)?.[operation]?.status);
  return [...own, ...locks.filter((lock) => isOpen(lock) && !known.has(keyOf(lock)))];
}

/** A new floor with the locks that the planners have made. */
export function withPlannersLocks(snapshot) {
  const locks = withLocks(snapshot, state.draft ?? currentPublication().locks);
  return locks.length ? { ...snapshot, locks } : snapshot;
}
