import { pause } from "../clock.js";
import type { Dial } from "../pubsub/broker-session.js";
import { asJetStreamFailure, loadJournalPackages } from "./jetstream-client.js";
import { JetStreamSession } from "./jetstream-session.js";
import type { NatsDialing } from "../pubsub/nats.js";
import { loadNats } from "../pubsub/nats-client.js";
import { Reconnector } from "../pubsub/reconnector.js";
import type {
  AcquiredState,
  AppendResult,
  CommitResult,
  GroupCommit,
  GroupName,
  GroupPartition,
  GroupView,
  JournalContext,
  JournalEngine,
  JournalEngineEvents,
  KeptDeadLetter,
  NewEntry,
  PartitionBounds,
  PartitionName,
  SeenNode,
  StoredEntry,
  StreamName,
  StreamNode,
  Tail,
  TailSink,
} from "./engine.js";
import { NatsGroups } from "./nats-groups.js";
import { natsHealth } from "./nats-health.js";
import { NatsLog, readObject } from "./nats-log.js";
import { NatsMembers } from "./nats-members.js";
import { keys, NatsNames } from "./nats-names.js";
import { checkRights } from "./nats-rights.js";
import { NatsTail } from "./nats-tail.js";
import { NatsWriter } from "./nats-writer.js";
import type { Milliseconds } from "../options.js";

/** A node's connection to journals in JetStream. @internal */
export class NatsEngine implements JournalEngine {
  readonly kind = "nats";
  readonly maxEvents = 1;
  readonly #context: JournalContext;
  readonly #names: NatsNames;
  readonly #reconnector: Reconnector<JetStreamSession>;
  readonly #members: NatsMembers;
  readonly #groups: NatsGroups;
  readonly #logs = new Map<string, NatsLog>();
  /** By the subject. */
  readonly #writers = new Map<string, NatsWriter>();
  readonly #tails = new Set<NatsTail>();
  readonly #watches = new Set<GroupWatch>();
  readonly #closing = new AbortController();
  #events: JournalEngineEvents | undefined;

