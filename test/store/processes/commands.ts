import type { AsyncCache } from "../../../src/index.js";
import type { SeededRandom } from "../../../src/testing/random.js";
import type { Value } from "./protocol.js";

/** A command of a writer: what it does is known from the journal by what is said here. */
export interface Command {
  readonly name:
    | "put"
    | "putNew"
    | "replace"
    | "update"
    | "putAll"
    | "increment"
    | "delete"
    | "take"
    | "deleteAll"
    | "expire"
    | "touch";
  readonly keys: readonly string[];
  /** What it stores, key by key; no other command stores the same. */
  readonly values?: readonly string[];
  /** What it adds; no other command adds the same. */
  readonly amount?: number;
}

/** One command of all lives of a writer, and what the writer knows of its fate. */
export interface Noted extends Command {
  readonly node: string;
  readonly life: number;
  /** Refused: it is not carried out. Unknown: once or not at all. */
  readonly fate: "done" | "refused" | "unknown";
  /** Of one that is done. */
  readonly result?: unknown;
}

const forTexts: readonly Command["name"][] = [
  ...(["put", "put", "put", "put", "putNew", "putNew", "replace", "update", "update"] as const),
  ...(["putAll", "delete", "delete", "take", "deleteAll", "expire", "touch"] as const),
];
const forCounters: readonly Command["name"][] = [
  ...(["increment", "increment", "increment", "increment", "increment", "increment"] as const),
  ...(["delete", "take", "expire", "touch"] as const),
];
/** Milliseconds; undefined: none, or the one that there is. */
const ttls = [50, 120, 300, 700, 1500, 3000, undefined, undefined, undefined, undefined];
const longestTtl = 3000;
const batch = 5;

/** The name of a key; each fifth is that of a counter. */
export function keyOf(index: number): string {
  return index % 5 === 0 ? `counter ${index}` : `key ${index}`;
}

/** What `expire` sets as the TTL of a key: its event does not say. */
export function expireTtl(key: string): number {
  return 100 + ((Number(key.split(" ")[1]) * 37) % longestTtl);
}

/** A value that says who stores it, by which command, and with which TTL. */
export function text(life: number, number: number, at: number, ttl: number | undefined): string {
  return `${life}.${number}.${at} ${ttl ?? "-"}`;
}

/** @returns undefined: none, or the one that there is */
export function ttlOf(value: string): number | undefined {
  const ttl = value.split(" ")[1];
  return ttl === "-" ? undefined : Number(ttl);
}

/** Picks a command at random. */
export function pickCommand(
  random: SeededRandom,
  keys: number,
  life: number,
  number: number,
): Command {
  const key = keyOf(random.below(keys));
  if (key.startsWith("counter")) {
    const name = random.pick(forCounters) as Command["name"];
    if (name !== "increment") return { name, keys: [key] };
    return { name, keys: [key], amount: life * 2 ** 20 + number + 1 };
  }
  const name = random.pick(forTexts) as Command["name"];
  const several = name === "putAll" || name === "deleteAll";
  const all = new Set([key]);
  while (several && all.size < Math.min(batch, keys / 2)) {
    const other = keyOf(random.below(keys));
    if (!other.startsWith("counter")) all.add(other);
  }
  const ttl = random.pick(ttls);
  const stores = !["delete", "take", "deleteAll", "expire", "touch"].includes(name);
  const values = [...all].map((_, at) => text(life, number, at, ttl));
  return { name, keys: [...all], ...(stores ? { values } : {}) };
}

/** Carries out a command. */
export function carryOut(cache: AsyncCache<string, Value>, command: Command): Promise<unknown> {
  const { name, keys, values = [], amount = 0 } = command;
  const [key, value] = [keys[0] as string, values[0] as string];
  const ttl = value === undefined ? undefined : ttlOf(value);
  const options = ttl === undefined ? {} : { ttl };
  switch (name) {
    case "put":
    case "putNew":
    case "replace":
      return cache[name](key, value, options);
    case "update":
      return cache.update(key, value, () => value, options);
    case "putAll":
      return cache.putAll(
        keys.map((each, at) => [each, values[at] as string]),
        options,
      );
    case "increment":
      return cache.increment(key, amount);
    case "deleteAll":
      return cache.deleteAll({ keys });
    case "expire":
      return cache.expire(key, expireTtl(key));
    case "delete":
    case "take":
    case "touch":
      return cache[name](key);
  }
}
