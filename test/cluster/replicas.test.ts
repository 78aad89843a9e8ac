import { describe, expect, test } from "@jest/globals";
import type { GapEvent } from "../../src/event/types.js";
import { Gaps } from "../../src/log/gaps.js";
import type { ReadBatch } from "../../src/cluster/batch.js";
import type { StateMessage } from "../../src/cluster/messages.js";
import { Replicas } from "../../src/cluster/replicas.js";

const heartbeat = 300;

/** The books of a node that reads partition 0, with what its readers would be told. */
class Books {
  readonly told: string[] = [];
  readonly replicas: Replicas;
  time = 0;
  /** How far the other node's clock is behind. */
  behind = 0;

  constructor(ordered: boolean, before?: { books: Books; wanted: boolean }) {
    this.replicas = new Replicas({
      ordered,
      heartbeat,
      now: () => this.time,
      nodeTime: () => this.time,
      describe: () => ({ cache: "users", name: "users", partition: null, partitions: null }),
      listener: {
        events: (_, { epoch }, { numbers }, from) =>
          void this.told.push(`${epoch} ${numbers.slice(from).join()}`),
        gap: (_, { epoch }, from, to) => void this.told.push(`${epoch} gap ${from}..${to}`),
        node: (_, status) => void this.told.push(status),
      },
    });
    if (before !== undefined)
      this.replicas.takeOver(before.books.replicas, [{ index: 0, hasReaders: before.wanted }]);
    this.replicas.want(0);
  }

