import { describe, expect, test } from "@jest/globals";
import { type Adapter, localAdapter, type Store } from "nebulex-streams";
import { waitFor } from "nebulex-streams/testing";
import { Listener, until } from "../helpers/actors.js";
import { asyncAdapter } from "./async-adapter.js";
import { fast, Nodes, shapes, Wall } from "./nodes.js";

interface Report {
  readonly name: string;
  readonly partition: number | null;
  readonly event: { readonly type: string; readonly metadata?: { readonly node: string } };
  readonly status: string;
  readonly reason: unknown;
  readonly deleted: number;
}

/** A local store whose deletions throw as long as `fails` says so. */
class Failing {
  fails: (method: "delete" | "deleteAll", subject: unknown) => boolean = () => false;

  readonly adapter: Adapter = {
    open: <K, V>(context: Parameters<Adapter["open"]>[0]): Store<K, V> => {
      const store = localAdapter().open<K, V>(context as never);
      for (const method of ["delete", "deleteAll"] as const) {
        const command = store[method].bind(store) as (...args: unknown[]) => never;
        store[method] = (...args: unknown[]): never => {
          if (this.fails(method, args[0])) throw new Error(`${method} failed`);
          return command(...args);
        };
      }
      return store;
    },
  };
}

describe.each(shapes)("partitions: %s", (partitions) => {
  test("a deletion that fails is retried, in order, and reported", async () => {
    await using nodes = new Nodes();
    const failing = new Failing();
    const a = await nodes.start("a", { partitions });
    const b = await nodes.start("b", { partitions, adapter: failing.adapter, clock: fast });
    b.users.put("x", 1, { fill: true });
    using reports = new Listener<Report>("nebulex.streams.invalidator.invalidate");
    let failures = 0;
    failing.fails = () => ++failures <= 2;
    a.users.put("x", 2);
    await waitFor(() => !b.users.has("x"));
    await nodes.quiet();
    expect(reports.messages.map(({ status, deleted }) => [status, deleted])).toEqual([
      ["error", 0],
      ["error", 0],
      ["ok", 1],
    ]);
    expect(reports.messages[0]?.reason).toEqual(new Error("delete failed"));
    expect((await b.tree.ref("users:invalidator")).alive).toBe(true);
  });

  test("an event that always fails clears its partition in the end, and the next ones follow", async () => {
    await using nodes = new Nodes();
    const failing = new Failing();
    const a = await nodes.start("a", { partitions });
    const b = await nodes.start("b", { partitions, adapter: failing.adapter, clock: fast });
    b.users.put("x", 1, { fill: true });
    b.users.put("y", 1, { fill: true });
    failing.fails = (method, key) => method === "delete" && key === "x";
    a.users.put("x", 2);
    a.users.put("y", 2);
    await waitFor(() => b.users.countAll() === 0);
    await nodes.quiet();
    expect((await b.tree.worker(0, "users:invalidator")).alive).toBe(true);
  });

  test("a store that is down for long is cleared when it is back", async () => {
    await using nodes = new Nodes();
    const failing = new Failing();
    const a = await nodes.start("a", { partitions });
    const b = await nodes.start("b", { partitions, adapter: failing.adapter, clock: fast });
    for (const key of ["x", "y", "z"]) b.users.put(key, 1, { fill: true });
    using errors = new Listener("nebulex.streams.handler_error");
    failing.fails = () => true;
    for (const key of ["x", "y", "z"]) a.users.put(key, 2);
    await waitFor(() => errors.messages.length > 4);
    expect(b.users.countAll()).toBe(3);
    failing.fails = () => false;
    await waitFor(() => b.users.countAll() === 0);
  });
});

