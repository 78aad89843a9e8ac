import { type Clock } from "../clock.js";
import type { Milliseconds } from "../options.js";
import type { GroupName, SeenNode, StreamName, StreamNode } from "./engine.js";
import type { JetStreamSession } from "./jetstream-session.js";
import type { KeptValue } from "./nats-bucket.js";
import { isYounger } from "./nats-entry.js";
import { readObject } from "./nats-log.js";
import { keys } from "./nats-names.js";
import { Sightings } from "./sightings.js";

/** The nodes of streams and the members of groups, which announce themselves in keys. @internal */
export class NatsMembers {
  readonly #clock: Clock;
  readonly #session: () => JetStreamSession;
  readonly #sightings = new Sightings();
  /** Revisions of the keys that this node has written. */
  readonly #own = new Map<string, number>();
  /** The members of groups as they were read or heard of last, by key. */
  readonly #members = new Map<string, KnownMember>();

  /** @param session throws when there is no connection */
  constructor(clock: Clock, session: () => JetStreamSession) {
    this.#clock = clock;
    this.#session = session;
  }

  async beat(stream: StreamName, node: StreamNode, ttl: Milliseconds): Promise<SeenNode[]> {
    const { state } = this.#session();
    const key = keys.node(stream, node.node);
    const { node: name, epoch, startedAt, info } = node;
    const text = JSON.stringify({ node: name, epoch, startedAt, info, ttl });
    let revision = this.#own.get(key) ?? 0;
    for (;;) {
      const written = await state.replace(key, text, revision);
      if (written !== undefined) {
        this.#own.set(key, written);
        break;
      }
      const kept = await state.get(key);
      const known = kept && readNode(kept);
      if (known !== undefined && isYounger(known, node)) break;
      revision = kept?.revision ?? 0;
    }
    return this.nodes(stream);
  }

  async nodes(stream: StreamName): Promise<SeenNode[]> {
    const kept = await this.#session().state.values(keys.nodes(stream));
    const now = this.#clock.now();
    return kept.flatMap((value) => {
      const node = readNode(value);
      if (node === undefined) {
        this.#removeLater(value, now);
        return [];
      }
      const { ttl, ...rest } = node;
      return [
        { ...rest, expired: now - this.#sightings.see(value.key, value.revision, now) >= ttl },
      ];
    });
  }

  /** Its key stays for a while, as that of a member does that leaves a group. */
  async leave(stream: StreamName, node: string, epoch: string): Promise<void> {
    const { state } = this.#session();
    const key = keys.node(stream, node);
    for (;;) {
      const kept = await state.get(key);
      if (kept === undefined || readNode(kept)?.epoch !== epoch) return;
      const text = JSON.stringify({ node, hasLeft: true });
      if ((await state.replace(key, text, kept.revision)) !== undefined) break;
    }
    this.#forget(key);
    const all = await state.values(keys.nodes(stream));
    if (all.every((value) => hasLeft(value)))
      await Promise.all(all.map((value) => state.remove(value.key, value.revision)));
  }

  /** Removes the key of a node that has left, when nothing has been written to it for a while. */
  #removeLater(value: KeptValue, now: Milliseconds): void {
    const { key, revision } = value;
    if (!hasLeft(value) || now - this.#sightings.see(key, revision, now) < lingerTime) return;
    this.#sightings.forget(key);
    this.#session()
      .state.remove(key, revision)
      .catch(() => {
        // Whoever looks next tries it again.
      });
  }

  /** Announces a member. */
  async join(group: GroupName, member: string, ttl: Milliseconds): Promise<void> {
    const { state } = this.#session();
    const key = keys.member(group, member);
    const own = this.#own.get(key);
    const renewed =
      own === undefined
        ? undefined
        : await state.replace(key, JSON.stringify({ member, ttl, isNew: false }), own);
    const revision =
      renewed ?? (await state.put(key, JSON.stringify({ member, ttl, isNew: true })));
    this.#own.set(key, revision);
  }

  /**
   * One message, which brings the others the news. The key stays for a while: when a key is removed,
   * servers before 2.9.15 skip in all watches what they have not delivered yet, such as the leases
   * that this node gives back now. The last member removes the keys of all.
   */
  async leaveGroup(group: GroupName, member: string): Promise<void> {
    const { state } = this.#session();
    const key = keys.member(group, member);
    const text = JSON.stringify({ member, ttl: 0, isNew: false });
    let revision = this.#own.get(key) ?? (await this.#announcedAt(key));
    while (revision !== undefined) {
      const left = await state.replace(key, text, revision);
      if (left !== undefined) await this.#removeIfLast(keys.member(group, ""), key, left, state);
      revision = left === undefined ? await this.#announcedAt(key) : undefined;
    }
    this.#forget(key);
  }

  /** Removes all keys with a prefix, unless a member lives beside the one that has left. */
  async #removeIfLast(
    prefix: string,
    leftKey: string,
    leftAt: number,
    state: JetStreamSession["state"],
  ): Promise<void> {
    this.#drop(leftKey);
    if (this.living(prefix, state).length > 0) return;
    const others = [...this.#members].filter(([key]) => key.startsWith(prefix));
    const removed = others.map(([key, { revision }]) => state.remove(key, revision));
    await Promise.all([...removed, state.remove(leftKey, leftAt)]);
  }

  /** The revision of a member's key; undefined: there is none, or it has left. */
  async #announcedAt(key: string): Promise<number | undefined> {
    const kept = await this.#session().state.get(key);
    return readObject(kept?.value)?.["ttl"] === 0 ? undefined : kept?.revision;
  }

