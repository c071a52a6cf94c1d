/** Ticks of the factory as dates, or as days and hours where the snapshot has no epoch. */

import { MINUTES_A_DAY, state } from "./state.js";

export const tickMinutes = () => state.policy.tick_minutes;
export const ticksOfHours = (hours) => Math.round((hours * 60) / tickMinutes());
export const hoursOfTicks = (ticks) => (ticks * tickMinutes()) / 60;
const epoch = () => state.moment?.snapshot.epoch ?? null; // date of tick 0, in ISO 8601
const firstMinutes = () => (epoch() ? 60 * Number(epoch().slice(11, 13)) + Number(epoch().slice(14, 16)) : 60 * state.policy.start_hour);
export const minutesAt = (tick) => firstMinutes() + tick * tickMinutes();
export const tickAt = (minutes) => (minutes - firstMinutes()) / tickMinutes();
const dayAt = (tick) => Math.floor(minutesAt(tick) / MINUTES_A_DAY);
const twoDigits = (number) => String(number).padStart(2, "0");

export function clockTime(tick) {
  const minutes = Math.floor(minutesAt(tick) + 1e-6);
  const ofDay = ((minutes % MINUTES_A_DAY) + MINUTES_A_DAY) % MINUTES_A_DAY;
  return `${twoDigits(Math.floor(ofDay / 60))}:${twoDigits(ofDay % 60)}`;
}

/** Name of a day, counted from that of tick 0. */
export function dayName(day) {
  if (!epoch()) return `day ${day + 1}`;
  const [year, month, first] = epoch().slice(0, 10).split("-").map(Number);
  return new Date(Date.UTC(year, month - 1, first + day)).toISOString().slice(0, 10);
}

export const dateText = (tick) => `${dayName(dayAt(tick))} ${clockTime(tick)}`;

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
