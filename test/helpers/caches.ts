import { createSystem, type ActorRef, type ActorSystem, type Clock } from "../../src/actor.js";
import type { StartContext } from "../../src/actor/start-context.js";
import type { AnyCache, Cache } from "../../src/cache/types.js";
import type { CacheEntryEvent } from "../../src/event/types.js";

/** A clock that is moved by hand and fires its timers at once: for what waits for nobody. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { due: number; fn: () => void }[] = [];

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return 1_700_000_000_000 + this.#now;
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const timer = { due: this.#now + ms, fn };
    this.#timers.push(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer !== handle);
  }

  /** Moves the time on; the timers fire on the way. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = Math.min(...this.#timers.map((timer) => timer.due));
      if (due > end) break;
      const timer = this.#timers.find((other) => other.due === due) as {
        due: number;
        fn: () => void;
      };
      this.#now = Math.max(this.#now, due);
      this.clearTimeout(timer);
      timer.fn();
    }
    this.#now = end;
  }

  /** Moves the time on while the event loop is busy: no timer fires. */
  jump(ms: number): void {
    this.#now += ms;
  }
}

/** Starts an instance without a supervisor. */
export async function startCache(
  cache: AnyCache,
  system: ActorSystem = createSystem(),
): Promise<ActorRef> {
  return (await cache.childSpec().start(system as unknown as StartContext)) as ActorRef;
}

/** An event in short: its type, command, and what it is about. */
export function brief(event: CacheEntryEvent): string {
  const { target } = event;
  const subject =
    target.kind === "key"
      ? String(target.key)
      : target.kind === "keys"
        ? `[${target.keys.join(" ")}]`
        : target.query === null
          ? "*"
          : `${target.query.prefix}*`;
  return `${event.type} ${event.command} ${subject}`;
}

/** Records the events of a running cache from now on. */
export class EventLog<K = unknown, V = unknown> {
  readonly events: CacheEntryEvent<K, V, ActorRef>[] = [];

  constructor(cache: Pick<Cache<K, V>, "registerEventListener">) {
    cache.registerEventListener((event) => void this.events.push(event));
  }

  /** What has come since the last look, in short. */
  take(): string[] {
    return this.events.splice(0).map((event) => brief(event));
  }

  /** The only event since the last look. */
  one(): CacheEntryEvent<K, V, ActorRef> {
    const events = this.events.splice(0);
    const [event] = events;
    if (event === undefined || events.length > 1)
      throw new Error(`expected one event, got: ${events.map((other) => brief(other)).join(", ")}`);
    return event;
  }
}
