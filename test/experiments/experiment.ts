import { performance } from "node:perf_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import { SeededRandom } from "../../src/testing/random.js";
import { type Fault, faultPoints } from "./faults.js";
import { type Account, Ledger, type Version } from "./ledger.js";
import { Pace } from "./pace.js";
import { Rig, type RigOptions } from "./rig.js";

/** How large the experiments are. */
export interface Sizes {
  /** Commands in each. */
  readonly puts: number;
  /** Keys that are written to, for (g) too. */
  readonly keys: number;
  /** Crashes or kills in each of (b) to (f). */
  readonly faults: number;
  readonly partitions: number;
  /** Events that a partition keeps for a slow handler, in (h). */
  readonly capacity: number;
  /** How many events are written while a slow handler handles one, in (h). */
  readonly slowness: number;
  readonly seed: number;
}

export const defaultSizes: Sizes = Object.freeze({
  puts: 100_000,
  keys: 20_000,
  faults: 10,
  partitions: 4,
  capacity: 1_024,
  slowness: 10,
  seed: 42,
});

/** What came of one experiment. */
export interface Outcome extends Account {
  readonly faultsStruck: number;
  readonly restarts: number;
  /** Events that were merged into later ones. */
  readonly coalesced: number;
  /** Whether replaying what the handlers saw gives what the cache holds. */
  readonly samePicture: boolean;
}

/** What is varied. */
export interface Variation {
  readonly fault?: Fault;
  /** How long a handler is busy with each event, in microseconds. */
  readonly busy?: number;
  /** Whether the handlers are too slow, and what then gives way. */
  readonly overflow?: "gap" | "coalesce";
  /** Whether keys are put, replaced and deleted in turn; else they are put only. */
  readonly deletes?: boolean;
}

/** Commands between two turns of the event loop: at the most so many, and so large a part of them all. */
const longestStretch = 512;
const largestPart = 0.01;

/** Runs one experiment. */
export async function experiment(
  name: string,
  variation: Variation,
  sizes: Sizes,
): Promise<Outcome> {
  const random = new SeededRandom(sizes.seed);
  const { fault, busy = 0, overflow } = variation;
  const ledger = new Ledger(sizes.partitions, { merges: overflow === "coalesce" });
  const pace = overflow === undefined ? undefined : new Pace(sizes.slowness, () => ledger.next);
  const picture = new Map<string, Version>();
  const work: RigOptions["work"] = (partition, { type, target, value }) => {
    fault?.beforeEvent?.(partition);
    if (busy > 0) keepBusy(busy);
    if (target.kind === "key" && type === "deleted") picture.delete(target.key);
    else if (target.kind === "key") picture.set(target.key, value as Version);
    return pace?.turn();
  };
  const rig = new Rig({
    name,
    ledger,
    partitions: sizes.partitions,
    faults: fault === undefined ? 0 : sizes.faults,
    work,
    ...(overflow === undefined ? undefined : { overflow, capacity: sizes.capacity }),
  });
  await rig.start();
  try {
    const points = fault === undefined ? [] : faultPoints(sizes.faults, sizes.puts, random);
    const commands =
      variation.deletes === true ? lives(rig, ledger, sizes) : puts(rig, ledger, sizes, random);
    const stretch = Math.ceil(Math.min(longestStretch, sizes.puts * largestPart));
    const write = (): boolean => writeSome(commands, 1 + random.below(stretch));
    let struck = 0;
    for (let done = false; !done;) {
      const isDue = ledger.next >= (points[struck] ?? Infinity);
      if (isDue) await rig.repaired(struck);
      done = write();
      if (isDue && fault?.strike(rig, random) === true) {
        struck++;
        // So much is written before anything can be restarted.
        done ||= write();
      }
      pace?.advance();
      await nextTurn();
    }
    pace?.finish();
    await rig.handled();
    await rig.repaired(struck);
    const { restarts, coalesced } = rig;
    const samePicture = sameEntries(picture, rig.cache.getAll());
    return { ...ledger.account(), faultsStruck: struck, restarts, coalesced, samePicture };
  } finally {
    await rig.stop();
  }
}

/** Does the next commands, without a pause; returns whether they were the last. */
function writeSome(commands: Iterator<void>, count: number): boolean {
  for (let left = count; left > 0; left--) if (commands.next().done === true) return true;
  return false;
}

/** Puts over keys chosen by chance. */
function* puts(
  { cache }: Rig,
  ledger: Ledger,
  sizes: Sizes,
  random: SeededRandom,
): Generator<void, void> {
  const known = new Set<string>();
  while (ledger.next < sizes.puts) {
    const key = `key ${random.below(sizes.keys)}`;
    const id = ledger.next;
    ledger.write({ key, type: known.has(key) ? "updated" : "inserted" });
    known.add(key);
    cache.put(key, id);
    yield;
  }
}

/** Each key is put, replaced and deleted. */
function* lives({ cache }: Rig, ledger: Ledger, sizes: Sizes): Generator<void, void> {
  for (let index = 0; index < sizes.keys; index++) {
    const key = `key ${index}`;
    const id = ledger.next;
    ledger.write({ key, type: "inserted" });
    cache.put(key, id);
    yield;
    ledger.write({ key, type: "updated" });
    cache.replace(key, id + 1);
    yield;
    ledger.write({ key, type: "deleted" });
    cache.delete(key);
    yield;
  }
}

function keepBusy(microseconds: number): void {
  const ends = performance.now() + microseconds / 1_000;
  while (performance.now() < ends);
}

function sameEntries<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
