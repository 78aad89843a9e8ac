import { channel } from "node:diagnostics_channel";
import { describe, expect, jest, test } from "@jest/globals";
import {
  actor,
  type ActorRef,
  batchHandler,
  createSystem,
  defineCache,
  handlerPool,
  startSupervisor,
  streamServer,
  type Supervisor,
  whenIdle,
} from "nebulex-streams";
import { CacheEvent } from "../../src/event/event.js";
import { PartitionLog } from "../../src/log/partition-log.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { Gate, Listener, until } from "../helpers/actors.js";

type Published = Record<string, unknown>;

const channelNames = [
  "nebulex.streams.listener_registered",
  "nebulex.streams.listener_unregistered",
  "nebulex.streams.registration_retry",
  "nebulex.streams.broadcast",
  "nebulex.streams.gap",
  "nebulex.streams.handler_error",
  "nebulex.streams.dead_letter",
  "nebulex.streams.undelivered",
  "nebulex.supervisor.child_terminated",
  "nebulex.supervisor.restart",
  "nebulex.supervisor.gave_up",
] as const;

const names = new Intl.ListFormat("en");
const fieldsOf = (expected: Published | undefined): string =>
  names.format(Object.keys(expected ?? {}).sort());

async function refOf(tree: Supervisor, id: string): Promise<ActorRef> {
  return (await tree.whichChildren()).find((child) => child.id === id)?.ref as ActorRef;
}

test("listener_registered and listener_unregistered: cache, name, pubsub, partitions", async () => {
  using registered = new Listener<Published>("nebulex.streams.listener_registered");
  using unregistered = new Listener<Published>("nebulex.streams.listener_unregistered");
  const cache = defineCache({ name: "channel-listener" });
  const tenant = cache.instance("channel-tenant");
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [tenant, streamServer({ cache: tenant, partitions: 3 })],
  });
  const expected = {
    cache: "channel-listener",
    name: "channel-tenant",
    pubsub: null,
    partitions: 3,
  };
  expect(registered.messages).toEqual([expected]);
  expect(unregistered.messages).toEqual([]);
  await tree.stop();
  expect(registered.messages).toEqual([expected]);
  expect(unregistered.messages).toEqual([expected]);
});

test("registration_retry: cache, name, attempt, delay, error", async () => {
  using retries = new Listener<Published>("nebulex.streams.registration_retry");
  const clock = new SimulatedClock();
  const cache = defineCache({ name: "channel-retry" });
  await using _tree = await startSupervisor({
    clock,
    strategy: "one_for_one",
    children: [streamServer({ cache, backoffInitial: 100, backoffMax: 250 })],
  });
  await clock.advance(1000);
  const [first, second, third] = retries.messages;
  const error = expect.objectContaining({ code: "E_CACHE_NOT_STARTED" });
  const of = { cache: "channel-retry", name: "channel-retry", error };
  expect(first).toEqual({ ...of, attempt: 1, delay: expect.any(Number) });
  expect(first?.["delay"]).toBeGreaterThanOrEqual(100);
  expect(first?.["delay"]).toBeLessThanOrEqual(110);
  expect(second).toMatchObject({ attempt: 2 });
  expect(third).toEqual({ ...of, attempt: 3, delay: 250 });
});

test("broadcast: status, reason, pubsub, topic, event", async () => {
  using broadcasts = new Listener<Published>("nebulex.streams.broadcast");
  const cache = defineCache<number, string>({ name: "channel-broadcast" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({
        cache,
        partitions: 2,
        hash: ({ target }) => [1, 0, "none", 7][target.key] as number,
      }),
    ],
  });
  const [seen, received] = [[] as unknown[], [] as unknown[]];
  using _one = cache.subscribe((event) => void seen.push(event), { partition: 1 });
  using _all = cache.subscribe((event) => void received.push(event), { partition: "all" });
  cache.put(0, "value");
  cache.put(2, "left out");
  cache.put(3, "nowhere");
  cache.deleteAll();
  const event = expect.any(CacheEvent);
  const ok = { status: "ok", reason: null, pubsub: null, event };
  expect(broadcasts.messages).toEqual([
    { ...ok, topic: "channel-broadcast:1:inserted" },
    { status: "error", reason: expect.any(RangeError), pubsub: null, topic: null, event },
    { ...ok, topic: "channel-broadcast:0:deleted" },
    { ...ok, topic: "channel-broadcast:1:deleted" },
  ]);
  expect(broadcasts.messages[0]?.["event"]).toMatchObject({
    type: "inserted",
    target: { kind: "key", key: 0 },
    metadata: { partition: 1, sequence: 0 },
  });
  await whenIdle(cache);
  expect(seen).toHaveLength(2);
  expect(received).toHaveLength(3);
});

