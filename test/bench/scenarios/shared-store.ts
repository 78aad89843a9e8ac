import { setTimeout as sleep } from "node:timers/promises";
import { startBroker } from "../remote/broker.js";
import {
  collectYoung,
  oneTurn,
  type Result,
  resultOf,
  type Rounds,
  type Scenario,
  scaled,
  type Settings,
  us,
} from "../scenario.js";
import { openPlain, openWithEvent } from "../shared/by-hand.js";
import { openLocal, openOurs } from "../shared/ours.js";
import { entries, type SharedRig } from "../shared/rig.js";
import { quantile } from "../stats.js";

const plain = "node-redis, SET and GET by hand";
const withoutTimeouts = "the same without its timeouts";
const withEvent = "node-redis, SET and XADD by hand";

/** Commands under way at a time. */
const pipelined = 200;
/** Milliseconds between two puts, where latency is measured. */
const pace = 1;

type Rigs = ReadonlyMap<string, SharedRig>;

/** (w): a shared store against the client that it uses. */
export const sharedStore: Scenario = {
  id: "w",
  title: "shared store, over Redis",
  about: `${pipelined} commands under way at a time, on ${entries} entries; the peers store JSON; latency at 1,000 puts/s`,
  async run(settings) {
    const { port, stop } = await startBroker("redis");
    const rigs: Rigs = new Map([
      [us, await openOurs(port, "shared")],
      [plain, await openPlain(port)],
      [withoutTimeouts, await openPlain(port, 0)],
      [withEvent, await openWithEvent(port)],
    ]);
    const near: Rigs = new Map([
      [us, await openOurs(port, "near", { near: { maxEntries: entries } })],
      ["localAdapter behind promises", await openLocal()],
    ]);
    try {
      for (const rig of [...rigs.values(), ...near.values()])
        await inBatches(entries, (count) => rig.put(count));
      for (const rig of near.values()) await inBatches(entries, (count) => rig.get(count));
      return [
        await throughput("put + event", rigs, settings, (rig, count) => rig.put(count)),
        await throughput("get", without(rigs, withEvent), settings, (rig, count) => rig.get(count)),
        await throughput("get, near hit", near, settings, (rig, count) => rig.get(count)),
        ...(await latency(rigs, settings)),
      ];
    } finally {
      for (const rig of [...rigs.values(), ...near.values()]) await rig.close();
      stop();
    }
  },
};

const without = (rigs: Rigs, name: string): Rigs =>
  new Map([...rigs].filter(([other]) => other !== name));

async function throughput(
  what: string,
  rigs: Rigs,
  settings: Settings,
  run: (rig: SharedRig, count: number) => Promise<unknown>,
): Promise<Result> {
  const count = scaled(20_000, settings, pipelined);
  const rounds = await inTurn(rigs, settings, async (rig) => {
    const start = performance.now();
    await inBatches(count, (some) => run(rig, some));
    return (count * 1000) / (performance.now() - start);
  });
  return resultOf("w", what, "ops/s", "higher", rounds);
}

/** One at a time, as many as come in a second. */
async function latency(rigs: Rigs, settings: Settings): Promise<Result[]> {
  const count = scaled(1000, settings, 5);
  const all = new Map([...rigs.keys()].map((name) => [name, [] as number[][]]));
  await inTurn(rigs, settings, async (rig, name) => {
    const taken: number[] = [];
    const puts: Promise<unknown>[] = [];
    for (let left = count; left > 0; left--) {
      const start = performance.now();
      puts.push(rig.put(1).then(() => taken.push((performance.now() - start) * 1000)));
      await sleep(pace);
    }
    await Promise.all(puts);
    all.get(name)?.push(taken);
    return 0;
  });
  return [0.5, 0.99].map((share) => {
    const rounds: Rounds = new Map(
      [...all].map(([name, taken]) => [
        name,
        taken.slice(-settings.rounds).map((values) => quantile(values, share)),
      ]),
    );
    return resultOf("w", `put, p${share * 100}`, "µs", "lower", rounds);
  });
}

async function inBatches(count: number, run: (count: number) => Promise<unknown>): Promise<void> {
  for (let left = count; left > 0; left -= pipelined) await run(Math.min(left, pipelined));
}

/** Has each have its turn in every round, each round beginning with another one. */
async function inTurn(
  rigs: Rigs,
  { rounds, warmups }: Settings,
  turn: (rig: SharedRig, name: string) => Promise<number>,
): Promise<Rounds> {
  const names = [...rigs.keys()];
  const figures = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = -warmups; round < rounds; round++)
    for (let place = 0; place < names.length; place++) {
      const name = names[(place + round + warmups) % names.length] as string;
      collectYoung();
      await oneTurn();
      const figure = await turn(rigs.get(name) as SharedRig, name);
      if (round >= 0) figures.get(name)?.push(figure);
    }
  return figures;
}
