import { createHash } from "node:crypto";
import { escaped } from "../pubsub/nats-client.js";
import type { GroupName, GroupPartition, PartitionName, StreamName } from "./engine.js";

const maxLength = 60;
const keptOfLongOnes = 24;

/**
 * A name as a token of a subject, of a key and of a stream's name: letters, digits, `_` and `-`
 * stay, any other UTF-16 unit becomes `=` and its four hex digits, and the end of a long name
 * becomes `==` and 32 digits of its hash.
 *
 * @internal
 */
export function tokenOf(name: string): string {
  const token = name.replace(/[^\w-]/g, (char) => escaped(char));
  if (token.length <= maxLength) return token;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 32);
  return `${token.slice(0, keptOfLongOnes)}==${hash}`;
}

/** The names of what a journal has in JetStream, in one namespace. @internal */
export class NatsNames {
  readonly #namespace: string;
  /** The buckets of what changes, and of dead letters. Their names have neither "=" nor ".". */
  readonly stateBucket: string;
  readonly deadBucket: string;

  constructor(namespace: string) {
    this.#namespace = tokenOf(namespace);
    const plain = this.#namespace.replace(/_/g, "__").replace(/=/g, "_");
    this.stateBucket = `${plain}-journal`;
    this.deadBucket = `${plain}-dead-letters`;
  }

  /** The JetStream stream of a partition. */
  log(partition: PartitionName): string {
    return [this.#namespace, ...tokensOf(partition), partition.partition].join("~");
  }

  /** A subject of the namespace that no stream has. */
  get check(): string {
    return `${this.#namespace}.journal.check`;
  }

  /** Whether a JetStream stream belongs to the namespace. */
  isOurs(stream: string): boolean {
    const buckets = [`KV_${this.stateBucket}`, `KV_${this.deadBucket}`];
    return stream.startsWith(`${this.#namespace}~`) || buckets.includes(stream);
  }

  /** The subject that the entries of a node are published on; without one, all of the partition's. */
  subject(partition: PartitionName, node?: string): string {
    const of = [this.#namespace, "journal", ...tokensOf(partition), partition.partition].join(".");
    return `${of}.${node === undefined ? "*" : tokenOf(node)}`;
  }

  /**
   * The subject of the markers about a node, which others publish. On the node's own subject, one
   * could take the very place that its next entry was to have there, and let the one behind that be
   * stored. No node's token ends so.
   */
  markers(partition: PartitionName, node: string): string {
    return `${this.subject(partition, node)}=`;
  }
}

const tokensOf = ({ cache, name }: StreamName): string[] => [tokenOf(cache), tokenOf(name)];

/** The keys in the buckets. @internal */
export const keys = {
  shape: (stream: StreamName): string => ["shape", ...tokensOf(stream)].join("."),
  shapes: "shape.>",
  generation: (partition: PartitionName): string =>
    ["log", ...tokensOf(partition), partition.partition].join("."),
  /** Who wrote the last message of a node that has been trimmed. */
  trimmed: (partition: PartitionName, node: string): string =>
    ["trimmed", ...tokensOf(partition), partition.partition, tokenOf(node)].join("."),
  allTrimmed: (partition: PartitionName): string =>
    ["trimmed", ...tokensOf(partition), partition.partition, "*"].join("."),
  node: (stream: StreamName, node: string): string =>
    ["node", ...tokensOf(stream), tokenOf(node)].join("."),
  nodes: (stream: StreamName): string => ["node", ...tokensOf(stream), "*"].join("."),
  /** All that belongs to a group. */
  group: (group: GroupName): string => `${groupKey(group)}.>`,
  groupPartition: (of: GroupPartition): string => `${groupKey(of)}.partition.${of.partition}`,
  /** Of all groups of a stream. */
  groupPartitions: (stream: StreamName, partition: number | "*"): string =>
    ["group", ...tokensOf(stream), "*", "partition", partition].join("."),
  member: (group: GroupName, member: string): string =>
    `${groupKey(group)}.member.${tokenOf(member)}`,
  deadLetter: (of: GroupPartition, id: string): string => `${deadKey(of)}.letter.${tokenOf(id)}`,
  deadLetters: (of: GroupPartition): string => `${deadKey(of)}.letter.*`,
  /** Says that a dead letter waits for its retry. */
  retry: (of: GroupPartition, id: string): string => `${deadKey(of)}.retry.${tokenOf(id)}`,
  retries: (of: GroupPartition): string => `${deadKey(of)}.retry.*`,
  /** All dead letters of a partition, and what belongs to them. */
  dead: (of: GroupPartition): string => `${deadKey(of)}.>`,
} as const;

const groupKey = (group: GroupName): string =>
  ["group", ...tokensOf(group), tokenOf(group.group)].join(".");

const deadKey = (of: GroupPartition): string =>
  [...tokensOf(of), tokenOf(of.group), of.partition].join(".");
