import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  type CacheEntryEvent,
  type Clock,
  defineCache,
  handlerPool,
  OptionError,
  SupervisorError,
  supervisorOf,
} from "../../src/index.js";
import { pause, sleep } from "../../src/clock.js";
import { SimulatedClock } from "../../src/testing.js";
import { failure, Gate, until } from "../helpers/actors.js";
import { Tree } from "../helpers/streams.js";
import { GroupLab, range } from "./lab.js";

/** The clock of a process that is stopped and continued: its timers come late. */
class HangingClock implements Clock {
  isHanging = false;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  setTimeout(fn: () => void, ms: number): unknown {
    return this.#clock.setTimeout(() => {
      if (this.isHanging) this.setTimeout(fn, 100);
      else fn();
    }, ms);
  }

  clearTimeout(handle: unknown): void {
    this.#clock.clearTimeout(handle);
  }
}

const leaseTime = 3000;

function sorted(keys: readonly string[]): string[] {
  return [...keys].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
}

/** The events of each partition, in the order in which they were handled. */
function positionsByPartition(lab: GroupLab): number[][] {
  const positions: number[][] = [[], [], [], []];
  for (const { event, position } of lab.handled)
    positions[event.metadata.partition as number]?.push(position);
  return positions;
}

function expectInOrder(lab: GroupLab): void {
  for (const positions of positionsByPartition(lab))
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
}

