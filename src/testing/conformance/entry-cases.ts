import assert from "node:assert/strict";
import {
  assertDense,
  bytesOf,
  type JournalCase,
  lifeOf,
  partition,
  partitionAt,
  textOf,
} from "./journal-lab.js";

/** Appending entries and markers, and what is kept of them. @internal */
export const entryCases: readonly JournalCase[] = [
  [
    "numbers events from 0, without holes, over all nodes",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const { width } = a;
      const [one, two] = [a.writer(), b.writer()];
      assert.equal(await one.append(width), 0);
      assert.equal(await two.append(1), width);
      assert.equal(await one.append(1), width + 1);
      assert.equal(await two.append(width), width + 2);
      const [bounds, same] = [await a.engine.bounds(partition), await b.engine.bounds(partition)];
      assert.deepEqual([bounds.first, bounds.next], [0, 2 * width + 2]);
      assert.ok(bounds.generation.length > 0);
      assert.deepEqual({ ...same }, { ...bounds });
    },
  ],
  [
    "begins the generation of a partition once",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const asked = await Promise.all([a, b, a, b].map(({ engine }) => engine.bounds(partition)));
      const generations = new Set(asked.map(({ generation }) => generation));
      assert.equal(generations.size, 1);
      for (const { first, next } of asked) assert.deepEqual([first, next], [0, 0]);
      const result = await a.engine.append(partition, a.writer().entry());
      assert.ok(result.status === "appended" && generations.has(result.generation));
      const other = await a.engine.bounds(partitionAt(1));
      assert.ok(!generations.has(other.generation), "two partitions have one generation");
    },
  ],
  [
    "stores an entry once, however often it is sent",
    async (lab) => {
      const a = await lab.open("a");
      const writer = a.writer();
      const entry = writer.entry(a.width);
      const first = await a.engine.append(partition, entry);
      assert.equal(first.status, "appended");
      const again = await a.engine.append(partition, entry);
      assert.ok(again.status === "conflict");
      assert.equal(again.last, entry.to);
      assert.equal(again.generation, (await a.engine.bounds(partition)).generation);
      const both = await Promise.all(
        [writer.entry()].flatMap((each) => [
          a.engine.append(partition, each),
          a.engine.append(partition, each),
        ]),
      );
      assert.deepEqual(both.map(({ status }) => status).sort(), ["appended", "conflict"]);
      assert.equal((await a.engine.bounds(partition)).next, a.width + 1);
    },
  ],
  [
    "stores no entry with a hole before it or an overlap, and says what the last sequence is",
    async (lab) => {
      const a = await lab.open("a");
      const writer = a.writer();
      await writer.append(a.width);
      const { last } = writer;
      writer.entry();
      const result = await a.engine.append(partition, writer.entry());
      assert.ok(result.status === "conflict");
      assert.equal(result.last, last);
      writer.last = last - 1;
      const overlapping = { ...writer.entry(2), count: 1 };
      const other = await a.engine.append(partition, overlapping);
      assert.ok(other.status === "conflict");
      assert.equal(other.last, last);
      assert.equal((await a.engine.bounds(partition)).next, a.width);
    },
  ],
  [
    "lets an epoch begin with any sequence",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = a.writer();
      writer.last = 41;
      assert.equal(await writer.append(), 0);
      const next = a.writer(partition, lifeOf(a.name, 2));
      next.last = 6;
      assert.equal(await next.append(), 1);
      assert.equal(await next.append(), 2);
      const far = b.writer();
      far.last = 2 ** 40;
      assert.equal(await far.append(), 3);
      assert.equal(await far.append(), 4);
    },
  ],
  [
    "knows the last sequence of each node's epoch",
    async (lab) => {
      const [a, b] = [await lab.open("a", { retain: 0 }), await lab.open("b")];
      const last = (epoch = "epoch-1", node = a.name): Promise<number> =>
        b.engine.lastSequence(partition, node, epoch);
      assert.equal(await last(), -1);
      const writer = a.writer();
      writer.last = 4;
      await writer.append(a.width);
      assert.equal(await last(), 4 + a.width);
      await b.engine.markLost(partition, lifeOf(a.name), bytesOf("lost"));
      await a.engine.trim(partition);
      assert.equal(await last(), 4 + a.width);
      assert.equal(await last("epoch-2"), -1);
      assert.equal(await last("epoch-1", b.name), -1);
      assert.equal(await b.engine.lastSequence(partitionAt(1), a.name, "epoch-1"), -1);
      await b.engine.markLost(partition, lifeOf(b.name), bytesOf("lost"));
      assert.equal(await last("epoch-1", b.name), -1);
    },
  ],
  [
    "refuses the older epochs of a node once a younger one has written",
    async (lab) => {
      const a = await lab.open("a");
      const [old, young] = [a.writer(), a.writer(partition, lifeOf(a.name, 2))];
      await old.append();
      await young.append();
      for (const entry of [old.entry(), a.writer(partition, { startedAt: 1 }).entry()])
        assert.equal((await a.engine.append(partition, entry)).status, "superseded");
      assert.equal(await young.append(), 2);
      // The names decide where the clock can't.
      const twin = a.writer(partition, { epoch: "epoch-3", startedAt: 2000 });
      assert.equal(await twin.append(), 3);
      assert.equal((await a.engine.append(partition, young.entry())).status, "superseded");
      assert.equal(await a.writer(partition, { node: "another" }).append(), 4);
      assert.equal(await a.writer(partitionAt(1)).append(), 0);
    },
  ],
  [
    "stores what is sent at once in its order",
    async (lab) => {
      const a = await lab.open("a");
      const writer = a.writer();
      const entries = Array.from({ length: 100 }, () => writer.entry());
      const results = await Promise.all(entries.map((entry) => a.engine.append(partition, entry)));
      const positions = results.map((each) => (each.status === "appended" ? each.position : each));
      assert.deepEqual(positions, [...entries.keys()]);
    },
  ],
  [
    "stores nothing that was sent behind an entry that it refuses",
    async (lab) => {
      const a = await lab.open("a");
      const writer = a.writer();
      const good = writer.entry();
      writer.entry();
      const behind = [writer.entry(), writer.entry(), writer.entry()];
      const results = await Promise.all(
        [good, ...behind].map((entry) => a.engine.append(partition, entry)),
      );
      assert.deepEqual(
        results.map(({ status }) => status),
        ["appended", "conflict", "conflict", "conflict"],
      );
      assert.equal((await a.engine.bounds(partition)).next, 1);
    },
  ],
  [
    "takes entries of several nodes at the same time",
    async (lab) => {
      const nodes = [await lab.open("a"), await lab.open("b"), await lab.open("c")];
      const each = 40;
      await Promise.all(nodes.map((node) => node.writer().appendEach(each)));
      const [a] = nodes as [(typeof nodes)[0]];
      const reader = a.reader();
      await reader.reaches(3 * each);
      for (const { name } of nodes) {
        const own = reader.payloads.filter((text) => text.startsWith(`${name} `));
        const expected = Array.from({ length: each }, (_, at) => `${name} epoch-1 ${at}-${at}`);
        assert.deepEqual(own, expected);
      }
    },
  ],
  [
    "identifies the entry that holds a position, and returns it",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const { width } = a;
      await a.writer().append(width);
      const two = b.writer();
      two.last = 9;
      await two.append();
      for (let position = 0; position < width; position++) {
        const { probed } = await b.engine.bounds(partition, position);
        assert.equal(probed, `${a.name}:epoch-1:${width - 1}`);
        const entry = await b.engine.entryAt(partition, position);
        assert.deepEqual([entry?.position, entry?.count], [0, width]);
      }
      assert.equal((await a.engine.bounds(partition, width)).probed, `${b.name}:epoch-1:10`);
      const last = await a.engine.entryAt(partition, width);
      assert.deepEqual([last?.position, last?.count], [width, 1]);
      assert.equal(textOf(last?.payload ?? bytesOf("none")), `${b.name} epoch-1 10-10`);
      assert.equal((await a.engine.bounds(partition, width + 1)).probed, undefined);
      assert.equal((await a.engine.bounds(partition)).probed, undefined);
      assert.equal(await a.engine.entryAt(partition, width + 1), undefined);
      assert.equal(await a.engine.entryAt(partitionAt(1), 0), undefined);
    },
  ],
  [
    "begins a new generation only in place of the present one",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = a.writer();
      await writer.appendEach(3);
      const { generation } = await a.engine.bounds(partition);
      const renewed = await Promise.all(
        [a, b, b, a].map(({ engine }) => engine.renew(partition, generation)),
      );
      const [next] = renewed as [string];
      assert.notEqual(next, generation);
      assert.equal(new Set(renewed).size, 1);
      assert.equal(await a.engine.renew(partition, "another"), next);
      const { first, next: end, generation: present } = await b.engine.bounds(partition);
      assert.deepEqual([first, end, present], [0, 3, next]);
      const result = await a.engine.append(partition, writer.entry());
      assert.deepEqual({ ...result }, { status: "appended", position: 3, generation: next });
      const reader = b.reader();
      await reader.reaches(4);
    },
  ],
  [
    "stores a marker once, until that epoch writes again",
    async (lab) => {
      const nodes = [await lab.open("a"), await lab.open("b"), await lab.open("c")];
      const [a, b] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
      const writer = a.writer();
      await writer.append(a.width);
      const mark = (): Promise<boolean[]> =>
        Promise.all(
          [...nodes, ...nodes].map(({ engine, name }) =>
            engine.markLost(partition, lifeOf(a.name), bytesOf(`lost, says ${name}`)),
          ),
        );
      assert.equal((await mark()).filter(Boolean).length, 1);
      assert.equal((await mark()).filter(Boolean).length, 0);
      assert.equal(await writer.append(), a.width + 1);
      assert.equal((await mark()).filter(Boolean).length, 1);
      const reader = b.reader();
      await reader.reaches(a.width + 3);
      const markers = reader.read.filter(({ payload }) => textOf(payload).startsWith("lost, says"));
      assert.deepEqual(
        markers.map(({ position, count }) => [position, count]),
        [
          [a.width, 1],
          [a.width + 2, 1],
        ],
      );
      assertDense(reader.read);
    },
  ],
  [
    "stores a marker of an epoch that has written nothing, which then begins with any sequence",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const lost = (): Promise<boolean> =>
        b.engine.markLost(partition, lifeOf(a.name), bytesOf("lost"));
      assert.equal(await lost(), true);
      assert.equal(await lost(), false);
      const writer = a.writer();
      writer.last = 7;
      assert.equal(await writer.append(), 1);
      assert.equal(await lost(), true);
    },
  ],
];