  constructor(context: JournalContext, dialing: NatsDialing, replicas: number) {
    this.#context = context;
    this.#names = new NatsNames(context.namespace);
    const { timeout, connectionTimeout, delay } = dialing;
    const { random } = context;
    const observes = context.observes === true;
    const options = { names: this.#names, replicas, timeout: connectionTimeout, observes };
    const dial: Dial<JetStreamSession> = async (lost, signal) => {
      const link = await dialing.dial(lost, signal);
      let session: JetStreamSession | undefined;
      try {
        session = await JetStreamSession.open(link, options);
        await checkRights(session, link, this.#names);
        return session;
      } catch (error) {
        (session ?? link).destroy(asJetStreamFailure(error));
        throw error;
      }
    };
    this.#reconnector = new Reconnector(
      { dial, timeout, delay, random },
      {
        prepare: () => Promise.resolve(),
        up: (session) => this.#up(session),
        status: (status, error) => this.#events?.status(status, error),
      },
    );
    const session = (): JetStreamSession => this.#session;
    this.#members = new NatsMembers(context.clock, session);
    this.#groups = new NatsGroups({
      clock: context.clock,
      members: this.#members,
      log: (partition) => this.#log(partition),
      session,
    });
  }

  get maxPayload(): number | undefined {
    const maxPayload = this.#reconnector.session?.maxPayload;
    if (maxPayload === undefined) return undefined;
    return Math.max(0, maxPayload - encodeURIComponent(this.#context.nodeName).length);
  }

  async load(): Promise<void> {
    await loadNats();
    await loadJournalPackages();
  }

  open(events: JournalEngineEvents): Promise<void> {
    this.#events = events;
    return this.#reconnector.open();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const tail of this.#tails) tail.close();
    for (const watch of this.#watches) watch.close();
    await this.#reconnector.close((session) => session.flush());
    for (const writer of this.#writers.values()) writer.close(this.#reconnector.absence);
  }

  async health(): Promise<readonly { readonly problem: string }[]> {
    return natsHealth(this.#session, this.#names);
  }

  async shape(stream: StreamName, shape: string): Promise<string> {
    const { state } = this.#session;
    const { cache, name } = stream;
    const key = keys.shape(stream);
    for (;;) {
      const kept = await state.get(key);
      const known = readObject(kept?.value)?.["shape"];
      if (typeof known === "string") return known;
      const text = JSON.stringify({ cache, name, shape });
      if ((await state.replace(key, text, kept?.revision ?? 0)) !== undefined) return shape;
    }
  }

  async streams(): Promise<readonly (StreamName & { readonly shape: string })[]> {
    const kept = await this.#session.state.values(keys.shapes);
    return kept.flatMap(({ value }) => {
      const { cache, name, shape } = readObject(value) ?? {};
      return typeof cache === "string" && typeof name === "string" && typeof shape === "string"
        ? [{ cache, name, shape }]
        : [];
    });
  }

  append(partition: PartitionName, entry: NewEntry): Promise<AppendResult> {
    const log = this.#log(partition);
    const subject = log.subjectOf(entry.node);
    let writer = this.#writers.get(subject);
    if (writer === undefined) {
      writer = new NatsWriter(log, entry.node, this.#context.clock, () => this.#session);
      this.#writers.set(subject, writer);
    }
    return writer.append(entry);
  }

  async lastSequence(partition: PartitionName, node: string, epoch: string): Promise<number> {
    return this.#log(partition).lastSequence(node, epoch);
  }

  async markLost(
    partition: PartitionName,
    node: StreamNode,
    payload: Uint8Array,
  ): Promise<boolean> {
    return this.#log(partition).markLost(node, payload);
  }

  async bounds(partition: PartitionName, probe?: number): Promise<PartitionBounds> {
    return this.#log(partition).bounds(probe);
  }

  async renew(partition: PartitionName, generation: string): Promise<string> {
    return this.#log(partition).renew(generation);
  }

  async trim(partition: PartitionName): Promise<void> {
    await this.#log(partition).trim();
  }

  tail(partition: PartitionName, from: number, sink: TailSink): Tail {
    const closed = (): void => void this.#tails.delete(tail);
    const tail = new NatsTail(this.#log(partition), from, sink, this.#context.clock, closed);
    if (this.#reconnector.closed || this.#closing.signal.aborted) {
      tail.close();
      return tail;
    }
    this.#tails.add(tail);
    const { session } = this.#reconnector;
    if (session !== undefined) tail.start(session);
    return tail;
  }

  async entryAt(partition: PartitionName, position: number): Promise<StoredEntry | undefined> {
    return this.#log(partition).entryAt(position);
  }

  beat(stream: StreamName, node: StreamNode, ttl: Milliseconds): Promise<readonly SeenNode[]> {
    return this.#members.beat(stream, node, ttl);
  }

  nodes(stream: StreamName): Promise<readonly SeenNode[]> {
    return this.#members.nodes(stream);
  }

  leave(stream: StreamName, node: string, epoch: string): Promise<void> {
    return this.#members.leave(stream, node, epoch);
  }

  groups(stream: StreamName): Promise<readonly string[]> {
    return this.#groups.names(stream);
  }

  createGroup(group: GroupName, partitions: number, at: "earliest" | "latest"): Promise<void> {
    return this.#groups.create(group, partitions, at);
  }

  async joinGroup(group: GroupName, member: string, ttl: Milliseconds): Promise<GroupView> {
    await this.#members.join(group, member, ttl);
    return this.#groups.view(group);
  }

  leaveGroup(group: GroupName, member: string): Promise<void> {
    return this.#members.leaveGroup(group, member);
  }

  viewGroup(group: GroupName): Promise<GroupView> {
    return this.#groups.view(group);
  }

  acquire(
    partition: GroupPartition,
    owner: string,
    leaseTime: Milliseconds,
    at: "earliest" | "latest",
  ): Promise<AcquiredState | undefined> {
    return this.#groups.acquire(partition, owner, leaseTime, at);
  }

  commit(partition: GroupPartition, commit: GroupCommit): Promise<CommitResult> {
    return this.#groups.commit(partition, commit);
  }

  watchGroup(group: GroupName, changed: (view?: GroupView) => void): () => void {
    const watch = new GroupWatch(group, this.#groups, this.#context, changed);
    this.#watches.add(watch);
    const { session } = this.#reconnector;
    if (session !== undefined) watch.start(session);
    return () => {
      watch.close();
      this.#watches.delete(watch);
    };
  }

  setPaused(partition: GroupPartition, paused: boolean): Promise<void> {
    return this.#groups.setPaused(partition, paused);
  }

  seek(partition: GroupPartition, to: "earliest" | "latest" | number): Promise<number> {
    return this.#groups.seek(partition, to);
  }

  deadLetters(
    partition: GroupPartition,
    of: "resting" | "retrying",
    limit: number,
  ): Promise<readonly KeptDeadLetter[]> {
    return this.#groups.deadLetters(partition, of, limit);
  }

  retry(partition: GroupPartition, ids: readonly string[] | "all"): Promise<number> {
    return this.#groups.retry(partition, ids);
  }

  drop(partition: GroupPartition, ids: readonly string[] | "all"): Promise<number> {
    return this.#groups.drop(partition, ids);
  }

  deleteGroup(partition: GroupPartition): Promise<string | undefined> {
    return this.#groups.delete(partition);
  }

  get #session(): JetStreamSession {
    const { session } = this.#reconnector;
    if (session?.isUp === true) return session;
    throw this.#reconnector.absence;
  }

  #up(session: JetStreamSession): void {
    for (const tail of this.#tails) tail.start(session);
    const watchAgain = (): void => {
      for (const watch of this.#watches) watch.start(session, true);
    };
    watchAgain();
    session.stateLost = watchAgain;
  }

  #log(partition: PartitionName): NatsLog {
    const { cache, name, partition: index } = partition;
    const key = `${cache}:${name}:${index}`;
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = new NatsLog(
        { cache, name, partition: index },
        {
          names: this.#names,
          context: this.#context,
          groups: this.#groups,
          session: () => this.#session,
        },
      );
      this.#logs.set(key, log);
    }
    return log;
  }
}

/** How long to wait before a watch is made again that has ended or failed. */
const rewatchDelay: Milliseconds = 500;

/** A watch of a group, over all sessions, until it is closed. */
class GroupWatch {
  readonly #group: GroupName;
  readonly #groups: NatsGroups;
  readonly #context: JournalContext;
  readonly #changed: (view?: GroupView) => void;
  readonly #closing = new AbortController();
  #session: JetStreamSession | undefined;
  #stop: (() => void) | undefined;

  constructor(
    group: GroupName,
    groups: NatsGroups,
    context: JournalContext,
    changed: (view?: GroupView) => void,
  ) {
    this.#group = group;
    this.#groups = groups;
    this.#context = context;
    this.#changed = (view) => {
      if (!this.#closing.signal.aborted) changed(view);
    };
  }

  /** @param isAgain whether something may have happened that nobody has heard of */
  start(session: JetStreamSession, isAgain = false): void {
    this.#session = session;
    this.#stop?.();
    void this.#watch(session, isAgain);
  }

  close(): void {
    this.#closing.abort();
    this.#session = undefined;
    this.#stop?.();
  }

  async #watch(session: JetStreamSession, isAgain: boolean): Promise<void> {
    const isOn = (): boolean => this.#session === session && session.endedWith === undefined;
    const again = async (): Promise<void> => {
      await pause(this.#context.clock, rewatchDelay, this.#closing.signal);
      if (isOn()) await this.#watch(session, true);
    };
    try {
      const stop = await this.#groups.watch(
        session,
        this.#group,
        this.#changed,
        () => void again(),
      );
      if (!isOn()) {
        stop();
        return;
      }
      this.#stop = stop;
      if (isAgain) this.#changed();
    } catch {
      void again();
    }
  }
}