  /** What has been told since the last call. */
  news(): string[] {
    return this.told.splice(0);
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

describe("the books on another node", () => {
  test("count nobody as silent because this node itself was held up", () => {
    const books = new Books(true);
    books.state("hello", "one", -1);
    books.time += 10 * heartbeat;
    books.replicas.tick();
    expect(books.news()).toEqual(["up"]);
    // What was waiting to be read is there by now; if there was nothing, it is silent indeed.
    books.time += heartbeat / 3;
    books.replicas.tick();
    expect(books.news()).toEqual(["silent", "one gap 0..-1"]);
  });

  test("give what came late of a life that is over its place there, over a transport without order", () => {
    const books = new Books(false);
    books.state("hello", "one", -1);
    books.data("one", 0, 1, 2);
    books.state("hello", "two", -1);
    books.data("two", 0);
    books.data("one", 2);
    books.data("one", 3);
    books.data("two", 1);
    expect(books.news()).toEqual([
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

  test("repeat the open gap of a node that is gone behind what came late of it", () => {
    const books = new Books(false);
    books.state("hello", "one", -1);
    books.data("one", 0);
    books.pass(2 * heartbeat);
    books.pass(100 * heartbeat);
    expect(books.news()).toEqual(["up", "one 0", "silent", "one gap 1..0", "one gap 1..0", "down"]);
    books.data("one", 2);
    books.data("one", 2);
    expect(books.news()).toEqual(["one gap 1..1", "one 2", "one gap 3..2"]);
  });

  test("repeat the open gap of a silent node that begins anew: what was read again since then is in doubt", () => {
    const books = new Books(true);
    books.state("hello", "one", -1);
    books.data("one", 0);
    books.pass(2 * heartbeat);
    books.state("hello", "two", -1);
    expect(books.news()).toEqual([
      "up",
      "one 0",
      "silent",
      "one gap 1..0",
      "one gap 1..0",
      "restarted",
    ]);
  });

  test("open no gap behind what came late of a node that said that it ends", () => {
    const books = new Books(true);
    books.state("hello", "one", -1);
    books.data("one", 0);
    books.state("bye", "one", 0);
    books.data("one", 0);
    books.data("one", 1);
    expect(books.news()).toEqual(["up", "one 0", "down", "one 1"]);
  });

  test("wait for what a node that ended has sent, over a transport without order, and tell what does not come", () => {
    const books = new Books(false);
    books.state("hello", "one", -1);
    books.data("one", 0);
    books.state("bye", "one", 4);
    books.data("one", 1, 2);
    expect(books.news()).toEqual(["up", "one 0", "one 1,2"]);
    books.pass(2 * heartbeat);
    expect(books.news()).toEqual(["one gap 3..4", "down"]);
  });

  test("wait as long for what a node has sent that has begun anew meanwhile, over a transport without order", () => {
    const books = new Books(false);
    books.state("hello", "one", -1);
    books.data("one", 0);
    books.state("bye", "one", 4);
    books.state("hello", "two", -1);
    books.data("one", 1, 2);
    // Late as well, and no sign of a life that goes on.
    books.state("reply", "one", 3);
    expect(books.news()).toEqual(["up", "one 0", "restarted", "one 1,2"]);
    for (let n = 0; n < 4; n++) {
      books.pass(heartbeat / 3);
      books.state("beat", "two", -1);
    }
    expect(books.news()).toEqual(["one gap 3..4"]);
    books.data("one", 3, 4);
    expect(books.news()).toEqual([]);
  });

  test("take no sign of life for a later one because it comes twice, over a transport without order", () => {
    const books = new Books(false);
    books.state("hello", "one", -1);
    books.data("one", 0);
    for (let n = 0; n < 3; n++) books.state("beat", "one", 4);
    books.pass(heartbeat / 3);
    books.state("beat", "one", 6);
    books.data("one", 1, 2);
    expect(books.news()).toEqual(["up", "one 0", "one 1,2"]);
    for (let n = 0; n < 3; n++) {
      books.pass(heartbeat / 3);
      books.state("beat", "one", 6);
    }
    // A heartbeat has passed since the first of them, and not since the last.
    expect(books.news()).toEqual(["one gap 3..4"]);
    books.data("one", 5);
    books.pass(heartbeat / 3);
    expect(books.news()).toEqual(["one 5", "one gap 6..6"]);
  });

  test("begin behind what was sent before they were asked for, over a transport with order and without", () => {
    const ordered = new Books(true);
    ordered.state("reply", "one", 7);
    ordered.data("one", 9);
    expect(ordered.news()).toEqual(["up", "one gap 8..8", "one 9"]);
    const unordered = new Books(false);
    unordered.state("reply", "one", 9);
    unordered.data("one", 8, 9);
    expect(unordered.news()).toEqual(["up", "one 8,9"]);
  });

  test.each([true, false])(
    "begin behind what was under way when another node said how far it is (ordered: %p)",
    (ordered) => {
      const books = new Books(ordered);
      // The broker has 308 and is passing 309 on, to those who had subscribed by then.
      books.state("beat", "one", 308, 309);
      books.data("one", 310);
      expect(books.news()).toEqual(["up", "one 310"]);
      books.data("one", 312);
      expect(books.news()).toEqual(["one gap 311..311", "one 312"]);
    },
  );

  test.each([true, false])(
    "begin behind nothing that was said before the subscription stood (ordered: %p)",
    (ordered) => {
      const books = new Books(ordered);
      books.replicas.unwant(0);
      books.replicas.want(0, false);
      books.state("beat", "one", 5);
      books.replicas.want(0);
      books.data("one", 8);
      expect(books.news()).toEqual(["up", "one 8"]);
      books.state("beat", "one", 8);
      books.data("one", 10);
      expect(books.news()).toEqual(["one gap 9..9", "one 10"]);
    },
  );

  test("owe a life that began under their eyes from its first event on, also when its first messages are lost", () => {
    const books = new Books(true);
    books.state("hello", "one", -1);
    books.state("bye", "one", -1);
    books.data("two", 3);
    expect(books.news()).toEqual(["up", "down", "up", "two gap 0..2", "two 3"]);
  });

  test("measure the clock of a node that was silent, or seemed gone, anew", () => {
    const books = new Books(true);
    const skew = (): number | undefined => books.replicas.find("a")?.skew;
    books.state("hello", "one", -1);
    books.pass(2 * heartbeat);
    // Its machine was suspended, and its clock with it.
    books.behind = 2 * heartbeat;
    books.state("beat", "one", -1);
    expect(skew()).toBe(2 * heartbeat);
    books.pass(200 * heartbeat);
    expect(skew()).toBeUndefined();
    books.behind = 202 * heartbeat;
    books.state("beat", "one", -1);
    expect(skew()).toBe(202 * heartbeat);
  });

  test("are given on to those that follow, for partitions that are still read", () => {
    const before = new Books(true);
    before.state("hello", "one", -1);
    before.data("one", 0);
    const after = new Books(true, { books: before, wanted: true });
    after.state("reply", "one", 5);
    expect(after.news()).toEqual(["one gap 1..5"]);
    const unread = new Books(true, { books: after, wanted: false });
    unread.state("reply", "one", 9);
    expect(unread.news()).toEqual([]);
  });
});

test("gaps that follow one another are told as one, but for one without an end", () => {
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
  const told: string[] = [];
  for (let next = gaps.shift(); next !== undefined; next = gaps.shift())
    told.push(`${next.from}..${next.to}`);
  expect(told).toEqual(["1..5", "6..5"]);
});
