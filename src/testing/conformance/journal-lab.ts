import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { systemClock } from "../../clock.js";
import { show } from "../../errors.js";
import type {
  GroupCommit,
  GroupName,
  GroupPartition,
  GroupState,
  JournalContext,
  JournalEngine,
  JournalEngineFactory,
  NewDeadLetter,
  NewEntry,
  PartitionName,
  StoredEntry,
  StreamName,
  StreamNode,
  Tail,
  TailSink,
} from "../../journal/engine.js";
import type { Milliseconds } from "../../options.js";
import { mathRandom } from "../../timers.js";
import { waitFor } from "../wait-for.js";

/** What a case of journals is run with. @internal */
export interface LabOptions {
  readonly create: JournalEngineFactory;
  readonly disconnect?: ((nodeName: string) => void | Promise<void>) | undefined;
  readonly connect?: ((nodeName: string) => void | Promise<void>) | undefined;
  readonly flush?: ((namespace: string) => void | Promise<void>) | undefined;
  readonly timeout: Milliseconds;
}

/** A lease that no case outlasts. @internal */
export const longLease: Milliseconds = 120_000;

/** One that is soon over. @internal */
export const shortLease: Milliseconds = 50;

/** Where the cases write, unless they say otherwise. @internal */
export const stream: StreamName = Object.freeze({ cache: "orders", name: "main" });
/** @internal */
export const partition: PartitionName = partitionAt(0);
/** @internal */
export const group: GroupName = Object.freeze({ ...stream, group: "mailer" });
/** @internal */
export const groupPartition: GroupPartition = Object.freeze({ ...group, partition: 0 });

/** @internal */
export function partitionAt(index: number): PartitionName {
  return Object.freeze({ ...stream, partition: index });
}

/** One engine that is open. @internal */
export class LabNode {
  readonly name: string;
  readonly engine: JournalEngine;
  /** What the engine has reported. */
  readonly statuses: ("connected" | "reconnecting")[] = [];
  readonly #lab: JournalLab;

  constructor(lab: JournalLab, name: string, engine: JournalEngine) {
    this.#lab = lab;
    this.name = name;
    this.engine = engine;
  }

  /** How many events an entry can have, of 3. */
  get width(): number {
    return Math.min(3, this.engine.maxEvents ?? 3);
  }

  get isConnected(): boolean {
    return this.statuses.at(-1) === "connected";
  }

  async open(): Promise<void> {
    await this.engine.load?.();
    await this.engine.open({ status: (status) => this.statuses.push(status) });
  }

  async connected(): Promise<void> {
    await this.#lab.until(() => this.isConnected, `${this.name} to be connected`);
  }

  async disconnected(): Promise<void> {
    await this.#lab.until(() => !this.isConnected, `${this.name} to notice the outage`);
  }

  writer(at: PartitionName = partition, life: Partial<StreamNode> = {}): LabWriter {
    return new LabWriter(this.engine, at, { ...lifeOf(this.name), ...life });
  }

  reader(at: PartitionName = partition, from = 0): LabReader {
    return new LabReader(this.#lab, this.engine, at, from);
  }
}

/** A life of a node's stream. @internal */
export function lifeOf(node: string, life = 1): StreamNode {
  return { node, epoch: `epoch-${life}`, startedAt: life * 1000, info: "{}" };
}

/** A node's stream, which writes to one partition. @internal */
export class LabWriter {
  /** The last sequence that it has made. */
  last = -1;
  readonly #engine: JournalEngine;
  readonly #partition: PartitionName;
  readonly #life: StreamNode;

  constructor(engine: JournalEngine, at: PartitionName, life: StreamNode) {
    this.#engine = engine;
    this.#partition = at;
    this.#life = life;
  }

  /** The next entry. Its payload says which it is. */
  entry(count = 1): NewEntry {
    const { node, epoch, startedAt } = this.#life;
    const after = this.last;
    this.last += count;
    const payload = bytesOf(`${node} ${epoch} ${after + 1}-${this.last}`);
    return { node, epoch, startedAt, after, to: this.last, count, payload };
  }

  /** Stores the next entry, and returns its position. */
  async append(count = 1): Promise<number> {
    const result = await this.#engine.append(this.#partition, this.entry(count));
    assert.equal(result.status, "appended");
    return result.status === "appended" ? result.position : -1;
  }

  /** Stores as many entries of one event. */
  async appendEach(times: number): Promise<void> {
    await Promise.all(Array.from({ length: times }, () => this.append()));
  }
}

/** A tail, and what it has brought. @internal */
export class LabReader implements TailSink {
  readonly read: StoredEntry[] = [];
  calls = 0;
  /** Set: the next call of the sink settles with it. */
  gate: Promise<void> | undefined;
  readonly tail: Tail;
  readonly #lab: JournalLab;
  readonly #from: number;