test("broadcast with what a hash threw as the reason", async () => {
  using broadcasts = new Listener<Published>("nebulex.streams.broadcast");
  const cache = defineCache<number, string>({ name: "channel-throw" });
  const reason = new Error("no idea");
  const hash = (): number => {
    throw reason;
  };
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache, partitions: 2, hash })],
  });
  cache.put(0, "value");
  expect(broadcasts.messages).toMatchObject([{ status: "error", reason, topic: null }]);
});

test.each([
  ["a group", "channel-gap-group", "readers"],
  ["a reader without a group", "channel-gap-plain", null],
] as const)("gap of %s: the gap's fields, group", async (_of, name, group) => {
  using gaps = new Listener<Published>("nebulex.streams.gap");
  const cache = defineCache<number, string>({ name });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache, partitions: 1, capacity: 10 })],
  });
  using _reader = cache.subscribe(() => {}, group === null ? {} : { group });
  for (let key = 0; key < 25; key++) cache.put(key, "value");
  await whenIdle(cache);
  expect(gaps.messages).toEqual([
    {
      type: "gap",
      cache: name,
      name,
      partition: 0,
      from: 0,
      to: 14,
      reason: "overrun",
      node: expect.any(String),
      epoch: expect.any(String),
      group,
    },
  ]);
});

describe("handler_error and dead_letter: cache, name, partition, group, event, error, attempt", () => {
  const fields = "attempt, cache, error, event, group, name, and partition";

  test.each([["one by one"], ["in batches"]])("of a pool that handles %s", async (how) => {
    using errors = new Listener<Published>("nebulex.streams.handler_error");
    using letters = new Listener<Published>("nebulex.streams.dead_letter");
    const name = `channel-pool-${how.replaceAll(" ", "-")}`;
    const cache = defineCache<number, string>({ name });
    const error = new Error("poisoned");
    const handle = (): void => {
      throw error;
    };
    const handler =
      how === "one by one" ? handle : batchHandler({ maxSize: 2, maxWait: 0, handle });
    await using _tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        cache,
        streamServer({ cache, partitions: 1 }),
        handlerPool({ cache, handler, onError: "resume", maxAttempts: 2 }),
      ],
    });
    cache.put(0, "value");
    await whenIdle(cache);
    const of = { cache: name, name, partition: 0, group: `${name}:handlers`, error };
    const expected = (attempt: number): Published => ({
      ...of,
      event: expect.any(CacheEvent),
      attempt,
    });
    expect(errors.messages).toEqual([expected(1), expected(2)]);
    expect(letters.messages).toEqual([expected(2)]);
    expect(fieldsOf(letters.messages[0])).toBe(fields);
  });

  test("of a callback, which has one attempt and no dead letters", async () => {
    using errors = new Listener<Published>("nebulex.streams.handler_error");
    using letters = new Listener<Published>("nebulex.streams.dead_letter");
    const cache = defineCache<number, string>({ name: "channel-callback" });
    await using _tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [cache, streamServer({ cache })],
    });
    const error = new Error("in the callback");
    using _plain = cache.subscribe(() => {
      throw error;
    });
    using _grouped = cache.subscribe(() => Promise.reject(error), { group: "grouped" });
    cache.put(0, "value");
    await whenIdle(cache);
    const of = {
      cache: "channel-callback",
      name: "channel-callback",
      partition: null,
      error,
      attempt: 1,
    };
    const event = expect.any(CacheEvent);
    expect(errors.messages).toEqual([
      { ...of, event, group: null },
      { ...of, event, group: "grouped" },
    ]);
    expect(letters.messages).toEqual([]);
  });
});