describe("one pool on several nodes", () => {
  test("one node handles all partitions, each in the journal's order", async () => {
    await using lab = new GroupLab();
    const a = await lab.start("a");
    a.put(1, 300);
    await until(() => lab.handled.length >= 300);
    expect(sorted(lab.keysOf())).toEqual(range(1, 300));
    for (const positions of positionsByPartition(lab))
      expect(positions).toEqual(positions.map((_, index) => index));
  });

  test("partitions are spread over one, three and one nodes, and each event is handled once", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({ clock, pool: { leaseTime } });
    const a = await lab.start("a");
    a.put(1, 100);
    await clock.settle();
    await lab.start("b");
    const c = await lab.start("c");
    await clock.advance(leaseTime / 3);
    expect(await lab.ownedBy()).toEqual({ a: 2, b: 1, c: 1 });
    c.put(101, 200);
    await clock.advance(leaseTime / 3);
    await Promise.all([lab.nodes.get("a")?.stop(), lab.nodes.get("b")?.stop()]);
    c.put(201, 300);
    await clock.advance(leaseTime / 3);
    expect(await lab.ownedBy()).toEqual({ c: 4 });
    expect(sorted(lab.keysOf())).toEqual(range(1, 300));
    expect(new Set(lab.handled.map(({ node }) => node))).toEqual(new Set(["a", "b", "c"]));
    expectInOrder(lab);
  });

  test("a hand-over finishes and commits what is in hand: nothing is handled twice", async () => {
    const clock = new SimulatedClock();
    const gate = new Gate();
    let begun = 0;
    await using lab = new GroupLab({
      clock,
      pool: { leaseTime },
      stream: { partitions: 2 },
      handle: (_event, { partition }) => {
        begun++;
        return partition === 0 ? gate.promise : undefined;
      },
    });
    const a = await lab.start("a");
    a.put(1, 60);
    await clock.settle();
    const stopping = a.stop();
    const b = await lab.start("b");
    b.put(61, 90);
    await clock.advance(leaseTime / 6);
    const ofB = lab.handled.filter(({ node }) => node === "b");
    const heldUp = lab.handled.filter(({ event }) => event.metadata.partition === 0);
    gate.open();
    await stopping;
    // The one event that is in hand has held up its partition only.
    expect(heldUp).toEqual([]);
    expect(ofB.length).toBeGreaterThan(0);
    await clock.advance(leaseTime / 6);
    expect(sorted(lab.keysOf())).toEqual(range(1, 90));
    expect(begun).toBe(90);
    expectInOrder(lab);
  });

  test("a node that dies is replaced within the lease's time and a second, and at most 64 events come again", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({ clock, pool: { leaseTime } });
    const a = await lab.start("a");
    await lab.start("b");
    await clock.advance(leaseTime / 3);
    expect(await lab.ownedBy()).toEqual({ a: 2, b: 2 });
    a.put(1, 1000);
    await until(() => lab.keysOf("a").length > 100);
    await a.kill();
    const handledByA = lab.keysOf("a");
    await clock.advance(leaseTime + 1000);
    expect(await lab.ownedBy()).toEqual({ b: 4 });
    const written = lab.written();
    expect(new Set(lab.keysOf())).toEqual(new Set(written));
    const again = lab.keysOf("b").filter((key) => handledByA.includes(key));
    expect(again.length).toBeLessThanOrEqual(2 * 64);
  });

  test("a node that is cut off begins nothing past its lease, and its fence is never the next owner's", async () => {
    const clock = new SimulatedClock();
    const signals: AbortSignal[] = [];
    const gate = new Gate();
    await using lab = new GroupLab({ clock, pool: { leaseTime }, stream: { partitions: 1 } });
    const a = await lab.start("a", {
      handle: (_event, ctx) => {
        signals.push(ctx.signal);
        return gate.promise;
      },
    });
    a.put(1, 50);
    await clock.settle();
    expect(signals).toHaveLength(1);
    lab.hub.disconnect("a");
    await lab.start("b");
    await clock.advance(leaseTime + 1000);
    expect(signals[0]?.aborted).toBe(true);
    expect(lab.keysOf("b")).toEqual(range(1, 50));
    gate.open();
    await clock.settle();
    // The first event came again: node "a" had begun it under its lease, and nothing after it.
    expect(signals).toHaveLength(1);
    const fences = new Set(lab.handled.filter(({ node }) => node === "b").map((it) => it.fence));
    expect(fences.size).toBe(1);
    expect(lab.handled.filter(({ node }) => node === "a").map((it) => it.key)).toEqual(["o1"]);
    expect(fences).not.toContain(lab.handled.find(({ node }) => node === "a")?.fence);
    lab.hub.connect("a");
    await clock.advance(leaseTime);
    expect(lab.keysOf("b")).toEqual(range(1, 50));
  });

  test("a node that hangs beyond its lease begins nothing when it wakes, before any of its timers", async () => {
    const clock = new SimulatedClock();
    const hanging = new HangingClock(clock);
    const gate = new Gate();
    const signals: AbortSignal[] = [];
    await using lab = new GroupLab({ clock, pool: { leaseTime }, stream: { partitions: 1 } });
    const a = await lab.start("a", {
      clock: hanging,
      handle: (_event, { signal }) => {
        signals.push(signal);
        return gate.promise;
      },
    });
    await lab.start("b");
    a.put(1, 20);
    await clock.settle();
    hanging.isHanging = true;
    await clock.advance(2 * leaseTime);
    expect(lab.keysOf("b")).toEqual(range(1, 20));
    gate.open();
    await clock.settle();
    expect(signals).toHaveLength(1);
    expect(signals[0]?.aborted).toBe(true);
    hanging.isHanging = false;
    await clock.advance(leaseTime);
    expect(signals).toHaveLength(1);
    expect((await lab.view()).partitions).toMatchObject([{ owner: "b" }]);
  });

  test("without the engine a pool stops at its lease's end, and goes on when it is back", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({ clock, pool: { leaseTime }, stream: { partitions: 1 } });
    const a = await lab.start("a");
    a.put(1, 10);
    await clock.advance(100);
    lab.hub.disconnect("a");
    a.put(11, 20);
    await clock.advance(3 * leaseTime);
    expect(lab.keysOf()).toEqual(range(1, 10));
    lab.hub.connect("a");
    await clock.advance(leaseTime);
    expect(lab.keysOf()).toEqual(range(1, 20));
  });

  test("a worker that crashes is given again what it had not handled, under the same lease", async () => {
    const clock = new SimulatedClock();
    let failures = 0;
    await using lab = new GroupLab({
      clock,
      pool: { leaseTime, maxAttempts: 3 },
      stream: { partitions: 1 },
      handle: (event) => {
        if (event.value !== undefined) throw new Error("no value is included");
        const { target } = event;
        if (target.kind === "key" && target.key === "o5" && ++failures < 3) throw new Error("no");
      },
    });
    const a = await lab.start("a");
    a.put(1, 10);
    await clock.advance(leaseTime);
    expect(lab.keysOf()).toEqual(range(1, 10));
    expect(failures).toBe(3);
    expect(new Set(lab.handled.map(({ fence }) => fence)).size).toBe(1);
  });

  test("a group that begins with the next event leaves out what was written before its first start", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({ clock, stream: { partitions: 1 } });
    const a = await lab.start("a", { pool: { group: "other" } });
    a.put(1, 10);
    await clock.settle();
    const b = await lab.start("b", { pool: { from: "latest" } });
    b.put(11, 20);
    await clock.advance(leaseTime);
    expect(lab.keysOf("b")).toEqual(range(11, 20));
  });

  test("a group begins before what a node has held back while the engine was away", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({ clock, stream: { partitions: 1 } });
    lab.hub.disconnect("a");
    const a = await lab.start("a", { pool: { from: "latest" } });
    a.put(1, 10);
    await clock.advance(leaseTime);
    lab.hub.connect("a");
    await clock.advance(leaseTime);
    expect(lab.keysOf("a")).toEqual(range(1, 10));
  });

  test("batches have at most 64 events, and do not wait for more", async () => {
    const clock = new SimulatedClock();
    const batches: number[] = [];
    const handled: string[] = [];
    await using lab = new GroupLab({ clock, stream: { partitions: 1 } });
    const a = await lab.start("a", {
      pool: {
        handler: {
          maxSize: 100,
          maxWait: 1_000_000,
          handle: (events) => {
            batches.push(events.length);
            for (const { target } of events) if (target.kind === "key") handled.push(target.key);
          },
        },
      },
    });
    a.put(1, 200);
    await clock.advance(leaseTime);
    expect(handled).toEqual(range(1, 192));
    expect(batches).toEqual([64, 64, 64]);
  });

  test.each([1, 8])(
    "a busy handler waits for no commit, with concurrency %d",
    async (concurrency) => {
      const clock = new SimulatedClock();
      await using lab = new GroupLab({
        clock,
        stream: { partitions: 1 },
        pool: { concurrency },
        handle: () => sleep(clock, 1),
      });
      const a = await lab.start("a");
      a.put(1, 800);
      await clock.advance(1000);
      expect(lab.handled).toHaveLength(800);
    },
  );

  test("no more is handled without a commit than in 200 ms", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({
      clock,
      stream: { partitions: 1 },
      pool: { leaseTime: 60_000 },
      handle: () => sleep(clock, 25),
    });
    const a = await lab.start("a");
    a.put(1, 100);
    await clock.advance(500);
    const before = lab.handled.length;
    expect(before).toBeGreaterThan(15);
    lab.hub.disconnect("a");
    await clock.advance(30_000);
    // 8 of them, and the one in hand; those of the commit that was due, too.
    expect(lab.handled.length - before).toBeLessThanOrEqual(9);
    lab.hub.connect("a");
    await clock.advance(4000);
    expect(lab.keysOf()).toEqual(range(1, 100));
  });

  test("events of different keys are handled concurrently, those of one key in order", async () => {
    const clock = new SimulatedClock();
    let busy = 0;
    let most = 0;
    const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
    await using lab = new GroupLab({
      clock,
      stream: { partitions: 1 },
      pool: { concurrency: 8 },
      handle: async ({ target }) => {
        most = Math.max(most, ++busy);
        for (let n = 0; n < Number(target.kind === "key" && target.key.at(-1)); n++) await turn();
        busy--;
      },
    });
    const a = await lab.start("a");
    for (let round = 0; round < 10; round++) a.put(1, 20);
    await clock.advance(leaseTime);
    await until(() => lab.handled.length === 200);
    expect(most).toBe(8);
    for (const key of range(1, 20)) {
      const positions = lab.handled.filter((it) => it.key === key).map((it) => it.position);
      expect(positions).toHaveLength(10);
      expect(positions).toEqual([...positions].sort((x, y) => x - y));
    }
  });
});

