import { describe, expect, test } from "@jest/globals";
import { type ClusterGroup, clusterGroup, defineCache, OptionError } from "../../src/index.js";
import { SimulatedClock } from "../../src/testing.js";
import { failure, Gate, rest } from "../helpers/actors.js";
import { Tree } from "../helpers/streams.js";
import { GroupLab, type GroupNode, type NodeOptions, range } from "./lab.js";

const leaseTime = 3000;

function groupOf(node: GroupNode): ClusterGroup<string, number> {
  return clusterGroup(node.cache, "mailer");
}

/** One node with one partition. */
async function start(
  options: NodeOptions = {},
): Promise<{ clock: SimulatedClock; lab: GroupLab; node: GroupNode; group: ClusterGroup }> {
  const clock = new SimulatedClock();
  const lab = new GroupLab({
    clock,
    ...options,
    stream: { partitions: 1, include: ["value"], ...options.stream },
    pool: { leaseTime, ...options.pool },
  });
  const node = await lab.start("a");
  return { clock, lab, node, group: groupOf(node) as ClusterGroup };
}

describe("status", () => {
  test("shows owner, fence, position and lag of each partition", async () => {
    const gate = new Gate();
    const { clock, lab, node, group } = await start({ handle: () => gate.promise });
    await using _ = lab;
    node.put(1, 10);
    await clock.advance(1000);
    expect(await group.status()).toEqual([
      {
        partition: 0,
        owner: "a",
        fence: expect.any(Number),
        position: 0,
        lag: 10,
        oldestAge: 1000,
        paused: false,
        deadLetters: 0,
      },
    ]);
    gate.open();
    await clock.advance(1000);
    expect(await group.status()).toMatchObject([{ position: 10, lag: 0, oldestAge: null }]);
  });

  test("a group that does not exist has no partitions, and can't be directed", async () => {
    const { lab, node } = await start();
    await using _ = lab;
    const group = clusterGroup(node.cache, "nobody");
    expect(await group.status()).toEqual([]);
    for (const act of [
      group.pause(),
      group.resume(),
      group.seek("latest"),
      group.retry("all"),
      group.drop("all"),
    ])
      expect(await failure(act)).toMatchObject({ code: "E_OPTION", option: "group" });
  });

  test("an instance without a stream, or with a stream without a journal, is refused", async () => {
    const users = defineCache<string, number>({ name: "users" });
    const group = clusterGroup(users, "mailer");
    expect(await failure(group.status())).toMatchObject({ code: "E_STREAM_NOT_FOUND" });
    await using _ = await Tree.start({ cache: users });
    expect(await failure(group.status())).toMatchObject({ code: "E_OPTION", option: "cache" });
    expect(() => clusterGroup(users, "")).toThrow(OptionError);
    expect(() => clusterGroup({} as never, "mailer")).toThrow(OptionError);
  });
});

describe("pause and resume", () => {
  test("a paused partition begins nothing, keeps its owner, and goes on where it was", async () => {
    const { clock, lab, node, group } = await start();
    await using _ = lab;
    node.put(1, 10);
    await clock.settle();
    await group.pause();
    node.put(11, 20);
    await clock.advance(3 * leaseTime);
    expect(lab.keysOf()).toEqual(range(1, 10));
    expect(await group.status()).toMatchObject([{ owner: "a", paused: true, lag: 10 }]);
    await group.resume();
    await clock.settle();
    expect(lab.keysOf()).toEqual(range(1, 20));
    expect(new Set(lab.handled.map(({ fence }) => fence)).size).toBe(1);
  });

  test("what is in hand is finished; a pause holds over a restart", async () => {
    const gate = new Gate();
    const { clock, lab, node, group } = await start({ handle: () => gate.promise });
    await using _ = lab;
    node.put(1, 3);
    await clock.settle();
    await group.pause(0);
    await clock.settle();
    gate.open();
    await clock.settle();
    expect(lab.keysOf()).toEqual(["o1"]);
    await node.stop();
    const next = await lab.start("b");
    await clock.advance(leaseTime);
    expect(lab.keysOf()).toEqual(["o1"]);
    await groupOf(next).resume(0);
    await clock.settle();
    expect(lab.keysOf()).toEqual(range(1, 3));
  });
});

