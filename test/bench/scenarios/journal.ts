import { redisJournal } from "nebulex-streams/redis";
import { bullmq, jetStream, redisStream } from "../journal/by-hand.js";
import type { Contestant, Open } from "../journal/contestant.js";
import { openWriter, oursOverNats, oursOverRedis } from "../journal/ours.js";
import { type Engine, type RunningBroker, startBroker } from "../remote/broker.js";
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

/** Entries stored in one turn of the event loop. */
const stretch = 1000;
/** Bursts that the engine may not have taken yet. */
const longestQueue = 4;

interface Entrant {
  readonly open: Open;
  /** The slow ones do less work; the figures are for each event. */
  readonly share: number;
}

const entrants: Readonly<Record<Engine, Readonly<Record<string, Entrant>>>> = {
  redis: {
    [us]: { open: oursOverRedis, share: 1 },
    "XADD, XREADGROUP + XACK of 100 by hand": { open: redisStream, share: 1 },
    "BullMQ, a job an event, concurrency 8": { open: bullmq, share: 0.1 },
  },
  nats: {
    [us]: { open: oursOverNats, share: 1 },
    "publish, ordered consumer by hand": { open: jetStream, share: 1 },
  },
};

/** (u), (v): from a put to the handler of a cluster group, over a journal on the same machine. */
const overJournal = (id: string, engine: Engine): Scenario => ({
  id,
  title: `put -> journal -> handled once in the cluster, over ${engine}`,
  about: `writer and handler in one process; ${stretch} puts a turn; ours has 8 partitions; the peers store in lru-cache, and send type and key as JSON`,
  async run(settings) {
    const broker = await startBroker(engine);
    try {
      const results = [await throughput(id, engine, broker, settings)];
      if (engine === "redis")
        for (const withPool of [false, true])
          results.push(await writerSide(id, broker, settings, withPool));
      return results;
    } finally {
      broker.stop();
    }
  },
});

export const overRedisJournal = overJournal("u", "redis");
export const overNatsJournal = overJournal("v", "nats");

async function throughput(
  id: string,
  engine: Engine,
  { port }: RunningBroker,
  settings: Settings,
): Promise<Result> {
  let left = 0;
  let done = (): void => {};
  const handle = (): void => {
    if (--left === 0) done();
  };
  const contestants = new Map<string, Contestant>();
  for (const [name, { open }] of Object.entries(entrants[engine]))
    contestants.set(name, await open({ port, handle }));
  const rounds = await inTurn([...contestants.keys()], settings, async (name) => {
    const { share } = entrants[engine][name] as Entrant;
    const contestant = contestants.get(name) as Contestant;
    const puts = scaled(50_000 * share, settings, stretch);
    left = puts;
    const handled = new Promise<void>((resolve) => (done = resolve));
    const start = performance.now();
    const queue: (Promise<unknown> | undefined)[] = [];
    for (let rest = puts; rest > 0; rest -= stretch) {
      queue.push(contestant.burst(Math.min(rest, stretch)));
      await oneTurn();
      if (queue.length > longestQueue) await queue.shift();
    }
    await handled;
    return (puts * 1000) / (performance.now() - start);
  });
  for (const contestant of contestants.values()) await contestant.close();
  return resultOf(id, "append + handle", "events/s", "higher", rounds);
}

/**
 * What the writer waits for: the puts themselves, without the turns in which they are sent.
 *
 * @param withPool whether the events are handled in the process, too
 */
async function writerSide(
  id: string,
  { port }: RunningBroker,
  settings: Settings,
  withPool: boolean,
): Promise<Result> {
  const without = "without a journal";
  const handle = withPool ? (): void => {} : undefined;
  const journal = redisJournal({
    url: `redis://127.0.0.1:${port}`,
    namespace: `writer-${withPool}`,
  });
  const writers = new Map([
    [us, await openWriter(journal, handle, "node")],
    [without, await openWriter(undefined, handle, "node")],
  ]);
  const rounds = await inTurn([...writers.keys()], settings, async (name) => {
    const put = writers.get(name)?.put as () => void;
    const puts = scaled(50_000, settings, stretch);
    let taken = 0;
    for (let rest = puts; rest > 0; rest -= stretch) {
      const start = performance.now();
      for (let some = stretch; some > 0; some--) put();
      taken += performance.now() - start;
      await oneTurn();
    }
    return (taken * 1e6) / (Math.ceil(puts / stretch) * stretch);
  });
  for (const { close } of writers.values()) await close();
  const what = withPool ? "a put, for its caller, with a pool" : "a put, for its caller";
  return resultOf(id, what, "ns", "lower", rounds);
}

/** Has each have its turn in every round, each round beginning with another one. */
async function inTurn(
  names: readonly string[],
  { rounds, warmups }: Settings,
  turn: (name: string) => Promise<number>,
): Promise<Rounds> {
  const figures = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = -warmups; round < rounds; round++)
    for (let place = 0; place < names.length; place++) {
      const name = names[(place + round + warmups) % names.length] as string;
      collectYoung();
      await oneTurn();
      const figure = await turn(name);
      if (round >= 0) figures.get(name)?.push(figure);
    }
  return figures;
}
