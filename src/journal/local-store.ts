import type { Milliseconds } from "../options.js";
import type {
  GroupName,
  GroupPartition,
  KeptStream,
  PartitionName,
  SeenNode,
  StreamName,
  StreamNode,
} from "./engine.js";
import { LocalGroup, LocalGroupPartition } from "./local-group.js";
import { isYounger, LocalPartition } from "./local-partition.js";

interface Announced {
  readonly node: StreamNode;
  readonly expires: Milliseconds;
}

/** A stream of a journal in memory. */
class LocalStream {
  shape: string | undefined;
  readonly partitions = new Map<number, LocalPartition>();
  readonly groups = new Map<string, LocalGroup>();
  readonly #nodes = new Map<string, Announced>();

  beat(node: StreamNode, expires: Milliseconds): void {
    const known = this.#nodes.get(node.node);
    if (known === undefined || !isYounger(known.node, node))
      this.#nodes.set(node.node, { node: { ...node }, expires });
  }

  nodesAt(now: Milliseconds): SeenNode[] {
    return [...this.#nodes.values()].map(({ node, expires }) => {
      return { ...node, expired: expires <= now };
    });
  }

  leave(node: string, epoch: string): void {
    if (this.#nodes.get(node)?.node.epoch === epoch) this.#nodes.delete(node);
  }
}

/** The journals of one namespace, in memory, and those that watch them. @internal */
export class LocalStore {
  readonly nextFence: () => number;
  readonly #streams = new Map<string, LocalStream & StreamName>();
  /** By what they watch. */
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(nextFence: () => number) {
    this.nextFence = nextFence;
  }

  clear(): void {
    this.#streams.clear();
  }

  streams(): KeptStream[] {
    return [...this.#streams.values()].flatMap(({ cache, name, shape }) =>
      shape === undefined ? [] : { cache, name, shape },
    );
  }

  stream({ cache, name }: StreamName): LocalStream {
    return madeOnce(this.#streams, `${cache}:${name}`, () =>
      Object.assign(new LocalStream(), { cache, name }),
    );
  }

  partition(name: PartitionName): LocalPartition {
    return madeOnce(this.stream(name).partitions, name.partition, () => new LocalPartition());
  }

  /** The first position that a group of the partition needs; infinite: there is no group. */
  neededFrom(name: PartitionName): number {
    let needed = Infinity;
    for (const { partitions } of this.stream(name).groups.values())
      needed = Math.min(needed, partitions.get(name.partition)?.needed ?? Infinity);
    return needed;
  }

  group(name: GroupName): LocalGroup {
    return madeOnce(this.stream(name).groups, name.group, () => new LocalGroup());
  }

  /** Undefined: it has neither partitions nor members. */
  findGroup({ group, ...stream }: GroupName): LocalGroup | undefined {
    return this.stream(stream).groups.get(group);
  }

  /** The names of those that have been created, sorted. */
  groups(stream: StreamName): string[] {
    return [...this.stream(stream).groups]
      .filter(([, { partitions }]) => partitions.size > 0)
      .map(([name]) => name)
      .sort();
  }

  /** Undefined: it has not been created. */
  groupPartition(name: GroupPartition): LocalGroupPartition | undefined {
    return this.findGroup(name)?.partitions.get(name.partition);
  }

  createGroupPartition(name: GroupPartition, at: "earliest" | "latest"): LocalGroupPartition {
    return madeOnce(
      this.group(name).partitions,
      name.partition,
      () => new LocalGroupPartition(name.partition, this.partition(name), at),
    );
  }

  /** Has `changed` called after each change of the partition, until the returned function is. */
  watchPartition(name: PartitionName, changed: () => void): () => void {
    return this.#watch(partitionKey(name), changed);
  }

  partitionChanged(name: PartitionName): void {
    this.#notify(partitionKey(name));
  }

  watchGroup(name: GroupName, changed: () => void): () => void {
    return this.#watch(groupKey(name), changed);
  }

  groupChanged(name: GroupName): void {
    this.#notify(groupKey(name));
  }

  #watch(key: string, changed: () => void): () => void {
    const watchers = madeOnce(this.#watchers, key, () => new Set<() => void>());
    // The same function given twice is called twice.
    const watcher = (): void => changed();
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
    };
  }

  #notify(key: string): void {
    for (const changed of this.#watchers.get(key) ?? []) changed();
  }
}

function partitionKey({ cache, name, partition }: PartitionName): string {
  return `partition:${cache}:${name}:${partition}`;
}

function groupKey({ cache, name, group }: GroupName): string {
  return `group:${cache}:${name}:${group}`;
}

function madeOnce<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
