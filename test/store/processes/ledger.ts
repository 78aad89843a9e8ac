import type { CacheEntryEvent, GapEvent } from "../../../src/index.js";
import { Order } from "../../../examples/replay/check/order.js";
import type { Noted } from "./commands.js";
import { type Change, changesOf, type Entry, entryAfter } from "./entry-life.js";
import type { Value } from "./protocol.js";

/** What became of commands and entries. */
export interface StoreAccount {
  readonly commands: number;
  /** Commands that were carried out once or not at all: nobody can say. */
  readonly unknown: number;
  /** Commands that were not carried out, as their callers were told. */
  readonly refused: number;
  readonly events: number;
  /** Positions without an event, and events of commands that are not there. */
  readonly lost: number;
  /** Events that came before one of a smaller position, or don't continue the one before of their key. */
  readonly outOfOrder: number;
  /** Events that came again, and commands that were carried out again. */
  readonly twice: number;
  /** Events of commands that nobody issued, or that were refused. */
  readonly madeUp: number;
  readonly expired: number;
  /** Of what was gone already. */
  readonly expiredTwice: number;
  /** Before the deadline, or without one. */
  readonly expiredEarly: number;
  /** Entries that were changed, and not expired, behind their deadline. */
  readonly servedDue: number;
  /** Milliseconds from the deadline of each entry until the event was received. */
  readonly delays: readonly number[];
  /** Keys whose last event does not say what the store has. */
  readonly differences: number;
  /** The first faults, in words. */
  readonly faults: readonly string[];
}

type Counts = { -readonly [Name in keyof StoreAccount]: StoreAccount[Name] };

/** The engine's times are whole milliseconds. */
const rounding = 1;
const maxFaults = 20;

/**
 * Compares what was received of a store's stream, from its start on, with what the writers noted
 * down, and with what the store has.
 */
export class StoreLedger {
  readonly #orders: readonly Order[];
  readonly #entries = new Map<string, Entry>();
  /** How often a value was stored, or an amount added. */
  readonly #stored = new Map<string, number>();
  readonly #sums = new Map<number, Value | undefined>();
  /** How often a command without values of its own was carried out: by node, command and key. */
  readonly #done = new Map<string, number>();
  /** Entries that `deleteAll` has removed, by node. */
  readonly #deleted = new Map<string, number>();
  readonly #faults: string[] = [];
  readonly #delays: number[] = [];
  #gapped = 0;
  #counts = { events: 0, outOfOrder: 0, twice: 0, expired: 0, expiredTwice: 0 };
  #expiredEarly = 0;
  #servedDue = 0;

  constructor(partitions: number) {
    this.#orders = Array.from({ length: partitions }, () => new Order(-1));
  }

  /** The highest position received of each partition; -1: none. */
  get positions(): number[] {
    return this.#orders.map(({ last }) => last);
  }

