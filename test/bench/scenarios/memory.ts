import { EventEmitter as EventEmitter3 } from "eventemitter3";
import { EventEmitter } from "node:events";
import Emittery from "emittery";
import {
  defineCache,
  handlerPool,
  localAdapter,
  startSupervisor,
  streamServer,
} from "nebulex-streams";
import { ReplaySubject, Subject } from "rxjs";
import { type Peer, Tally, type User, userOf } from "../load.js";
import { ours } from "../ours.js";
import { eventemitter3 } from "../peers/eventemitter3.js";
import {
  collectGarbage,
  oneTurn,
  type Result,
  resultOf,
  type Scenario,
  scaled,
  type Settings,
  us,
} from "../scenario.js";

/** Makes `count` of something, and gives what keeps it alive. */
type Make = (count: number) => unknown;

/** Bytes of the heap when nothing is left to be collected. */
async function heap(): Promise<number> {
  for (let turn = 0; turn < 2; turn++) {
    await oneTurn();
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

async function bytesEach(make: Make, count: number): Promise<number> {
  const before = await heap();
  const made = await make(count);
  const after = await heap();
  // Used after the measurement, so that it is alive until then.
  if (made === undefined) throw new Error("nothing was made");
  await (made as { close?: () => Promise<void> }).close?.();
  return (after - before) / count;
}

async function memory(name: string, count: number, makes: Record<string, Make>, rounds: number) {
  const all = new Map<string, number[]>(Object.keys(makes).map((who) => [who, []]));
  for (let round = -1; round < rounds; round++)
    for (const [who, make] of Object.entries(makes)) {
      const bytes = await bytesEach(make, count);
      if (round >= 0) all.get(who)?.push(bytes);
    }
  return resultOf("i", name, "bytes", "lower", all);
}

let instances = 0;
async function openStream(options: { partitions?: number; retain?: number; pool?: boolean }) {
  const { pool = false, ...stream } = options;
  const cache = defineCache<string, User>({
    name: `memory-${++instances}`,
    adapter: localAdapter({ maxEntries: 1000 }),
  });
  const children = [cache, streamServer({ cache, ...stream })];
  if (pool) children.push(handlerPool({ cache, handler: () => {} }));
  const tree = await startSupervisor({ strategy: "rest_for_one", children });
  return { cache, close: () => tree.stop() };
}

const subscriptions: Record<string, Make> = {
  [us]: async (count) => {
    const { cache, close } = await openStream({});
    const held = Array.from({ length: count }, () => cache.subscribe(() => {}));
    return { held, close };
  },
  [eventemitter3.name]: (count) => {
    const emitter = new EventEmitter3();
    for (let n = 0; n < count; n++) emitter.on("put", () => {});
    return { emitter };
  },
  "lru-cache + node EventEmitter": (count) => {
    const emitter = new EventEmitter().setMaxListeners(0);
    for (let n = 0; n < count; n++) emitter.on("put", () => {});
    return { emitter };
  },
  "lru-cache + rxjs": (count) => {
    const subject = new Subject<string>();
    return { held: Array.from({ length: count }, () => subject.subscribe(() => {})) };
  },
  "lru-cache + emittery": (count) => {
    const emitter = new Emittery<{ put: string }>();
    return { emitter, held: Array.from({ length: count }, () => emitter.on("put", () => {})) };
  },
};

const keys = Array.from({ length: 1000 }, (_, id) => `user:${id}`);
const retained: Record<string, Make> = {
  [us]: async (count) => {
    const { cache, close } = await openStream({ retain: count });
    for (let n = 0; n < count; n++) cache.put(keys[n % 1000] as string, userOf(n));
    return { close };
  },
  "lru-cache + rxjs": (count) => {
    const subject = new ReplaySubject<{ type: string; key: string }>(count);
    for (let n = 0; n < count; n++)
      subject.next({ type: "updated", key: keys[n % 1000] as string });
    return { subject };
  },
};

/** The heap after `puts` more events, as a share of what it was. */
async function heapGrowth(peer: Peer, puts: number): Promise<number> {
  const tally = new Tally();
  const rig = await peer.open({ entries: 10_000, readers: 1, handle: (key) => tally.note(key) });
  const burst = async (events: number): Promise<void> => {
    for (let done = 0; done < events; done += 100_000) {
      const handled = tally.expect(100_000);
      await rig.burst(100_000);
      await handled;
    }
  };
  await burst(200_000);
  const before = await heap();
  await burst(puts);
  const after = await heap();
  await rig.close();
  return after / before;
}

/** (i): what things take of the heap. */
export const memoryUse: Scenario = {
  id: "i",
  title: "memory",
  about:
    "heap used when all garbage is gone; growth: the heap after so many events against the heap before them",
  async run(settings) {
    // A heap has no weather: few rounds will do.
    const rounds = Math.min(3, settings.rounds);
    const many = scaled(10_000, settings, 1000);
    const partition =
      (pool: boolean): Make =>
      (partitions) =>
        openStream({ partitions, pool });
    const results: Result[] = [
      await memory("a subscription", many, subscriptions, rounds),
      await memory("a partition", 256, { [us]: partition(false) }, rounds),
      await memory("a partition with its handler", 256, { [us]: partition(true) }, rounds),
      await memory("a retained event", scaled(100_000, settings, 10_000), retained, rounds),
    ];
    results.push(await flatness(settings));
    return results;
  },
};

async function flatness(settings: Settings): Promise<Result> {
  const events = Math.ceil(100 * settings.scale ** 2) * 100_000;
  const growths = new Map<string, number[]>();
  for (const peer of [ours(), eventemitter3])
    growths.set(peer.name, [await heapGrowth(peer, events)]);
  const name = `heap after ${events.toLocaleString("en")} events`;
  return resultOf("i", name, "times before", "lower", growths);
}
