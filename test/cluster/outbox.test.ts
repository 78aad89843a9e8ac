import { expect, test } from "@jest/globals";
import { Outbox, type OutboxPort } from "../../src/cluster/outbox.js";
import { causeOf } from "../../src/event/event.js";
import { PartitionLog } from "../../src/log/partition-log.js";
import { source } from "../log/logs.js";

const put = causeOf("put");
const invalidation = Object.freeze({ ...put, invalidation: true });

/** An outbox that sends up to 8 events a message, and waits with fewer than 4. */
function makeOutbox() {
  const sent: number[] = [];
  const answers: (() => void)[] = [];
  const port: OutboxPort = {
    maxInFlight: 3,
    fewEvents: () => 4,
    isOpen: () => true,
    maxSize: () => Infinity,
    maxEvents: () => 8,
    encode: () => new Uint8Array(),
    publish: (_partition, _payload, { count }) => {
      sent.push(count);
      return new Promise((resolve) => answers.push(resolve));
    },
    unsendable: () => {},
    settled: () => {},
    failed: () => {},
  };
  const limits = { capacity: 1000, retain: 0 };
  const includes = { value: false, previous: false };
  const log = new PartitionLog(source, 0, limits, includes, () => {}, true);
  const outbox = new Outbox(log, port);
  const append = (count: number, cause = put): void => {
    for (let left = count; left > 0; left--) log.append("updated", cause, "k", 0);
    log.flush();
    outbox.flush();
  };
  const answer = async (): Promise<void> => {
    answers.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { outbox, sent, append, answer };
}

test("a message of few events waits for the one in flight, one of many does not", async () => {
  const { outbox, sent, append, answer } = makeOutbox();
  append(1);
  expect(sent).toEqual([1]);
  append(2);
  append(1);
  expect(sent).toEqual([1]);
  append(1);
  expect(sent).toEqual([1, 4]);
  append(3);
  expect(sent).toEqual([1, 4]);
  await answer();
  expect(sent).toEqual([1, 4]);
  await answer();
  expect(sent).toEqual([1, 4, 3]);
  await answer();
  expect(outbox.isDone).toBe(true);
});

test("no more than a number of messages are in flight", async () => {
  const { outbox, sent, append, answer } = makeOutbox();
  append(30);
  expect(sent).toEqual([8, 8, 8]);
  await answer();
  expect(sent).toEqual([8, 8, 8, 6]);
  for (let left = 3; left > 0; left--) await answer();
  expect(outbox.isDone).toBe(true);
});

test("what need not be sent holds nothing up", async () => {
  const { outbox, sent, append, answer } = makeOutbox();
  append(8, invalidation);
  expect(sent).toEqual([]);
  append(1);
  expect(sent).toEqual([1]);
  append(20, invalidation);
  append(1);
  await answer();
  expect(sent).toEqual([1, 1]);
  await answer();
  expect(outbox.isDone).toBe(true);
});