describe("an event that fails more than 200 ms after later ones were handled", () => {
  const isSlow = ({ target }: CacheEntryEvent<string, number>): boolean =>
    target.kind === "key" && target.key === "o2";

  test.each(["restart", "resume"] as const)("is tried again, with onError %s", async (onError) => {
    const clock = new SimulatedClock();
    const attempts: number[] = [];
    await using lab = new GroupLab({
      clock,
      stream: { partitions: 1 },
      pool: { concurrency: 3, onError, maxAttempts: 3 },
      handle: async (event, { attempt }) => {
        if (!isSlow(event)) return pause(clock, 20);
        attempts.push(attempt);
        await pause(clock, 300);
        if (attempt < 3) throw new Error("not yet");
      },
    });
    const a = await lab.start("a");
    a.put(1, 100);
    await clock.advance(leaseTime);
    expect(attempts).toEqual([1, 2, 3]);
    expect(sorted(lab.keysOf())).toEqual(range(1, 100));
  });

  test("is given to the next worker, where the first one was killed", async () => {
    const clock = new SimulatedClock();
    let calls = 0;
    await using lab = new GroupLab({
      clock,
      stream: { partitions: 1 },
      pool: { concurrency: 3 },
      handle: async (event, { self }) => {
        if (!isSlow(event)) return pause(clock, 20);
        if (++calls > 1) return;
        await pause(clock, 300);
        await self.kill();
        await pause(clock, 60_000);
      },
    });
    const a = await lab.start("a");
    a.put(1, 100);
    await clock.advance(leaseTime);
    expect(calls).toBe(2);
    expect(sorted(lab.keysOf())).toEqual(range(1, 100));
  });
});

