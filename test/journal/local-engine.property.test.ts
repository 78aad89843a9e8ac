import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { systemClock } from "../../src/clock.js";
import type {
  GroupState,
  JournalEngine,
  NewDeadLetter,
  NewEntry,
  StoredEntry,
  Tail,
} from "../../src/journal/engine.js";
import { createJournalHub, LocalJournalHub } from "../../src/journal/journal-hub.js";
import { nextTurn } from "../../src/timers.js";
import fc, { asyncProperty } from "../helpers/fast-check.js";

const partition = { cache: "c", name: "n", partition: 0 };
const retention = { retain: 6, retainFor: 60, capacity: 20 };
const nodeNames = ["a", "b", "c"] as const;

type Step =
  | { do: "append"; node: number; count: number; which: "next" | "again" | "hole" }
  | { do: "restart" | "lost" | "cut" | "mend"; node: number }
  | { do: "trim" | "renew" | "flush" }
  | { do: "wait"; ms: number }
  | { do: "acquire"; node: number; group: number; lease: number }
  | { do: "commit"; node: number; group: number; by: number; lease: number; dead: boolean }
  | { do: "seek"; node: number; group: number; to: "earliest" | "latest" | number }
  | { do: "retry" | "drop" | "delete"; node: number; group: number };

const node = fc.nat(2);
const group = fc.nat(1);
const steps: fc.Arbitrary<Step>[] = [
  fc.record({
    do: fc.constant("append" as const),
    node,
    count: fc.integer({ min: 1, max: 4 }),
    which: fc.constantFrom("next" as const, "next" as const, "again" as const, "hole" as const),
  }),
  fc.record({ do: fc.constantFrom("restart" as const, "lost" as const), node }),
  fc.record({ do: fc.constantFrom("cut" as const, "mend" as const, "mend" as const), node }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    do: fc.constant("acquire" as const),
    node,
    group,
    lease: fc.integer({ min: 1, max: 80 }),
  }),
  fc.record({
    do: fc.constant("commit" as const),
    node,
    group,
    by: fc.nat(6),
    lease: fc.nat(80),
    dead: fc.boolean(),
  }),
  fc.record({
    do: fc.constant("seek" as const),
    node,
    group,
    to: fc.oneof(fc.constantFrom("earliest" as const, "latest" as const), fc.nat(40)),
  }),
  fc.record({
    do: fc.constantFrom("retry" as const, "drop" as const, "delete" as const),
    node,
    group,
  }),
  fc.record({
    do: fc.constantFrom("trim" as const, "trim" as const, "renew" as const, "flush" as const),
  }),
];
const weights = [40, 4, 3, 12, 16, 24, 4, 3, 3];
const step = fc.oneof(
  ...steps.map((arbitrary, index) => ({ arbitrary, weight: weights[index] ?? 1 })),
);

interface ModelEntry {
  position: number;
  count: number;
  time: number;
  text: string;
}

interface ModelGroup {
  owner: number;
  expires: number;
  fence: number;
  position: number;
  generation: number;
  seeks: number;
  /** By position and generation; whether it waits for its retry. */
  letters: Map<string, boolean>;
}

/** One node's writer, and what it holds of each group. */
interface Member {
  epoch: number;
  sequence: number;
  last: NewEntry | undefined;
  isCut: boolean;
  states: (GroupState | undefined)[];
}

