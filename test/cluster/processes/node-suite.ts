import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { waitFor } from "../../../src/testing/wait-for.js";
import { failure } from "../../helpers/actors.js";
import type { Broker } from "../../helpers/brokers/broker.js";
import { describeWith } from "../../helpers/brokers/describe-with.js";
import { servers, startBroker } from "./engines.js";
import { NodeProcess } from "./node-process.js";
import type { EngineName, NodeConfig, PlainEvent } from "./protocol.js";

const minute = 60_000;
const patience = { timeout: 20_000, interval: 10 };

/** What processes receive of each other's events. */
export function nodeSuite(engine: EngineName): void {
  describeWith(servers[engine])(`processes over ${engine}`, () => {
    let broker: Broker;
    let a: NodeProcess;
    let b: NodeProcess;
    /** Alone in its namespace. */
    let apart: NodeProcess;

    const start = (node: string, config: Partial<NodeConfig> = {}): Promise<NodeProcess> =>
      NodeProcess.start({
        node,
        engine,
        address: { host: broker.host, port: broker.port },
        partitions: 4,
        keepsEvents: true,
        ...config,
      });

    beforeAll(async () => {
      broker = await startBroker(engine);
      [a, b, apart] = await Promise.all([
        start("a", { broadcastFun: "broadcast_from", include: ["value"] }),
        start("b", { include: ["value"], codec: "json" }),
        start("apart", { namespace: "apart" }),
      ]);
      await know(a, "b");
      await know(b, "a");
    }, minute);
    afterAll(async () => {
      await Promise.all([a, b, apart].map((node) => node?.kill()));
      await broker?.stop();
    });

    test("events arrive once, those of a key in their order, with their node", async () => {
      const keys = Array.from({ length: 40 }, (_, index) => `order ${index}`);
      for (let version = 0; version < 25; version++)
        await Promise.all([
          a.call("command", "putAll", [keys.map((key) => [key, `a${version}`])]),
          b.call("command", "putAll", [keys.map((key) => [key, `b${version}`])]),
        ]);
      for (const [reader, origin] of [
        [b, "a"],
        [a, "b"],
      ] as const) {
        const events = await eventsOf(
          reader,
          origin,
          "order",
          (all) => entries(all).length >= 1000,
        );
        const expected = Array.from({ length: 25 }, (_, version) => `${origin}${version}`);
        for (const key of keys)
          expect(
            entries(events)
              .filter(([name]) => name === key)
              .map(([, value]) => value),
          ).toEqual(expected);
        const places = events.map(
          ({ epoch, partition, sequence }) => `${epoch} ${partition} ${sequence}`,
        );
        expect(new Set(places).size).toBe(places.length);
      }
    });

    test("keys and values keep their types, over both codecs", async () => {
      const values = [
        "text",
        12.5,
        2n ** 70n,
        true,
        null,
        new Date(86_400_000),
        new Uint8Array([1, 2, 255]),
        new Map<unknown, unknown>([[1, new Set(["x"])]]),
        new Set([1n]),
        { id: 1, deep: { list: [1, "two", { three: 3 }] } },
        [1, undefined, "x"],
      ];
      for (const [writer, reader] of [
        [a, b],
        [b, a],
      ] as const) {
        for (const [index, value] of values.entries())
          await writer.call("command", "put", [`typed ${index}`, value]);
        const events = await eventsOf(
          reader,
          writer.name,
          "typed",
          (all) => all.length >= values.length,
        );
        for (const [index, value] of values.entries()) {
          const event = events.find(({ target }) => keyOf(target) === `typed ${index}`);
          expect(event?.value).toEqual(value);
        }
      }
      const keys = [1, 2n, new Date(5), new Uint8Array([7]), { id: 1 }, ["x", 1]];
      for (const key of keys) await a.call("command", "put", [key, "by a key of another type"]);
      const isOne = ({ value }: PlainEvent): boolean => value === "by a key of another type";
      const found = await waitFor(async () => {
        const events = (await b.call("events")).filter(isOne);
        return events.length === keys.length && events;
      }, patience);
      for (const key of keys) expect(found.map(({ target }) => keyOf(target))).toContainEqual(key);
    });

    test("events about several keys arrive, too", async () => {
      await a.call("command", "putAll", [
        [
          ["many 1", 1],
          ["many 2", 2],
          ["many 3", 3],
        ],
      ]);
      await a.call("command", "deleteAll", [{ prefix: "many" }]);
      const deletions = await waitFor(async () => {
        const events = await b.call("events");
        const found = events.filter(
          ({ type, command }) => type === "deleted" && command === "deleteAll",
        );
        return found.length === 4 && found;
      }, patience);
      expect(new Set(deletions.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2, 3]));
      for (const { target } of deletions)
        expect(target).toEqual({ kind: "query", query: { prefix: "many" } });
    });

    test("a reader of some types of event gets those of all nodes", async () => {
      await using picky = await start("picky", { events: ["deleted"] });
      await know(picky, "a");
      await know(picky, "b");
      for (const node of [a, b]) {
        await node.call("command", "put", [`filter ${node.name}`, 1]);
        await node.call("command", "put", [`filter ${node.name}`, 2]);
        await node.call("command", "delete", [`filter ${node.name}`]);
      }
      await eventsOf(picky, "a", "filter", (all) => all.length > 0);
      await eventsOf(picky, "b", "filter", (all) => all.length > 0);
      const events = await picky.call("events");
      expect(events.map(({ type, node }) => `${node} ${type}`).sort()).toEqual([
        "a deleted",
        "b deleted",
      ]);
    });

    test("broadcast_from keeps an event from the actor that caused it, and from no actor on other nodes", async () => {
      await a.call("startReader");
      await b.call("startReader");
      await a.call("putFromReader", "from 1", 1);
      await a.call("command", "put", ["from 2", 2]);
      const all = (node: NodeProcess): Promise<unknown[]> => node.call("readByReader");
      const fromAs = async (node: NodeProcess): Promise<unknown[]> =>
        (await all(node)).filter((key) => String(key).startsWith("from "));
      await waitFor(async () => (await fromAs(b)).length === 2, patience);
      await waitFor(async () => (await fromAs(a)).length === 1, patience);
      expect(await fromAs(a)).toEqual(["from 2"]);
      // Either of two partitions may be first.
      expect(new Set(await fromAs(b))).toEqual(new Set(["from 1", "from 2"]));
    });

    test("namespaces exchange nothing", async () => {
      await using other = await start("other", { namespace: "apart" });
      await know(apart, "other");
      await know(other, "apart");
      await a.call("command", "put", ["space 1", 1]);
      await eventsOf(b, "a", "space", (all) => all.length === 1);
      await other.call("command", "put", ["space 2", 2]);
      await eventsOf(apart, "other", "space", (all) => all.length === 1);
      expect((await apart.call("events")).map(({ node }) => node)).toEqual(["other"]);
      expect((await b.call("events")).map(({ node }) => node)).not.toContain("other");
      expect((await apart.call("status")).nodes).toEqual(["other"]);
    });

    test("a process whose stream has another shape ends with an error that names both", async () => {
      const error = await failure(start("odd", { partitions: 8 }));
      expect(String(error)).toMatch(/process odd ended \(1\)/);
      expect(String(error)).toContain("ShapeMismatchError");
      expect(String(error)).toMatch(/\b4\b.*\b8\b|\b8\b.*\b4\b/);
      expect(String(error)).toMatch(/\bnode [ab]\b/);
    });

    test("a process whose name is taken ends with an error that says so", async () => {
      const error = await failure(start("apart", { namespace: "apart" }));
      expect(String(error)).toMatch(/process apart ended \(1\)/);
      expect(String(error)).toContain("node names must differ");
    });

    test("a process that ends in order has sent everything, and causes no gap", async () => {
      const last = await start("last", { include: ["value"] });
      await know(a, "last");
      await last.call("command", "putAll", [
        [
          ["last 1", 1],
          ["last 2", 2],
        ],
      ]);
      await last.stop();
      const events = await eventsOf(a, "last", "last", (all) => entries(all).length === 2);
      expect(entries(events).length).toBe(2);
      await waitFor(async () => !(await a.call("status")).nodes.includes("last"), patience);
      const seen = await a.call("seen");
      expect(seen.filter(({ node }) => node === "last").flatMap(({ gaps }) => gaps)).toEqual([]);
    });
  });
}

async function know(node: NodeProcess, other: string): Promise<void> {
  await waitFor(async () => (await node.call("status")).nodes.includes(other), patience);
}

/** Events of one node about keys of one prefix, once there are enough. */
async function eventsOf(
  reader: NodeProcess,
  origin: string,
  prefix: string,
  enough: (events: PlainEvent[]) => boolean,
): Promise<PlainEvent[]> {
  return waitFor(async () => {
    const events = (await reader.call("events")).filter(
      ({ node, target }) =>
        node === origin &&
        (target.kind === "keys"
          ? target.keys.some((key) => String(key).startsWith(prefix))
          : String(keyOf(target)).startsWith(prefix)),
    );
    return enough(events) && events;
  }, patience);
}

function keyOf(target: PlainEvent["target"]): unknown {
  return target.kind === "key" ? target.key : undefined;
}

/** What events stored, in order. */
function entries(events: readonly PlainEvent[]): (readonly [unknown, unknown])[] {
  return events.flatMap((event) => [...(event.values ?? [])]);
}
