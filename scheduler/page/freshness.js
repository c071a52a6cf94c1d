/** Whether what is on the screen is current, by the service's clock. */

import { byId, state } from "./state.js";
import { mark } from "./building.js";
import { say } from "./language.js";
import { ageText } from "./times.js";

let goneSince = null;

/** The service's clock: that of this machine, put right by the dates of the answers. */
export const serviceNow = () => Date.now() + state.clockOffset;

/** Whether a floor of an age in seconds is no longer current, by the limit of the service. */
export const isOld = (seconds) => seconds > 60 * (state.policy?.floor_minutes ?? Infinity);

export function noteAnswer() {
  goneSince = null;
  renderFreshness();
}

export function noteSilence() {
  goneSince ??= serviceNow();
  renderFreshness();
}

/** Say plainly that the screen is not current, and why. */
export function renderFreshness() {
  const reason = findReason();
  byId("stale").hidden = !reason;
  document.body.toggleAttribute("data-stale", Boolean(reason));
  if (reason && byId("stale").lastChild?.textContent !== reason) byId("stale").replaceChildren(mark("warning-mark"), document.createTextNode(reason));
}

function findReason() {
  if (goneSince !== null) return say("service_silent", { age: ageText((serviceNow() - goneSince) / 1000) });
  const received = state.floor?.received;
  const age = received ? (serviceNow() - Date.parse(received)) / 1000 : 0;
  return isOld(age) ? say("floor_old", { age: ageText(age) }) : "";
}