/** Does each step with the engine and with plain lists, and compares what they answer. */
class Run {
  time = 1000;
  readonly #hub = LocalJournalHub.check(createJournalHub());
  readonly #engines: JournalEngine[];
  readonly #members: Member[] = nodeNames.map(() => {
    return { epoch: 1, sequence: -1, last: undefined, isCut: false, states: [] };
  });
  readonly #read: StoredEntry[] = [];
  #tail: Tail | undefined;
  #entries: ModelEntry[] = [];
  /** What the tail has to have read, trimmed or not. */
  #written: ModelEntry[] = [];
  #next = 0;
  #writers = new Map<string, { epoch: number; last: number; isLost: boolean }>();
  #groups = new Map<number, ModelGroup>();
  /** The engine's names of the generations, in their order. */
  readonly #generations: string[] = [];
  #fence = 0;

  constructor() {
    const clock = { ...systemClock, now: () => this.time, wallTime: () => this.time };
    this.#engines = nodeNames.map((nodeName) =>
      this.#hub.engine({ nodeName, namespace: "x", ...retention, clock, random: () => 0 }),
    );
  }

  async run(all: readonly Step[]): Promise<void> {
    for (const engine of this.#engines) await engine.open({ status: () => {} });
    this.#generations.push((await this.#engine.bounds(partition)).generation);
    this.#openTail();
    for (const each of all) {
      await this.#step(each);
      await this.#compare();
    }
    for (const engine of this.#engines) await engine.close();
  }

  /** Of a node that is not cut off, or of a fourth one. */
  get #engine(): JournalEngine {
    return this.#engines[0] as JournalEngine;
  }

  get #generation(): number {
    return this.#generations.length - 1;
  }

  #openTail(): void {
    this.#tail?.close();
    this.#tail = this.#engine.tail(partition, 0, {
      entries: (entries) => void this.#read.push(...entries),
    });
  }

  async #step(each: Step): Promise<void> {
    switch (each.do) {
      case "append":
        return await this.#append(each.node, each.count, each.which);
      case "restart": {
        const member = this.#member(each.node);
        Object.assign(member, { epoch: member.epoch + 1, sequence: -1, last: undefined });
        return;
      }
      case "lost":
        return await this.#lost(each.node);
      case "cut":
        // The first node reads and looks.
        if (each.node === 0) return;
        this.#hub.disconnect(nodeNames[each.node] as string);
        this.#member(each.node).isCut = true;
        return;
      case "mend":
        this.#hub.connect(nodeNames[each.node] as string);
        this.#member(each.node).isCut = false;
        return;
      case "wait":
        this.time += each.ms;
        return;
      case "trim":
        await this.#engine.trim(partition);
        this.#trim();
        return;
      case "renew":
        await this.#renew();
        return;
      case "flush":
        await this.#flush();
        return;
      case "acquire":
        return await this.#acquire(each.node, each.group, each.lease);
      case "commit":
        return await this.#commit(each);
      case "seek":
        return await this.#seek(each);
      case "retry":
      case "drop":
        return await this.#moveLetters(each.do, each.node, each.group);
      case "delete":
        return await this.#delete(each.node, each.group);
    }
  }

  async #append(index: number, count: number, which: "next" | "again" | "hole"): Promise<void> {
    const member = this.#member(index);
    const name = nodeNames[index] as string;
    let entry = which === "again" ? member.last : undefined;
    if (entry === undefined) {
      const after = member.sequence + (which === "hole" ? 2 : 0);
      const to = after + count;
      const payload = Buffer.from(`${name}/${member.epoch}/${to}`);
      const startedAt = member.epoch;
      entry = { node: name, epoch: `e${member.epoch}`, startedAt, after, to, count, payload };
    }
    const result = await this.#ask(index, (engine) => engine.append(partition, entry));
    if (result === undefined) return;
    const writer = this.#writers.get(name);
    const isKnown = writer !== undefined && writer.epoch === member.epoch && writer.last >= -1;
    if (isKnown && writer.last !== entry.after) {
      assert.deepEqual(result, {
        status: "conflict",
        last: writer.last,
        generation: this.#generations.at(-1),
      });
      return;
    }
    assert.deepEqual(result, {
      status: "appended",
      position: this.#next,
      generation: this.#generations.at(-1),
    });
    this.#writers.set(name, { epoch: member.epoch, last: entry.to, isLost: false });
    member.sequence = entry.to;
    member.last = entry;
    this.#store(entry.count, Buffer.from(entry.payload).toString());
    this.#trim();
  }

  async #lost(index: number): Promise<void> {
    const { epoch } = this.#member(index);
    const name = nodeNames[index] as string;
    const life = { node: name, epoch: `e${epoch}`, startedAt: epoch, info: "{}" };
    const payload = Buffer.from(`lost ${name}`);
    const stored = await this.#engine.markLost(partition, life, payload);
    const writer = this.#writers.get(name);
    const known = writer?.epoch === epoch ? writer : undefined;
    assert.equal(stored, known?.isLost !== true);
    if (!stored) return;
    // Below -1: nothing is known of its sequences.
    this.#writers.set(name, { epoch, last: known?.last ?? -2, isLost: true });
    this.#store(1, payload.toString());
  }

  #store(count: number, text: string): void {
    const entry = { position: this.#next, count, time: this.time, text };
    this.#entries.push(entry);
    this.#written.push(entry);
    this.#next += count;
  }

  /** What the docs say, entry by entry. */
  #trim(): void {
    const needed = [...this.#groups.values()].map((each) =>
      each.generation === this.#generation ? each.position : 0,
    );
    const isNeeded = ({ position, count, time }: ModelEntry): boolean => {
      const end = position + count;
      if (end <= this.#next - retention.capacity) return false;
      if (needed.some((from) => end > from)) return true;
      return end > this.#next - retention.retain && this.time - time < retention.retainFor;
    };
    const kept = this.#entries.findIndex(isNeeded);
    this.#entries = kept === -1 ? [] : this.#entries.slice(kept);
  }

  async #renew(): Promise<void> {
    assert.equal(await this.#engine.renew(partition, "another"), this.#generations.at(-1));
    const next = await this.#engine.renew(partition, this.#generations.at(-1) as string);
    assert.ok(!this.#generations.includes(next));
    this.#generations.push(next);
  }

  async #flush(): Promise<void> {
    await this.#arrived();
    this.#hub.flush();
    this.#entries = [];
    this.#written = [];
    this.#read.length = 0;
    this.#next = 0;
    this.#writers = new Map();
    this.#groups = new Map();
    this.#generations.push((await this.#engine.bounds(partition)).generation);
    this.#openTail();
  }

  async #acquire(index: number, name: number, lease: number): Promise<void> {
    const state = await this.#ask(index, (engine) =>
      engine.acquire(groupOf(name), nodeNames[index] as string, lease, "earliest").then(
        // So that it is told from a call that is refused.
        (acquired) => ({ acquired }),
      ),
    );
    if (state === undefined) return;
    const known = this.#groups.get(name);
    const isFree = known === undefined || known.expires <= this.time;
    assert.equal(state.acquired !== undefined, isFree);
    if (state.acquired === undefined) return;
    assert.ok(state.acquired.fence > this.#fence);
    this.#fence = state.acquired.fence;
    const fresh = known === undefined || known.generation !== this.#generation;
    this.#groups.set(name, {
      owner: index,
      expires: this.time + lease,
      fence: this.#fence,
      position: known === undefined ? this.#first : fresh ? 0 : known.position,
      generation: this.#generation,
      seeks: known?.seeks ?? 0,
      letters: known?.letters ?? new Map<string, boolean>(),
    });
    this.#member(index).states[name] = state.acquired;
  }

  async #commit({ node: index, group: name, by, lease, dead }: Step & { do: "commit" }) {
    const member = this.#member(index);
    const held = member.states[name];
    if (held === undefined) return;
    const position = Math.min(held.position + by, this.#next);
    const record = Buffer.from("dead");
    const letters: NewDeadLetter[] = dead ? [{ position: held.position, record }] : [];
    const result = await this.#ask(index, (engine) =>
      engine.commit(groupOf(name), {
        fence: held.fence,
        seeks: held.seeks,
        generation: held.generation,
        position,
        leaseTime: lease,
        dead: letters,
        retried: [],
      }),
    );
    if (result === undefined) return;
    const known = this.#groups.get(name);
    if (known === undefined || known.fence !== held.fence || known.expires <= this.time) {
      assert.equal(result.status, "fenced");
      member.states[name] = undefined;
      return;
    }
    assert.equal(known.owner, index);
    known.expires = lease === 0 ? 0 : this.time + lease;
    const isNew = known.generation !== this.#generation;
    if (isNew) Object.assign(known, { generation: this.#generation, position: 0 });
    if (isNew || held.generation !== this.#generations.at(-1) || held.seeks !== known.seeks) {
      assert.equal(result.status, "moved");
    } else {
      assert.equal(result.status, "committed");
      known.position = position;
      for (const letter of letters)
        known.letters.set(`${letter.position}/${known.generation}`, false);
    }
    member.states[name] = result.state;
  }

  async #seek({ node: index, group: name, to }: Step & { do: "seek" }): Promise<void> {
    const result = await this.#ask(index, (engine) => engine.seek(groupOf(name), to));
    if (result === undefined) return;
    const wanted = to === "earliest" ? this.#first : to === "latest" ? this.#next : to;
    const expected = Math.min(Math.max(wanted, this.#first), this.#next);
    assert.equal(result, expected);
    const known = this.#groups.get(name);
    if (known !== undefined)
      Object.assign(known, {
        position: expected,
        generation: this.#generation,
        seeks: known.seeks + 1,
      });
  }

  async #moveLetters(how: "retry" | "drop", index: number, name: number): Promise<void> {
    const result = await this.#ask(index, (engine) => engine[how](groupOf(name), "all"));
    if (result === undefined) return;
    const letters = this.#groups.get(name)?.letters ?? new Map<string, boolean>();
    const resting = [...letters].filter(([, isRetrying]) => !isRetrying);
    assert.equal(result, resting.length);
    for (const [id] of resting)
      if (how === "retry") letters.set(id, true);
      else letters.delete(id);
  }

  async #delete(index: number, name: number): Promise<void> {
    const result = await this.#ask(index, (engine) =>
      engine.deleteGroup(groupOf(name)).then((owner) => ({ owner })),
    );
    if (result === undefined) return;
    const known = this.#groups.get(name);
    const isOwned = known !== undefined && known.expires > this.time;
    assert.equal(result.owner, isOwned ? nodeNames[known.owner] : undefined);
    if (!isOwned) this.#groups.delete(name);
  }

  /** Undefined: the node is cut off, and the call was refused. */
  async #ask<T>(
    index: number,
    call: (engine: JournalEngine) => Promise<T>,
  ): Promise<T | undefined> {
    const answer = call(this.#engines[index] as JournalEngine);
    if (!this.#member(index).isCut) return await answer;
    await assert.rejects(answer);
    return undefined;
  }

  async #compare(): Promise<void> {
    const { first, next, generation } = await this.#engine.bounds(partition);
    assert.deepEqual(
      [first, next, generation],
      [this.#first, this.#next, this.#generations.at(-1)],
    );
    const { text, position } = this.#entries[0] ?? {};
    if (position !== undefined) {
      const kept = await this.#engine.entryAt(partition, position);
      assert.equal(Buffer.from(kept?.payload ?? []).toString(), text);
    }
    for (const [name, known] of this.#groups) {
      const { partitions } = await this.#engine.viewGroup(groupOf(name));
      const state = partitions[0] as GroupState;
      const retries = [...known.letters.values()].filter(Boolean).length;
      assert.deepEqual(state, {
        partition: 0,
        owner: known.expires > this.time ? nodeNames[known.owner] : null,
        remaining: Math.max(0, known.expires - this.time),
        fence: known.fence,
        position: known.position,
        generation: this.#generations[known.generation],
        seeks: known.seeks,
        paused: false,
        deadLetters: known.letters.size - retries,
        retries,
      });
    }
    await this.#arrived();
  }

  /** The tail keeps up, so that nothing is trimmed before it has read it. */
  async #arrived(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    assert.deepEqual(
      this.#read.map(({ position, count, payload }) => [
        position,
        count,
        Buffer.from(payload).toString(),
      ]),
      this.#written.map(({ position, count, text }) => [position, count, text]),
    );
  }

  get #first(): number {
    return this.#entries[0]?.position ?? this.#next;
  }

  #member(index: number): Member {
    return this.#members[index] as Member;
  }
}

function groupOf(name: number): typeof partition & { group: string } {
  return { ...partition, group: `group ${name}` };
}

test("the engine in memory does what plain lists do, whatever is asked for in whatever order", async () => {
  const property = asyncProperty(fc.array(step, { maxLength: 100, size: "max" }), (all) =>
    new Run().run(all),
  );
  await fc.assert(property, { numRuns: 200 });
});
