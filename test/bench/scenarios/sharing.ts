import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { userOf } from "../load.js";
import { Keyspace } from "../reads/keyspace.js";
import { startBroker } from "../remote/broker.js";
import {
  collectYoung,
  oneTurn,
  type Result,
  resultOf,
  type Scenario,
  scaled,
  type Settings,
} from "../scenario.js";
import { Helper, Mixer } from "../shared/helper.js";
import { sharedEntries, type Sharer, sharers } from "../shared/sharers.js";
import { figureOf } from "../stats.js";

/** Entries that are changed while one process does not hear of it. */
const changed = 100;
/** Milliseconds after the loss at which what is read is looked at again: longer than a heartbeat. */
const settled = 5000;

/** (y): two processes that share a cache in Redis, each with copies of its own. */
export const sharing: Scenario = {
  id: "y",
  title: "a cache that two processes share, with copies in each, over Redis",
  about: `95 % reads over a Zipf distribution of ${sharedEntries} entries, in two processes at a time; and stale reads of ${changed} entries that were changed while the connections of the reader were cut`,
  async run(settings) {
    const { port, stop } = await startBroker("redis");
    const helper = new Helper();
    try {
      return [await throughput(port, helper, settings), ...(await losses(port))];
    } finally {
      helper.close();
      stop();
    }
  },
};

async function throughput(port: number, helper: Helper, settings: Settings): Promise<Result> {
  const space = new Keyspace(sharedEntries);
  const count = scaled(20_000, settings, 100);
  const names = Object.keys(sharers);
  const opened = new Map<string, { sharer: Sharer; mixer: Mixer }>();
  const figures = new Map(names.map((name) => [name, [] as number[]]));
  for (const name of names) {
    const sharer = await open(name, port);
    for (const [id, key] of space.keys.entries()) await sharer.put(key, userOf(id));
    await helper.tell({ kind: "open", name, port });
    opened.set(name, { sharer, mixer: new Mixer(sharer, space, 0) });
  }
  for (let round = -settings.warmups; round < settings.rounds; round++)
    for (let place = 0; place < names.length; place++) {
      const name = names[(place + round + settings.warmups) % names.length] as string;
      collectYoung();
      await oneTurn();
      const start = performance.now();
      const other = helper.tell({ kind: "run", name, count });
      await opened.get(name)?.mixer.run(count);
      await other;
      if (round >= 0) figures.get(name)?.push((2 * count * 1000) / (performance.now() - start));
    }
  for (const { sharer } of opened.values()) await sharer.close();
  return resultOf("y", "95 % reads, two processes", "ops/s", "higher", figures);
}

const open = (name: string, port: number): Promise<Sharer> =>
  (sharers[name] as (port: number) => Promise<Sharer>)(port);

/** Stale reads, when what tells a process of changes has been lost. */
async function losses(port: number): Promise<Result[]> {
  const admin = await createClient({ url: `redis://127.0.0.1:${port}` }).connect();
  const counts: { name: string; soon: number; later: number }[] = [];
  for (const name of Object.keys(sharers)) {
    const keys = Array.from({ length: changed }, (_, index) => `lost:${index}`);
    const writer = await open(name, port);
    for (const key of keys) await writer.put(key, userOf(1));
    const before = await idsOf(admin);
    const reader = await open(name, port);
    const stale = async (): Promise<number> => {
      const found = await Promise.all(keys.map((key) => reader.get(key)));
      return found.filter((user) => user?.id !== 2).length;
    };
    await stale();
    for (const key of keys) {
      // However soon it is back.
      const own = (await idsOf(admin)).filter((id) => !before.includes(id));
      for (const id of own) await admin.sendCommand(["CLIENT", "KILL", "ID", id]);
      await writer.put(key, userOf(2));
    }
    // Copies answer; where the engine is asked, there may be no connection yet.
    const soon = await stale().catch(() => 0);
    await sleep(settled);
    counts.push({ name, soon, later: await stale() });
    await Promise.all([writer.close(), reader.close()]);
  }
  await admin.close();
  const result = (what: string, of: (one: (typeof counts)[number]) => number): Result => {
    const [own, ...others] = counts.map((one) => [one.name, figureOf([of(one)])] as const);
    const [, ours] = own as NonNullable<typeof own>;
    // Ratios to none would say nothing.
    const peers = Object.fromEntries(others);
    return { id: "y", name: what, unit: `of ${changed}`, ours, peers, ratios: {} };
  };
  return [
    result("stale at once", ({ soon }) => soon),
    result(`stale ${settled / 1000} s later`, ({ later }) => later),
  ];
}

interface Admin {
  sendCommand(args: string[]): Promise<unknown>;
}

async function idsOf(admin: Admin): Promise<string[]> {
  const list = String(await admin.sendCommand(["CLIENT", "LIST"]));
  return list.split("\n").flatMap((line) => /^id=(\d+)/.exec(line)?.[1] ?? []);
}