  /** All members that are known, by key. */
  all(): ReadonlyMap<string, KnownMember> {
    return new Map(this.#members);
  }

  /**
   * The members whose time has not expired, sorted, of keys with a prefix. Those of others are
   * removed when nothing has been written to them for a while.
   */
  living(prefix: string, state: JetStreamSession["state"]): string[] {
    const now = this.#clock.now();
    const living: string[] = [];
    for (const [key, known] of this.#members) {
      if (!key.startsWith(prefix)) continue;
      const { member, ttl, revision } = known;
      const age = now - this.#sightings.see(key, revision, now);
      if (age < ttl) living.push(member);
      else if (known.isRemoved !== true && age >= Math.max(ttl, lingerTime)) {
        // It stays known as one that has left: a value that is being read may be older.
        this.#members.set(key, { member, ttl: 0, revision, isRemoved: true });
        state.remove(key, revision).catch(() => {
          // Whoever looks next tries it again.
        });
      }
    }
    return living.sort();
  }

  /**
   * A member has announced itself, or leaves.
   *
   * @param before what was known when it was asked for, which is replaced; what has been heard of
   *   since is not, unless it is older
   * @returns whether others may want to know
   */
  learn({ key, revision, value }: KeptValue, before?: KnownMember): boolean {
    const { member, ttl, isNew } = readObject(value) ?? {};
    const known = this.#members.get(key);
    if (typeof member !== "string" || typeof ttl !== "number") return false;
    if (known !== undefined && known !== before && known.revision >= revision) return false;
    const now = this.#clock.now();
    const isBack =
      known !== undefined && now - this.#sightings.see(key, known.revision, now) >= known.ttl;
    this.#sightings.see(key, revision, now);
    this.#members.set(key, { member, ttl, revision });
    return isNew === true || isBack || ttl === 0;
  }

  /** Forgets those with a prefix whose keys were not found, unless they have been heard of since. */
  keepOnly(
    prefix: string,
    found: ReadonlySet<string>,
    before: ReadonlyMap<string, KnownMember>,
  ): void {
    for (const [key, member] of before)
      if (key.startsWith(prefix) && !found.has(key) && this.#members.get(key) === member)
        this.#drop(key);
  }

  #forget(key: string): void {
    this.#own.delete(key);
    this.#drop(key);
  }

  #drop(key: string): void {
    this.#members.delete(key);
    this.#sightings.forget(key);
  }
}

/** A member of a group, as its key says. @internal */
export interface KnownMember {
  readonly member: string;
  /** 0: it has left. */
  readonly ttl: Milliseconds;
  readonly revision: number;
  /** Whether its key has been removed. */
  readonly isRemoved?: true;
}

/** How long the key of a member stays that has left, or has expired. */
const lingerTime: Milliseconds = 60_000;

function hasLeft({ value }: KeptValue): boolean {
  return readObject(value)?.["hasLeft"] === true;
}

function readNode({ value }: KeptValue): (StreamNode & { ttl: Milliseconds }) | undefined {
  const { node, epoch, startedAt, info, ttl } = readObject(value) ?? {};
  return typeof node === "string" &&
    typeof epoch === "string" &&
    typeof startedAt === "number" &&
    typeof info === "string" &&
    typeof ttl === "number"
    ? { node, epoch, startedAt, info, ttl }
    : undefined;
}