  /** Whether an entry has a deadline. */
  get hasDeadlines(): boolean {
    return [...this.#entries.values()].some(({ deadline }) => deadline !== null);
  }

  /** @param at when it was received, by the wall clock */
  event(event: CacheEntryEvent<string, Value>, at: number): void {
    this.#counts.events++;
    const { partition, position } = event.metadata;
    const order = this.#orders[partition ?? 0] as Order;
    const place = position ?? 0;
    for (let missing = order.last + 1; missing < place; missing++) order.passOver([missing]);
    const arrival = order.see(place);
    if (arrival === "again") this.#counts.twice++;
    if (arrival === "late") this.#counts.outOfOrder++;
    if (arrival !== "inOrder") this.#fault(`position ${place} came ${arrival}`, event);
    for (const change of changesOf(event)) this.#change(change, at);
  }

  gap({
    from,
    to,
    reason,
    partition,
  }: Pick<GapEvent, "from" | "to" | "reason" | "partition">): void {
    this.#gapped += to < from ? 1 : to - from + 1;
    this.#faults.push(`a gap: ${reason}, ${from} to ${to} of partition ${partition}`);
  }

  /**
   * @param commands of all writers
   * @param contents what the store has
   */
  account(commands: readonly Noted[], contents: ReadonlyMap<string, Value>): StoreAccount {
    const counts: Counts = {
      commands: commands.length,
      unknown: commands.filter(({ fate }) => fate === "unknown").length,
      refused: commands.filter(({ fate }) => fate === "refused").length,
      ...this.#counts,
      expiredEarly: this.#expiredEarly,
      servedDue: this.#servedDue,
      lost: this.#gapped + this.#orders.reduce((sum, { missing }) => sum + missing, 0),
      madeUp: 0,
      delays: this.#delays,
      differences: this.#differencesFrom(contents),
      faults: this.#faults,
    };
    this.#compareValues(commands, counts);
    this.#compareCounts(commands, counts);
    return counts;
  }

  #change(change: Change, at: number): void {
    const { key, type, command, node, time, value, previous } = change;
    const before = this.#entries.get(key);
    const after = entryAfter(change, before);
    if (type === "expired") this.#expired(change, before, at);
    // An entry that the engine has dropped can't be told any more.
    const isLink = before?.value === previous || type === "evicted";
    const isNew = type === "inserted";
    const isGone = type !== "inserted" && type !== "updated";
    if (!isLink || isNew !== (previous === undefined) || isGone !== (value === undefined)) {
      this.#counts.outOfOrder++;
      this.#fault(`${type}: ${previous} -> ${value} does not continue ${before?.value}`, change);
    }
    const { deadline = null } = before ?? {};
    if (type !== "expired" && deadline !== null && time > deadline + rounding) {
      this.#servedDue++;
      this.#fault(`${type} ${time - deadline} ms behind the deadline of ${before?.value}`, change);
    }
    if (after === undefined) this.#entries.delete(key);
    else this.#entries.set(key, after);
    if (type === "expired" || type === "evicted") return;
    if (typeof value === "number" && command === "increment") {
      const amount = value - Number(previous ?? 0);
      add(this.#stored, String(amount));
      this.#sums.set(amount, value);
    } else if (value !== undefined && command !== "expire" && command !== "touch")
      add(this.#stored, String(value));
    else {
      add(this.#done, countOf({ node, name: command, key, result: previous }));
      if (command === "deleteAll") add(this.#deleted, node);
    }
  }

  #expired(change: Change, before: Entry | undefined, at: number): void {
    this.#counts.expired++;
    if (before === undefined) this.#counts.expiredTwice++;
    else if (before.deadline === null || change.time < before.deadline - rounding) {
      this.#expiredEarly++;
      this.#fault(`expired before its deadline ${before.deadline}`, change);
    } else this.#delays.push(at - before.deadline);
  }

  /** Of commands that store values: each of these is unique. */
  #compareValues(commands: readonly Noted[], counts: Counts): void {
    const known = new Set<string>();
    for (const command of commands) {
      const { values, amount, fate, result } = command;
      const ids = values ?? (amount === undefined ? [] : [String(amount)]);
      const times = ids.map((id) => this.#stored.get(id) ?? 0);
      for (const id of ids) known.add(id);
      const must = fate === "done" && result !== false;
      const may = must || fate === "unknown";
      // One step of the engine: all of it, or nothing.
      const isThere = must || times.some((count) => count > 0);
      for (const count of times) {
        if (count > 0 && !may) counts.madeUp++;
        else if (count > 1) counts.twice++;
        else if (count === 0 && may && isThere) counts.lost++;
        else continue;
        this.#fault(`in the journal ${count} times`, command);
      }
      if (must && amount !== undefined && this.#sums.get(amount) !== result) {
        counts.lost++;
        this.#fault(`the journal says ${this.#sums.get(amount)}`, command);
      }
    }
    for (const id of this.#stored.keys()) {
      if (known.has(id)) continue;
      counts.madeUp++;
      this.#fault("is in the journal, and nobody has stored it", id);
    }
  }

  /** Of commands that can't be told from each other: their number. */
  #compareCounts(commands: readonly Noted[], counts: Counts): void {
    const bounds = new Map<string, [least: number, most: number]>();
    /** By `deleteAll`, by node: it says how many, not which. */
    const deleted = new Map<string, number>();
    for (const command of commands) {
      const { node, name, keys, fate, result, values, amount } = command;
      if (values !== undefined || amount !== undefined || fate === "refused") continue;
      // JSON has no undefined.
      if (fate === "done" && (result === false || result === null)) continue;
      if (fate === "done" && name === "deleteAll") add(deleted, node, Number(result));
      const ids =
        fate === "unknown" || name === "deleteAll"
          ? keys.map((key) => countOf({ node, name, key }))
          : [countOf({ node, name, key: keys[0] as string, result })];
      for (const id of ids) {
        const [least, most] = bounds.get(id) ?? [0, 0];
        // A TTL that has no end does not begin anew.
        const isSure = fate === "done" && name !== "touch" && name !== "deleteAll";
        bounds.set(id, [least + (isSure ? 1 : 0), most + 1]);
      }
    }
    for (const [id, [least]] of bounds) {
      const count = this.#done.get(id) ?? 0;
      if (count >= least) continue;
      counts.lost += least - count;
      this.#fault(`done ${least} times, in the journal ${count} times`, id);
    }
    for (const [node, least] of deleted) {
      const count = this.#deleted.get(node) ?? 0;
      if (count >= least) continue;
      counts.lost += least - count;
      this.#fault(`deleteAll removed ${least}, in the journal are ${count}`, node);
    }
    for (const [id, count] of this.#done) {
      const most = (bounds.get(id)?.[1] ?? 0) + (bounds.get(withoutResult(id))?.[1] ?? 0);
      if (count <= most) continue;
      counts.madeUp += count - most;
      this.#fault(`issued ${most} times, in the journal ${count} times`, id);
    }
  }

  #differencesFrom(contents: ReadonlyMap<string, Value>): number {
    const keys = new Set([...this.#entries.keys(), ...contents.keys()]);
    const different = [...keys].filter(
      (key) => this.#entries.get(key)?.value !== contents.get(key),
    );
    for (const key of different)
      this.#fault(`events: ${this.#entries.get(key)?.value}, store: ${contents.get(key)}`, key);
    return different.length;
  }

  #fault(what: string, where: unknown): void {
    if (this.#faults.length < maxFaults) this.#faults.push(`${what}: ${JSON.stringify(where)}`);
  }
}

interface Counted {
  readonly node: string;
  readonly name: string;
  readonly key: string;
  readonly result?: unknown;
}

/** What is counted together; of `take`, only what took the same. */
function countOf({ node, name, key, result }: Counted): string {
  return JSON.stringify([node, name, key, name === "take" ? (result ?? null) : null]);
}

function withoutResult(id: string): string {
  const [node, name, key, result] = JSON.parse(id) as [string, string, string, unknown];
  return result === null ? "" : countOf({ node, name, key });
}

function add(counts: Map<string, number>, id: string, count = 1): void {
  counts.set(id, (counts.get(id) ?? 0) + count);
}