describe("seek", () => {
  test("to the oldest event, the next one, and a position", async () => {
    const { clock, lab, node, group } = await start();
    await using _ = lab;
    node.put(1, 5);
    await clock.settle();
    await group.seek("earliest");
    await clock.settle();
    expect(lab.keysOf()).toEqual([...range(1, 5), ...range(1, 5)]);
    await group.seek(3);
    await clock.settle();
    expect(lab.keysOf().slice(10)).toEqual(range(4, 5));
    await group.pause();
    await clock.settle();
    node.put(6, 9);
    await clock.settle();
    await group.seek("latest");
    await group.resume();
    node.put(10, 12);
    await clock.advance(leaseTime);
    expect(lab.keysOf().slice(12)).toEqual(range(10, 12));
  });

  test("what is in hand is finished first, and does not count", async () => {
    const gate = new Gate();
    let begun = 0;
    const { clock, lab, node, group } = await start({
      handle: () => (++begun === 4 ? gate.promise : undefined),
    });
    await using _ = lab;
    node.put(1, 6);
    await clock.settle();
    await group.seek(1);
    await clock.settle();
    expect(begun).toBe(4);
    gate.open();
    await clock.advance(leaseTime);
    expect(lab.keysOf()).toEqual([...range(1, 4), ...range(2, 6)]);
    expect(await group.status()).toMatchObject([{ position: 6, lag: 0 }]);
  });

  test("a position needs its partition", async () => {
    const { lab, group } = await start({ stream: { partitions: 2 } });
    await using _ = lab;
    expect(await failure(group.seek(3))).toMatchObject({ option: "partition" });
    expect(await failure(group.seek(-1, 0))).toMatchObject({ option: "to" });
    expect(await failure(group.seek("latest", 2))).toMatchObject({ option: "partition" });
    await group.seek(3, 1);
  });
});

