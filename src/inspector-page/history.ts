import type { Milliseconds } from "../options.js";
import type { Snapshot } from "../inspector/snapshot.js";
import { idOf } from "./ids.js";

/** Samples that are kept: 5 minutes. */
export const maxSamples = 300;
const interval: Milliseconds = 1000;
/** Messages come a little early at times. */
const slack: Milliseconds = 100;
/** A line is broken where nothing came for so long. */
const hole: Milliseconds = 4000;
/** Series that are kept; further ones have none: some 12 MB at the most. */
export const maxSeries = 10_000;

/** What a line shows, one value a second. */
export interface Line {
  /** Seconds since 1970, ascending. */
  readonly times: readonly number[];
  /** Null: not known. */
  readonly values: readonly (number | null)[];
}

interface Series {
  readonly values: Float32Array;
  /** Value of the counter at the last sample; undefined: it is none, or has none. */
  counter: number | undefined;
  sample: number;
}

/** The last minutes of what grows and changes, in bounded memory. */
export class History {
  /** Grows with every sample. */
  version = 0;
  readonly #times = new Float64Array(maxSamples);
  readonly #series = new Map<string, Series>();
  #lastTime: Milliseconds | undefined;

  get size(): number {
    return this.#series.size;
  }

  /** Takes a sample of a snapshot, if the last is a second old. */
  sample(snapshot: Snapshot): void {
    const { time } = snapshot;
    const since = this.#lastTime === undefined ? Infinity : time - this.#lastTime;
    // The clock was set back.
    if (since < 0) this.#clear();
    else if (since < interval - slack) return;
    else if (since > hole && this.#lastTime !== undefined) this.#begin(this.#lastTime + interval);
    const seconds = this.#lastTime === undefined ? undefined : (time - this.#lastTime) / 1000;
    this.#begin(time);
    this.#lastTime = time;
    this.#read(snapshot, seconds);
    for (const [id, series] of this.#series)
      if (series.sample !== this.version) this.#series.delete(id);
  }

  /** The latest value of a series; undefined: not known. */
  latest(id: string): number | undefined {
    const value = this.#series.get(id)?.values[this.#slot];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }

  /** The last minutes of a series; undefined: there is none. */
  line(id: string): Line | undefined {
    const series = this.#series.get(id);
    if (series === undefined) return undefined;
    const length = Math.min(this.version, maxSamples);
    const times = new Array<number>(length);
    const values = new Array<number | null>(length);
    for (let index = 0; index < length; index++) {
      const slot = (this.version - length + index + 1) % maxSamples;
      const value = series.values[slot] as number;
      times[index] = this.#times[slot] as number;
      values[index] = Number.isNaN(value) ? null : value;
    }
    return { times, values };
  }

  get #slot(): number {
    return this.version % maxSamples;
  }

  #clear(): void {
    this.#series.clear();
    this.#lastTime = undefined;
    this.version = 0;
  }

  #begin(time: Milliseconds): void {
    this.version++;
    this.#times[this.#slot] = time / 1000;
    for (const { values } of this.#series.values()) values[this.#slot] = NaN;
  }

  #read({ partitions, groups, caches }: Snapshot, seconds: number | undefined): void {
    const sums = new Map<string, number>();
    const add = (id: string, value: number | undefined): void => {
      if (value !== undefined) sums.set(id, (sums.get(id) ?? 0) + value);
    };
    const addRate = (own: string, of: string, counter: number): void =>
      add(of, this.#rate(own, counter, seconds));
    for (const row of partitions)
      addRate(`in ${idOf.partition(row)}`, `in ${idOf.stream(row.stream)}`, row.events);
    for (const row of groups) {
      const group = idOf.group(row);
      if (row.handled !== null)
        addRate(`handled ${idOf.place(row)}`, `handled ${group}`, row.handled);
      this.#set(`lag ${idOf.place(row)}`, row.lag);
      add(`lag ${group}`, row.lag);
    }
    for (const { id, counts } of caches) {
      if (counts === null) continue;
      this.#rate(`hits ${id}`, counts.hits, seconds);
      this.#rate(`misses ${id}`, counts.misses, seconds);
      this.#rate(`writes ${id}`, counts.writes, seconds);
    }
    for (const [id, value] of sums) this.#set(id, value);
  }

  /** A counter that is smaller than before has begun anew. */
  #rate(id: string, counter: number, seconds: number | undefined): number | undefined {
    const series = this.#get(id);
    if (series === undefined) return undefined;
    const before = series.counter;
    series.counter = counter;
    if (before === undefined || seconds === undefined || counter < before) return undefined;
    const value = (counter - before) / seconds;
    series.values[this.#slot] = value;
    return value;
  }

  #set(id: string, value: number): void {
    const series = this.#get(id);
    if (series !== undefined) series.values[this.#slot] = value;
  }

  #get(id: string): Series | undefined {
    let series = this.#series.get(id);
    if (series === undefined) {
      if (this.#series.size >= maxSeries) return undefined;
      const values = new Float32Array(maxSamples).fill(NaN);
      series = { values, counter: undefined, sample: 0 };
      this.#series.set(id, series);
    }
    series.sample = this.version;
    return series;
  }
}
