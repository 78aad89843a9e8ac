import type { Milliseconds } from "../options.js";
import { bufferOf, type RedisArguments } from "../pubsub/redis-client.js";
import type {
  AcquiredState,
  CommitResult,
  GroupCommit,
  GroupName,
  GroupPartition,
  GroupView,
  KeptDeadLetter,
  StreamName,
} from "./engine.js";
import { newGeneration, type RedisCaller } from "./redis-caller.js";
import {
  acquireScript,
  commitScript,
  createGroupScript,
  deleteGroupScript,
  lettersScript,
  moveLettersScript,
  pauseScript,
  seekScript,
  viewScript,
} from "./redis-group-scripts.js";
import { decodedName, encodedName } from "./redis-keys.js";
import {
  commitResult,
  deadLetters,
  groupState,
  integerOf,
  listOf,
  textOf,
} from "./redis-replies.js";
import { addGroupScript, leaveGroupScript, membersScript } from "./redis-stream-scripts.js";

/** More than a stream may have: what a foreign program has written is not believed. */
const maxPartitions = 65_536;

/** What an engine on Redis does for cluster groups: see {@link JournalEngine}. @internal */
export class RedisGroups {
  readonly #caller: RedisCaller;

  constructor(caller: RedisCaller) {
    this.#caller = caller;
  }

  async names(stream: StreamName): Promise<readonly string[]> {
    const key = this.#caller.keys.groups(stream);
    const fields = listOf(await this.#caller.send(key, ["HGETALL", key]), "the list of groups");
    const names = fields.filter((_, index) => index % 2 === 0);
    return names.map((name) => decodedName(textOf(name))).sort();
  }

  async create(group: GroupName, partitions: number, at: "earliest" | "latest"): Promise<void> {
    await Promise.all(
      Array.from({ length: partitions }, async (_, partition) => {
        const { meta, log, positions } = this.#caller.keys.partition({ ...group, partition });
        const keys = [meta, log, positions, this.#caller.keys.group({ ...group, partition }).group];
        await this.#caller.run(createGroupScript, keys, [
          newGeneration(),
          encodedName(group.group),
          at,
        ]);
      }),
    );
    await this.#register(group, partitions);
  }

  join(group: GroupName, member: string, ttl: Milliseconds): Promise<GroupView> {
    return this.#view(group, [encodedName(member), String(ttl)]);
  }

