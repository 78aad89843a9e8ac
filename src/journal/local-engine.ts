import { nodeTimeOf } from "../clock.js";
import type { Milliseconds } from "../options.js";
import { setImmediate } from "../timers.js";
import type {
  AcquiredState,
  AppendResult,
  CommitResult,
  GroupCommit,
  GroupName,
  GroupPartition,
  GroupState,
  GroupView,
  JournalContext,
  JournalEngine,
  JournalEngineEvents,
  KeptDeadLetter,
  KeptStream,
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
import { seekTarget } from "./local-group.js";
import type { LocalStore } from "./local-store.js";
import { LocalTail } from "./local-tail.js";

/** What an engine uses of its hub. @internal */
export interface JournalNetwork {
  /** Calls `mend` unless the node is cut off. */
  join(engine: LocalEngine): void;
  leave(engine: LocalEngine): void;
}

/** One node's connection to a hub: its calls are carried out at once. @internal */
export class LocalEngine implements JournalEngine {
  readonly kind = "local";
  readonly nodeName: string;
  readonly #store: LocalStore;
  readonly #context: JournalContext;
  readonly #network: JournalNetwork;
  readonly #wallTime: () => Milliseconds;
  readonly #tails = new Map<LocalTail, () => void>();
  readonly #groupWatches = new Set<() => void>();
  #events: JournalEngineEvents | undefined;
  #isClosed = false;
  #isUp = false;

  constructor(store: LocalStore, context: JournalContext, network: JournalNetwork) {
    this.nodeName = context.nodeName;
    this.#store = store;
    this.#context = context;
    this.#network = network;
    this.#wallTime = nodeTimeOf(context.clock);
  }

  async open(events: JournalEngineEvents): Promise<void> {
    await Promise.resolve();
    if (this.#isClosed) return;
    this.#events = events;
    this.#network.join(this);
    if (!this.#isUp) events.status("reconnecting", cutOff());
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#isUp = false;
    this.#events = undefined;
    this.#network.leave(this);
    for (const tail of this.#tails.keys()) tail.close();
    this.#groupWatches.clear();
    return Promise.resolve();
  }

  cut(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#events?.status("reconnecting", cutOff());
  }

  mend(): void {
    if (this.#isUp || this.#events === undefined) return;
    this.#isUp = true;
    this.#events.status("connected");
    for (const tail of this.#tails.keys()) tail.wake();
    // What has happened meanwhile is not known.
    for (const changed of this.#groupWatches) changed();
  }

  shape(stream: StreamName, shape: string): Promise<string> {
    return this.#call(() => (this.#store.stream(stream).shape ??= shape));
  }

  streams(): Promise<readonly KeptStream[]> {
    return this.#call(() => this.#store.streams());
  }

  append(partition: PartitionName, entry: NewEntry): Promise<AppendResult> {
    return this.#call(() => {
      const result = this.#store.partition(partition).append(entry, this.#wallTime());
      if (result.status === "appended") {
        this.#trim(partition);
        this.#store.partitionChanged(partition);
      }
      return result;
    });
  }

  lastSequence(partition: PartitionName, node: string, epoch: string): Promise<number> {
    return this.#call(() => this.#store.partition(partition).lastSequence(node, epoch));
  }

  markLost(partition: PartitionName, node: StreamNode, payload: Uint8Array): Promise<boolean> {
    return this.#call(() => {
      const isStored = this.#store.partition(partition).markLost(node, payload, this.#wallTime());
      if (isStored) this.#store.partitionChanged(partition);
      return isStored;
    });
  }

  bounds(partition: PartitionName, probe?: number): Promise<PartitionBounds> {
    return this.#call(() => this.#store.partition(partition).bounds(probe));
  }

  renew(partition: PartitionName, generation: string): Promise<string> {
    return this.#call(() => this.#store.partition(partition).renew(generation));
  }

  trim(partition: PartitionName): Promise<void> {
    return this.#call(() => this.#trim(partition));
  }

  tail(partition: PartitionName, from: number, sink: TailSink): Tail {
    const source = {
      partition: () => (this.#isUp ? this.#store.partition(partition) : undefined),
      closed: (tail: LocalTail) => {
        this.#tails.get(tail)?.();
        this.#tails.delete(tail);
      },
    };
    const tail = new LocalTail(source, from, sink);
    if (this.#isClosed) tail.close();
    else
      this.#tails.set(
        tail,
        this.#store.watchPartition(partition, () => tail.wake()),
      );
    return tail;
  }

  entryAt(partition: PartitionName, position: number): Promise<StoredEntry | undefined> {
    return this.#call(() => this.#store.partition(partition).entryAt(position));
  }

  beat(stream: StreamName, node: StreamNode, ttl: Milliseconds): Promise<readonly SeenNode[]> {
    return this.#call((now) => {
      const stored = this.#store.stream(stream);
      stored.beat(node, now + ttl);
      return stored.nodesAt(now);
    });
  }

  nodes(stream: StreamName): Promise<readonly SeenNode[]> {
    return this.#call((now) => this.#store.stream(stream).nodesAt(now));
  }

  leave(stream: StreamName, node: string, epoch: string): Promise<void> {
    return this.#call(() => this.#store.stream(stream).leave(node, epoch));
  }

  groups(stream: StreamName): Promise<readonly string[]> {
    return this.#call(() => this.#store.groups(stream));
  }

  createGroup(group: GroupName, partitions: number, at: "earliest" | "latest"): Promise<void> {
    return this.#call(() => {
      for (let partition = 0; partition < partitions; partition++)
        this.#store.createGroupPartition({ ...group, partition }, at);
    });
  }

  joinGroup(group: GroupName, member: string, ttl: Milliseconds): Promise<GroupView> {
    return this.#call((now) => {
      const stored = this.#store.group(group);
      if (stored.join(member, ttl, now)) this.#store.groupChanged(group);
      return stored.viewAt(now);
    });
  }

  leaveGroup(group: GroupName, member: string): Promise<void> {
    return this.#call(() => {
      if (this.#store.findGroup(group)?.leave(member)) this.#store.groupChanged(group);
    });
  }

  viewGroup(group: GroupName): Promise<GroupView> {
    return this.#call(
      (now) => this.#store.findGroup(group)?.viewAt(now) ?? { members: [], partitions: [] },
    );
  }

  acquire(
    partition: GroupPartition,
    owner: string,
    leaseTime: Milliseconds,
    at: "earliest" | "latest",
  ): Promise<AcquiredState | undefined> {
    return this.#call((now) =>
      this.#store
        .createGroupPartition(partition, at)
        .acquire(owner, leaseTime, now, this.#store.nextFence),
    );
  }

  commit(partition: GroupPartition, commit: GroupCommit): Promise<CommitResult> {
    return this.#call((now) => {
      const group = this.#store.groupPartition(partition);
      if (group === undefined) return { status: "fenced", state: this.#noState(partition) };
      const result = group.commit(commit, now);
      if (result.status !== "fenced" && commit.leaseTime === 0) this.#store.groupChanged(partition);
      return result;
    });
  }

  watchGroup(group: GroupName, changed: (view?: GroupView) => void): () => void {
    let isScheduled = false;
    let isEnded = this.#isClosed;
    // In a later turn, so that the caller of what has changed it goes on first; several changes
    // until then are one.
    const notify = (): void => {
      if (isScheduled || !this.#isUp) return;
      isScheduled = true;
      setImmediate(() => {
        isScheduled = false;
        if (!isEnded && this.#isUp)
          changed(this.#store.findGroup(group)?.viewAt(this.#context.clock.now()));
      });
    };
    const unwatch = this.#store.watchGroup(group, notify);
    this.#groupWatches.add(notify);
    return () => {
      isEnded = true;
      unwatch();
      this.#groupWatches.delete(notify);
    };
  }

  setPaused(partition: GroupPartition, paused: boolean): Promise<void> {
    return this.#call(() => {
      this.#store.groupPartition(partition)?.setPaused(paused);
      this.#store.groupChanged(partition);
    });
  }

  seek(partition: GroupPartition, to: "earliest" | "latest" | number): Promise<number> {
    return this.#call(() => {
      const group = this.#store.groupPartition(partition);
      if (group === undefined) return seekTarget(this.#store.partition(partition), to);
      const position = group.seek(to);
      this.#store.groupChanged(partition);
      return position;
    });
  }

  deadLetters(
    partition: GroupPartition,
    of: "resting" | "retrying",
    limit: number,
  ): Promise<readonly KeptDeadLetter[]> {
    return this.#call(() => this.#store.groupPartition(partition)?.letters(of, limit) ?? []);
  }

  retry(partition: GroupPartition, ids: readonly string[] | "all"): Promise<number> {
    return this.#call(() => {
      const retried = this.#store.groupPartition(partition)?.retry(ids) ?? 0;
      if (retried > 0) this.#store.groupChanged(partition);
      return retried;
    });
  }

  drop(partition: GroupPartition, ids: readonly string[] | "all"): Promise<number> {
    return this.#call(() => this.#store.groupPartition(partition)?.drop(ids) ?? 0);
  }

  deleteGroup(partition: GroupPartition): Promise<string | undefined> {
    return this.#call((now) => {
      const owner = this.#store.groupPartition(partition)?.ownerAt(now);
      if (owner === undefined)
        this.#store.findGroup(partition)?.partitions.delete(partition.partition);
      return owner;
    });
  }

  #trim(partition: PartitionName): void {
    const needed = this.#store.neededFrom(partition);
    this.#store.partition(partition).trim(this.#context, needed, this.#wallTime());
  }

  #noState(partition: GroupPartition): GroupState {
    const { generation } = this.#store.partition(partition);
    return {
      partition: partition.partition,
      owner: null,
      remaining: 0,
      fence: 0,
      position: 0,
      generation,
      seeks: 0,
      paused: false,
      deadLetters: 0,
      retries: 0,
    };
  }

  #call<T>(run: (now: Milliseconds) => T): Promise<T> {
    if (!this.#isUp) return Promise.reject(new Error("no connection to the hub"));
    return Promise.resolve(run(this.#context.clock.now()));
  }
}

function cutOff(): Error {
  return new Error("cut off from the hub");
}
