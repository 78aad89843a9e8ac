import type { Milliseconds } from "../options.js";
import { RefusedError } from "../pubsub/broker-session.js";
import { Reconnector, type ReconnectorOptions } from "../pubsub/reconnector.js";
import { loadRedis, type RedisArguments, bufferOf } from "../pubsub/redis-client.js";
import { warnOfError } from "../telemetry/channels.js";
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
import { AppendLanes } from "./redis-append-lanes.js";
import { newGeneration, RedisCaller } from "./redis-caller.js";
import { GroupWatches } from "./redis-group-watches.js";
import { RedisGroups } from "./redis-groups.js";
import { healthProblems } from "./redis-health.js";
import { decodedName, encodedName, RedisKeys } from "./redis-keys.js";
import { type RedisLink, runScript } from "./redis-link.js";
import {
  appendScript,
  boundsScript,
  markLostScript,
  renewScript,
  trimScript,
} from "./redis-partition-scripts.js";
import {
  appendResult,
  entriesOf,
  integerOf,
  listOf,
  partitionBounds,
  seenNodes,
  textOf,
} from "./redis-replies.js";
import { leaveScript, nodesScript, shapeScript } from "./redis-stream-scripts.js";
import { RedisTail } from "./redis-tail.js";
import { BlockingReader, NotifiedReader, type TailReader } from "./redis-tail-readers.js";

/** How an engine reaches Redis. @internal */
export interface RedisEngineOptions extends Omit<ReconnectorOptions<RedisLink>, "dial"> {
  dial(keys: RedisKeys): ReconnectorOptions<RedisLink>["dial"];
}

/**
 * Journals on Redis. `redis-keys.ts` has the keys; the scripts say what the keys hold.
 *
 * @internal
 */
export class RedisEngine implements JournalEngine {
  readonly kind = "redis";
  /** What a shared store works with: it keeps its entries beside the journal. */
  readonly caller: RedisCaller;
  readonly #context: JournalContext;
  readonly #groups: RedisGroups;
  readonly #watches: GroupWatches;
  readonly #timeout: Milliseconds;
  readonly #reconnector: Reconnector<RedisLink>;
  readonly #lanes = new AppendLanes();
  readonly #tails = new Set<RedisTail>();
  readonly #bounds: readonly string[];
  #events: JournalEngineEvents | undefined;
  #reader: TailReader | undefined;

  constructor(context: JournalContext, { dial, ...options }: RedisEngineOptions) {
    this.#context = context;
    const keys = new RedisKeys(context.namespace);
    this.caller = new RedisCaller(keys, () => this.#link());
    this.#groups = new RedisGroups(this.caller);
    this.#watches = new GroupWatches((error) => this.#warn("changes are not heard of", error));
    this.#timeout = options.timeout;
    const { retain, retainFor, capacity } = context;
    // Trimmed a part at a time: a sixteenth of what is kept, at most 1024 events.
    const step = Math.max(1, Math.min(1024, Math.floor(Math.max(retain, capacity / 16) / 16)));
    const bounds = [String(retain), String(retainFor ?? ""), String(capacity)];
    this.#bounds = [...bounds, String(step)];
    this.#reconnector = new Reconnector<RedisLink>(
      { ...options, dial: dial(keys), random: context.random },
      {
        prepare: (link) => this.#watches.prepare(link),
        up: (link) => this.#up(link),
        status: (status, error) => this.#changed(status, error),
      },
    );
  }

  async load(): Promise<void> {
    await loadRedis();
  }

  open(events: JournalEngineEvents): Promise<void> {
    this.#events = events;
    return this.#reconnector.open();
  }