describe("supervision", () => {
  test("a worker whose start fails is restarted with pauses, on the same lease", async () => {
    const clock = new SimulatedClock();
    let starts = 0;
    const keys: unknown[] = [];
    await using lab = new GroupLab({ clock, stream: { partitions: 1 } });
    const a = await lab.start("a", {
      pool: {
        leaseTime,
        handler: {
          init: () => {
            if (++starts < 4) throw new Error("not yet");
          },
          handle: ({ target }) => void keys.push(target.kind === "key" && target.key),
        },
      },
    });
    a.put(1, 10);
    await clock.advance(leaseTime);
    expect(keys).toEqual(range(1, 10));
    expect(starts).toBe(4);
  });

  test("with maxRestarts a pool gives up, and another node takes over", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({ clock, stream: { partitions: 1 } });
    const a = await lab.start("a", {
      maxRestarts: 0,
      pool: { leaseTime, maxRestarts: 2, maxAttempts: 100 },
      handle: () => {
        throw new Error("never");
      },
    });
    a.put(1, 10);
    await clock.settle();
    await clock.advance(leaseTime);
    expect(a.sup.ref.alive).toBe(false);
    await lab.start("b", { pool: { leaseTime } });
    await clock.advance(leaseTime);
    expect(lab.keysOf("b")).toEqual(range(1, 10));
  });

  test("a worker is ended and started again by hand, and the pool's children are as documented", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({ clock, stream: { partitions: 2 }, pool: { leaseTime } });
    const a = await lab.start("a");
    await clock.settle();
    const pool = (await a.sup.whichChildren()).find(({ id }) => id === "mailer");
    const workers = supervisorOf(pool?.ref as ActorRef);
    const ids = (await workers.whichChildren()).map(({ id }) => id);
    expect(ids).toEqual(["mailer:0", "mailer:1", "mailer:member"]);
    await workers.terminateChild("mailer:0");
    await workers.terminateChild("mailer:1");
    a.put(1, 10);
    await clock.advance(leaseTime);
    expect(lab.keysOf()).toEqual([]);
    await workers.restartChild("mailer:0");
    await workers.restartChild("mailer:1");
    await clock.advance(leaseTime);
    expect(sorted(lab.keysOf())).toEqual(range(1, 10));
  });

  test("the member is killed: its successor takes the partitions again, and nothing is lost", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({ clock, stream: { partitions: 2 }, pool: { leaseTime } });
    const a = await lab.start("a");
    a.put(1, 10);
    await clock.settle();
    const pool = (await a.sup.whichChildren()).find(({ id }) => id === "mailer");
    const children = await supervisorOf(pool?.ref as ActorRef).whichChildren();
    const member = children.at(-1)?.ref;
    await (member as ActorRef).kill();
    a.put(11, 20);
    await clock.advance(leaseTime);
    expect(sorted(lab.keysOf())).toEqual(range(1, 20));
  });
});

describe("what is set up wrong", () => {
  test("a stream without a journal can't have a group of cluster scope", async () => {
    const users = defineCache<string, number>({ name: "users" });
    const error = await failure(
      Tree.start({
        cache: users,
        children: () => [handlerPool({ cache: users, scope: "cluster", handler: () => {} })],
      }),
    );
    expect(error).toBeInstanceOf(SupervisorError);
    expect((error as SupervisorError).cause).toMatchObject({ option: "scope" });
  });

  test.each([
    ["from", { from: "earliest" }],
    ["leaseTime", { leaseTime: 1000 }],
    ["from", { scope: "cluster", from: "middle" }],
    ["leaseTime", { scope: "cluster", leaseTime: 99 }],
    ["scope", { scope: "world" }],
    ["overflow", { scope: "cluster", overflow: "coalesce" }],
  ])("%s of %j is refused", (option, options) => {
    const cache = defineCache({ name: "users" });
    const make = (): unknown => handlerPool({ cache, handler: () => {}, ...options } as never);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(expect.objectContaining({ option }));
  });

  test("two pools of one group on one node: the second one's start fails", async () => {
    await using lab = new GroupLab();
    const error = await failure(
      lab.start("a", {
        children: (cache) => [
          handlerPool({
            cache,
            id: "second",
            group: "mailer",
            scope: "cluster",
            handler: () => {},
          }),
        ],
      }),
    );
    const { cause } = (error as SupervisorError).cause as SupervisorError;
    expect(cause).toMatchObject({ code: "E_GROUP_BUSY" });
  });
});
