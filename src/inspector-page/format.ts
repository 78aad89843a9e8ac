import type { Milliseconds } from "../options.js";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat("en-US", { style: "percent", maximumFractionDigits: 1 });
const timeOfDay = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dayAndTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** What is shown where there is nothing to show. */
export const none = "–";

/** 1234567 as "1,234,567". */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? none : whole.format(value);
}

/** Exact below 100,000, then "1.2M". */
export function shortCount(value: number | null | undefined): string {
  if (value === null || value === undefined) return none;
  return value < 100_000 ? whole.format(value) : compact.format(value);
}

/** Events a second. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return none;
  return `${(value < 10 ? tenths : whole).format(value)}/s`;
}

/** A share of two counters; none: there is nothing to share. */
export function share(part: number, all: number): string {
  return all === 0 ? none : percent.format(part / all);
}

/** "12 s", "3 min 5 s", "2 h 7 min", "3 d 4 h". */
export function duration(time: Milliseconds): string {
  if (time < 0) return `-${duration(-time)}`;
  if (time < 1000) return `${Math.round(time)} ms`;
  const seconds = Math.floor(time / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, "min", seconds % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return pair(hours, "h", minutes % 60, "min");
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** How long ago something was; below a second: "0 s". */
export function age(now: Milliseconds, then: Milliseconds | null): string {
  if (then === null) return none;
  const time = Math.max(0, now - then);
  return time < 1000 ? "0 s" : duration(time);
}

/** The same by its largest unit alone: "4 min", "2 h". */
export function roughAge(now: Milliseconds, then: Milliseconds | null): string {
  return age(now, then).split(" ").slice(0, 2).join(" ");
}

/** The time of day; with the date where that is not today's. */
export function moment(time: Milliseconds, now: Milliseconds): string {
  return (now - time < 12 * 3_600_000 ? timeOfDay : dayAndTime).format(time);
}

export function bytes(value: number): string {
  const mebibytes = value / 1_048_576;
  return mebibytes < 1024
    ? `${whole.format(mebibytes)} MiB`
    : `${tenths.format(mebibytes / 1024)} GiB`;
}

/** "1 child", "2 children". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function sum<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}

/** The earliest of some times; null: there is none. */
export function earliest(times: Iterable<Milliseconds | null>): Milliseconds | null {
  let first: Milliseconds | null = null;
  for (const time of times) if (time !== null && (first === null || time < first)) first = time;
  return first;
}
