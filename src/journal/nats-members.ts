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
      if (node === undefined) return [];
      const { ttl, ...rest } = node;
      return [
        { ...rest, expired: now - this.#sightings.see(value.key, value.revision, now) >= ttl },
      ];
    });
  }

  async leave(stream: StreamName, node: string, epoch: string): Promise<void> {
    const { state } = this.#session();
    const key = keys.node(stream, node);
    const kept = await state.get(key);
    if (kept === undefined || readNode(kept)?.epoch !== epoch) return;
    await state.remove(key, kept.revision);
    this.#forget(key);
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

  async leaveGroup(group: GroupName, member: string): Promise<void> {
    const { state } = this.#session();
    const key = keys.member(group, member);
    const kept = await state.get(key);
    if (kept === undefined) return;
    await state.remove(key, kept.revision);
    this.#forget(key);
    await state.put(keys.left(group), member);
  }

  /** The members whose time has not expired, sorted; the others are forgotten. */
  living(kept: readonly KeptValue[], state: JetStreamSession["state"]): string[] {
    const now = this.#clock.now();
    const members: string[] = [];
    for (const value of kept) {
      const { member, ttl } = readObject(value.value) ?? {};
      if (typeof member !== "string" || typeof ttl !== "number") continue;
      if (now - this.#sightings.see(value.key, value.revision, now) < ttl) members.push(member);
      else {
        this.#forget(value.key);
        state.remove(value.key, value.revision).catch(() => {
          // Whoever looks next tries it again.
        });
      }
    }
    return members.sort();
  }

  /** A member has announced itself; returns whether it is a new one. */
  heard({ key, revision, value }: KeptValue): boolean {
    this.#sightings.see(key, revision, this.#clock.now());
    return readObject(value)?.["isNew"] === true;
  }

  #forget(key: string): void {
    this.#own.delete(key);
    this.#sightings.forget(key);
  }
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
