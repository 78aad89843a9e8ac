import { describe, expect, test } from "@jest/globals";
import { supervisorOf, whenIdle } from "../../src/index.js";
import { Listener, rest } from "../helpers/actors.js";
import { crash, keys, kill, Notes, poolOf, putKeys, stop, Tree } from "../helpers/streams.js";

const inserted = (from: number, to: number): string[] =>
  keys(from, to).map((key) => `inserted ${key}`);

describe.each([undefined, 1, 4, 8])("a pool on a stream with partitions: %p", (partitions) => {
  const stream = partitions === undefined ? {} : { partitions };
  const count = partitions ?? 1;

  test("has a worker a partition, and gives each event to one, in order", async () => {
    const notes = new Notes();
    const places = new Set<string>();
    await using tree = await Tree.start({
      stream,
      children: (users) => [
        poolOf(users, (event, ctx) => {
          notes.note(event);
          expect(ctx.partition).toBe(event.metadata.partition);
          places.add(`${ctx.partition}/${ctx.partitions} ${ctx.self.id}`);
        }),
      ],
    });
    for (let round = 0; round < 3; round++) putKeys(tree.users, 0, 300);
    await whenIdle(tree.users);
    const own = keys(0, count).map((key) => {
      const index = key.slice(1);
      return `${partitions === undefined ? null : index}/${partitions ?? null} users:handlers:${index}`;
    });
    expect(places).toEqual(new Set(own));
    expect(notes.messages).toHaveLength(900);
    for (const key of keys(0, 300)) {
      const lines = notes.lines.filter((line) => line.endsWith(` ${key}`));
      expect(lines).toEqual([`inserted ${key}`, `updated ${key}`, `updated ${key}`]);
    }
    const pool = supervisorOf(await tree.ref("users:handlers"));
    expect(await pool.countChildren()).toEqual({
      specs: count,
      active: count,
      supervisors: 0,
      workers: count,
    });
  });

  test.each([
    ["killed", kill],
    ["crashed", crash],
    ["stopped", stop],
  ])("continues behind the last event handled when its workers are %s", async (_name, end) => {
    const notes = new Notes();
    await using tree = await Tree.start({
      stream,
      children: (users) => [poolOf(users, notes.note)],
    });
    let written = 0;
    for (let round = 0; round < 5; round++) {
      putKeys(tree.users, written, (written += 100));
      await Promise.all(
        keys(0, count).map((_, index) =>
          tree.workerReborn(index, async (ref) => {
            const ended = end(ref);
            putKeys(tree.users, written, (written += 10));
            await ended;
          }),
        ),
      );
    }
    await whenIdle(tree.users);
    expect(notes.lines.toSorted()).toEqual(inserted(0, written).toSorted());
  });

  test.each([
    ["a kill", kill],
    ["a crash", crash],
  ])(
    "handles every event once and in order while the stream server is lost to %s, again and again",
    async (_name, end) => {
      const notes = new Notes();
      await using tree = await Tree.start({
        stream,
        children: (users) => [poolOf(users, notes.note)],
      });
      let value = 0;
      for (let round = 0; round < 10; round++) {
        await tree.reborn("users:stream", async (ref) => {
          for (let n = 0; n < 100; n++) tree.users.put(`k${n % 20}`, value++);
          const ended = end(ref);
          for (let n = 0; n < 100; n++) tree.users.put(`k${n % 20}`, value++);
          await ended;
          await rest(round % 3);
          for (let n = 0; n < 100; n++) tree.users.put(`k${n % 20}`, value++);
        });
        await tree.worker(count - 1);
      }
      await whenIdle(tree.users);
      expect(notes.events).toHaveLength(value);
      expect(notes.gaps).toEqual([]);
      for (let partition = 0; partition < count; partition++) {
        const own = notes.events.filter((event) => (event.metadata.partition ?? 0) === partition);
        expect(own.map(({ metadata }) => metadata.sequence)).toEqual(own.map((_, index) => index));
      }
    },
  );

  test("handles every event once and in order while its handlers crash again and again", async () => {
    const notes = new Notes();
    const failed = new Set<string>();
    await using tree = await Tree.start({
      stream,
      children: (users) => [
        poolOf(
          users,
          (event) => {
            const { sequence, topic } = event.metadata;
            if (sequence % 37 === 5 && !failed.has(`${topic} ${sequence}`)) {
              failed.add(`${topic} ${sequence}`);
              throw new Error("crash");
            }
            notes.note(event);
          },
          { maxAttempts: 2 },
        ),
      ],
    });
    using dead = new Listener("nebulex.streams.dead_letter");
    putKeys(tree.users, 0, 1000);
    await whenIdle(tree.users);
    expect(failed.size).toBeGreaterThan(10);
    expect(dead.messages).toEqual([]);
    expect(notes.events).toHaveLength(1000);
    for (let partition = 0; partition < count; partition++) {
      const own = notes.events.filter((event) => (event.metadata.partition ?? 0) === partition);
      expect(own.map(({ metadata }) => metadata.sequence)).toEqual(own.map((_, index) => index));
    }
  });
});
