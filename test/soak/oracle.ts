import {
  actor,
  type Cache,
  type CacheEntryEvent,
  type ChildSpec,
  defaultHash,
  hashReady,
  lookupStream,
} from "nebulex-streams";

await hashReady;

/** What a stream must hold at one place. */
export interface Fact {
  readonly type: string;
  readonly keys: readonly string[];
  /** The new value, for a single key. */
  readonly value: number | undefined;
  /** Of a query that removed entries: its prefix. */
  readonly prefix: string | undefined;
}

/** The names of the logs: one for each partition of each life of the stream. */
export function logName(epoch: string, partition: number | null): string {
  return `${epoch}:${partition}`;
}

/**
 * Writes down, as a listener of the cache, what the stream must hold: each change that was made while the stream was registered, at the
 * place where it belongs. It works the places out by itself, from the hash and by counting.
 */
export class Oracle {
  /** By log, in the order of the sequences. */
  readonly logs = new Map<string, Fact[]>();
  readonly types: Record<string, number> = {};
  /** Changes that no stream was there to hear of. */
  unheard = 0;
  written = 0;
  readonly #cache: Cache<string, number>;
  readonly #partitions: number;

  constructor(cache: Cache<string, number>, partitions: number) {
    this.#cache = cache;
    this.#partitions = partitions;
  }

  /** Stands between the cache and the stream server, so that it listens first. */
  childSpec(): ChildSpec {
    return actor({
      id: "oracle",
      init: () =>
        this.#cache.registerEventListener((event) => this.#hear(event as Heard), { id: "oracle" }),
      receive: () => {},
    });
  }

  #hear(event: Heard): void {
    const stream = lookupStream(this.#cache);
    if (stream?.registered !== true) {
      this.unheard++;
      return;
    }
    this.written++;
    this.types[event.type] = (this.types[event.type] ?? 0) + 1;
    for (const [partition, fact] of this.#partsOf(event)) {
      const name = logName(stream.epoch, partition);
      const log = this.logs.get(name);
      if (log === undefined) this.logs.set(name, [fact]);
      else log.push(fact);
    }
  }

  #partsOf(event: Heard): Map<number, Fact> {
    const { type, target } = event;
    const parts = new Map<number, Fact>();
    if (target.kind === "query") {
      const fact = { type, keys: [], value: undefined, prefix: target.query?.prefix ?? "" };
      for (let partition = 0; partition < this.#partitions; partition++) parts.set(partition, fact);
      return parts;
    }
    const keys = target.kind === "key" ? [target.key] : target.keys;
    for (const key of keys) {
      const partition = this.#partitionOf(event, key);
      const before = parts.get(partition)?.keys ?? [];
      parts.set(partition, { type, keys: [...before, key], value: undefined, prefix: undefined });
    }
    return parts;
  }

  #partitionOf(event: Heard, key: string): number {
    const metadata = { ...event.metadata, partitions: this.#partitions };
    return defaultHash({ ...event, target: { kind: "key", key }, metadata } as never) as number;
  }
}

type Heard = CacheEntryEvent<string, number>;
