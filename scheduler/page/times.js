/** Ticks of the factory as dates in the plant's time zone, or as days and hours where the snapshot has no epoch. */

import { locale, say } from "./language.js";
import { MINUTES_A_DAY, state } from "./state.js";

const MINUTE = 60_000; // milliseconds
const QUARTER = 15 * MINUTE; // clocks change at whole quarters of an hour

export const tickMinutes = () => state.policy.tick_minutes;
export const ticksOfHours = (hours) => Math.round((hours * 60) / tickMinutes());
export const hoursOfTicks = (ticks) => (ticks * tickMinutes()) / 60;

// --- the plant's clock: local time is counted in milliseconds as if it were UTC; the browser's zone plays no part

let calendar = null;

/** The calendar of the snapshot, or of a plan where the factory states its start: local time at tick 0, and from instants on. */
function plantCalendar() {
  const snapshot = state.moment?.snapshot ?? {};
  const { epoch = null, time_zone: zone = null } = snapshot.epoch ? snapshot : (Object.values(state.plans ?? {})[0] ?? snapshot);
  if (calendar?.epoch !== epoch || calendar.zone !== zone) calendar = makeCalendar(epoch, zone);
  return calendar;
}

function makeCalendar(epoch, zone) {
  if (epoch === null) return { epoch, zone, isDated: false };
  const [date, offset] = /^(.*?)(Z|[+-]\d\d:?\d\d)?$/i.exec(epoch).slice(1);
  const local = Date.parse(`${date.replace(" ", "T")}${/[T ]/.test(date) ? "" : "T00:00"}Z`);
  const made = { epoch, zone, isDated: true, shifts: new Map() };
  if (zone) made.format = zoneFormat(zone);
  if (!zone) return { ...made, start: local }; // the offset of the epoch, or none, holds for all dates
  return { ...made, start: offset ? local - offsetMinutes(offset) * MINUTE : instantOf(made, local) };
}

function offsetMinutes(text) {
  if (/z/i.test(text)) return 0;
  const [hours, minutes] = [Number(text.slice(1, 3)), Number(text.slice(-2))];
  return (text.startsWith("-") ? -1 : 1) * (60 * hours + minutes);
}

function zoneFormat(timeZone) {
  const digits = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", ...digits });
}

/** Local time minus UTC at an instant, in milliseconds. */
function shiftAt({ format, shifts }, instant) {
  const quarter = Math.floor(instant / QUARTER);
  let shift = shifts.get(quarter);
  if (shift === undefined) {
    const start = quarter * QUARTER;
    const parts = Object.fromEntries(format.formatToParts(start).map(({ type, value }) => [type, Number(value)]));
    shift = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute) - start;
    shifts.set(quarter, shift);
  }
  return shift;
}

/** The instant of a local time: the first where it comes twice; where clocks skip it, the one that the clock before would tell. */
function instantOf(made, local) {
  const first = local - shiftAt(made, local - MINUTES_A_DAY * MINUTE);
  if (first + shiftAt(made, first) === local) return first;
  const second = local - shiftAt(made, first);
  return second + shiftAt(made, second) === local ? second : first;
}

/** Local time of a tick, in minutes from a midnight. */
export function minutesAt(tick) {
  const made = plantCalendar();
  const elapsed = tick * tickMinutes();
  if (!made.isDated) return 60 * state.policy.start_hour + elapsed;
  const instant = made.start + elapsed * MINUTE;
  return (instant + (made.zone ? shiftAt(made, instant) : 0)) / MINUTE;
}

export function tickAt(minutes) {
  const made = plantCalendar();
  if (!made.isDated) return (minutes - 60 * state.policy.start_hour) / tickMinutes();
  const instant = made.zone ? instantOf(made, minutes * MINUTE) : minutes * MINUTE;
  return (instant - made.start) / (tickMinutes() * MINUTE);
}

// --- as text

const dayAt = (tick) => Math.floor((minutesAt(tick) + 1e-6) / MINUTES_A_DAY);
const twoDigits = (number) => String(number).padStart(2, "0");
const dayFormats = new Map();

export function clockTime(tick) {
  const minutes = Math.floor(minutesAt(tick) + 1e-6);
  const ofDay = ((minutes % MINUTES_A_DAY) + MINUTES_A_DAY) % MINUTES_A_DAY;
  return `${twoDigits(Math.floor(ofDay / 60))}:${twoDigits(ofDay % 60)}`;
}

/** Name of a day, given as that of a local time: a date, or its number from that of tick 0 on. */
export function dayName(day) {
  if (!plantCalendar().isDated) return say("day_number", { number: day + 1 });
  let format = dayFormats.get(locale());
  if (!format) {
    format = new Intl.DateTimeFormat(locale(), { timeZone: "UTC", weekday: "short", day: "numeric", month: "short" });
    dayFormats.set(locale(), format);
  }
  return format.format(day * MINUTES_A_DAY * MINUTE);
}

export const dateText = (tick) => `${dayName(dayAt(tick))} ${clockTime(tick)}`;

/** The date with its year, in ISO 8601. */
export function wholeDate(tick) {
  if (!plantCalendar().isDated) return dateText(tick);
  return `${new Date(dayAt(tick) * MINUTES_A_DAY * MINUTE).toISOString().slice(0, 10)} ${clockTime(tick)}`;
}

/** Name of the zone of all dates; empty where the snapshot names none. */
export function zoneName() {
  const { isDated, zone, epoch } = plantCalendar();
  if (!isDated) return "";
  return zone ?? (/(Z|[+-]\d\d:?\d\d)$/i.exec(epoch.slice(10))?.[0] ?? "").replace(/^z$/i, "UTC");
}

/** The date, without the day where it is the clock's. */
export const shortDate = (tick, clock) => (dayAt(tick) === dayAt(clock) ? clockTime(tick) : dateText(tick));

export function durationText(ticks) {
  const minutes = Math.round(Math.abs(ticks) * tickMinutes());
  const [days, hours, rest] = [Math.floor(minutes / MINUTES_A_DAY), Math.floor((minutes % MINUTES_A_DAY) / 60), minutes % 60];
  const [d, h, min] = [say("unit_day"), say("unit_hour"), say("unit_minute")];
  if (days) return hours ? `${days} ${d} ${hours} ${h}` : `${days} ${d}`;
  if (hours) return rest ? `${hours} ${h} ${rest} ${min}` : `${hours} ${h}`;
  return `${rest} ${min}`;
}

export function fromNow(tick, clock) {
  if (tick === clock) return say("now");
  const duration = durationText(tick - clock);
  return say(tick > clock ? "in_duration" : "duration_ago", { duration });
}

export function latenessText(lateness) {
  const duration = durationText(lateness);
  if (lateness > 0) return say("late_by", { duration });
  return lateness < 0 ? say("early_by", { duration }) : say("on_time");
}

export function ageText(seconds) {
  const [h, min, s] = [say("unit_hour"), say("unit_minute"), say("unit_second")];
  if (seconds < 60) return `${Math.floor(seconds)} ${s}`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} ${min}`;
  return `${Math.floor(seconds / 3600)} ${h} ${Math.floor((seconds % 3600) / 60)} ${min}`;
}
