import { describe, expect, test } from "@jest/globals";
import type { Message } from "../../src/log/message.js";
import { NONE, Unacked } from "../../src/log/unacked.js";
import { append, makeLog } from "./logs.js";

const messages = (): [Message, Message, Message] => {
  const log = makeLog(10);
  append(log, 3);
  return [log.at(0), log.at(1), log.at(2)];
};

describe("unacknowledged messages", () => {
  test("are not delivered twice to one reader, and all of them to the next", () => {
    const unacked = new Unacked();
    const [a, b, c] = messages();
    unacked.deliver(a);
    unacked.deliver(b);
    expect(unacked.next()).toBeUndefined();
    unacked.addUndelivered([c]);
    expect([unacked.next(), unacked.next()]).toEqual([c, undefined]);
    unacked.redeliver();
    expect([unacked.next(), unacked.next(), unacked.next(), unacked.next()]).toEqual([
      a,
      b,
      c,
      undefined,
    ]);
  });

  test("can be acknowledged in any order", () => {
    const unacked = new Unacked();
    const [a, b, c] = messages();
    for (const message of [a, b]) unacked.deliver(message);
    unacked.addUndelivered([c]);
    unacked.acknowledge(a);
    expect(unacked.all()).toEqual([b, c]);
    expect(unacked.next()).toBe(c);
    unacked.acknowledge(c);
    unacked.acknowledge(b);
    expect([unacked.size, unacked.newest]).toEqual([0, undefined]);
  });

  test("include the event that is being visited in their number only", () => {
    const unacked = new Unacked();
    unacked.inlineOffset = 4;
    expect([unacked.size, unacked.held, unacked.all().length]).toEqual([1, 0, 0]);
    unacked.inlineOffset = NONE;
    expect(unacked.size).toBe(0);
  });

  test("have their failures counted until they are acknowledged", () => {
    const unacked = new Unacked();
    const [a, b] = messages();
    unacked.deliver(a);
    unacked.deliver(b);
    expect([unacked.countFailure(a), unacked.countFailure(a), unacked.failuresOf(b)]).toEqual([
      1, 2, 0,
    ]);
    unacked.acknowledge(a);
    expect(unacked.failuresOf(a)).toBe(0);
  });
});
