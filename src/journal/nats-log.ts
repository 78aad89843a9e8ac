import { randomBytes } from "node:crypto";
import { pause } from "../clock.js";
import type { Milliseconds } from "../options.js";
import { wallClockNow } from "../timers.js";
import type {
  JournalContext,
  PartitionBounds,
  PartitionName,
  StoredEntry,
  StreamNode,
} from "./engine.js";
import {
  apiCodes,
  asJetStreamFailure,
  codeOf,
  isGone,
  isWrongLast,
  logConfig,
  NoJournalError,
  type StoredMsg,
  type StreamInfo,
} from "./jetstream-client.js";
import type { JetStreamSession } from "./jetstream-session.js";
import {
  type EntryOrigin,
  isYounger,
  originHeader,
  originOf,
  readOrigin,
  originText,
  tagOf,
} from "./nats-entry.js";
import { maxMisses, missDelay } from "./nats-bucket.js";
import { keys, type NatsNames } from "./nats-names.js";

/** The last message on the subject of a node. @internal */
export interface LastMessage {
  /** Its sequence in the stream; 0: there is none. */
  readonly sequence: number;
  /** Undefined: there is none, or it is foreign. */
  readonly origin: EntryOrigin | undefined;
}

/** What a log needs of the groups. @internal */
export interface LogGroups {
  /** The first position that a group of the partition needs; infinite: there is no group. */
  neededFrom(partition: PartitionName, generation: string): Promise<number>;
  /** The journal has begun a new generation. */
  enter(partition: PartitionName): Promise<void>;
}

/** What a log is made of. @internal */
export interface LogSettings {
  readonly names: NatsNames;
  readonly context: JournalContext;
  readonly groups: LogGroups;
  /** @throws when there is no connection */
  session(): JetStreamSession;
}

/** A partition: the JetStream stream that holds its events, one message each. @internal */
export class NatsLog {
  readonly partition: PartitionName;
  readonly stream: string;
  readonly #settings: LogSettings;
  /** The session in which the stream is known to be there. */
  #seenIn: JetStreamSession | undefined;
  #opening: { readonly session: JetStreamSession; readonly opened: Promise<unknown> } | undefined;
  #generation = "";
  /** When the stream was created, as the server says it. */
  #created = "";
  #replicas = 1;
  /** The highest sequence that is known. */
  #tip = 0;
  #untrimmed = 0;
  #forgetAt: Milliseconds = 0;
  #isTrimming = false;

  constructor(partition: PartitionName, settings: LogSettings) {
    this.partition = partition;
    this.stream = settings.names.log(partition);
    this.#settings = settings;
  }

  /** As far as this node knows. */
  get generation(): string {
    return this.#generation;
  }

  get isReplicated(): boolean {
    return this.#replicas > 1;
  }

  get tip(): number {
    return this.#tip;
  }

