import { describe, expect, test } from "@jest/globals";
import { getStream, type Hub } from "../../src/index.js";
import { binaryCodec } from "../../src/pubsub/binary-codec.js";
import { frame } from "../../src/pubsub/frame.js";
import type { LocalHub } from "../../src/pubsub/hub.js";
import { eventTypes } from "../../src/event/types.js";
import { Listener } from "../helpers/actors.js";
import { Cluster, type ClusterNode, heartbeat, type Reader } from "./cluster.js";

/** A state as it is sent, but for the fields given. */
function state(
  kind: number,
  node: string,
  epoch: string,
  coverage: unknown,
  at: unknown = 1,
  sent: unknown = null,
): unknown[] {
  const shape = [4, "defaultHash", 1];
  return [kind, "nebulex", "users", "users", node, epoch, at, at, shape, coverage, 0, sent];
}
const [hello, beat, bye] = [1, 3, 4];

/** One event about a key, as it is sent. */
function data(
  node: string,
  epoch: string,
  partition: unknown,
  after: unknown,
  to: unknown,
): unknown[] {
  const columns = [
    new Uint8Array([0]),
    [["put", false]],
    null,
    [1, 0],
    null,
    null,
    ["forged"],
    null,
    null,
  ];
  return [0, "nebulex", "users", "users", node, epoch, 1, 1, partition, after, to, columns];
}

/** Two nodes with four partitions, a reader on b that has heard a, and forged messages. */
class Forgery implements AsyncDisposable {
  readonly cluster = new Cluster();
  readonly reported = new Listener<{ reason: string }>("nebulex.pubsub.message_rejected");
  a!: ClusterNode;
  b!: ClusterNode;
  reader!: Reader;

  static async begin(): Promise<Forgery> {
    const forgery = new Forgery();
    const { cluster } = forgery;
    forgery.a = await cluster.start("a", { stream: { partitions: 4 } });
    forgery.b = await cluster.start("b", { stream: { partitions: 4 } });
    forgery.reader = forgery.b.read();
    await cluster.rest();
    for (let n = 0; n < 40; n++) forgery.a.cache.put(n, n);
    await cluster.until(() => forgery.reader.events.length === 40);
    await cluster.clock.advance(2 * heartbeat);
    forgery.reader.messages.length = 0;
    return forgery;
  }

  /** Sends a forged message on its channel. */
  async send(...messages: unknown[][]): Promise<void> {
    const transport = (this.cluster.hub as Hub as LocalHub).transport("enemy");
    await transport.open({ message: () => {}, status: () => {} });
    for (const fields of messages) {
      const channel =
        fields[0] === 0
          ? `data:1:4:defaultHash:${Number.isInteger(fields[8]) && (fields[8] as number) in [0, 0, 0, 0] ? String(fields[8]) : 0}`
          : "nodes";
      void transport.publish(
        `nebulex:bus:stream:users:users:${channel}`,
        frame(binaryCodec, fields),
      );
    }
    await transport.close();
    await this.cluster.rest();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reported[Symbol.dispose]();
    await this.cluster[Symbol.asyncDispose]();
  }
}

const all = [-1, -1, -1, -1];

