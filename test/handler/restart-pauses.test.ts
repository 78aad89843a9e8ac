import { describe, expect, test } from "@jest/globals";
import { invalidator, OptionError, supervisorOf } from "../../src/index.js";
import { SimulatedClock } from "../../src/testing.js";
import { failure, Listener, until } from "../helpers/actors.js";
import { kill, Notes, poolOf, putKeys, Tree } from "../helpers/streams.js";

const unlimited = { maxRestarts: undefined as never };

describe("a pool without maxRestarts", () => {
  test("restarts a worker that always fails after 0, 10, 20 ... 1000 ms, and its siblings go on", async () => {
    const clock = new SimulatedClock();
    const notes = new Notes();
    const failures: number[] = [];
    await using tree = await Tree.start({
      clock,
      maxRestarts: 0,
      stream: { partitions: 2, hash: (event) => (event.target.key === "bad" ? 0 : 1) },
      children: (users) => [
        poolOf(
          users,
          (event) => {
            if (event.target.kind === "key" && event.target.key === "bad") {
              failures.push(clock.now());
              throw new Error("bad");
            }
            notes.note(event);
          },
          { ...unlimited, maxAttempts: 1000 },
        ),
      ],
    });
    const pool = supervisorOf(await tree.ref("users:handlers"));
    tree.users.put("bad", 1);
    await clock.settle();
    for (let ms = 0; ms < 4000; ms += 10) await clock.advance(10);
    const pauses = failures.slice(1).map((at, index) => at - (failures[index] as number));
    expect(pauses.slice(0, 10)).toEqual([0, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    const waiting = (await pool.whichChildren()).find(({ id }) => id === "users:handlers:0");
    expect(waiting?.ref).toBe("restarting");
    putKeys(tree.users, 0, 5);
    await until(() => notes.messages.length === 5);
    using undelivered = new Listener<{ count: number }>("nebulex.streams.undelivered");
    await tree.sup.stop();
    expect(undelivered.messages).toMatchObject([{ partition: 0, count: 1 }]);
    expect(clock.pending).toBe(0);
  });

  test("begins again without a pause when an event has been handled; a kill counts as a failure", async () => {
    const clock = new SimulatedClock();
    const notes = new Notes();
    await using tree = await Tree.start({
      clock,
      maxRestarts: 0,
      stream: { partitions: 1 },
      children: (users) => [poolOf(users, notes.note, unlimited)],
    });
    const pool = supervisorOf(await tree.ref("users:handlers"));
    const killed = async (pauses: readonly number[]): Promise<void> => {
      for (const pause of pauses) {
        await kill(await tree.worker(0));
        await clock.settle();
        if (pause > 1) await clock.advance(pause - 1);
        expect((await pool.whichChildren())[0]?.ref === "restarting").toBe(pause > 0);
        if (pause > 0) await clock.advance(1);
      }
    };
    await killed([0, 10, 20]);
    putKeys(tree.users, 0, 1);
    await until(() => notes.messages.length === 1);
    await killed([0, 10]);
    await kill(await tree.worker(0));
    await clock.settle();
    await pool.terminateChild("users:handlers:0");
    await clock.advance(100);
    expect((await pool.whichChildren())[0]?.ref).toBeUndefined();
  });

  test("retries an init that fails, though not at the start of the tree", async () => {
    const clock = new SimulatedClock();
    let broken = true;
    const handler = {
      init: () => {
        if (broken) throw new Error("init");
      },
      handle: () => {},
    };
    const start = (): Promise<Tree> =>
      Tree.start({
        clock,
        maxRestarts: 0,
        stream: { partitions: 1 },
        children: (users) => [poolOf(users, handler, unlimited)],
      });
    expect(await failure(start())).toMatchObject({ reason: "failed_to_start_child" });
    broken = false;
    await using tree = await start();
    broken = true;
    await kill(await tree.worker(0));
    await clock.advance(5000);
    const pool = supervisorOf(await tree.ref("users:handlers"));
    expect((await pool.whichChildren())[0]?.ref).toBe("restarting");
    broken = false;
    await clock.advance(1000);
    expect((await tree.worker(0)).alive).toBe(true);
  });

  test("an invalidator's killed workers do not take the tree down", async () => {
    await using tree = await Tree.start({
      maxRestarts: 0,
      stream: { partitions: 1 },
      children: (users) => [invalidator({ cache: users, eventScope: "all" })],
    });
    for (let n = 0; n < 6; n++) await tree.workerReborn(0, kill, "users:invalidator");
    expect(tree.sup.ref.alive).toBe(true);
  });

  test("has no use for maxSeconds", async () => {
    await using tree = await Tree.start();
    expect(() => poolOf(tree.users, () => {}, { ...unlimited, maxSeconds: 3 })).toThrow(
      OptionError,
    );
  });
});
