import type { Instance } from "../cache/instance.js";
import { tap } from "../cache/listener.js";
import type { ChangeTap } from "../cache/sink.js";
import type { InstanceSlot } from "../cache/slot.js";
import type { EventListener } from "../cache/types.js";
import type { Cause } from "../event/cause.js";
import type { EventType } from "../event/types.js";
import type { Milliseconds } from "../options.js";

/** Keys that are remembered: those written most recently. */
const maxKeys = 65_536;

/** Commands that leave the value as it was: an older value is no newer for them. */
const keepValue: ReadonlySet<string> = new Set(["expire", "touch"]);

/**
 * Remembers when the entries of an instance were written on this node, so that they can be told from what is older. What is not known,
 * or was filled, counts as old. Writes to a store that is elsewhere are not remembered: when they take effect there isn't known.
 *
 * @internal
 */
export class RecentWrites implements ChangeTap<unknown, unknown> {
  readonly #slot: InstanceSlot;
  readonly #wallTime: () => Milliseconds;
  readonly #max: number;
  /** Oldest first. */
  readonly #times = new Map<unknown, Milliseconds>();
  readonly #listener: EventListener = Object.assign(() => {}, { [tap]: this });
  readonly #unwatch: () => void;
  #tapped: Instance | undefined;

  constructor(slot: InstanceSlot, wallTime: () => Milliseconds, max = maxKeys) {
    this.#slot = slot;
    this.#wallTime = wallTime;
    this.#max = max;
    if (slot.running !== undefined) this.#attach(slot.running);
    this.#unwatch = slot.watch({
      started: (instance) => this.#attach(instance),
      ended: () => {
        this.#tapped = undefined;
        this.#times.clear();
      },
    });
  }

  get size(): number {
    return this.#times.size;
  }

  /** Whether the entry of a key was written here at `since` or later, by the wall clock. */
  isNewer(key: unknown, since: Milliseconds): boolean {
    const time = this.#times.get(key);
    return time !== undefined && time >= since;
  }

  /** Whether there is such an entry among those with a prefix; with `""`, among all. */
  hasNewer(since: Milliseconds, prefix: string): boolean {
    for (const [key, time] of this.#times) if (time >= since && hasPrefix(key, prefix)) return true;
    return false;
  }

  close(): void {
    this.#unwatch();
    if (this.#tapped !== undefined && this.#slot.running === this.#tapped)
      this.#tapped.emitter.unregister(this.#listener);
    this.#tapped = undefined;
    this.#times.clear();
  }

  entry(type: EventType, cause: Cause, key: unknown): void {
    if (type !== "inserted" && type !== "updated") this.#times.delete(key);
    else if (cause.fill) this.#times.delete(key);
    else if (!keepValue.has(cause.command)) this.#note(key, this.#wallTime());
  }

  entries(type: EventType, cause: Cause, keys: readonly unknown[]): void {
    const written = (type === "inserted" || type === "updated") && !cause.fill;
    const time = written ? this.#wallTime() : 0;
    for (const key of keys)
      if (written) this.#note(key, time);
      else this.#times.delete(key);
  }

  query(_type: EventType, _cause: Cause, query: { readonly prefix: string } | null): void {
    if (query === null) this.#times.clear();
    else
      for (const key of this.#times.keys())
        if (hasPrefix(key, query.prefix)) this.#times.delete(key);
  }

  #attach(instance: Instance): void {
    if (instance.isAsync) return;
    this.#tapped = instance;
    instance.emitter.register(this.#listener, {});
  }

  #note(key: unknown, time: Milliseconds): void {
    this.#times.delete(key);
    this.#times.set(key, time);
    if (this.#times.size <= this.#max) return;
    for (const oldest of this.#times.keys()) {
      this.#times.delete(oldest);
      return;
    }
  }
}

function hasPrefix(key: unknown, prefix: string): boolean {
  return prefix === "" || (typeof key === "string" && key.startsWith(prefix));
}
