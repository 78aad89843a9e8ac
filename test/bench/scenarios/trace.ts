import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { EventEmitter as EventEmitter3 } from "eventemitter3";
import { LRUCache } from "lru-cache";
import {
  type CacheEntryEvent,
  defineCache,
  handlerPool,
  localAdapter,
  startSupervisor,
  streamServer,
} from "nebulex-streams";
import { Tally } from "../load.js";
import { resultOf, type Scenario, us } from "../scenario.js";
import { inTurns } from "../turns.js";

/** A request of a block cache: a key, and whether it is written. */
interface Trace {
  readonly keys: readonly string[];
  readonly writes: readonly boolean[];
}

const limit = 10_000;

/** Reads a libCacheSim CSV file: version, time, op, size, lbn; op 28 is a read, 2a a write. */
function readTrace(file: string): Trace {
  const bytes = readFileSync(file);
  const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  const rows = text
    .trim()
    .split("\n")
    .slice(1)
    .map((row) => row.split(","));
  // One string for all requests of a key, made beforehand: it is not what is measured.
  const known = new Map<string, string>();
  const keys = rows.map(([, , , , lbn = ""]) => {
    const key = known.get(lbn) ?? `block:${lbn}`;
    known.set(lbn, key);
    return key;
  });
  return { keys, writes: rows.map(([, , op]) => op === "2a") };
}

/** A requests' value. */
interface Block {
  readonly at: number;
}

async function openOurs({ keys, writes }: Trace) {
  const cache = defineCache<string, Block>({
    name: "trace",
    adapter: localAdapter({ maxEntries: limit }),
  });
  const tree = await startSupervisor({ strategy: "rest_for_one", children: [cache] });
  await tree.startChild(streamServer({ cache, partitions: 4, include: [] }));
  const tally = new Tally();
  const handler = ({ target }: CacheEntryEvent<string, Block>): void => {
    if (target.kind === "key") tally.note(target.key);
  };
  await tree.startChild(handlerPool({ cache, handler, events: ["inserted", "updated"] }));
  let at = 0;
  return {
    name: us,
    run(count: number): Promise<unknown> {
      let puts = 0;
      const before = tally.seen;
      for (let n = 0; n < count; n++) {
        const key = keys[at] as string;
        if (writes[at] === true || cache.get(key) === undefined) {
          puts++;
          cache.put(key, { at });
        }
        if (++at === keys.length) at = 0;
      }
      // No handler has run yet: events are delivered in a later turn.
      return tally.seen === before ? tally.expect(puts) : Promise.reject(new Error("early"));
    },
    close: () => tree.stop(),
  };
}

function openLru({ keys, writes }: Trace) {
  const cache = new LRUCache<string, Block>({ max: limit });
  const emitter = new EventEmitter3<{ put: [key: string, block: Block] }>();
  const tally = new Tally();
  emitter.on("put", (key) => tally.note(key));
  let at = 0;
  return {
    name: "lru-cache + eventemitter3",
    run(count: number): void {
      for (let n = 0; n < count; n++) {
        const key = keys[at] as string;
        if (writes[at] === true || cache.get(key) === undefined) {
          const block = { at };
          cache.set(key, block);
          emitter.emit("put", key, block);
        }
        if (++at === keys.length) at = 0;
      }
    },
    close: async () => cache.clear(),
  };
}

/** (s): a real trace. */
export const realTrace: Scenario = {
  id: "s",
  title: "a real trace",
  about:
    "reads, a put for each miss and each write, until the last handler has run; 10,000 entries, 4 partitions",
  needs({ trace }) {
    if (trace === undefined) return "skipped, since --trace FILE was not given";
    return existsSync(trace) ? undefined : `skipped, since there is no file ${trace}`;
  },
  async run(settings) {
    const trace = readTrace(settings.trace as string);
    const contestants = [await openOurs(trace), openLru(trace)];
    const rounds = await inTurns(contestants, trace.keys.length, settings);
    for (const contestant of contestants) await contestant.close();
    return [resultOf("s", "request", "ns", "lower", rounds)];
  },
};
