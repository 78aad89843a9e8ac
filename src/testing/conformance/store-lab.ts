import assert from "node:assert/strict";
import type { ActorRef } from "../../actor/ref.js";
import type { Adapter, AsyncAdapter } from "../../cache/adapter.js";
import { commandNames } from "../../cache/command.js";
import { defineCache } from "../../cache/define-cache.js";
import type { AsyncCache } from "../../cache/types.js";
import { sleep, systemClock } from "../../clock.js";
import type { CacheEntryEvent } from "../../event/types.js";
import type { Milliseconds } from "../../options.js";
import type { ChildLike } from "../../supervisor/child-spec.js";
import type { Supervisor } from "../../supervisor/handle.js";
import { startSupervisor } from "../../supervisor/start-supervisor.js";
import { waitFor } from "../wait-for.js";

/** What a case of a store's conformance uses. @internal */
export type StoreCase = readonly [name: string, run: (lab: StoreLab) => Promise<void>];

/** A store for one case. */
export interface ConformanceStore {
  /** Made for this case alone: its store is empty. */
  readonly adapter: Adapter | AsyncAdapter;
  /** What runs before the cache and beside it, e.g. a journal. Default: nothing. */
  readonly children?: readonly ChildLike[];
}

/** @internal */
export interface StoreLabOptions {
  readonly name: string;
  readonly create: (context: {
    name: string;
  }) =>
    Adapter | AsyncAdapter | ConformanceStore | Promise<Adapter | AsyncAdapter | ConformanceStore>;
  readonly ttl: Milliseconds;
  readonly timeout: Milliseconds;
}

/** A value that any codec can carry. @internal */
export type Plain = unknown;

/** An event in one line, with what it carries; see {@link StoreLab.take}. */
type Line = string;

/** One cache that runs on the store in question, and a record of its events. @internal */
export class StoreLab {
  /** Whatever the store is, its commands are awaited. */
  readonly cache: AsyncCache<string, Plain>;
  /** A TTL that is short, and yet as long as the store can tell. */
  readonly ttl: Milliseconds;
  readonly events: CacheEntryEvent<string, Plain, ActorRef>[] = [];
  readonly #timeout: Milliseconds;
  readonly #tree: Supervisor;
  #taken = 0;

  private constructor(
    cache: AsyncCache<string, Plain>,
    tree: Supervisor,
    { ttl, timeout }: StoreLabOptions,
  ) {
    this.cache = withPromises(cache);
    this.#tree = tree;
    this.ttl = ttl;
    this.#timeout = timeout;
    this.listen();
  }

  static async open(options: StoreLabOptions): Promise<StoreLab> {
    const { name } = options;
    const made = await options.create({ name });
    const { adapter, children = [] } = "adapter" in made ? made : { adapter: made };
    const cache = defineCache<string, Plain>({ name, adapter: adapter as AsyncAdapter });
    const tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [...children, cache as unknown as ChildLike],
      maxRestarts: 10,
    });
    return new StoreLab(cache, tree, options);
  }

  /** Records the events of the instance that runs now. */
  listen(): void {
    this.cache.registerEventListener((event) => void this.events.push(event), { id: this });
  }

  /** Ends the instance and starts another one on the same store. */
  async restart(): Promise<void> {
    await this.#tree.terminateChild(this.cache.name);
    await this.#tree.restartChild(this.cache.name);
    this.listen();
  }

  /**
   * The events since the last look, each as `type command subject value < previous`. An `expired`
   * event is without its command: a sweep may come first.
   */
  take(): Line[] {
    const lines = this.events.slice(this.#taken).map(lineOf);
    this.#taken = this.events.length;
    return lines;
  }

  /** Fails unless exactly these events have come since the last look. */
  expectEvents(...lines: Line[]): void {
    assert.deepEqual(this.take(), lines);
  }

  until(condition: () => unknown, what: string): Promise<unknown> {
    return waitFor(condition, { timeout: this.#timeout, message: what });
  }

  /** Waits until a TTL that began before the call is over. Waits for its time, not for its event. */
  async pass(ttl: Milliseconds): Promise<void> {
    await sleep(systemClock, ttl + 2);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tree.stop();
  }
}

function lineOf(event: CacheEntryEvent<string, Plain, ActorRef>): Line {
  const { type, command, target } = event;
  if (target.kind === "query") {
    const { query } = target;
    return `${type} ${command} ${query === null ? "*" : `${query.prefix}*`}`;
  }
  if (target.kind === "keys") {
    const subjects = [...target.keys]
      .sort()
      .map((key) => `${key}${carried(event.values?.get(key), event.previousValues?.get(key))}`);
    return `${type} ${command} [${subjects.join(" ")}]`;
  }
  const by = type === "expired" ? "" : ` ${command}`;
  return `${type}${by} ${target.key}${carried(event.value, event.previous)}`;
}

function carried(value: Plain, previous: Plain): string {
  const after = value === undefined ? "" : ` ${JSON.stringify(value)}`;
  return previous === undefined ? after : `${after} < ${JSON.stringify(previous)}`;
}

/** What a promise rejects with. @internal */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => assert.fail(`resolved with ${JSON.stringify(value)}, but should have rejected`),
    (error: unknown) => error,
  );
}

/** The same cache; commands of a synchronous one return promises, too. */
function withPromises(cache: AsyncCache<string, Plain>): AsyncCache<string, Plain> {
  const commands = cache as unknown as Record<string, (...args: unknown[]) => unknown>;
  const wrapped: Record<string, unknown> = {
    name: cache.name,
    registerEventListener: commands["registerEventListener"]?.bind(cache),
    stream: commands["stream"]?.bind(cache),
  };
  for (const name of [...commandNames, "info"])
    if (name !== "stream")
      wrapped[name] = async (...args: unknown[]) => await commands[name]?.apply(cache, args);
  return wrapped as unknown as AsyncCache<string, Plain>;
}

/** Entries by their keys. @internal */
export function sorted(entries: Iterable<[string, Plain]>): [string, Plain][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}
