import { describe, expect, test } from "@jest/globals";
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
  let time = 0;
  const port: OutboxPort = {
    maxInFlight: () => 3,
    enoughEvents: () => 4,
    now: () => time,
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
  const write = (count: number, cause = put): void => {
    for (let left = count; left > 0; left--) log.append("updated", cause, "k", 0);
    log.flush();
  };
  const append = (count: number, cause = put): void => {
    write(count, cause);
    outbox.flush();
  };
  const pass = (milliseconds: number): void => void (time += milliseconds);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const confirm = (): void => answers.shift()?.();
  /** Confirms a message long after it was sent. */
  const answer = async (): Promise<void> => {
    pass(100);
    confirm();
    await turn();
  };
  return { outbox, sent, write, append, pass, turn, confirm, answer };
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

describe("events that come soon after a message", () => {
  test("gather while each turn brings some, until there are enough", async () => {
    const { sent, write, turn, confirm } = makeOutbox();
    write(1);
    await turn();
    // There was no message before it.
    expect(sent).toEqual([1]);
    confirm();
    for (let turns = 3; turns > 0; turns--) {
      write(1);
      await turn();
      expect(sent).toEqual([1]);
    }
    write(1);
    await turn();
    await turn();
    expect(sent).toEqual([1, 4]);
  });

  test("are sent once a turn brings none", async () => {
    const { sent, write, turn, confirm } = makeOutbox();
    write(1);
    await turn();
    confirm();
    write(1);
    await turn();
    write(1);
    await turn();
    expect(sent).toEqual([1]);
    await turn();
    await turn();
    expect(sent).toEqual([1, 2]);
  });

  test("wait no longer than a few milliseconds, or until the outbox is flushed", async () => {
    const { outbox, sent, write, pass, turn, confirm } = makeOutbox();
    write(1);
    await turn();
    confirm();
    write(1);
    await turn();
    write(1);
    pass(4);
    await turn();
    expect(sent).toEqual([1, 2]);
    confirm();
    write(1);
    await turn();
    expect(sent).toEqual([1, 2]);
    write(1);
    outbox.flush();
    expect(sent).toEqual([1, 2, 2]);
  });
});
