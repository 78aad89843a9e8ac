import assert from "node:assert/strict";
import type { StreamNode } from "../../journal/engine.js";
import {
  acquired,
  assertRejects,
  bytesOf,
  type JournalCase,
  type LabNode,
  lifeOf,
  longLease,
  partition,
  shortLease,
  stateOf,
  stream,
  textOf,
} from "./journal-lab.js";

/** Names that an engine may have to encode. */
const hostileNames = [
  "a b",
  "a.b",
  "a.*",
  ">",
  "*",
  "{a}b",
  "a}b{",
  "a/b",
  "a\\b",
  "a\r\nb",
  "a\u0000b",
  "a%2Eb",
  "A.B",
  "Ä🌍",
  ".",
  "__proto__",
  "$JS.API",
  "x".repeat(200),
];

/** An engine's opening and closing; streams, their names and their nodes. @internal */
export const streamCases: readonly JournalCase[] = [
  [
    "refuses all calls before it is open and after it is closed",
    async (lab) => {
      const { engine } = lab.create("a");
      assert.ok(engine.kind.length > 0);
      const calls = (): (() => Promise<unknown>)[] => [
        () => engine.streams(),
        () => engine.bounds(partition),
        () => engine.append(partition, lab.create("b").writer().entry()),
        () => engine.beat(stream, lifeOf("a"), longLease),
      ];
      for (const call of calls()) await assertRejects(call, "a call before open");
      await engine.load?.();
      await engine.open({ status: () => {} });
      await lab.until(
        () =>
          engine.streams().then(
            () => true,
            () => false,
          ),
        "a first answer",
      );
      await engine.close();
      await engine.close();
      for (const call of calls()) await assertRejects(call, "a call after close");
      engine.tail(partition, 0, { entries: () => {} }).close();
      engine.watchGroup({ ...stream, group: "g" }, () => {})();
    },
  ],
  [
    "can be closed before it is open",
    async (lab) => {
      const { engine } = lab.create("a");
      await engine.close();
    },
  ],
  [
    "leaves no call without an answer when it is closed",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = a.writer();
      const calls = [
        ...Array.from({ length: 50 }, () => a.engine.append(partition, writer.entry())),
        ...Array.from({ length: 10 }, () => a.engine.bounds(partition)),
        a.engine.beat(stream, lifeOf("a"), longLease),
        a.engine.joinGroup({ ...stream, group: "g" }, "m", longLease),
      ];
      const settled = Promise.allSettled(calls);
      await a.engine.close();
      await lab.until(() => settled.then(() => true), "all calls to be answered");
      const stored = (await settled).slice(0, 50).map(({ status }) => status === "fulfilled");
      const { next } = await b.engine.bounds(partition);
      assert.ok(next >= stored.filter(Boolean).length, "what is not stored was confirmed");
      const reader = b.reader();
      await reader.reaches(next);
      assert.deepEqual(
        reader.payloads,
        Array.from({ length: next }, (_, at) => `${a.name} epoch-1 ${at}-${at}`),
      );
    },
  ],
  [
    "says that it is connected",
    async (lab) => {
      const a = await lab.open("a");
      assert.equal(a.statuses.at(-1), "connected");
      const { maxEvents, maxPayload } = a.engine;
      assert.ok(maxEvents === undefined || (Number.isInteger(maxEvents) && maxEvents >= 1));
      assert.ok(maxPayload === undefined || maxPayload >= 1024);
    },
  ],
  [
    "keeps the first shape of a stream",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      assert.deepEqual(await a.engine.streams(), []);
      const shapes = await Promise.all(
        [a, b].map(({ engine, name }) => engine.shape(stream, `{"of":"${name}"}`)),
      );
      assert.equal(shapes[0], shapes[1]);
      assert.equal(await a.engine.shape(stream, "another"), shapes[0]);
      const other = { ...stream, name: "other" };
      assert.equal(await b.engine.shape(other, "its own"), "its own");
      const listed = [...(await a.engine.streams())].sort((x, y) => (x.name < y.name ? -1 : 1));
      assert.deepEqual(
        listed.map((each) => ({ ...each })),
        [
          { ...stream, shape: shapes[0] },
          { ...other, shape: "its own" },
        ],
      );
    },
  ],
  [
    "keeps partitions, streams and namespaces apart",
    async (lab) => {
      const a = await lab.open("a");
      const near = await lab.open("b", { namespace: `${lab.namespace}-2` });
      const places = [
        partition,
        { ...partition, partition: 1 },
        { ...partition, partition: 10 },
        { ...partition, name: "other" },
        { ...partition, cache: "others" },
      ];
      for (const [index, place] of places.entries()) await a.writer(place).appendEach(index + 1);
      for (const [index, place] of places.entries())
        assert.equal((await a.engine.bounds(place)).next, index + 1);
      assert.equal((await near.engine.bounds(partition)).next, 0);
      await a.engine.shape(stream, "a shape");
      assert.deepEqual(await near.engine.streams(), []);
      await a.engine.createGroup({ ...stream, group: "g" }, 1, "earliest");
      assert.deepEqual(await near.engine.groups(stream), []);
      assert.deepEqual(await a.engine.groups({ ...stream, name: "other" }), []);
    },
  ],
  [
    "takes namespaces of any characters",
    async (lab) => {
      const endings = ["{a}b}", " .*>\r\n", "Ä🌍", "x".repeat(200), `${"x".repeat(199)}y`];
      const nodes: LabNode[] = [];
      for (const ending of endings)
        nodes.push(await lab.open("a", { namespace: `${lab.namespace}${ending}` }));
      for (const [index, node] of nodes.entries()) {
        await node.writer().appendEach(index + 1);
        await node.engine.shape(stream, `shape ${index}`);
        await acquired(node.engine, `owner ${index}`);
      }
      for (const [index, node] of nodes.entries()) {
        await node.reader().reaches(index + 1);
        const [found] = await node.engine.streams();
        assert.deepEqual({ ...found }, { ...stream, shape: `shape ${index}` });
        assert.equal((await stateOf(node.engine)).owner, `owner ${index}`);
      }
    },
  ],
  [
    "takes names of any characters",
    async (lab) => {
      for (const [index, name] of hostileNames.entries()) {
        const a = await lab.open(`node ${index}`, { nodeName: `${name}${lab.id}` });
        const place = { cache: name, name, partition: 0 };
        const writer = a.writer(place, { node: name });
        const reader = a.reader(place);
        assert.equal(await writer.append(), 0);
        await reader.reaches(1);
        const { probed } = await a.engine.bounds(place, 0);
        assert.equal(probed, `${name}:epoch-1:0`);
        await a.engine.shape(place, name);
        await a.engine.beat(place, lifeOf(name), longLease);
        assert.deepEqual(
          (await a.engine.nodes(place)).map(({ node }) => node),
          [name],
        );
        const group = { cache: name, name, group: `${name}:${name}` };
        let changes = 0;
        const unwatch = a.engine.watchGroup(group, () => changes++);
        await a.engine.createGroup(group, 1, "earliest");
        assert.deepEqual(await a.engine.groups(place), [group.group]);
        assert.deepEqual((await a.engine.joinGroup(group, name, longLease)).members, [name]);
        await lab.until(
          async () => {
            await a.engine.setPaused({ ...group, partition: 0 }, true);
            return changes > 0;
          },
          `a change of the group ${JSON.stringify(name)} to be heard of`,
        );
        unwatch();
        const state = await a.engine.acquire({ ...group, partition: 0 }, name, longLease, "latest");
        assert.deepEqual([state?.owner, state?.position], [name, 0]);
        await a.engine.close();
      }
      const a = await lab.open("a");
      const found = new Map(
        (await a.engine.streams()).map(({ cache, ...rest }) => [cache, { ...rest }]),
      );
      const expected = hostileNames.map((name) => [name, { name, shape: name }] as const);
      assert.deepEqual(found, new Map(expected));
    },
  ],
  [
    "knows the nodes that have announced themselves, and which of them have fallen silent",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const info = JSON.stringify("ü🌍".repeat(1364) + "xx");
      assert.equal(info.length, 4096);
      const [one, two]: StreamNode[] = [{ ...lifeOf("a"), info }, lifeOf("b")];
      assert.deepEqual(await a.engine.nodes(stream), []);
      const first = await a.engine.beat(stream, one as StreamNode, longLease);
      assert.deepEqual(
        first.map((each) => ({ ...each })),
        [{ ...one, expired: false }],
      );
      const both = await b.engine.beat(stream, two as StreamNode, shortLease);
      assert.deepEqual(both.map(({ node }) => node).sort(), ["a", "b"]);
      const expired = async (): Promise<unknown> =>
        (await a.engine.nodes(stream)).find(({ node }) => node === "b")?.expired;
      await lab.until(expired, "b's time to be over");
      const again = { ...lifeOf("b"), info: '{"again":true}' };
      await b.engine.beat(stream, again, longLease);
      assert.equal(await expired(), false);
      const seen = (await a.engine.nodes(stream)).find(({ node }) => node === "b");
      assert.deepEqual({ ...seen }, { ...again, expired: false });
      assert.deepEqual(await a.engine.nodes({ ...stream, name: "other" }), []);
    },
  ],
  [
    "forgets a node that leaves, and no younger one of its name",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.engine.beat(stream, lifeOf("a", 2), longLease);
      await b.engine.leave(stream, "a", "epoch-1");
      await b.engine.leave(stream, "nobody", "epoch-1");
      assert.equal((await b.engine.nodes(stream)).length, 1);
      await b.engine.leave(stream, "a", "epoch-2");
      await b.engine.leave(stream, "a", "epoch-2");
      assert.deepEqual(await a.engine.nodes(stream), []);
    },
  ],
  [
    "keeps payloads as they are",
    async (lab) => {
      const a = await lab.open("a");
      const size = Math.min(300_000, a.engine.maxPayload ?? 300_000);
      const payloads = [
        Uint8Array.from({ length: 256 }, (_, index) => index),
        new Uint8Array(0),
        bytesOf("\r\n\u0000 ü🌍"),
        new Uint8Array(size).fill(7),
      ];
      const writer = a.writer();
      for (const payload of payloads)
        await a.engine.append(partition, { ...writer.entry(), payload });
      const reader = a.reader();
      await reader.reaches(payloads.length);
      for (const [index, payload] of payloads.entries()) {
        assert.equal(Buffer.compare(reader.read[index]?.payload ?? bytesOf("none"), payload), 0);
        const kept = await a.engine.entryAt(partition, index);
        assert.equal(Buffer.compare(kept?.payload ?? bytesOf("none"), payload), 0);
        assert.ok(kept !== undefined && Number.isFinite(kept.time) && kept.time > 0);
      }
      assert.equal(textOf(reader.read[2]?.payload as Uint8Array), "\r\n\u0000 ü🌍");
    },
  ],
];