test("undelivered: cache, name, partition, group, from, to, count", async () => {
  using undelivered = new Listener<Published>("nebulex.streams.undelivered");
  const clock = new SimulatedClock();
  const cache = defineCache<number, string>({ name: "channel-undelivered" });
  const begun = new Gate();
  const tree = await startSupervisor({
    clock,
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, partitions: 1 }),
      handlerPool({
        cache,
        group: "slow",
        shutdown: 100,
        handler: ({ target }) => {
          if (target.kind === "key" && target.key < 2) return;
          begun.open();
          return new Promise(() => {});
        },
      }),
    ],
  });
  for (let key = 0; key < 5; key++) cache.put(key, "value");
  await begun.promise;
  const stopped = tree.stop();
  await clock.advance(100);
  await stopped;
  expect(undelivered.messages).toEqual([
    {
      cache: "channel-undelivered",
      name: "channel-undelivered",
      partition: 0,
      group: "slow",
      from: 2,
      to: 4,
      count: 3,
    },
  ]);
});

test("child_terminated, restart, gave_up: supervisor, childId, ref, reason; restart: attempt", async () => {
  using terminated = new Listener<Published>("nebulex.supervisor.child_terminated");
  using restarts = new Listener<Published>("nebulex.supervisor.restart");
  using gaveUp = new Listener<Published>("nebulex.supervisor.gave_up");
  await using system = createSystem({ name: "channel-supervisor" });
  const reason = new Error("crash");
  const child = actor<undefined, string>({
    id: "crashing",
    receive: () => {
      throw reason;
    },
  });
  const tree = await startSupervisor({
    system,
    strategy: "one_for_one",
    children: [child],
    maxRestarts: 2,
  });
  const refs: ActorRef[] = [];
  for (let crash = 0; crash < 3; crash++) {
    await until(async () => {
      const ref = await refOf(tree, "crashing");
      return ref.alive && !refs.includes(ref) && refs.push(ref) > 0;
    });
    (refs.at(-1) as ActorRef<string>).dispatch("now");
  }
  await tree.exited;
  const [first, second, third] = refs;
  const of = { supervisor: tree.ref, childId: "crashing", reason };
  expect(terminated.messages).toEqual([
    { ...of, ref: first },
    { ...of, ref: second },
    { ...of, ref: third },
  ]);
  expect(restarts.messages).toEqual([
    { ...of, ref: first, attempt: 1 },
    { ...of, ref: second, attempt: 2 },
  ]);
  expect(gaveUp.messages).toEqual([{ ...of, ref: third }]);
});

describe("without subscribers", () => {
  test("no event is made", async () => {
    const cache = defineCache<number, string>({ name: "channel-nobody" });
    await using _tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [cache, streamServer({ cache })],
    });
    const made = jest.spyOn(PartitionLog.prototype, "at");
    cache.put(1, "value");
    cache.putAll([[2, "value"]]);
    expect(made).not.toHaveBeenCalled();
    using _broadcasts = new Listener<Published>("nebulex.streams.broadcast");
    cache.put(1, "again");
    expect(made).toHaveBeenCalledTimes(1);
  });

  test("no message is made, whatever goes wrong", async () => {
    // Channels belong to the process: what another test file has left listening to is not quiet.
    const quiet = channelNames.filter((name) => !channel(name).hasSubscribers);
    const published = quiet.map((name) => jest.spyOn(channel(name), "publish"));
    const clock = new SimulatedClock();
    const cache = defineCache<number, string>({ name: "channel-nothing" });
    let hang = false;
    const tree = await startSupervisor({
      clock,
      strategy: "one_for_one",
      children: [
        streamServer({
          cache,
          partitions: 1,
          capacity: 10,
          hash: ({ target }) => (target.key === 99 ? 7 : 0),
        }),
        handlerPool({
          cache,
          shutdown: 100,
          maxRestarts: 3,
          handler: ({ target }) => {
            if (hang) return new Promise(() => {});
            if (target.kind === "key" && target.key === 20) throw new Error("poisoned");
            return undefined;
          },
        }),
      ],
    });
    await clock.advance(1000);
    await tree.startChild(cache);
    using _reader = cache.subscribe(() => {
      throw new Error("in the callback");
    });
    for (const key of [...Array(25).keys(), 99]) cache.put(key, "value");
    await whenIdle(cache);
    hang = true;
    cache.put(1, "value");
    const stopped = tree.stop();
    await clock.advance(1000);
    await stopped;
    const hopeless = actor<undefined, string>({ id: "hopeless", receive: () => Promise.reject() });
    const givingUp = await startSupervisor({
      strategy: "one_for_one",
      children: [hopeless],
      maxRestarts: 0,
    });
    const ref = (await refOf(givingUp, "hopeless")) as ActorRef<string>;
    ref.dispatch("now");
    await givingUp.exited;
    for (const publish of published) expect(publish).not.toHaveBeenCalled();
  });
});
