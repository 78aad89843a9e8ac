import { expect, test } from "@jest/globals";
import { SimulatedClock } from "../../src/testing.js";
import { Gate } from "../helpers/actors.js";
import { Collector } from "../telemetry/helpers.js";
import { GroupLab } from "./lab.js";

test("a cluster group's lag by events and age, what is stored, waits and is trimmed", async () => {
  await using collector = new Collector();
  const clock = new SimulatedClock();
  const gate = new Gate();
  await using lab = new GroupLab({
    clock,
    stream: { partitions: 1 },
    journal: { retain: 2, heartbeat: 300 },
    handle: () => gate.promise,
  });
  const node = await lab.start("metrics-node");
  // A reader of node scope: what its feed sees of the journal is measured.
  node.cache.subscribe(() => {});
  node.put(1, 10);
  await clock.advance(1000);
  const value = async (metric: string): Promise<unknown> =>
    Object.values(await collector.values(metric, { cache: "orders" }))[0];
  const ofGroup = async (metric: string): Promise<unknown> =>
    Object.values(await collector.values(metric, { group: "mailer" }))[0];

  expect(await value("nebulex.journal.appended")).toBe(10);
  expect(await value("nebulex.journal.append.duration")).toMatchObject({ count: 1 });
  expect(await ofGroup("nebulex.streams.lag")).toBe(10);
  expect(await ofGroup("nebulex.journal.lag.age")).toBe(1);
  expect(await value("nebulex.journal.trimmed")).toBe(0);

  gate.open();
  await clock.advance(1000);
  expect(await ofGroup("nebulex.streams.lag")).toBe(0);
  expect(await ofGroup("nebulex.journal.lag.age")).toBe(0);

  lab.hub.disconnect("metrics-node");
  node.put(11, 13);
  expect(await value("nebulex.journal.waiting")).toBe(3);
  lab.hub.connect("metrics-node");
  await clock.advance(2000);
  expect(await value("nebulex.journal.waiting")).toBe(0);
  expect(await value("nebulex.journal.trimmed")).toBeGreaterThan(0);
});

test("the age of an event that is being handled, though the log does not keep it any more", async () => {
  await using collector = new Collector();
  const clock = new SimulatedClock();
  const gate = new Gate();
  await using lab = new GroupLab({
    clock,
    stream: { partitions: 1 },
    pool: { concurrency: 100 },
    handle: ({ metadata }) => (metadata.position === 250 ? gate.promise : undefined),
  });
  const node = await lab.start("a");
  node.put(1, 1000);
  await clock.advance(1000);
  expect(lab.handled.length).toBeGreaterThan(300);
  expect(lab.handled.length).toBeLessThanOrEqual(250 + 64);
  const values = await collector.values("nebulex.journal.lag.age", { group: "mailer" });
  expect(Object.values(values)).toEqual([1]);
  gate.open();
  await clock.advance(1000);
  expect(lab.handled).toHaveLength(1000);
});
