import { describe, expect, test } from "@jest/globals";
import type { GapEvent } from "../../src/event/types.js";
import { Gaps } from "../../src/log/gaps.js";
import type { ReadBatch } from "../../src/cluster/batch.js";
import type { StateMessage } from "../../src/cluster/messages.js";
import { Replicas } from "../../src/cluster/replicas.js";

const heartbeat = 300;

/** The account of a node that reads partition 0, and what it reports to its readers. */
class Account {
  readonly reported: string[] = [];
  /** Partitions of which events were sent before the replica was first heard. */
  readonly found: number[] = [];
  readonly replicas: Replicas;
  time = 0;
  /** How far the other node's clock is behind, in milliseconds. */
  behind = 0;

  constructor(ordered: boolean, before?: { account: Account; wanted: boolean }) {
    this.replicas = new Replicas({
      ordered,
      heartbeat,
      now: () => this.time,
      nodeTime: () => this.time,
      describe: () => ({ cache: "users", name: "users", partition: null, partitions: null }),
      listener: {
        events: (_, { epoch }, { numbers }, from) =>
          void this.reported.push(`${epoch} ${numbers.slice(from).join()}`),
        gap: (_, { epoch }, from, to) => void this.reported.push(`${epoch} gap ${from}..${to}`),
        found: (partition) => void this.found.push(partition),
        node: (_, status) => void this.reported.push(status),
      },
    });
    if (before !== undefined)
      this.replicas.takeOver(before.account.replicas, [{ index: 0, hasReaders: before.wanted }]);
    this.replicas.want(0);
  }

  /** What was reported since the last call. */
  news(): string[] {
    return this.reported.splice(0);
  }

  data(epoch: string, ...numbers: number[]): void {
    const [first, to] = [numbers[0] as number, numbers.at(-1) as number];
    this.replicas.receive({
      kind: "data",
      ...this.#id(epoch),
      partition: 0,
      after: first - 1,
      to,
      batch: { numbers, types: numbers.map(() => "inserted") } as unknown as ReadBatch,
    });
  }