  close(): Promise<void> {
    for (const tail of this.#tails) tail.close();
    this.#watches.clear();
    this.#reader?.stop();
    this.#reader = undefined;
    return this.#reconnector.close(async (link) => {
      await Promise.all(link.servers().map((server) => server.ping()));
    });
  }

  async shape(stream: StreamName, shape: string): Promise<string> {
    const args = [streamField(stream), shape];
    return textOf(await this.caller.run(shapeScript, [this.caller.keys.streams], args));
  }

  async streams(): Promise<readonly (StreamName & { readonly shape: string })[]> {
    const { streams } = this.caller.keys;
    const fields = listOf(
      await this.caller.send(streams, ["HGETALL", streams]),
      "the list of streams",
    );
    const found: (StreamName & { shape: string })[] = [];
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const [cache = "", name = "", rest] = textOf(fields[index]).split(":");
      if (cache === "" || name === "" || rest !== undefined) continue;
      const shape = textOf(fields[index + 1]);
      found.push({ cache: decodedName(cache), name: decodedName(name), shape });
    }
    return found;
  }

  async append(partition: PartitionName, entry: NewEntry): Promise<AppendResult> {
    const link = this.#link();
    const { meta, log, writers, positions, news } = this.caller.keys.partition(partition);
    const { node, epoch, startedAt, after, to, count, payload } = entry;
    const writer = [encodedName(node), encodedName(epoch), String(startedAt)];
    const args: RedisArguments = [
      newGeneration(),
      ...writer,
      String(after),
      String(to),
      String(count),
      bufferOf(payload),
      link.reading === undefined ? news : "",
      ...this.#bounds,
    ];
    return this.#lanes.append(link, meta, writer.join(" "), async (onMissing) =>
      appendResult(
        await runScript(link, appendScript, [meta, log, writers, positions], args, { onMissing }),
      ),
    );
  }

  async lastSequence(partition: PartitionName, node: string, epoch: string): Promise<number> {
    const { writers } = this.caller.keys.partition(partition);
    const reply = textOf(await this.caller.send(writers, ["HGET", writers, encodedName(node)]));
    const [known, , last] = reply.split(" ");
    return known === encodedName(epoch) && last !== "-" ? integerOf(last, "a sequence") : -1;
  }

  async markLost(
    partition: PartitionName,
    node: StreamNode,
    payload: Uint8Array,
  ): Promise<boolean> {
    const { meta, log, writers, news } = this.caller.keys.partition(partition);
    const writer = [encodedName(node.node), encodedName(node.epoch), String(node.startedAt)];
    const args = [newGeneration(), ...writer, bufferOf(payload), this.#announced(news)];
    return (await this.caller.run(markLostScript, [meta, log, writers], args)) === 1;
  }

  async bounds(partition: PartitionName, probe?: number): Promise<PartitionBounds> {
    const { meta, log } = this.caller.keys.partition(partition);
    const args = [newGeneration(), String(probe ?? "")];
    return partitionBounds(await this.caller.run(boundsScript, [meta, log], args));
  }

  async renew(partition: PartitionName, generation: string): Promise<string> {
    const { meta, log, positions } = this.caller.keys.partition(partition);
    const args = [newGeneration(), generation];
    return textOf(await this.caller.run(renewScript, [meta, log, positions], args));
  }

  async trim(partition: PartitionName): Promise<void> {
    const { meta, log, writers, positions } = this.caller.keys.partition(partition);
    await this.caller.run(trimScript, [meta, log, writers, positions], this.#bounds);
  }

  tail(partition: PartitionName, from: number, sink: TailSink): Tail {
    const tail = new RedisTail(this.caller.keys.partition(partition), from, sink, {
      wants: (it) => this.#reader?.wake(it),
      closed: (it) => void this.#tails.delete(it),
      foreign: (key, id) =>
        this.#warn("an entry is skipped", `the entry ${id} of ${key} is no entry of a journal`),
      astray: (key) =>
        this.#warn("the server has lost entries", `others have come in their place in ${key}`),
    });
    if (this.#reconnector.closed) return tail;
    this.#tails.add(tail);
    this.#reader?.wake(tail);
    return tail;
  }

  async entryAt(partition: PartitionName, position: number): Promise<StoredEntry | undefined> {
    const { log } = this.caller.keys.partition(partition);
    const command = ["XRANGE", log, String(position), "+", "COUNT", "1"];
    const [entry] = entriesOf(await this.caller.send(log, command, true));
    if (entry === undefined || "foreign" in entry || entry.position > position) return undefined;
    const { tag: _tag, before: _before, ...stored } = entry;
    return stored;
  }

  async beat(
    stream: StreamName,
    { node, epoch, startedAt, info }: StreamNode,
    ttl: Milliseconds,
  ): Promise<readonly SeenNode[]> {
    const args = [encodedName(node), encodedName(epoch), String(startedAt), info, String(ttl)];
    return seenNodes(await this.caller.run(nodesScript, [this.caller.keys.nodes(stream)], args));
  }

  async nodes(stream: StreamName): Promise<readonly SeenNode[]> {
    return seenNodes(await this.caller.run(nodesScript, [this.caller.keys.nodes(stream)], []));
  }

  async leave(stream: StreamName, node: string, epoch: string): Promise<void> {
    const args = [encodedName(node), encodedName(epoch)];
    await this.caller.run(leaveScript, [this.caller.keys.nodes(stream)], args);
  }

  groups(stream: StreamName): Promise<readonly string[]> {
    return this.#groups.names(stream);
  }

  createGroup(group: GroupName, partitions: number, at: "earliest" | "latest"): Promise<void> {
    return this.#groups.create(group, partitions, at);
  }

  joinGroup(group: GroupName, member: string, ttl: Milliseconds): Promise<GroupView> {
    return this.#groups.join(group, member, ttl);
  }

  leaveGroup(group: GroupName, member: string): Promise<void> {
    return this.#groups.leave(group, member);
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

  watchGroup(group: GroupName, changed: () => void): () => void {
    if (this.#reconnector.closed) return () => {};
    return this.#watches.watch(this.caller.keys.changes(group), changed);
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

  /** What an operator should know: see {@link JournalEngine}. */
  async health(): Promise<readonly { readonly problem: string }[]> {
    return healthProblems(this.#link().servers());
  }

  /** The channel on which a new entry is announced; "": readers wait for it. */
  #announced(channel: string): string {
    return this.#link().reading === undefined ? channel : "";
  }

  #link(): RedisLink {
    const link = this.#reconnector.session;
    if (link === undefined) throw this.#reconnector.absence;
    return link;
  }

  #up(link: RedisLink): void {
    this.#lanes.clear();
    const reading = {
      link,
      tails: this.#tails,
      timeout: this.#timeout,
      failed: (key: string, error: Error) => this.#warn(`${key} can't be read`, error),
    };
    this.#reader =
      link.reading === undefined
        ? new NotifiedReader(reading)
        : new BlockingReader(reading, link.reading);
  }

  /** The server may have lost entries that a tail has read, and no other has come yet. */
  async #compare(tail: RedisTail): Promise<void> {
    const { read } = tail;
    if (read === undefined) return;
    const args = [newGeneration(), String(read.position)];
    const reply = await this.caller.run(boundsScript, [tail.meta, tail.key], args);
    const [, , next, writer] = listOf(reply, "a partition");
    const known = writer === null ? undefined : textOf(writer);
    tail.compare(read, integerOf(next, "a position"), known);
  }

  #changed(status: "connected" | "reconnecting", error: unknown): void {
    if (status === "reconnecting") {
      this.#reader?.stop();
      this.#reader = undefined;
      this.#watches.down();
    }
    if (error instanceof RefusedError) this.#warn("the server refuses it", error);
    this.#events?.status(status, error);
    const link = this.#reconnector.session;
    if (status !== "connected" || link === undefined) return;
    this.#watches.up(link);
    // What fails is found by the next entry.
    for (const tail of this.#tails) this.#compare(tail).catch(() => {});
  }

  #warn(what: string, error: unknown): void {
    warnOfError(`journal ${this.#context.nodeName}: ${what}`, error);
  }
}

function streamField({ cache, name }: StreamName): string {
  return `${encodedName(cache)}:${encodedName(name)}`;
}
