// Points in time and durations, in words. What time it is now is always passed in.
import { locale, texts } from "../texts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const minute = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(locale, {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});

/** A time column's value: milliseconds since the epoch, and whether only a day is known. */
export interface Moment {
  at: number;
  dayOnly: boolean;
}

/** Seconds since 1970 that are no time a database keeps: whatever is smaller is a number of another kind, or none. */
const LEAST_SECONDS = 1e8;
/** From here on they are milliseconds, then microseconds, then nothing: as Rust's `time.rs` has it. */
const MILLIS = 1e11;
const MICROS = 1e14;
const BEYOND = 1e17;

/** A time that is kept as a number: seconds, milliseconds or microseconds since 1970 by its size, or its own digits
 * (20240131120000); `null`: it is none. */
function fromNumber(text: string): Moment | null {
  if (!/^\d+(\.\d+)?$/.test(text)) return null;
  const number = Number(text);
  const digits = /^(19[7-9]\d|2[01]\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text);
  if (digits) {
    const [, year, month, day, hour, minute, second] = digits;
    return moment(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  }
  if (number < LEAST_SECONDS || number >= BEYOND) return null;
  const at = number < MILLIS ? number * 1000 : number < MICROS ? number : number / 1000;
  return { at, dayOnly: false };
}

/** Reads RFC 3339, with a blank for the T and without a zone too (then it is taken as the reader's); `null` otherwise. */
export function moment(value: string): Moment | null {
  const parts =
    /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(
      value.trim(),
    );
  if (!parts) return fromNumber(value.trim());
  const [, y, m, d, clock, zone] = parts;
  const dayOnly = clock === undefined;
  const text = dayOnly ? `${y}-${m}-${d}T00:00:00` : `${y}-${m}-${d}T${clock}${zoneOf(zone)}`;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : { at, dayOnly };
}

function zoneOf(zone: string | undefined): string {
  if (zone === undefined) return "";
  return zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
}

/** "2 min ago", "yesterday", "18 Nov 2026": words while it is recent, the day when it is not. */
export function ago(when: Moment, now: number): string {
  const past = now - when.at;
  const days = Math.round((midnight(now) - midnight(when.at)) / DAY);
  if (past < -MINUTE || days > 6) return day.format(when.at);
  if (!when.dayOnly) {
    if (past < MINUTE) return texts.time.now;
    if (past < HOUR) return texts.time.minutes(Math.floor(past / MINUTE));
    if (past < 12 * HOUR || days === 0) return texts.time.hours(Math.floor(past / HOUR));
  }
  if (days === 0) return texts.time.today;
  if (days === 1) return texts.time.yesterday;
  return texts.time.days(days);
}

/** "16 Nov 2026, 09:12" */
export function dayAndMinute(when: Moment): string {
  return when.dayOnly ? day.format(when.at) : `${day.format(when.at)}, ${minute.format(when.at)}`;
}

/** "09:12" */
export function clockTime(at: number): string {
  return minute.format(at);
}

/** Everything that is known: weekday, day, seconds, zone. */
export function exactly(when: Moment): string {
  return when.dayOnly ? day.format(when.at) : exact.format(when.at);
}

/** "04:51", "1:02:03"; never negative. */
export function stopwatch(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

function midnight(at: number): number {
  const date = new Date(at);
  // As a calendar day, so that a day of 23 or 25 hours counts as one.
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
}
