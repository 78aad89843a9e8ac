import type { Writable } from "node:stream";
import type { Milliseconds } from "../options.js";
import { packageVersion } from "../package-copy.js";
import { clearTimeout, monotonicNow, setTimeout, wallClockNow } from "../timers.js";
import { reconnectAfter, updateInterval } from "./protocol.js";
import type { Viewer } from "./sessions.js";
import type { About, Tables } from "./snapshot.js";
import type { InspectorSource } from "./source.js";
import { ChangeDetector } from "./update.js";

/** Pages at a time. */
export const maxViewers = 16;
/** A page that has not taken what was sent to it for so long is dropped. */
const longestBehind: Milliseconds = 10_000;
/** The times that a look took are this part of all time, at the most. */
const share = 1 / 50;

const startedAt = Math.round(wallClockNow() - monotonicNow());

/** A page that looks. */
interface Page {
  readonly response: Writable;
  readonly viewer: Viewer;
  /** Whether it needs a snapshot: it is new, or was behind. */
  isNew: boolean;
  /** Since when it has not taken all that was sent; undefined: it has. */
  behindSince: Milliseconds | undefined;
}

/**
 * Sends to the pages what the source reads: to each a snapshot first, then what has changed. It
 * reads only while there is a page, and so that it never takes more than a fiftieth of the time.
 *
 * @internal
 */
export class Viewers {
  readonly #source: InspectorSource;
  readonly #rights: Pick<About, "actions" | "values">;
  readonly #maxBehind: Milliseconds;
  readonly #pages = new Set<Page>();
  readonly #changes = new ChangeDetector();
  #timer: NodeJS.Timeout | undefined;
  /** When the source may be read again. */
  #nextRead: Milliseconds = -Infinity;
  #lastEntry = 0;
  #lastAbout = "";
  #lastSent: Milliseconds = -Infinity;

  constructor(
    source: InspectorSource,
    rights: Pick<About, "actions" | "values">,
    maxBehind = longestBehind,
  ) {
    this.#source = source;
    this.#rights = rights;
    this.#maxBehind = maxBehind;
  }

  get full(): boolean {
    return this.#pages.size >= maxViewers;
  }

  /** Begins to send to a page, until its connection ends. */
  add(response: Writable, viewer: Viewer): void {
    const page: Page = { response, viewer, isNew: true, behindSince: undefined };
    this.#pages.add(page);
    response.on("close", () => this.#remove(page));
    response.on("error", () => this.#remove(page));
    if (this.#pages.size === 1) this.#source.begin();
    this.#schedule(0);
  }

  /** Ends all connections. */
  close(): void {
    for (const page of this.#pages) {
      this.#remove(page);
      page.response.end();
    }
  }

  #remove(page: Page): void {
    if (!this.#pages.delete(page) || this.#pages.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#changes.forget();
    this.#lastAbout = "";
    this.#source.end();
  }

  #schedule(wait: Milliseconds): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), wait);
    this.#timer.unref();
  }

  #look(): void {
    const begun = monotonicNow();
    if (begun < this.#nextRead && begun - this.#lastSent < updateInterval.max) {
      this.#schedule(Math.max(1, this.#nextRead - begun));
      return;
    }
    this.#checkPages(begun);
    if (this.#pages.size === 0) return;
    const isDue = begun >= this.#nextRead;
    const members = isDue ? this.#read(this.#source.read()) : "";
    const time = Math.round(wallClockNow());
    this.#sendAll(time, members, isDue);
    const took = monotonicNow() - begun;
    if (isDue) this.#nextRead = begun + Math.max(updateInterval.min, took / share);
    this.#lastSent = begun;
    const next = Math.min(this.#nextRead, begun + updateInterval.max);
    this.#schedule(Math.max(1, next - monotonicNow()));
  }

  #read(tables: Tables): string {
    return this.#changes.changes(tables);
  }

  #sendAll(time: Milliseconds, changes: string, isRead: boolean): void {
    const { timeline } = this.#source;
    const entries = timeline.since(this.#lastEntry);
    const about = this.#about();
    const aboutText = JSON.stringify(about);
    const parts = [
      `"time":${time}`,
      ...(entries.length === 0 ? [] : [`"timeline":${JSON.stringify(entries)}`]),
      ...(changes === "" ? [] : [changes]),
    ];
    const isOtherAbout = aboutText !== this.#lastAbout;
    let snapshot: string | undefined;
    for (const page of this.#pages) {
      if (page.behindSince !== undefined) continue;
      const own = `"about":${JSON.stringify({ ...about, viewer: nameOf(page.viewer) })}`;
      if (!page.isNew) {
        this.#send(page, "update", [...parts, ...(isOtherAbout ? [own] : [])].join(","));
        continue;
      }
      if (!isRead) continue;
      snapshot ??= [
        `"time":${time}`,
        `"timeline":${JSON.stringify(timeline.since(0))}`,
        this.#changes.all,
      ].join(",");
      this.#send(page, `snapshot\nretry: ${reconnectAfter}`, `${own},${snapshot}`);
      page.isNew = false;
    }
    this.#lastEntry = timeline.lastId;
    this.#lastAbout = aboutText;
  }

  #send(page: Page, event: string, members: string): void {
    // JSON has no line ends of its own.
    if (page.response.write(`event: ${event}\ndata: {${members}}\n\n`)) return;
    page.behindSince = monotonicNow();
    page.response.once("drain", () => {
      page.behindSince = undefined;
    });
  }

  /** Drops pages that take nothing, and those whose login is over. */
  #checkPages(now: Milliseconds): void {
    for (const page of this.#pages) {
      if (page.viewer.over) {
        this.#remove(page);
        page.response.end();
      }
      if (page.behindSince === undefined) continue;
      // What it missed comes with a snapshot, once it has taken the rest.
      page.isNew = true;
      if (now - page.behindSince <= this.#maxBehind) continue;
      this.#remove(page);
      page.response.destroy();
    }
  }

  #about(): Omit<About, "viewer"> {
    const { rss, heapUsed } = process.memoryUsage();
    return {
      ...this.#source.about(),
      software: `nebulex-streams ${packageVersion()}`,
      pid: process.pid,
      startedAt,
      ...this.#rights,
      memory: { resident: rounded(rss), heap: rounded(heapUsed) },
      viewers: this.#pages.size,
    };
  }
}

function nameOf({ trusted, name }: Viewer): string | null {
  return trusted ? name : null;
}

/** To a tenth of a mebibyte. */
function rounded(bytes: number): number {
  const unit = 1_048_576 / 10;
  return Math.round(Math.round(bytes / unit) * unit);
}