test("a store that is elsewhere: deletions are waited for, one after the other", async () => {
  await using nodes = new Nodes();
  const clock = new Wall(1_000_000);
  const a = await nodes.start("a", { clock });
  const b = await nodes.start("b", { adapter: asyncAdapter(), clock });
  const pairs = ["x", "p1", "p2", "q"].map((key) => [key, 1] as const);
  await b.elsewhere.putAll(pairs, { fill: true });
  using reports = new Listener<Report>("nebulex.streams.invalidator.invalidate");
  a.users.put("x", 2);
  a.users.put("p1", 2);
  await nodes.quiet();
  expect([...(await b.elsewhere.getAll()).keys()].sort()).toEqual(["p2", "q"]);
  a.users.deleteAll({ prefix: "p" });
  await nodes.quiet();
  expect([...(await b.elsewhere.getAll()).keys()]).toEqual(["q"]);
  const mine = reports.messages.filter(({ event }) => event.metadata?.node === "a");
  expect(mine.map(({ deleted }) => deleted)).toEqual([1, 1, 1]);
  // What was written to a store that is elsewhere can't be compared.
  nodes.hub.pause("a");
  a.users.put("q", 2);
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  clock.pass(10);
  await b.elsewhere.put("q", 3);
  nodes.hub.resume("a");
  await nodes.quiet();
  expect(await b.elsewhere.has("q")).toBe(false);
});

describe("telemetry", () => {
  test.each(shapes)(
    "partitions %s: started and stopped, by stop and by kill",
    async (partitions) => {
      using started = new Listener<object>("nebulex.streams.invalidator.started");
      using stopped = new Listener<object>("nebulex.streams.invalidator.stopped");
      const nodes = new Nodes();
      const b = await nodes.start("b", { partitions });
      const workers = Array.from({ length: partitions ?? 1 }, (_, index) => ({
        cache: "users",
        name: "users",
        partition: partitions === undefined ? null : index,
        partitions: partitions ?? null,
        eventScope: "remote",
      }));
      expect(started.messages).toEqual(workers);
      await (await b.tree.worker(0, "users:invalidator")).kill();
      await until(() => started.messages.length > workers.length);
      expect(stopped.messages).toEqual([
        { ...workers[0], reason: "killed", duration: expect.any(Number) },
      ]);
      await nodes[Symbol.asyncDispose]();
      await until(() => stopped.messages.length > workers.length);
      expect(stopped.messages.slice(1)).toEqual(
        expect.arrayContaining(
          workers.map((worker) => ({
            ...worker,
            reason: "shutdown",
            duration: expect.any(Number),
          })),
        ),
      );
    },
  );

  test("invalidate: the event or the gap, and how many entries went", async () => {
    await using nodes = new Nodes();
    const [a, b] = [
      await nodes.start("a", { partitions: 1 }),
      await nodes.start("b", { partitions: 1 }),
    ];
    b.users.putAll(
      [
        ["x", 1],
        ["y", 1],
      ],
      { fill: true },
    );
    b.users.put("z", 1, { fill: true });
    await nodes.quiet();
    using reports = new Listener<Report>("nebulex.streams.invalidator.invalidate");
    a.users.put("w", 1, { fill: true });
    a.users.put("none", 1);
    a.users.putAll([
      ["x", 1],
      ["y", 1],
    ]);
    await nodes.quiet();
    await nodes.losing(a, "w", () => a.users.put("none", 2));
    const where = { cache: "users", name: "users", partition: 0, status: "ok", reason: null };
    expect(reports.messages).toEqual([
      { ...where, deleted: 0, event: expect.objectContaining({ type: "inserted" }) },
      { ...where, deleted: 2, event: expect.objectContaining({ type: "inserted" }) },
      {
        ...where,
        deleted: 1,
        event: expect.objectContaining({ type: "gap", reason: "transport" }),
      },
    ]);
  });

  test("unhandled_event: a message that is sent to a worker", async () => {
    await using nodes = new Nodes();
    const b = await nodes.start("b", { partitions: 4 });
    using reports = new Listener("nebulex.streams.invalidator.unhandled_event");
    const worker = await b.tree.worker(2, "users:invalidator");
    worker.dispatch("hello");
    await until(() => reports.messages.length > 0);
    expect(reports.messages).toEqual([
      { cache: "users", name: "users", partition: 2, message: "hello" },
    ]);
    expect(worker.alive).toBe(true);
  });
});
