/** Ticks as dates, or as days and hours where no date is known. */

export const DAY = 1440; // minutes
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];


const twoDigits = (number) => String(number).padStart(2, "0");

export class Calendar {
  constructor({ start, start_hour: startHour, tick_minutes: tickMinutes, shifts }) {
    Object.assign(this, { start, tickMinutes, shifts });
    this.first = start === null ? startHour * 60 : start; // minutes since 1970, or since the midnight before tick 0
  }

  /** Minutes of the local clock; `shifts` has the changes of summer and winter time. */
  minutesAt(tick) {
    const shift = this.shifts.findLast(([from]) => tick >= from);
    return this.first + tick * this.tickMinutes + (shift ? shift[1] : 0);
  }

  tickAt(minutes) {
    const tick = (minutes - this.first) / this.tickMinutes;
    const shift = this.shifts.findLast(([from]) => tick >= from);
    return tick - (shift ? shift[1] : 0) / this.tickMinutes;
  }

  time(minutes) {
    const ofDay = ((minutes % DAY) + DAY) % DAY;
    return `${twoDigits(Math.floor(ofDay / 60))}:${twoDigits(Math.floor((ofDay % 60) + 1e-6))}`;
  }

  /** The name of a day in several forms, the longest first; with the year where it is wanted. */
  days(minutes, withYear) {
    const day = Math.floor(minutes / DAY + 1e-9);
    if (this.start === null) return [`day ${day + 1}`, `${day + 1}`];
    const date = new Date(day * DAY * 60000);
    const short = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
    const long = `${WEEKDAYS[date.getUTCDay()]} ${short}`;
    return [...(withYear ? [`${long} ${date.getUTCFullYear()}`] : []), long, short, `${date.getUTCDate()}`];
  }

  text(tick) {
    const seconds = Math.round(this.minutesAt(tick) * 60);
    const minutes = Math.floor(seconds / 60);
    const rest = seconds % 60 ? `:${twoDigits(((seconds % 60) + 60) % 60)}` : "";
    const time = `${this.time(minutes)}${rest}`;
    if (this.start === null) return `${this.days(minutes)[0]} ${time}`;
    const date = new Date(seconds * 1000);
    return `${WEEKDAYS[date.getUTCDay()]} ${date.toISOString().slice(0, 10)} ${time}`;
  }

  duration(ticks) {
    const minutes = Math.round(ticks * this.tickMinutes * 10) / 10;
    const parts = [Math.floor(minutes / DAY), Math.floor((minutes % DAY) / 60), Math.round((minutes % 60) * 10) / 10];
    const texts = parts.map((part, place) => (part ? `${part} ${["d", "h", "min"][place]}` : "")).filter(Boolean);
    return texts.join(" ") || "0 min";
  }
}
