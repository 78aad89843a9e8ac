import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Events from "../../../src/event/event.js";
import type * as Codec from "../../../src/handler/threads/codec.js";
import { Built } from "../../helpers/built.js";
import { eventually, type Package, World } from "./world.js";

let built: Built;
let pkg: Package;
beforeAll(async () => {
  built = await Built.make();
  pkg = await built.load<Package>("index.js");
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());

/** A module whose handler writes down what `show` makes of the event. */
const telling = (show: string): string => `
  import { appendFileSync } from "node:fs";
  import { inspect } from "node:util";
  const log = new URL(import.meta.url).searchParams.get("log");
  export default (event, ctx) => {
    appendFileSync(log, JSON.stringify({ call: "handled", key: ${show} }) + "\\n");
  };`;

const handledKeys = (world: World): unknown[] => world.calls("handled").map(({ key }) => key);

test("keys and values cross as structured clones, with their types", async () => {
  const source = telling("inspect([event.target.key, event.value, event.previous])");
  await using world = await World.start(pkg, { source });
  const entries: [unknown, unknown][] = [
    [new Date(0), new Map([["a", new Set([1])]])],
    [12n, -0],
    [new Uint8Array([1, 2]), undefined],
    [{ id: [1, null] }, /x/g],
    [Number.NaN, { nested: { at: new Date(1) } }],
  ];
  for (const [key, value] of entries) world.cache.put(key as string, value);
  world.cache.delete(12n as unknown as string);
  await world.idle();
  expect(handledKeys(world)).toEqual([
    "[ 1970-01-01T00:00:00.000Z, Map(1) { 'a' => Set(1) { 1 } }, undefined ]",
    "[ 12n, -0, undefined ]",
    "[ Uint8Array(2) [ 1, 2 ], undefined, undefined ]",
    "[ { id: [ 1, null ] }, /x/g, undefined ]",
    "[ NaN, { nested: { at: 1970-01-01T00:00:00.001Z } }, undefined ]",
    "[ 12n, undefined, -0 ]",
  ]);
});

test("an event is the same on both sides, but for its origin", async () => {
  const source = telling("JSON.stringify(event)");
  await using world = await World.start(pkg, { source });
  const here: string[] = [];
  const { cache } = world;
  cache.subscribe((event) => void here.push(JSON.stringify(event)));
  const seen: unknown[] = [];
  const ref = await pkg.spawn(world.sup.system, {
    receive: (_state, event) => void seen.push(event),
  });
  cache.put("a", 1);
  cache.from(ref).put("a", undefined);
  cache.putAll([
    ["b", 2],
    ["c", 3],
  ]);
  cache.put("filled", 1, { fill: true });
  cache.increment("n");
  cache.deleteAll({ keys: ["a", "b"] });
  cache.deleteAll({ prefix: "f" });
  cache.deleteAll();
  await world.idle();
  const events = handledKeys(world).map((text) => JSON.parse(text as string) as object);
  const expected = here.map((text) => JSON.parse(text) as { metadata: object });
  for (const event of expected) event.metadata = { ...event.metadata, origin: null };
  expect(events).toHaveLength(8);
  expect(events).toEqual(expected);
  expect(events.map((event) => "value" in event)).toEqual([
    true,
    false,
    false,
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("a marked deletion of the invalidator's kind, and the events of a snapshot, keep their marks", async () => {
  const { encodeEvents, decodeEvents } = await built.load<typeof Codec>("handler/threads/codec.js");
  const { CacheEvent } = await built.load<typeof Events>("event/event.js");
  const source = {
    cache: "c",
    name: "c",
    partition: 1,
    partitions: 2,
    node: "n",
    epoch: "e",
    startedAt: 5,
  };
  const cause = {
    command: "delete",
    origin: { an: "actor" },
    fill: false,
    invalidation: false,
    snapshot: false,
    source: null,
  };
  const causes = [cause, { ...cause, invalidation: true }, { ...cause, snapshot: true }, cause];
  const events = causes.map((each, n) => new CacheEvent("deleted", each, source, "k", n, n));
  const copies = decodeEvents(structuredClone(encodeEvents(events)), source);
  expect(copies.map(({ metadata }) => metadata)).toEqual(
    events.map(({ metadata }) => ({ ...metadata, origin: null })),
  );
});

test("a function's context has partition, partitions, attempt and a signal", async () => {
  const source = telling(
    "[ctx.partition, ctx.partitions, ctx.attempt, ctx.signal.aborted, Object.keys(ctx).sort().join()]",
  );
  await using world = await World.start(pkg, { source, partitions: 2 });
  world.put({ "1:a": null });
  await world.idle();
  expect(handledKeys(world)).toEqual([
    [1, 2, 1, false, "attempt,fence,partition,partitions,signal"],
  ]);
});

const batching = (options: string): string => `
  import { appendFileSync } from "node:fs";
  import { batchHandler } from ${JSON.stringify("INDEX")};
  const log = new URL(import.meta.url).searchParams.get("log");
  const note = (entry) => appendFileSync(log, JSON.stringify(entry) + "\\n");
  export default batchHandler({
    ${options},
    handle(events, ctx) {
      note({ call: "handled", key: events.map(({ target }) => target.key).join(), attempt: ctx.attempt });
      if (events.some(({ value }) => value === "bad")) throw new Error("bad batch");
      if (events.some(({ value }) => value === "exit") && ctx.attempt === 1) process.exit(1);
    },
    onGap: (gap) => note({ call: "gap" }),
  });`;
const batchingSource = (options: string): string =>
  batching(options).replace("INDEX", pathToFileURL(join(built.folder, "index.js")).href);

test("a batch handler gets batches of its size; a failure is one of the whole batch", async () => {
  await using world = await World.start(pkg, {
    source: batchingSource("maxSize: 3, maxWait: 0"),
    pool: { maxAttempts: 2 },
  });
  const { cache } = world;
  for (let n = 0; n < 12; n++)
    cache.put(`k${n}`, n === 4 ? "bad" : n === 7 ? "exit" : n === 10 ? () => {} : n);
  await world.idle();
  expect(world.calls("handled").map(({ key, attempt }) => `${key} ${attempt}`)).toEqual([
    "k0,k1,k2 1",
    "k3,k4,k5 1",
    "k3,k4,k5 2",
    "k6,k7,k8 1",
    "k6,k7,k8 2",
    "k9 1",
    "k11 1",
  ]);
  expect(world.letters.map(({ key, attempt }) => `${String(key)} ${attempt}`)).toEqual([
    "k3 2",
    "k4 2",
    "k5 2",
    "k10 2",
  ]);
});

test("a batch waits for maxWait, and keeps to it after its thread was replaced", async () => {
  await using world = await World.start(pkg, {
    source: batchingSource("maxSize: 2, maxWait: 100_000"),
    pool: { workers: 1 },
  });
  const { cache } = world;
  cache.put("a", 1);
  cache.put("b", "bad");
  await eventually(() => world.letters.length === 2);
  cache.put("c", 1);
  await (await world.child("jobs:workers:0")).kill();
  cache.put("d", 1);
  await world.idle();
  expect(handledKeys(world)).toEqual(["a,b", "c,d"]);
});