  /** A message with this sequence has been seen. */
  seen(sequence: number): void {
    if (sequence > this.#tip) this.#tip = sequence;
  }

  /** The stream may have been deleted. */
  forget(): void {
    this.#seenIn = undefined;
  }

  subjectOf(node: string): string {
    return this.#settings.names.subject(this.partition, node);
  }

  /** Makes sure that the stream is there, and has a generation. */
  async ensure(session: JetStreamSession): Promise<void> {
    if (this.#seenIn === session) return;
    if (this.#opening?.session !== session)
      this.#opening = { session, opened: this.#look(session) };
    const opening = this.#opening;
    try {
      await opening.opened;
    } finally {
      if (this.#opening === opening) this.#opening = undefined;
    }
  }

  /** Looks at the stream, which is created where it is not there. */
  async #look(session: JetStreamSession): Promise<StreamInfo> {
    const key = keys.generation(this.partition);
    for (;;) {
      const [info, kept] = await Promise.all([this.#info(session), session.state.get(key)]);
      const known = readGeneration(kept?.value);
      const isKnown = known !== undefined && known.created === info.created;
      if (isKnown) await this.#entered(known.generation, info, session);
      if (isKnown) return info;
      const text = JSON.stringify({ generation: newGeneration(), created: info.created });
      await session.state.replace(key, text, kept?.revision ?? 0);
    }
  }

  async #entered(generation: string, info: StreamInfo, session: JetStreamSession): Promise<void> {
    if (this.#created !== info.created) this.#tip = 0;
    this.seen(info.state.last_seq);
    this.#created = info.created;
    this.#replicas = info.config.num_replicas;
    this.#seenIn = session;
    const before = this.#generation;
    this.#generation = generation;
    if (before !== "" && before !== generation) await this.#settings.groups.enter(this.partition);
  }

  /** The present generation, as the server knows it. */
  async presentGeneration(): Promise<string | undefined> {
    const { state } = this.#settings.session();
    return readGeneration((await state.get(keys.generation(this.partition)))?.value)?.generation;
  }

  async #info(session: JetStreamSession): Promise<StreamInfo> {
    const { jsm } = session;
    const { observes } = this.#settings.context;
    try {
      const info = await session.run(jsm.streams.info(this.stream));
      const limit = limitOf(this.#settings.context);
      if (observes === true) return info;
      if (info.config.max_msgs === -1 || info.config.max_msgs >= limit) return info;
      return await session.run(jsm.streams.update(this.stream, { max_msgs: limit }));
    } catch (error) {
      if (codeOf(error) !== apiCodes.streamNotFound) throw asJetStreamFailure(error);
      if (observes === true) throw new NoJournalError(error);
    }
    const { cache, name, partition } = this.partition;
    const config = await logConfig({
      name: this.stream,
      subjects: [this.#settings.names.subject(this.partition)],
      description: `nebulex-streams: journal of ${cache}:${name}, partition ${partition}`,
      max_msgs: limitOf(this.#settings.context),
      num_replicas: session.replicas,
    });
    try {
      return await session.run(jsm.streams.add(config));
    } catch (error) {
      const failure = asJetStreamFailure(error);
      if (!createdMeanwhile.has(codeOf(error))) throw failure;
      return await session.run(jsm.streams.info(this.stream)).catch(() => {
        throw failure;
      });
    }
  }

  async bounds(probe?: number): Promise<PartitionBounds> {
    const session = this.#settings.session();
    const info = await this.#look(session);
    const origin = probe === undefined ? undefined : originOf((await this.#at(probe))?.header);
    return { generation: this.#generation, ...boundsOf(info), probed: origin && tagOf(origin) };
  }

  async renew(generation: string): Promise<string> {
    const session = this.#settings.session();
    const info = await this.#look(session);
    if (this.#generation !== generation) return this.#generation;
    const key = keys.generation(this.partition);
    const kept = await session.state.get(key);
    const present = readGeneration(kept?.value);
    if (present?.generation === generation) {
      const fresh = { generation: newGeneration(), created: info.created };
      await session.state.replace(key, JSON.stringify(fresh), kept?.revision ?? 0);
    }
    await this.#look(session);
    return this.#generation;
  }

  async entryAt(position: number): Promise<StoredEntry | undefined> {
    await this.ensure(this.#settings.session());
    const message = await this.#at(position);
    if (message === undefined) return undefined;
    const { data: payload } = message;
    return { position, count: 1, time: message.time.getTime(), payload };
  }

  /** Whether an entry that was read is still the one at its position, or was trimmed there. */
  async holds(session: JetStreamSession, { position, time }: StoredEntry): Promise<boolean> {
    const { first, next } = boundsOf(await this.#look(session));
    if (position >= next) return false;
    const message = position < first ? undefined : await this.#at(position);
    return message === undefined || message.time.getTime() === time;
  }

  /** The last message of a node, as the server knows it. */
  async lastOf(session: JetStreamSession, node: string): Promise<LastMessage> {
    await this.ensure(session);
    const message = await this.#message(session, { last_by_subj: this.subjectOf(node) });
    if (message === undefined) return { sequence: 0, origin: await this.#trimmedOf(session, node) };
    this.seen(message.seq);
    return { sequence: message.seq, origin: originOf(message.header) };
  }

  /** Who wrote a node's last message, if that has been trimmed. */
  async #trimmedOf(session: JetStreamSession, node: string): Promise<EntryOrigin | undefined> {
    const kept = await session.state.get(keys.trimmed(this.partition, node));
    const { origin, created } = readObject(kept?.value) ?? {};
    return created === this.#created && typeof origin === "string" ? readOrigin(origin) : undefined;
  }

  /** Keeps who has written the last messages of nodes that are trimmed before this position. */
  async #keepLast(session: JetStreamSession, position: number): Promise<void> {
    const filter = this.#settings.names.subject(this.partition);
    const { state } = await session.run(
      session.jsm.streams.info(this.stream, { subjects_filter: filter }),
    );
    const subjects = Object.keys(state.subjects ?? {});
    await Promise.all(
      subjects.map(async (subject) => {
        const message = await this.#message(session, { last_by_subj: subject });
        const origin = originOf(message?.header);
        if (message === undefined || origin === undefined || message.seq > position) return;
        await this.#keepOrigin(session, message.seq, origin);
      }),
    );
    await this.#forgetNodes(session);
  }

  async #keepOrigin(session: JetStreamSession, sequence: number, of: EntryOrigin): Promise<void> {
    const key = keys.trimmed(this.partition, of.node);
    const created = this.#created;
    const text = JSON.stringify({ origin: originText(of), sequence, created });
    for (;;) {
      const kept = await session.state.get(key);
      const known = readObject(kept?.value);
      // Another node has trimmed further.
      if (known?.["created"] === created && Number(known["sequence"]) >= sequence) return;
      if ((await session.state.replace(key, text, kept?.revision ?? 0)) !== undefined) return;
    }
  }

  /** Forgets what was kept of nodes that have gone for good, so that it does not grow for ever. */
  async #forgetNodes(session: JetStreamSession): Promise<void> {
    const now = this.#settings.context.clock.now();
    if (now < this.#forgetAt) return;
    this.#forgetAt = now + hour;
    const announced = new Set(await session.state.keys(keys.nodes(this.partition)));
    for (const { key, value, revision, time } of await session.state.values(
      keys.allTrimmed(this.partition),
    )) {
      const { origin } = readObject(value) ?? {};
      const node = typeof origin === "string" ? readOrigin(origin)?.node : undefined;
      if (wallClockNow() - time < week) continue;
      if (node === undefined || !announced.has(keys.node(this.partition, node)))
        await session.state.remove(key, revision);
    }
  }

  async lastSequence(node: string, epoch: string): Promise<number> {
    const { origin } = await this.lastOf(this.#settings.session(), node);
    return origin?.epoch === epoch ? origin.to : -1;
  }

  async markLost(node: StreamNode, payload: Uint8Array): Promise<boolean> {
    const session = this.#settings.session();
    for (let misses = 0; ;) {
      const last = await this.lastOf(session, node.node);
      const { origin } = last;
      const isSameLife = origin?.epoch === node.epoch;
      const subject = this.#settings.names.markers(this.partition, node.node);
      const marker = await this.#message(session, { last_by_subj: subject });
      const isMarked = originOf(marker?.header)?.epoch === node.epoch;
      if (isMarked && (marker?.seq ?? 0) > last.sequence) return false;
      if (origin !== undefined && !isSameLife && isYounger(origin, node)) return false;
      const to = isSameLife ? origin.to : -1;
      const headers = session.newHeaders();
      headers.set(originHeader, originText({ ...node, to, isMarker: true }));
      try {
        const { seq } = await session.run(
          session.js.publish(subject, payload, {
            headers,
            expect: { lastSubjectSequence: marker?.seq ?? 0 },
          }),
        );
        this.seen(seq);
        return true;
      } catch (error) {
        if (isWrongLast(codeOf(error))) continue;
        if (!isGone(error) || ++misses > maxMisses) throw asJetStreamFailure(error);
        this.forget();
        await pause(this.#settings.context.clock, missDelay * misses);
      }
    }
  }

  /** An event has been stored: now and then, what is not needed is dropped. */
  stored(): void {
    const { retain, capacity } = this.#settings.context;
    this.#untrimmed++;
    if (this.#isTrimming || this.#tip <= Math.min(retain, capacity)) return;
    if (this.#untrimmed < Math.min(1000, Math.ceil(retain / 10))) return;
    this.trim().catch(() => {
      // It is tried again with a later event.
    });
  }

  async trim(): Promise<void> {
    this.#isTrimming = true;
    this.#untrimmed = 0;
    try {
      await this.#trim();
    } finally {
      this.#isTrimming = false;
    }
  }

  async #trim(): Promise<void> {
    const session = this.#settings.session();
    const { groups, context } = this.#settings;
    const { first, next } = boundsOf(await this.#look(session));
    const retained = Math.max(next - context.retain, await this.#firstYoung(first, next));
    const beyond = next - context.capacity;
    if (Math.max(retained, beyond) <= first) return;
    const needed = await groups.neededFrom(this.partition, this.#generation);
    const keepFrom = Math.max(Math.min(retained, needed), beyond);
    if (keepFrom <= first) return;
    await this.#keepLast(session, keepFrom);
    await session.run(session.jsm.streams.purge(this.stream, { seq: keepFrom + 1 }));
  }

  /** The first position that is younger than `retainFor`. */
  async #firstYoung(first: number, next: number): Promise<number> {
    const { retainFor } = this.#settings.context;
    if (retainFor === undefined) return 0;
    const since = wallClockNow() - retainFor;
    let low = first;
    let high = next;
    while (low < high) {
      const middle = low === first ? low : (low + high) >>> 1;
      const message = await this.#at(middle);
      if (message !== undefined && message.time.getTime() > since) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #at(position: number): Promise<StoredMsg | undefined> {
    return this.#message(this.#settings.session(), { seq: position + 1 });
  }

  async #message(
    session: JetStreamSession,
    query: { seq: number } | { last_by_subj: string },
  ): Promise<StoredMsg | undefined> {
    if ("seq" in query && !(query.seq > 0)) return undefined;
    try {
      return (await session.run(session.jsm.streams.getMessage(this.stream, query))) ?? undefined;
    } catch (error) {
      if (codeOf(error) === apiCodes.messageNotFound) return undefined;
      if (codeOf(error) === apiCodes.streamNotFound) this.forget();
      throw asJetStreamFailure(error);
    }
  }
}

const hour: Milliseconds = 3_600_000;
const week: Milliseconds = 7 * 24 * hour;

/** Another node is creating the stream, or has created it with other options. */
const createdMeanwhile: ReadonlySet<number | undefined> = new Set([
  apiCodes.nameInUse,
  apiCodes.subjectsOverlap,
]);

/**
 * Messages above which the server itself drops the oldest, should no node trim: further than
 * `capacity`, since the server does not keep who has written the last ones.
 */
function limitOf({ capacity }: JournalContext): number {
  return capacity + Math.max(10_000, Math.ceil(capacity / 10));
}

function boundsOf({ state }: StreamInfo): { first: number; next: number } {
  return {
    first: state.messages === 0 ? state.last_seq : state.first_seq - 1,
    next: state.last_seq,
  };
}

interface Generation {
  readonly generation: string;
  /** When the stream was created: another one of the same name has a generation of its own. */
  readonly created: Milliseconds | string;
}

function readGeneration(value: Uint8Array | undefined): Generation | undefined {
  const { generation, created } = readObject(value) ?? {};
  return typeof generation === "string" && typeof created === "string"
    ? { generation, created }
    : undefined;
}

/** The object in a JSON text; undefined: it is something else. @internal */
export function readObject(value: Uint8Array | undefined): Record<string, unknown> | undefined {
  if (value === undefined) return undefined;
  try {
    const read: unknown = JSON.parse(new TextDecoder().decode(value));
    return typeof read === "object" && read !== null
      ? (read as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function newGeneration(): string {
  return randomBytes(8).toString("hex");
}
