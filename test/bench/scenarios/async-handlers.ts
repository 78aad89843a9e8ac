import { setTimeout as delay } from "node:timers/promises";
import { dispatch, spawn, start, stop } from "nact";
import { Effect, Fiber, PubSub, Stream } from "effect";
import { LRUCache } from "lru-cache";
import {
  defineCache,
  handlerPool,
  localAdapter,
  startSupervisor,
  streamServer,
} from "nebulex-streams";
import { concatMap, mergeMap, Subject } from "rxjs";
import { Feed, Tally, type User, userOf } from "../load.js";
import {
  collectGarbage,
  oneTurn,
  resultOf,
  type Scenario,
  scaled,
  type Settings,
  us,
} from "../scenario.js";

const entries = 1000;
/** What a handler waits for: as long as a round trip in a data centre, without CPU. */
const roundTrip = 1;

interface Contestant {
  name: string;
  put(key: string, user: User): void;
  close(): void | Promise<void>;
}
type Handler = (key: string) => Promise<void>;
type Open = (handle: Handler, concurrency: number) => Contestant | Promise<Contestant>;

const openOurs: Open = async (handle, concurrency) => {
  const cache = defineCache<string, User>({
    name: "io",
    adapter: localAdapter({ maxEntries: entries }),
  });
  const pool = handlerPool({
    cache,
    concurrency,
    handler: async ({ target }) => {
      if (target.kind === "key") await handle(target.key);
    },
  });
  const children = [cache, streamServer({ cache }), pool];
  const tree = await startSupervisor({ strategy: "rest_for_one", children });
  return { name: us, put: (key, user) => cache.put(key, user), close: () => tree.stop() };
};

const openRxjs: Open = (handle, concurrency) => {
  const lru = new LRUCache<string, User>({ max: entries });
  const subject = new Subject<string>();
  subject.pipe(concurrency === 1 ? concatMap(handle) : mergeMap(handle, concurrency)).subscribe();
  return {
    name: "lru-cache + rxjs",
    put: (key, user) => (lru.set(key, user), subject.next(key)),
    close: () => subject.complete(),
  };
};

const openEffect: Open = async (handle, concurrency) => {
  const lru = new LRUCache<string, User>({ max: entries });
  const pubsub = Effect.runSync(PubSub.unbounded<string>());
  const each = (key: string) => Effect.promise(() => handle(key));
  const fiber = Effect.runFork(
    Stream.fromPubSub(pubsub).pipe(Stream.mapEffect(each, { concurrency }), Stream.runDrain),
  );
  await oneTurn();
  return {
    name: "lru-cache + Effect PubSub",
    put: (key, user) => (lru.set(key, user), void PubSub.publishUnsafe(pubsub, key)),
    close: () => Effect.runPromise(Fiber.interrupt(fiber)).then(() => {}),
  };
};

const openNact: Open = (handle) => {
  const lru = new LRUCache<string, User>({ max: entries });
  const system = start();
  const reader = spawn(
    system,
    async (state: object, key: string) => {
      await handle(key);
      return state;
    },
    "reader",
    { initialState: {} },
  );
  return {
    name: "nact",
    put: (key, user) => (lru.set(key, user), dispatch(reader, key)),
    close: () => stop(system),
  };
};

/** (k): handlers that wait for something. */
export const asyncHandlers: Scenario = {
  id: "k",
  title: "async handlers",
  about:
    "each handler waits 1 ms; concurrency 1: in order, one at a time; 16: ours keeps the order of each key, no peer does",
  run: async (settings) => [
    await withConcurrency(1, [openOurs, openRxjs, openEffect, openNact], settings),
    await withConcurrency(16, [openOurs, openRxjs, openEffect], settings),
  ],
};

async function withConcurrency(concurrency: number, opens: Open[], settings: Settings) {
  const feed = new Feed(entries);
  const puts = scaled(300 * Math.sqrt(concurrency), settings, 5);
  const contestants: { contestant: Contestant; tally: Tally; rates: number[] }[] = [];
  for (const open of opens) {
    const tally = new Tally();
    const handle: Handler = async (key) => {
      await delay(roundTrip);
      tally.note(key);
    };
    contestants.push({ contestant: await open(handle, concurrency), tally, rates: [] });
  }
  collectGarbage();
  for (let round = -1; round < settings.rounds; round++)
    for (const { contestant, tally, rates } of contestants) {
      const handled = tally.expect(puts);
      const begin = performance.now();
      for (let n = 0; n < puts; n++) {
        const id = feed.next();
        contestant.put(feed.keys[id] as string, userOf(id));
      }
      const elapsed = (await handled) - begin;
      if (round >= 0) rates.push((puts * 1e3) / elapsed);
    }
  for (const { contestant } of contestants) await contestant.close();
  const rounds = new Map(contestants.map(({ contestant, rates }) => [contestant.name, rates]));
  return resultOf("k", `concurrency ${concurrency}`, "events/s", "higher", rounds);
}
