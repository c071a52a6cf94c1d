/** Ticks of the factory as days and hours. */

import { MINUTES_A_DAY, state } from "./state.js";

export const tickMinutes = () => state.policy.tick_minutes;
export const ticksOfHours = (hours) => Math.round((hours * 60) / tickMinutes());
export const hoursOfTicks = (ticks) => (ticks * tickMinutes()) / 60;
export const minutesAt = (tick) => state.policy.start_hour * 60 + tick * tickMinutes();
export const tickAt = (minutes) => (minutes - state.policy.start_hour * 60) / tickMinutes();
const dayAt = (tick) => Math.floor(minutesAt(tick) / MINUTES_A_DAY) + 1;
const twoDigits = (number) => String(number).padStart(2, "0");

export function clockTime(tick) {
  const minutes = Math.floor(minutesAt(tick) + 1e-6);
  const ofDay = ((minutes % MINUTES_A_DAY) + MINUTES_A_DAY) % MINUTES_A_DAY;
  return `${twoDigits(Math.floor(ofDay / 60))}:${twoDigits(ofDay % 60)}`;
}

export const dateText = (tick) => `day ${dayAt(tick)} ${clockTime(tick)}`;

/** The date, without the day where it is the clock's. */
export const shortDate = (tick, clock) => (dayAt(tick) === dayAt(clock) ? clockTime(tick) : dateText(tick));

export function durationText(ticks) {
  const minutes = Math.round(Math.abs(ticks) * tickMinutes());
  const [days, hours, rest] = [Math.floor(minutes / MINUTES_A_DAY), Math.floor((minutes % MINUTES_A_DAY) / 60), minutes % 60];
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return rest ? `${hours} h ${rest} min` : `${hours} h`;
  return `${rest} min`;
}

export function fromNow(tick, clock) {
  if (tick === clock) return "now";
  return tick > clock ? `in ${durationText(tick - clock)}` : `${durationText(clock - tick)} ago`;
}

export function latenessText(lateness) {
  if (lateness > 0) return `late ${durationText(lateness)}`;
  return lateness < 0 ? `early ${durationText(lateness)}` : "on time";
}

export function ageText(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