  async leave(group: GroupName, member: string): Promise<void> {
    const args = [encodedName(member), this.#caller.keys.changes(group)];
    await this.#caller.run(leaveGroupScript, [this.#caller.keys.members(group)], args);
  }

  view(group: GroupName): Promise<GroupView> {
    return this.#view(group, []);
  }

  async acquire(
    partition: GroupPartition,
    owner: string,
    leaseTime: Milliseconds,
    at: "earliest" | "latest",
  ): Promise<AcquiredState | undefined> {
    const { keys, name } = this.#of(partition);
    const args = [newGeneration(), name, at, encodedName(owner), String(leaseTime)];
    const reply = await this.#caller.run(acquireScript, keys.slice(0, 6), args);
    if (reply === null) return undefined;
    const [created, state, first] = listOf(reply, "a group");
    if (created === 1) await this.#register(partition, partition.partition + 1);
    return {
      ...groupState(partition.partition, state),
      first: integerOf(first, "a position"),
    };
  }

  async commit(partition: GroupPartition, commit: GroupCommit): Promise<CommitResult> {
    const { keys, name } = this.#of(partition);
    const { fence, seeks, generation, position, leaseTime, dead, retried } = commit;
    const numbers = [String(fence), String(seeks), generation, String(position), String(leaseTime)];
    const args: RedisArguments = [
      newGeneration(),
      name,
      ...numbers,
      this.#caller.keys.changes(partition),
      String(dead.length),
      ...dead.flatMap(({ position: at, record, retryOf }) => [
        // Derived from the event, so that a commit that is repeated keeps its letters once. A retry
        // may be one of an earlier generation's event, whose id is not that of this position.
        retryOf ?? `${partition.partition}-${at}-${generation}`,
        String(at),
        bufferOf(record),
      ]),
      ...retried,
    ];
    return commitResult(partition.partition, await this.#caller.run(commitScript, keys, args));
  }

  async setPaused(partition: GroupPartition, paused: boolean): Promise<void> {
    const args = [paused ? "1" : "", this.#caller.keys.changes(partition)];
    await this.#caller.run(pauseScript, [this.#caller.keys.group(partition).group], args);
  }

  async seek(partition: GroupPartition, to: "earliest" | "latest" | number): Promise<number> {
    const { keys, name } = this.#of(partition);
    const args = [newGeneration(), name, String(to), this.#caller.keys.changes(partition)];
    return integerOf(await this.#caller.run(seekScript, keys.slice(0, 4), args), "a position");
  }

  async deadLetters(
    partition: GroupPartition,
    of: "resting" | "retrying",
    limit: number,
  ): Promise<readonly KeptDeadLetter[]> {
    const { resting, retrying, letters } = this.#caller.keys.group(partition);
    const keys = [of === "resting" ? resting : retrying, letters];
    const reply = await this.#caller.run(lettersScript, keys, [String(limit)], true);
    return deadLetters(partition.partition, reply);
  }

  retry(partition: GroupPartition, ids: readonly string[] | "all"): Promise<number> {
    return this.#moveLetters("retry", partition, ids);
  }

  drop(partition: GroupPartition, ids: readonly string[] | "all"): Promise<number> {
    return this.#moveLetters("drop", partition, ids);
  }

  async delete(partition: GroupPartition): Promise<string | undefined> {
    const { positions } = this.#caller.keys.partition(partition);
    const { group, resting, retrying, letters } = this.#caller.keys.group(partition);
    const name = encodedName(partition.group);
    const keys = [positions, group, resting, retrying, letters];
    const owner = textOf(
      await this.#caller.run(deleteGroupScript, keys, [name, this.#caller.keys.changes(partition)]),
    );
    if (owner !== "") return decodedName(owner);
    const { partitions } = await this.view(partition);
    const list = this.#caller.keys.groups(partition);
    if (partitions.length === 0) await this.#caller.send(list, ["HDEL", list, name]);
    return undefined;
  }

  async #view(group: GroupName, member: readonly string[]): Promise<GroupView> {
    const { groups, members, changes } = {
      groups: this.#caller.keys.groups(group),
      members: this.#caller.keys.members(group),
      changes: this.#caller.keys.changes(group),
    };
    const args = [encodedName(group.group), changes, ...member];
    const reply = await this.#caller.run(membersScript, [groups, members], args);
    const [count, names] = listOf(reply, "a group");
    const partitions = Math.min(integerOf(count, "a number of partitions"), maxPartitions);
    const states = await Promise.all(
      Array.from({ length: partitions }, async (_, partition) => {
        const { group: key, resting, retrying } = this.#caller.keys.group({ ...group, partition });
        const state = await this.#caller.run(viewScript, [key, resting, retrying], []);
        return state === null ? undefined : groupState(partition, state);
      }),
    );
    return {
      members: listOf(names, "members")
        .map((name) => decodedName(textOf(name)))
        .sort(),
      partitions: states.filter((state) => state !== undefined),
    };
  }

  async #register(group: GroupName, partitions: number): Promise<void> {
    const args = [encodedName(group.group), String(partitions)];
    await this.#caller.run(addGroupScript, [this.#caller.keys.groups(group)], args);
  }

  async #moveLetters(
    how: "retry" | "drop",
    partition: GroupPartition,
    ids: readonly string[] | "all",
  ): Promise<number> {
    const { resting, retrying, letters } = this.#caller.keys.group(partition);
    const which = ids === "all" ? ["all"] : ["of", ...ids];
    const args = [how, this.#caller.keys.changes(partition), ...which];
    return integerOf(
      await this.#caller.run(moveLettersScript, [resting, retrying, letters], args),
      "a number of dead letters",
    );
  }

  #of(partition: GroupPartition): { keys: string[]; name: string } {
    const { meta, log, positions } = this.#caller.keys.partition(partition);
    const { group, resting, retrying, letters } = this.#caller.keys.group(partition);
    const keys = [meta, log, positions, group, resting, retrying, letters];
    return { keys, name: encodedName(partition.group) };
  }
}
