import { type Cache, type CacheEntryEvent, defaultHash, hashReady } from "../../src/index.js";

await hashReady;

export type Key = string;
export type Value = number;
export type Event = CacheEntryEvent<Key, Value>;

/** What is compared of an event, whatever reports it. */
export interface Fact {
  readonly type: Event["type"];
  readonly command: string;
  readonly target: Event["target"];
  /** For each key, what is stored now, and what was stored before. */
  readonly values: readonly (readonly [Key, Value | undefined, Value | undefined])[];
}

/** One life of the stream: what happened in it, for each partition in order. An event's place there is to be its sequence. */
export interface Life {
  readonly partitions: readonly Fact[][];
  /** What the cache held when it began. */
  readonly held: ReadonlyMap<Key, Value>;
  /** The stream's epoch in that life. */
  epoch: string | undefined;
}

/** What really happened, as a listener of its own has heard it from the cache: it knows nothing of the stream. */
export class Truth {
  readonly lives: Life[] = [];
  /** What the cache holds, but for what has expired and was not found yet. */
  entries = new Map<Key, Value>();
  readonly #partitions: number;

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  get life(): Life {
    return this.lives.at(-1) as Life;
  }

  /** How many events there were in this life. */
  get written(): number {
    return this.life.partitions.reduce((sum, { length }) => sum + length, 0);
  }

  /** @param held what the cache holds now */
  begin(held: ReadonlyMap<Key, Value> = new Map()): void {
    const partitions = Array.from({ length: this.#partitions }, () => []);
    this.entries = new Map(held);
    this.lives.push({ partitions, held, epoch: undefined });
  }

  /** Begins a life with a cache that has just started. */
  listen(cache: Cache<Key, Value>): void {
    this.begin();
    cache.registerEventListener((event) => this.#hear(event), { id: this });
  }

  /** Of some entries, those of a partition. */
  entriesOf(partition: number, entries: ReadonlyMap<Key, Value>): Map<Key, Value> {
    return new Map([...entries].filter(([key]) => this.partitionOf(key) === partition));
  }

  partitionOf(key: Key): number {
    const { length: partitions } = this.life.partitions;
    return defaultHash({ target: { kind: "key", key }, metadata: { partitions } } as never);
  }

  #apply(event: Event): void {
    if (event.target.kind === "query")
      for (const key of this.entries.keys()) if (concerns(event, key)) this.entries.delete(key);
    const isThere = event.type === "inserted" || event.type === "updated";
    for (const [key, value] of factOf(event).values) {
      if (isThere) this.entries.set(key, value as Value);
      else this.entries.delete(key);
    }
  }

  #hear(event: Event): void {
    const { type, command, target } = event;
    const { partitions } = this.life;
    this.#apply(event);
    if (target.kind === "query") {
      for (const facts of partitions) facts.push({ type, command, target, values: [] });
      return;
    }
    if (target.kind === "key") {
      partitions[this.partitionOf(target.key)]?.push(factOf(event));
      return;
    }
    for (const [index, facts] of partitions.entries()) {
      const keys = target.keys.filter((key) => this.partitionOf(key) === index);
      if (keys.length === 0) continue;
      facts.push({ ...factOf(event, keys), target: { kind: "keys", keys } });
    }
  }
}

/** The fact that an event reports: for all its keys, or for some. */
export function factOf(event: Event, some?: readonly Key[]): Fact {
  const { type, command, target } = event;
  if (target.kind === "query") return { type, command, target, values: [] };
  if (target.kind === "key")
    return { type, command, target, values: [[target.key, event.value, event.previous]] };
  const values = (some ?? target.keys).map(
    (key) => [key, event.values?.get(key), event.previousValues?.get(key)] as const,
  );
  return { type, command, target, values };
}

/** Whether an event is about a key. */
export function concerns({ target }: Pick<Fact, "target">, key: Key): boolean {
  if (target.kind === "key") return target.key === key;
  if (target.kind === "keys") return target.keys.includes(key);
  return target.query === null || key.startsWith(target.query.prefix);
}
