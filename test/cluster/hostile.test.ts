import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { getStream, type Hub } from "../../src/index.js";
import { type LocalHub } from "../../src/pubsub/hub.js";
import type { Transport } from "../../src/pubsub/transport.js";
import { anySeed, SeededRandom } from "../../src/testing/random.js";
import { Listener } from "../helpers/actors.js";
import { recordWarnings } from "../helpers/warnings.js";
import { Cluster, type ClusterNode, heartbeat, type Message } from "./cluster.js";
import { anyBytes, anyFrames, type Captured, damaged, forged } from "./hostile.js";

const partitions = 4;

/** Two nodes that keep working, and an attacker on their hub. */
class Siege implements AsyncDisposable {
  readonly cluster = new Cluster();
  readonly seed = anySeed();
  readonly random = new SeededRandom(this.seed);
  readonly captured: Captured[] = [];
  /** The last messages of a reader; all of them would be a memory leak of the test. */
  readonly counts = { events: 0, gaps: 0 };
  last: Message | undefined;
  a!: ClusterNode;
  b!: ClusterNode;
  #enemy!: Transport;
  #sent = 0;
  #isOver = false;

  async begin(): Promise<void> {
    const { cluster } = this;
    const options = { stream: { partitions, include: ["value", "previous"] as const } };
    this.a = await cluster.start("a", options);
    const stop = cluster.hub.intercept(({ channel, payload }) => {
      this.captured.push({ channel, payload: payload.slice() });
      return "deliver";
    });
    this.b = await cluster.start("b", options);
    for (const node of [this.a, this.b])
      node.cache.subscribe(
        (message) => {
          this.last = message as Message;
          this.counts[message.type === "gap" ? "gaps" : "events"]++;
        },
        { partition: "all", gaps: true },
      );
    await cluster.rest();
    for (let n = 0; n < 8; n++) this.#write(this.a, n);
    await cluster.clock.advance(heartbeat);
    for (let n = 0; n < 8; n++) this.#write(this.b, n);
    await cluster.clock.advance(heartbeat);
    stop();
    this.counts.events = this.counts.gaps = 0;
    this.#enemy = (cluster.hub as Hub as LocalHub).transport("enemy");
    await this.#enemy.open({ message: () => {}, status: () => {} });
  }

  #write({ cache }: ClusterNode, n: number): void {
    cache.put(`key ${n}`, { n, when: new Date(n), list: [1n, new Uint8Array([n])] });
    cache.putAll([
      [n, new Map([[n, n]])],
      [`more ${n}`, n],
    ]);
    if (n % 5 === 0) cache.deleteAll({ prefix: "more" });
  }

  get channels(): string[] {
    return [...new Set(this.captured.map(({ channel }) => channel))];
  }

  /** How many messages both have rejected. */
  get rejected(): number {
    return this.a.bus.rejected + this.b.bus.rejected;
  }

  /** Publishes to all nodes on a channel. */
  async send(channel: string, payload: Uint8Array): Promise<void> {
    if (this.#isOver) throw new Error("the test is over");
    const sent = this.#enemy.publish(channel, payload);
    if (++this.#sent % 500 === 0) await sent;
  }

  /** Whether events written on one node still reach the other's readers. */
  async stillWorks(): Promise<void> {
    await this.cluster.rest();
    // A node that has a forged state of another one receives its true state from the next epoch on,
    // at the latest.
    for (const node of [this.a, this.b]) await this.cluster.hit(node, "users", "kill");
    await this.cluster.rest(200);
    for (const [from, to] of [
      [this.a, this.b],
      [this.b, this.a],
    ] as const) {
      const reader = to.read();
      await this.cluster.rest();
      const value = `${from.name} ${this.#sent}`;
      from.cache.put("still", value);
      await this.cluster.until(() =>
        reader.events.some((event) => event.metadata.node === from.name && event.value === value),
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#enemy.close();
    await this.cluster[Symbol.asyncDispose]();
  }
}

describe("two nodes on a hub with an attacker", () => {
  let siege: Siege;
  const warnings = recordWarnings();
  beforeEach(async () => {
    siege = new Siege();
    await siege.begin();
  });
  afterEach(async () => {
    await siege[Symbol.asyncDispose]();
  });

  /** How many nodes are subscribed to a channel that carried real messages. */
  const listeners = (channel: string): number => (channel.includes(":node:") ? 1 : 2);

  test("12,000 messages of arbitrary bytes, of arbitrary values, and damaged ones are rejected, counted and reported, and cause no event or gap", async () => {
    const { seed, random, channels, captured, counts } = siege;
    using reported = new Listener<{ reason: string; channel: string }>(
      "nebulex.pubsub.message_rejected",
    );
    let expected = 0;
    const before = siege.rejected;
    const send = async (channel: string, payload: Uint8Array): Promise<void> => {
      // An empty message tests the permission to publish, and nodes ignore it.
      if (payload.length > 0) expected += listeners(channel);
      await siege.send(channel, payload);
      if (reported.messages.length > 10_000) {
        reasons(reported.messages.splice(0));
      }
    };
    const seen = new Map<string, number>();
    const reasons = (messages: readonly { reason: string }[]): void => {
      for (const { reason } of messages) seen.set(reason, (seen.get(reason) ?? 0) + 1);
    };
    for (const bytes of anyBytes(3_000, seed)) await send(random.pick(channels) as string, bytes);
    for (const bytes of anyFrames(3_000, seed)) await send(random.pick(channels) as string, bytes);
    for (let n = 0; n < 6_000; n++) {
      const message = random.pick(captured) as Captured;
      await send(message.channel, damaged(message, random));
    }
    await siege.cluster.rest();
    reasons(reported.messages.splice(0));
    expect({ seed, ...counts }).toEqual({ seed, events: 0, gaps: 0 });
    expect({ seed, rejected: siege.rejected - before }).toEqual({ seed, rejected: expected });
    expect([...seen.values()].reduce((sum, count) => sum + count, 0)).toBe(expected);
    for (const reason of ["truncated", "version", "codec", "damaged", "malformed"])
      expect(seen.get(reason) ?? 0).toBeGreaterThan(0);
    await siege.stillWorks();
    // A message that is neither accepted nor rejected causes a warning.
    expect(warnings).toEqual([]);
  });

  test("10,000 forged messages, well-formed but for one field, break nothing, and use bounded memory", async () => {
    const { seed, random, captured } = siege;
    using clashes = new Listener("nebulex.streams.shape_mismatch");
    for (let n = 0; n < 10_000; n++) {
      const message = random.pick(captured) as Captured;
      await siege.send(message.channel, forged(message, random));
    }
    await siege.cluster.rest();
    expect({ seed, some: siege.rejected > 100 }).toEqual({ seed, some: true });
    expect(clashes.messages.length).toBeLessThan(600);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    await siege.stillWorks();
    for (const { cache } of [siege.a, siege.b])
      expect(getStream(cache).nodes().length).toBeLessThanOrEqual(4096);
    expect(warnings).toEqual([]);
  });
});
