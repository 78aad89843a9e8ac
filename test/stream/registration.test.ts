import { describe, expect, test } from "@jest/globals";
import {
  type Cache,
  CacheNotStartedError,
  defineCache,
  getStream,
  lookupStream,
  startSupervisor,
  StreamNotFoundError,
  streamServer,
  SupervisorError,
  whenIdle,
} from "../../src/index.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { failure, Listener } from "../helpers/actors.js";
import { crash, kill, Notes, stop, Tree } from "../helpers/streams.js";

const one = { strategy: "one_for_one" } as const;
const define = (name = "users") => defineCache<string, number>({ name });

interface Retry {
  cache: string;
  name: string;
  attempt: number;
  delay: number;
  error: unknown;
}

describe("registration", () => {
  test("with a cache that is up is done when the start settles", async () => {
    using registered = new Listener("nebulex.streams.listener_registered");
    using unregistered = new Listener("nebulex.streams.listener_unregistered");
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const described = { cache: "users", name: "users", pubsub: null, partitions: 4 };
    expect(getStream(tree.users).registered).toBe(true);
    expect(registered.messages).toEqual([described]);
    await tree.sup.stop();
    expect(unregistered.messages).toEqual([described]);
  });

  test("with a cache that is not up yet is tried again, with backoff; one can subscribe meanwhile", async () => {
    using retries = new Listener<Retry>("nebulex.streams.registration_retry");
    const clock = new SimulatedClock();
    const users = define();
    const sup = await startSupervisor({
      ...one,
      clock,
      children: [streamServer({ cache: users, backoffInitial: 100, backoffMax: 1000 })],
    });
    expect(getStream(users).registered).toBe(false);
    const notes = new Notes();
    users.subscribe(notes.note);
    await clock.advance(5000);
    const delays = retries.messages.map(({ delay }) => delay);
    expect(retries.messages.map(({ attempt }) => attempt)).toEqual(
      retries.messages.map((_, index) => index + 1),
    );
    for (const [index, delay] of delays.entries()) {
      const least = Math.min(1000, 100 * 2 ** index);
      expect(delay).toBeGreaterThanOrEqual(least);
      expect(delay).toBeLessThanOrEqual(Math.min(1000, least * 1.1));
    }
    expect(delays.slice(-3)).toEqual([1000, 1000, 1000]);
    expect(retries.messages[0]).toMatchObject({ cache: "users", name: "users" });
    expect(retries.messages[0]?.error).toBeInstanceOf(CacheNotStartedError);
    expect(await sup.countChildren()).toMatchObject({ active: 1 });

    await sup.startChild(users);
    expect(getStream(users).registered).toBe(true);
    users.put("a", 1);
    await whenIdle(users);
    expect(notes.lines).toEqual(["inserted a"]);
    expect(clock.pending).toBe(0);
    await sup.stop();
  });

  test.each<[string, (users: Cache<string, number>) => void]>([
    ["has changed", (users) => users.put("unheard", 1)],
    ["has invalidated what was not there", (users) => void users.invalidate("unheard")],
    ["has invalidated all", (users) => void users.invalidateAll({ prefix: "x" })],
  ])("with a cache that %s meanwhile gives the present readers a gap", async (_, change) => {
    const clock = new SimulatedClock();
    const users = define();
    const sup = await startSupervisor({ ...one, clock, children: [users] });
    users.put("before the stream", 1);
    users.registerEventListener(() => {}, { id: "users:stream" });
    await sup.startChild(streamServer({ cache: users, backoffInitial: 100, backoffMax: 100 }));
    const notes = new Notes();
    users.subscribe(notes.note, { gaps: true });
    await clock.advance(1000);
    change(users);
    users.unregisterEventListener("users:stream");
    await clock.advance(200);
    users.subscribe(notes.note, { gaps: true });
    users.put("heard", 1);
    await whenIdle(users);
    expect(notes.lines).toEqual(["gap stream_restarted 0..-1", "inserted heard", "inserted heard"]);
    await sup.stop();
  });

  test("with a cache that has not changed meanwhile gives no gap", async () => {
    const clock = new SimulatedClock();
    const users = define();
    const sup = await startSupervisor({ ...one, clock, children: [users] });
    users.put("before the stream", 1);
    users.registerEventListener(() => {}, { id: "users:stream" });
    await sup.startChild(streamServer({ cache: users, backoffInitial: 100, backoffMax: 100 }));
    const notes = new Notes();
    users.subscribe(notes.note, { gaps: true });
    users.unregisterEventListener("users:stream");
    await clock.advance(200);
    users.put("heard", 1);
    await whenIdle(users);
    expect(notes.lines).toEqual(["inserted heard"]);
    await sup.stop();
  });

  test("with a cache that refuses is tried again, and begins anew with the least delay after a success", async () => {
    using retries = new Listener<Retry>("nebulex.streams.registration_retry");
    const clock = new SimulatedClock();
    const users = define();
    const sup = await startSupervisor({ ...one, clock, children: [users], maxRestarts: 0 });
    users.registerEventListener(() => {}, { id: "users:stream" });
    await sup.startChild(streamServer({ cache: users, backoffInitial: 100 }));
    expect(lookupStream(users)?.registered).toBe(false);
    await clock.advance(400);
    expect(retries.messages.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(retries.messages[0]?.error).toMatchObject({ code: "E_LISTENER_EXISTS" });
    users.unregisterEventListener("users:stream");
    await clock.advance(800);
    expect(getStream(users).registered).toBe(true);
    expect(clock.pending).toBe(0);
    await sup.terminateChild("users");
    expect(getStream(users).registered).toBe(false);
    expect(retries.messages.at(-1)).toMatchObject({ attempt: 1 });
    expect(retries.messages.at(-1)?.delay).toBeLessThanOrEqual(110);
    await sup.stop();
  });

  test.each([
    ["stopped", stop],
    ["killed", kill],
    ["crashed", crash],
  ])("ends at once when the stream server is %s: no timer is left", async (_name, end) => {
    const clock = new SimulatedClock();
    const users = define();
    const sup = await startSupervisor({
      ...one,
      clock,
      children: [{ ...streamServer({ cache: users }), restart: "temporary" }],
    });
    expect(clock.pending).toBe(1);
    const [child] = await sup.whichChildren();
    await end(child?.ref as never);
    await clock.settle();
    expect(clock.pending).toBe(0);
    expect(lookupStream(users)).toBeUndefined();
    expect(() => getStream(users)).toThrow(StreamNotFoundError);
    expect(() => getStream(users)).toThrow("stream server not found: users");
    await sup.stop();
  });

  test("of a second stream server for one instance fails with already_started as the cause", async () => {
    await using tree = await Tree.start();
    const error = await failure(
      tree.sup.startChild({ ...streamServer({ cache: tree.users }), id: "second" }),
    );
    expect(error).toMatchObject({ reason: "failed_to_start_child" });
    const { cause } = error as SupervisorError;
    expect(cause).toBeInstanceOf(SupervisorError);
    expect(cause).toMatchObject({
      reason: "already_started",
      ref: await tree.ref("users:stream"),
    });
    tree.users.put("a", 1);
    expect(getStream(tree.users).registered).toBe(true);
  });

  test("leaves other listeners alone", async () => {
    await using tree = await Tree.start();
    const heard: string[] = [];
    tree.users.registerEventListener(({ type }) => void heard.push(type));
    await tree.reborn("users:stream", kill);
    await tree.reborn("users:stream", stop);
    tree.users.put("a", 1);
    expect(heard).toEqual(["inserted"]);
  });
});