  state(kind: StateMessage["kind"], epoch: string, covered: number, sent = covered): void {
    const shape = { partitions: null, hash: "defaultHash", version: 1 };
    const claims = { coverage: [covered], sent: [sent] };
    this.replicas.state({ kind, ...this.#id(epoch), shape, ...claims, waiting: 0 });
  }

  pass(milliseconds: number): void {
    for (const end = this.time + milliseconds; this.time < end;) {
      this.time += heartbeat / 3;
      this.replicas.tick();
    }
  }

  #id(epoch: string): { node: string; epoch: string; startedAt: number; sentAt: number } {
    return { node: "a", epoch, startedAt: 0, sentAt: this.time - this.behind };
  }
}

describe("the account of another node", () => {
  test("counts no node as silent because this node itself was held up", () => {
    const account = new Account(true);
    account.state("hello", "one", -1);
    account.time += 10 * heartbeat;
    account.replicas.tick();
    expect(account.news()).toEqual(["up"]);
    // Messages that waited have been read by now: without any, the node is silent.
    account.time += heartbeat / 3;
    account.replicas.tick();
    expect(account.news()).toEqual(["silent", "one gap 0..-1"]);
  });

  test("counts a late message by the epoch that it belongs to, over a transport without order", () => {
    const account = new Account(false);
    account.state("hello", "one", -1);
    account.data("one", 0, 1, 2);
    account.state("hello", "two", -1);
    account.data("two", 0);
    account.data("one", 2);
    account.data("one", 3);
    account.data("two", 1);
    expect(account.news()).toEqual([
      "up",
      "one 0,1,2",
      "one gap 3..2",
      "restarted",
      "two 0",
      "one 3",
      "one gap 4..3",
      "two 1",
    ]);
  });

  test("repeats the open gap of a node that is gone after a late event of it", () => {
    const account = new Account(false);
    account.state("hello", "one", -1);
    account.data("one", 0);
    account.pass(2 * heartbeat);
    account.pass(100 * heartbeat);
    expect(account.news()).toEqual([
      "up",
      "one 0",
      "silent",
      "one gap 1..0",
      "one gap 1..0",
      "down",
    ]);
    account.data("one", 2);
    account.data("one", 2);
    expect(account.news()).toEqual(["one gap 1..1", "one 2", "one gap 3..2"]);
  });

  test("repeats the open gap of a silent node that restarts: copies made since then may be stale", () => {
    const account = new Account(true);
    account.state("hello", "one", -1);
    account.data("one", 0);
    account.pass(2 * heartbeat);
    account.state("hello", "two", -1);
    expect(account.news()).toEqual([
      "up",
      "one 0",
      "silent",
      "one gap 1..0",
      "one gap 1..0",
      "restarted",
    ]);
  });

  test("opens no gap after a late event of a node that ended in order", () => {
    const account = new Account(true);
    account.state("hello", "one", -1);
    account.data("one", 0);
    account.state("bye", "one", 0);
    account.data("one", 0);
    account.data("one", 1);
    expect(account.news()).toEqual(["up", "one 0", "down", "one 1"]);
  });

  test("waits for the last events of a node that ended, over a transport without order, and reports the missing ones", () => {
    const account = new Account(false);
    account.state("hello", "one", -1);
    account.data("one", 0);
    account.state("bye", "one", 4);
    account.data("one", 1, 2);
    expect(account.news()).toEqual(["up", "one 0", "one 1,2"]);
    account.pass(2 * heartbeat);
    expect(account.news()).toEqual(["one gap 3..4", "down"]);
  });

  test("waits as long for the last events of a node that has restarted meanwhile, over a transport without order", () => {
    const account = new Account(false);
    account.state("hello", "one", -1);
    account.data("one", 0);
    account.state("bye", "one", 4);
    account.state("hello", "two", -1);
    account.data("one", 1, 2);
    // A late message too: it does not show that the epoch continues.
    account.state("reply", "one", 3);
    expect(account.news()).toEqual(["up", "one 0", "restarted", "one 1,2"]);
    for (let n = 0; n < 4; n++) {
      account.pass(heartbeat / 3);
      account.state("beat", "two", -1);
    }
    expect(account.news()).toEqual(["one gap 3..4"]);
    account.data("one", 3, 4);
    expect(account.news()).toEqual([]);
  });

  test("does not take a repeated heartbeat for a later one, over a transport without order", () => {
    const account = new Account(false);
    account.state("hello", "one", -1);
    account.data("one", 0);
    for (let n = 0; n < 3; n++) account.state("beat", "one", 4);
    account.pass(heartbeat / 3);
    account.state("beat", "one", 6);
    account.data("one", 1, 2);
    expect(account.news()).toEqual(["up", "one 0", "one 1,2"]);
    for (let n = 0; n < 3; n++) {
      account.pass(heartbeat / 3);
      account.state("beat", "one", 6);
    }
    // A heartbeat has passed since the first of them, not since the last.
    expect(account.news()).toEqual(["one gap 3..4"]);
    account.data("one", 5);
    account.pass(heartbeat / 3);
    expect(account.news()).toEqual(["one 5", "one gap 6..6"]);
  });

  test("begins after what was sent before the question, over a transport with order and without", () => {
    const ordered = new Account(true);
    ordered.state("reply", "one", 7);
    ordered.data("one", 9);
    expect(ordered.news()).toEqual(["up", "one gap 8..8", "one 9"]);
    const unordered = new Account(false);
    unordered.state("reply", "one", 9);
    unordered.data("one", 8, 9);
    expect(unordered.news()).toEqual(["up", "one 8,9"]);
  });

  test.each([true, false])(
    "begin behind what was under way when another node said how far it is (ordered: %p)",
    (ordered) => {
      const account = new Account(ordered);
      // The broker has delivered 308, and delivers 309 to those subscribed by then.
      account.state("beat", "one", 308, 309);
      account.data("one", 310);
      expect(account.news()).toEqual(["up", "one 310"]);
      account.data("one", 312);
      expect(account.news()).toEqual(["one gap 311..311", "one 312"]);
    },
  );

  test.each([true, false])(
    "begin behind nothing that was said before the subscription stood (ordered: %p)",
    (ordered) => {
      const account = new Account(ordered);
      account.replicas.unwant(0);
      account.replicas.want(0, false);
      account.state("beat", "one", 5);
      account.replicas.want(0);
      account.data("one", 8);
      expect(account.news()).toEqual(["up", "one 8"]);
      account.state("beat", "one", 8);
      account.data("one", 10);
      expect(account.news()).toEqual(["one gap 9..9", "one 10"]);
    },
  );

  test("expects all events of an epoch that began after it, also when its first messages are lost", () => {
    const account = new Account(true);
    account.state("hello", "one", -1);
    account.state("bye", "one", -1);
    account.data("two", 3);
    expect(account.news()).toEqual(["up", "down", "up", "two gap 0..2", "two 3"]);
  });

  test.each([true, false])(
    "notes that a replica had sent events before it was first heard (ordered: %p)",
    (ordered) => {
      const said = new Account(ordered);
      said.state("reply", "one", 5);
      said.state("beat", "one", 6);
      said.data("one", 7);
      expect(said.found).toEqual([0]);
      const sent = new Account(ordered);
      sent.data("one", 7);
      sent.state("beat", "one", 7);
      expect(sent.found).toEqual([0]);
      const fresh = new Account(ordered);
      fresh.state("reply", "one", -1);
      fresh.data("one", 0);
      expect(fresh.found).toEqual([]);
    },
  );

  test("measures the clock of a node anew after it was silent or seemed gone", () => {
    const account = new Account(true);
    const skew = (): number | undefined => account.replicas.find("a")?.skew;
    account.state("hello", "one", -1);
    account.pass(2 * heartbeat);
    // Its machine was suspended, and its clock with it.
    account.behind = 2 * heartbeat;
    account.state("beat", "one", -1);
    expect(skew()).toBe(2 * heartbeat);
    account.pass(200 * heartbeat);
    expect(skew()).toBeUndefined();
    account.behind = 202 * heartbeat;
    account.state("beat", "one", -1);
    expect(skew()).toBe(202 * heartbeat);
  });

  test("is taken over by the next one, for partitions that are still read", () => {
    const before = new Account(true);
    before.state("hello", "one", -1);
    before.data("one", 0);
    const after = new Account(true, { account: before, wanted: true });
    after.state("reply", "one", 5);
    expect(after.news()).toEqual(["one gap 1..5"]);
    const unread = new Account(true, { account: after, wanted: false });
    unread.state("reply", "one", 9);
    expect(unread.news()).toEqual([]);
  });
});

test("consecutive gaps are merged into one, except for one without an end", () => {
  const gaps = new Gaps();
  const gap = (from: number, to: number): GapEvent => ({
    type: "gap",
    cache: "users",
    name: "users",
    partition: null,
    from,
    to,
    reason: "transport",
    node: "a",
    epoch: "one",
  });
  for (const one of [gap(1, 2), gap(3, 5), gap(6, 5), gap(6, 5)]) gaps.add(one, 0);
  const reported: string[] = [];
  for (let next = gaps.shift(); next !== undefined; next = gaps.shift())
    reported.push(`${next.from}..${next.to}`);
  expect(reported).toEqual(["1..5", "6..5"]);
});
