import { valueKeeping } from "../cache/command.js";
import type { Instance, InstanceSlot } from "../cache/instance.js";
import { tap } from "../cache/listener.js";
import type { ChangeTap } from "../cache/adapter.js";
import type { EventListener } from "../cache/types.js";
import { type Cause, isStored } from "../event/event.js";
import type { EventType } from "../event/types.js";
import type { Milliseconds } from "../options.js";

/** Minimum of keys that are remembered; the most recent writes are kept. */
const minKeys = 65_536;

/**
 * Remembers when the entries of an instance were written on this node, to keep those that are newer
 * than an event. Unknown entries and fills count as old. Writes to an asynchronous store are not
 * remembered: it is not known when they take effect.
 *
 * @internal
 */
export class RecentWrites implements ChangeTap<unknown, unknown> {
  readonly #slot: InstanceSlot;
  readonly #nodeTime: () => Milliseconds;
  readonly #min: number;
  /**
   * Times of the recent writes, and of those before them: two generations, so that a write costs no
   * reordering.
   */
  #young = new Map<unknown, Milliseconds>();
  #old = new Map<unknown, Milliseconds>();
  readonly #listener: EventListener = Object.assign(() => {}, { [tap]: this });
  readonly #unwatch: () => void;
  #tapped: Instance | undefined;

  constructor(slot: InstanceSlot, nodeTime: () => Milliseconds, min = minKeys) {
    this.#slot = slot;
    this.#nodeTime = nodeTime;
    this.#min = min;
    if (slot.running !== undefined) this.#attach(slot.running);
    this.#unwatch = slot.watch({
      started: (instance) => this.#attach(instance),
      ended: () => {
        this.#tapped = undefined;
        this.#clear();
      },
    });
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Whether the entry of a key was written here at `since` or later, by this node's time. */
  isNewer(key: unknown, since: Milliseconds): boolean {
    const time = this.#young.get(key) ?? this.#old.get(key);
    return time !== undefined && time >= since;
  }

  /** Whether there is such an entry among those with a prefix; with `""`, among all. */
  hasNewer(since: Milliseconds, prefix: string): boolean {
    for (const times of [this.#young, this.#old])
      for (const [key, time] of times) if (time >= since && hasPrefix(key, prefix)) return true;
    return false;
  }

  close(): void {
    this.#unwatch();
    if (this.#tapped !== undefined && this.#slot.running === this.#tapped)
      this.#tapped.emitter.unregister(this.#listener);
    this.#tapped = undefined;
    this.#clear();
  }

  entry(type: EventType, cause: Cause, key: unknown): void {
    if (cause.fill || !isStored(type)) this.#forget(key);
    else if (!valueKeeping.has(cause.command)) this.#note(key, this.#nodeTime());
  }

  entries(type: EventType, cause: Cause, keys: readonly unknown[]): void {
    const written = isStored(type) && !cause.fill;
    const time = written ? this.#nodeTime() : 0;
    for (const key of keys)
      if (written) this.#note(key, time);
      else this.#forget(key);
  }

  query(_type: EventType, _cause: Cause, query: { readonly prefix: string } | null): void {
    if (query === null) this.#clear();
    else
      for (const times of [this.#young, this.#old])
        for (const key of times.keys()) if (hasPrefix(key, query.prefix)) times.delete(key);
  }

  #attach(instance: Instance): void {
    if (instance.isAsync) return;
    this.#tapped = instance;
    instance.emitter.register(this.#listener, {});
  }

  #note(key: unknown, time: Milliseconds): void {
    this.#young.set(key, time);
    if (this.#young.size < this.#min) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  #forget(key: unknown): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  #clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}

function hasPrefix(key: unknown, prefix: string): boolean {
  return prefix === "" || (typeof key === "string" && key.startsWith(prefix));
}
