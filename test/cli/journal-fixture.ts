import { systemClock } from "../../src/clock.js";
import { encodeEvents, encodeLoss, type EntryHead } from "../../src/cluster/entry.js";
import { encodeShape } from "../../src/cluster/journal-shape.js";
import { JournalConnection } from "../../src/cli/journal.js";
import type { Output } from "../../src/cli/output.js";
import { causeOf, NumberedEvent } from "../../src/event/event.js";
import { encodeDeadLetter } from "../../src/group/dead-letter.js";
import type { JournalContext, JournalEngine } from "../../src/journal/engine.js";
import type { JournalPort } from "../../src/journal/types.js";
import { createJournalHub, LocalJournalHub } from "../../src/journal/journal-hub.js";
import type { Row } from "../../src/log/segment.js";
import { codecOf } from "../../src/pubsub/frame.js";

const codec = codecOf("binary");
const stream = { cache: "users", name: "users" };
const epoch = "e1";

export function contextOf(nodeName: string, namespace = "nebulex"): JournalContext {
  return {
    nodeName,
    namespace,
    retain: 100,
    retainFor: undefined,
    capacity: 1000,
    clock: systemClock,
    random: Math.random,
  };
}

export const startedAt = Date.UTC(2030, 0, 1);

/** Writes to a journal what nodes would. */
export class Writer {
  readonly engine: JournalEngine;
  readonly address: { namespace: string; cache: string; name: string };
  readonly partitions: number;
  readonly #sequences = new Map<string, number>();

  constructor(engine: JournalEngine, partitions = 2, namespace = "nebulex") {
    this.engine = engine;
    this.partitions = partitions;
    this.address = { namespace, ...stream };
  }

  async declare(): Promise<void> {
    const shape = { partitions: this.partitions, hash: "defaultHash", version: 1 };
    await this.engine.shape(stream, encodeShape(shape, "a"));
    for (let partition = 0; partition < this.partitions; partition++)
      await this.engine.bounds({ ...stream, partition });
  }

  /** One entry of inserted events with these keys. */
  async events(
    partition: number,
    keys: readonly unknown[],
    { node = "a", at = 0, began = startedAt } = {},
  ): Promise<void> {
    const max = this.engine.maxEvents ?? 1024;
    for (let index = 0; index < keys.length; index += max) {
      const part = keys.slice(index, index + max);
      await this.#append(partition, node, began, part.length, (head, first, to) =>
        encodeEvents(
          codec,
          this.address,
          head,
          part.map((key, offset) => rowOf(key, first + offset, at)),
          to,
        ),
      );
    }
  }

  /** A marker: events of a node are missing. */
  async loss(partition: number, from: number, to: number, node = "a"): Promise<void> {
    await this.#append(partition, node, startedAt, 1, (head) =>
      encodeLoss(codec, this.address, head, from, to, "overrun"),
    );
  }

  async foreign(partition: number): Promise<void> {
    await this.#append(partition, "z", startedAt, 1, () => Buffer.from("no entry"));
  }

  /** Takes a partition of the group, handles all before `position`, and gives up some events. */
  async own(
    partition: number,
    owner: string,
    position: number,
    { group = "mailer", leaseTime = 60_000, dead = [] as readonly (Uint8Array | string)[] } = {},
  ): Promise<void> {
    const { engine } = this;
    await engine.createGroup({ ...stream, group }, this.partitions, "earliest");
    await engine.joinGroup({ ...stream, group }, owner, 60_000);
    const name = { ...stream, group, partition };
    const state = await engine.acquire(name, owner, 60_000, "earliest");
    if (state === undefined) throw new Error(`partition ${partition} has an owner`);
    const { status } = await engine.commit(name, {
      fence: state.fence,
      seeks: state.seeks,
      generation: state.generation,
      position,
      leaseTime,
      dead: dead.map((record, index) => ({
        position: index,
        record: typeof record === "string" ? this.letter(partition, record, index) : record,
      })),
      retried: [],
    });
    if (status !== "committed") throw new Error(status);
  }

  /** The record of a dead letter. */
  letter(partition: number, key: string, position: number): Uint8Array {
    const source = {
      ...stream,
      partition,
      partitions: this.partitions,
      node: "a",
      epoch,
      startedAt,
    };
    const cause = Object.freeze({ ...causeOf("put"), source });
    const event = new NumberedEvent("inserted", cause, source, key, position, 7, 3, position);
    event.value = 1n;
    const port = { codec, maxMessageSize: 1e6 } as JournalPort;
    const error = { name: "TypeError", message: "no \u001b[31mmail\nbox" };
    return encodeDeadLetter(port, this.address, { event, error, attempts: 3, time: startedAt });
  }

  async beat(node: string, ttl = 60_000) {
    await this.engine.beat(stream, { node, epoch, startedAt, info: "{}" }, ttl);
  }

  async #append(
    partition: number,
    node: string,
    began: number,
    count: number,
    encode: (head: EntryHead, first: number, to: number) => Uint8Array,
  ): Promise<void> {
    const id = `${partition}:${node}`;
    const after = this.#sequences.get(id) ?? -1;
    const to = after + count;
    this.#sequences.set(id, to);
    const head = { node, epoch, startedAt: began, partition };
    const payload = encode(head, after + 1, to);
    const entry = { ...head, after, to, count, payload };
    const { status } = await this.engine.append({ ...stream, partition }, entry);
    if (status !== "appended") throw new Error(status);
  }
}

function rowOf(key: unknown, sequence: number, at: number): Row {
  return {
    type: "inserted",
    at,
    cause: causeOf("put"),
    subject: key,
    sequence,
    value: 1,
    previous: undefined,
  };
}

/** A journal within this process, and a command line's connection to it. To be disposed. */
export class LocalFixture implements AsyncDisposable {
  readonly hub: LocalJournalHub;
  readonly writer: Writer;
  readonly connection: JournalConnection;

  private constructor(writer: Writer, connection: JournalConnection, hub: LocalJournalHub) {
    this.writer = writer;
    this.connection = connection;
    this.hub = hub;
  }

  static async start(partitions = 2): Promise<LocalFixture> {
    const hub = LocalJournalHub.check(createJournalHub());
    const engine = hub.engine(contextOf("a"));
    await engine.open({ status: () => {} });
    const connection = await JournalConnection.open(hub.engine(contextOf("observer")));
    return new LocalFixture(new Writer(engine, partitions), connection, hub);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection[Symbol.asyncDispose]();
    await this.writer.engine.close();
  }
}

/** What a command prints, and how it is answered. */
export class TestOutput implements Output {
  out = "";
  err = "";
  readonly questions: string[] = [];
  readonly size: Output["size"];
  readonly ask: Output["ask"];
  readonly #interrupt = new AbortController();

  /** @param answer of the user; undefined: there is no terminal */
  constructor(answer?: string, size?: Output["size"]) {
    this.size = size;
    this.ask =
      answer === undefined
        ? undefined
        : (question) => {
            this.questions.push(question);
            return Promise.resolve(answer);
          };
  }

  get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  write(text: string): void {
    this.out += text;
  }

  say(line: string): void {
    this.err += `${line}\n`;
  }

  interrupt(): void {
    this.#interrupt.abort();
  }
}