describe("dead letters", () => {
  const failsAt = (...keys: string[]): { options: NodeOptions; fails: Set<string> } => {
    const fails = new Set(keys);
    return {
      fails,
      options: {
        pool: { onError: "resume", maxAttempts: 2, onDeadLetter: () => {} },
        handle: ({ target }) => {
          if (target.kind === "key" && fails.has(target.key))
            throw new RangeError(`not ${target.key}`);
        },
      },
    };
  };

  test("are kept with the event, its values, and the error, over a restart", async () => {
    const { options } = failsAt("o3");
    const { clock, lab, node } = await start(options);
    await using _ = lab;
    node.put(1, 5);
    await clock.advance(leaseTime);
    await node.stop();
    const next = await lab.start("b");
    await clock.settle();
    const group = groupOf(next);
    const [letter, ...others] = await group.deadLetters();
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      partition: 0,
      position: 2,
      attempts: 2,
      error: { name: "RangeError", message: "not o3" },
      event: {
        type: "inserted",
        target: { kind: "key", key: "o3" },
        value: 3,
        metadata: { node: "a", position: 2, sequence: 2, partition: 0, partitions: 1 },
      },
    });
    expect(typeof letter?.id).toBe("string");
    expect(letter?.time).toBeGreaterThanOrEqual(0);
    expect(await group.status()).toMatchObject([{ deadLetters: 1, position: 5, lag: 0 }]);
  });

  test("are handled again by the owner, and are gone when that succeeds", async () => {
    const { options, fails } = failsAt("o2", "o4");
    const { clock, lab, node, group } = await start(options);
    await using _ = lab;
    node.put(1, 5);
    await clock.advance(leaseTime);
    expect(lab.keysOf()).toEqual(["o1", "o3", "o5"]);
    fails.delete("o2");
    expect(await group.retry("all")).toBe(2);
    await clock.advance(leaseTime);
    expect(lab.keysOf().slice(3)).toEqual(["o2"]);
    const left = await group.deadLetters();
    expect(left.map(({ position }) => position)).toEqual([3]);
    fails.clear();
    expect(await group.retry(left.map(({ id }) => id))).toBe(1);
    expect(await group.retry(left.map(({ id }) => id))).toBe(0);
    await clock.advance(leaseTime);
    expect(lab.keysOf().slice(4)).toEqual(["o4"]);
    expect(lab.handled.at(-1)?.event.value).toBe(4);
    expect(await group.deadLetters()).toEqual([]);
    expect(await group.status()).toMatchObject([{ deadLetters: 0, position: 5 }]);
  });

  test("a retry does not hold up what comes after it", async () => {
    const { options, fails } = failsAt("o1");
    const gate = new Gate();
    const { clock, lab, node, group } = await start({
      ...options,
      pool: { ...options.pool, concurrency: 2 },
      handle: (event, ctx) => {
        if (fails.size === 0 && event.target.kind === "key" && event.target.key === "o1")
          return gate.promise;
        return options.handle?.(event, ctx);
      },
    });
    await using _ = lab;
    node.put(1, 2);
    await clock.advance(leaseTime);
    fails.clear();
    await group.retry("all");
    await clock.settle();
    node.put(3, 10);
    await clock.advance(leaseTime);
    expect(lab.keysOf()).toEqual(range(2, 10));
    expect(await group.status()).toMatchObject([{ position: 10, lag: 0 }]);
    gate.open();
    await clock.advance(leaseTime);
    expect(lab.keysOf()).toEqual([...range(2, 10), "o1"]);
  });

  test("a retry that is under way when the owner dies is done by the next one", async () => {
    const { options, fails } = failsAt("o1");
    const { clock, lab, node, group } = await start({
      ...options,
      handle: (event, ctx) =>
        fails.has("hang") ? new Promise(() => {}) : options.handle?.(event, ctx),
    });
    await using _ = lab;
    node.put(1, 2);
    await clock.advance(leaseTime);
    fails.clear();
    fails.add("hang");
    await group.retry("all");
    await clock.settle();
    await node.kill();
    fails.clear();
    const next = await lab.start("b");
    await clock.advance(leaseTime + 1000);
    expect(lab.keysOf()).toEqual(["o2", "o1"]);
    expect(await groupOf(next).deadLetters()).toEqual([]);
  });

  test("can be dropped, and limited", async () => {
    const { options } = failsAt(...range(1, 6));
    const { clock, lab, node, group } = await start({ ...options, stream: { partitions: 2 } });
    await using _ = lab;
    node.put(1, 6);
    await clock.advance(leaseTime);
    const all = await group.deadLetters();
    expect(all).toHaveLength(6);
    expect(await group.deadLetters({ limit: 4 })).toEqual(all.slice(0, 4));
    const ofOne = await group.deadLetters({ partition: 1 });
    expect(ofOne).toEqual(all.filter(({ partition }) => partition === 1));
    expect(await failure(group.deadLetters({ partition: 2 }))).toBeInstanceOf(OptionError);
    expect(await failure(group.drop([1] as never))).toMatchObject({ option: "ids" });
    expect(await group.drop([(ofOne[0] as { id: string }).id])).toBe(1);
    expect(await group.drop("all")).toBe(5);
    expect(await group.deadLetters()).toEqual([]);
  });

  test("of batches: the whole batch is kept", async () => {
    const { clock, lab, node, group } = await start({
      pool: {
        onDeadLetter: () => {},
        onError: "resume",
        handler: {
          maxSize: 3,
          maxWait: 0,
          handle: (events) => {
            if (events.some(({ target }) => target.kind === "key" && target.key === "o2"))
              throw new Error("no");
          },
        },
      },
    });
    await using _ = lab;
    node.put(1, 5);
    await clock.advance(leaseTime);
    const positions = (await group.deadLetters()).map(({ position }) => position);
    expect(positions).toContain(1);
    expect(positions).not.toContain(4);
    expect(await group.status()).toMatchObject([{ position: 5 }]);
  });
});

describe("delete", () => {
  test("takes the group's position and dead letters along; not while it has an owner", async () => {
    const { clock, lab, node, group } = await start();
    await using _ = lab;
    node.put(1, 5);
    await clock.advance(leaseTime);
    expect(await failure(group.delete())).toMatchObject({ code: "E_GROUP_BUSY", partition: 0 });
    await node.stop();
    const other = await lab.start("b", { pool: { group: "other", leaseTime } });
    await clock.settle();
    await groupOf(other).delete();
    expect(await groupOf(other).status()).toEqual([]);
    await rest();
    expect(lab.keysOf("b")).toEqual(range(1, 5));
  });
});
