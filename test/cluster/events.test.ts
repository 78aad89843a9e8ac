import { describe, expect, test } from "@jest/globals";
import { type ActorRef, getStream, handlerPool, spawn, whenIdle } from "../../src/index.js";
import { Cluster, type ClusterNode, heartbeat, isData, type Message } from "./cluster.js";

async function pair(
  cluster: Cluster,
  options: Parameters<Cluster["start"]>[1] = {},
): Promise<[ClusterNode, ClusterNode]> {
  return (await cluster.startAll(["a", "b"], options)) as [ClusterNode, ClusterNode];
}

const values: readonly unknown[] = [
  "text",
  "",
  0,
  -0,
  NaN,
  1.5,
  10n ** 30n,
  -1n,
  true,
  null,
  new Date(1_700_000_000_000),
  new Uint8Array([0, 1, 255]),
  new Map<unknown, unknown>([[1n, new Set([new Date(0)])]]),
  new Set<unknown>([1, "1", 1n]),
  { nested: { list: [1, undefined, { deep: new Uint8Array(2) }] } },
  [1, [2, [3]]],
];

describe.each([undefined, 1, 4])("events of another node, partitions: %s", (partitions) => {
  const shape = partitions === undefined ? {} : { partitions };

  test("have the same content as on their own node, and its name", async () => {
    await using cluster = new Cluster();
    const [a, b] = await pair(cluster, { stream: { ...shape, include: ["value", "previous"] } });
    const [there, here] = [a.read(), b.read()];
    await cluster.rest();
    const writer = await spawn(a.sup.system, { receive: (state: undefined) => state });
    const cache = a.cache.from(writer as ActorRef);
    values.forEach((value, n) => {
      cache.put(value, n);
      cache.put(`value ${n}`, value);
    });
    cache.put("text", "newer");
    cache.put("copy", 1, { fill: true });
    cache.putAll([
      ["p1", 1n],
      ["p2", new Date(5)],
      [3, new Map([[1, 2]])],
    ]);
    cache.delete("text");
    cache.deleteAll({ keys: ["p1", 3] });
    cache.deleteAll({ prefix: "p" });
    cache.deleteAll();
    await cluster.clock.advance(7);
    cache.increment("count", 5);
    await cluster.until(() => there.events.some(({ command }) => command === "increment"));
    await cluster.until(() => here.events.length >= there.events.length);
    expect(here.gaps).toEqual([]);
    // Of one partition after the other, since only within one is there an order.
    const inOrder = (messages: readonly Message[]): unknown[] =>
      messages
        .filter((message) => message.type !== "gap")
        .sort((x, y) => (x.metadata.partition ?? 0) - (y.metadata.partition ?? 0))
        .map(({ cache: name, name: instance, type, command, target, metadata, ...rest }) => ({
          name,
          instance,
          type,
          command,
          target,
          metadata: { ...metadata, origin: null },
          rest,
        }));
    expect(inOrder(here.messages)).toEqual(inOrder(there.messages));
    expect(
      here.events.every(({ metadata }) => metadata.origin === null && metadata.node === "a"),
    ).toBe(true);
    expect(
      here.events.find(({ target }) => target.kind === "key" && target.key === "copy")?.metadata
        .fill,
    ).toBe(true);
    expect(new Set(here.events.map(({ target }) => target.kind))).toEqual(
      new Set(["key", "keys", "query"]),
    );
  });

  test("reach each node once, and not the one that wrote them; each has its own sequence", async () => {
    await using cluster = new Cluster();
    const nodes = await cluster.startAll(["a", "b", "c"], { stream: shape });
    const readers = nodes.map((node) => node.read());
    await cluster.rest();
    for (const { name, cache } of nodes) for (let n = 0; n < 50; n++) cache.put(`${name}${n}`, n);
    await cluster.until(() => readers.every(({ events }) => events.length >= 150));
    await cluster.clock.advance(heartbeat);
    for (const reader of readers) {
      expect(reader.gaps).toEqual([]);
      expect(reader.events).toHaveLength(150);
      for (const { name, epoch } of nodes) {
        const own = reader.events.filter(({ metadata }) => metadata.node === name);
        expect(own.every(({ metadata }) => metadata.epoch === epoch)).toBe(true);
        expect(new Set(reader.keysFrom(name)).size).toBe(50);
      }
    }
  });

  test("are filtered by type; a node receives nothing of partitions that have no reader on it", async () => {
    await using cluster = new Cluster();
    const [a, b] = await pair(cluster, { stream: shape });
    const sent = new Map<string, number>();
    cluster.hub.intercept((message) => {
      if (isData(message)) {
        const link = `${message.from}-${message.to} ${message.channel.split(":").at(-1)}`;
        sent.set(link, (sent.get(link) ?? 0) + 1);
      }
      return "deliver";
    });
    for (let n = 0; n < 100; n++) a.cache.put(n, n);
    await cluster.rest();
    expect(sent).toEqual(new Map());
    const partition = partitions === undefined ? {} : { partition: partitions - 1 };
    const deleted = b.read({ events: ["deleted"], ...partition });
    await cluster.rest();
    for (let n = 0; n < 100; n++) a.cache.put(n, -n);
    for (let n = 0; n < 100; n++) a.cache.delete(n);
    await cluster.until(() => deleted.events.length > 0);
    await cluster.rest();
    expect([...sent.keys()]).toEqual([`a-b ${(partitions ?? 1) - 1}`]);
    expect(deleted.messages.every(({ type }) => type === "deleted")).toBe(true);
    expect(new Set(deleted.events.map(({ metadata }) => metadata.partition))).toEqual(
      new Set([partitions === undefined ? null : partitions - 1]),
    );
  });

  test("wait, merged, for a reader that coalesces; a snapshot comes before them; whenIdle waits for them", async () => {
    await using cluster = new Cluster();
    const seen: string[] = [];
    const [a, b] = await pair(cluster, {
      stream: { ...shape, capacity: 512, retain: 0 },
      children: (cache) => [
        handlerPool<unknown, unknown, unknown>({
          cache,
          overflow: "coalesce",
          handler: ({ metadata, target }) => {
            if (cache === b?.cache)
              seen.push(`${metadata.node} ${target.kind === "key" ? String(target.key) : ""}`);
          },
        }),
      ],
    });
    b.cache.put("own", 1);
    const reader = b.read({ snapshot: true });
    await cluster.rest();
    for (let round = 0; round < 200; round++)
      for (let n = 0; n < 10; n++) a.cache.put(`k${n}`, round);
    await cluster.until(() => new Set(seen).size === 11);
    await cluster.passing(whenIdle(b.cache));
    expect(reader.events[0]).toMatchObject({
      target: { key: "own" },
      metadata: { snapshot: true },
    });
    expect(
      getStream(b.cache)
        .groups()
        .every(({ lag }) => lag === 0),
    ).toBe(true);
  });
});