describe("a forged message", () => {
  test.each([
    ["a negative sequence", data("x", "e", 0, -2, 1)],
    ["a sequence that is no integer", data("x", "e", 0, 0.5, 1)],
    ["a sequence beyond 2^53", data("x", "e", 0, 2 ** 53, 2 ** 53 + 2)],
    ["NaN for a sequence", data("x", "e", 0, NaN, 1)],
    ["a claim that ends before it begins", data("x", "e", 0, 5, 5)],
    ["a partition that there is not", data("x", "e", 4, -1, 0)],
    ["another partition than the channel's", data("x", "e", -1, -1, 0)],
    ["coverage of too few partitions", state(hello, "x", "e", [1])],
    ["coverage of a negative sequence", state(beat, "x", "e", [-2, 0, 0, 0])],
    ["coverage that is no list", state(beat, "x", "e", { length: 4 })],
    [
      "coverage of a million partitions",
      state(beat, "x", "e", new Array<number>(1_000_000).fill(0)),
    ],
    ["too few sequences that were sent", state(beat, "x", "e", all, 1, [1])],
    ["a negative sequence that was sent", state(beat, "x", "e", all, 1, [-2, 0, 0, 0])],
    ["a time before 1970", state(beat, "x", "e", all, -1)],
    ["an empty name", state(hello, "", "e", all)],
    ["a name of a thousand characters", state(hello, "x".repeat(1000), "e", all)],
    ["a kind that there is not", state(9, "x", "e", all)],
  ])("with %s is refused", async (_, fields) => {
    await using forgery = await Forgery.begin();
    await forgery.send(fields);
    expect(forgery.reported.messages.length).toBeGreaterThan(0);
    expect(forgery.reader.messages).toEqual([]);
    expect(getStream(forgery.b.cache).nodes()).toMatchObject([{ node: "a" }]);
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "of a node named %s is that of a node like any other",
    async (name) => {
      await using forgery = await Forgery.begin();
      await forgery.send(state(hello, name, name, all), data(name, name, 0, -1, 0));
      expect(forgery.reader.events).toMatchObject([
        { target: { key: "forged" }, metadata: { node: name, epoch: name, sequence: 0 } },
      ]);
      expect(eventTypes).toContain(forgery.reader.events[0]?.type);
    },
  );

  test("that claims many events makes a gap of that node, and of no other", async () => {
    await using forgery = await Forgery.begin();
    const { a, reader, cluster } = forgery;
    await forgery.send(
      state(beat, "x", "e", all),
      state(beat, "x", "e", new Array(4).fill(Number.MAX_SAFE_INTEGER)),
    );
    expect(reader.gapsOf("x")).toEqual(new Array(4).fill(`0..${Number.MAX_SAFE_INTEGER}`));
    for (let n = 0; n < 40; n++) a.cache.put(n, -n);
    await cluster.until(() => reader.keysFrom("a").length === 40);
    expect(reader.gapsOf("a")).toEqual([]);
  });

  test("of a new epoch of a real node, or of its end, causes gaps without bounds, and loses none of its events", async () => {
    await using forgery = await Forgery.begin();
    const { a, reader, cluster } = forgery;
    using _clashes = new Listener("nebulex.streams.shape_mismatch");
    for (let round = 0; round < 5; round++) {
      await forgery.send(
        state(hello, "a", `forged ${round}`, all),
        state(bye, "a", `forged ${round}`, all),
      );
      if (round % 2 === 0) await forgery.send(state(bye, "a", a.epoch, all));
      for (let n = 0; n < 8; n++) a.cache.put(n, `${round} ${n}`);
      await cluster.rest();
      await cluster.clock.advance(heartbeat);
    }
    expect(reader.keysFrom("a")).toHaveLength(40);
    expect(reader.gaps.filter(({ epoch, from, to }) => epoch === a.epoch && to >= from)).toEqual(
      [],
    );
    expect(getStream(forgery.b.cache).nodes()).toMatchObject([{ node: "a", epoch: a.epoch }]);
  });

  test("of each of 10,000 nodes leaves at most 4096 of them, and the events of real ones arrive", async () => {
    await using forgery = await Forgery.begin();
    const { a, b, reader, cluster } = forgery;
    for (let n = 0; n < 10_000; n += 1000) {
      await forgery.send(
        ...Array.from({ length: 1000 }, (_, more) => state(hello, `node ${n + more}`, "e", all)),
      );
      // Real nodes keep sending heartbeats.
      await cluster.clock.advance(heartbeat / 3);
    }
    expect(getStream(b.cache).nodes().length).toBeLessThanOrEqual(4096);
    reader.messages.length = 0;
    for (let n = 0; n < 40; n++) a.cache.put(n, -n);
    await cluster.until(() => reader.keysFrom("a").length === 40);
    expect(reader.gapsOf("a")).toEqual([]);
  });

  test("of thousands of losses is not kept one by one for a reader that does not read", async () => {
    await using forgery = await Forgery.begin();
    const { b, cluster } = forgery;
    let release = (): void => {};
    const gaps: { from: number; to: number }[] = [];
    b.cache.subscribe(
      async (message) => {
        if (message.type === "gap") gaps.push(message);
        else await new Promise<void>((resolve) => (release = resolve));
      },
      { gaps: true, partition: 0 },
    );
    await cluster.rest();
    const messages: unknown[][] = [state(hello, "x", "e", all), data("x", "e", 0, -1, 0)];
    for (let n = 1; n <= 10_000; n++) messages.push(data("x", "e", 0, 2 * n - 1, 2 * n));
    await forgery.send(...messages);
    const until = async (): Promise<void> => {
      for (let turn = 0; turn < 20_000 && !gaps.some(({ to }) => to >= 19_999); turn++) {
        release();
        await cluster.rest(2);
      }
    };
    await until();
    // All is reported, with fewer gaps.
    expect(gaps.length).toBeLessThan(5000);
    const reported = new Set(
      gaps.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, n) => from + n)),
    );
    for (let n = 1; n <= 10_000; n++) expect(reported.has(2 * n - 1)).toBe(true);
  });
});