  constructor(lab: JournalLab, engine: JournalEngine, at: PartitionName, from: number) {
    this.#lab = lab;
    this.#from = from;
    this.tail = engine.tail(at, from, this);
  }

  entries(entries: readonly StoredEntry[]): void | Promise<void> {
    this.calls++;
    this.read.push(...entries);
    return this.gate;
  }

  /** The position behind what it has read. */
  get next(): number {
    const last = this.read.at(-1);
    return last === undefined ? this.#from : last.position + last.count;
  }

  get payloads(): string[] {
    return this.read.map(({ payload }) => textOf(payload));
  }

  /** Waits until it has read up to `next`, then checks that nothing is missing or comes twice. */
  async reaches(next: number): Promise<void> {
    await this.#lab.until(() => this.next >= next, `a tail to reach ${next}`);
    assert.equal(this.next, next);
    assertDense(this.read);
  }
}

/** The engines of one case: in a namespace of their own. @internal */
export class JournalLab implements AsyncDisposable {
  readonly id = randomBytes(4).toString("hex");
  readonly namespace = `conformance-${this.id}`;
  readonly #options: LabOptions;
  readonly #nodes: LabNode[] = [];
  readonly #cut = new Set<string>();

  constructor(options: LabOptions) {
    this.#options = options;
  }

  /** An engine that is not open. */
  create(name: string, context: Partial<JournalContext> = {}): LabNode {
    const nodeName = context.nodeName ?? `${name}-${this.id}`;
    const engine = this.#options.create({
      nodeName,
      namespace: this.namespace,
      retain: 100_000,
      retainFor: undefined,
      capacity: 1_000_000,
      clock: systemClock,
      random: mathRandom,
      ...context,
    });
    const node = new LabNode(this, nodeName, engine);
    this.#nodes.push(node);
    return node;
  }

  /** One that is open and connected. */
  async open(name: string, context: Partial<JournalContext> = {}): Promise<LabNode> {
    const node = this.create(name, context);
    await node.open();
    await node.connected();
    return node;
  }

  async cut(name: string): Promise<void> {
    this.#cut.add(name);
    await this.#options.disconnect?.(name);
  }

  async mend(name: string): Promise<void> {
    await this.#options.connect?.(name);
    this.#cut.delete(name);
  }

  async flush(): Promise<void> {
    await this.#options.flush?.(this.namespace);
  }

  until<T>(
    predicate: () => T | Promise<T>,
    message: string,
  ): Promise<Exclude<T, false | null | undefined | 0 | 0n | "">> {
    return waitFor(predicate, { timeout: this.#options.timeout, message });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#cut) await this.mend(name);
    await Promise.all(this.#nodes.map(({ engine }) => engine.close()));
  }
}

/** A commit of the owner as it is in `state`; it changes nothing but what `parts` says. @internal */
export function commitOf(state: GroupState, parts: Partial<GroupCommit> = {}): GroupCommit {
  const { fence, seeks, generation, position } = state;
  const nothing = { leaseTime: longLease, dead: [], retried: [] };
  return { fence, seeks, generation, position, ...nothing, ...parts };
}

/** @internal */
export function letterAt(position: number, record = `record ${position}`): NewDeadLetter {
  return { position, record: bytesOf(record) };
}

/** Takes a lease that has to be free. @internal */
export async function acquired(
  engine: JournalEngine,
  owner: string,
  { at = groupPartition, leaseTime = longLease } = {},
): Promise<GroupState> {
  const state = await engine.acquire(at, owner, leaseTime, "earliest");
  assert.ok(state !== undefined, `${owner} did not get a lease that is free`);
  assert.equal(state.owner, owner);
  return state;
}

/** The group's partition as it is. @internal */
export async function stateOf(engine: JournalEngine, at = groupPartition): Promise<GroupState> {
  const { partitions } = await engine.viewGroup(at);
  const state = partitions.find((each) => each.partition === at.partition);
  assert.ok(state !== undefined, `partition ${at.partition} of the group is not there`);
  return state;
}

/** That each entry begins where the one before it ends. @internal */
export function assertDense(entries: readonly StoredEntry[]): void {
  for (const [index, entry] of entries.entries()) {
    const before = entries[index - 1];
    if (before !== undefined) assert.equal(entry.position, before.position + before.count);
  }
}

/** @internal */
export async function assertRejects(call: () => Promise<unknown>, what: string): Promise<void> {
  const outcome = await call().then(
    (value) => ({ value }),
    () => undefined,
  );
  assert.ok(
    outcome === undefined,
    `${what} was to reject, and settled with ${show(outcome?.value)}`,
  );
}

/** @internal */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** @internal */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A named case. @internal */
export type JournalCase = readonly [name: string, run: (lab: JournalLab) => Promise<void>];
