import type { GroupName, GroupPartition, PartitionName, StreamName } from "./engine.js";

// What would end a hash tag or a part of a name; white space, which separates the fields of values;
// and lone surrogates, which UTF-8 can't represent.
const special = /[%:{}\s\p{Cc}]|\p{Surrogate}/gu;

/** A name as a part of keys and values: `%` and four hex digits stand for each special character. */
export function encodedName(name: string): string {
  return name.replace(
    special,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** @internal */
export function decodedName(name: string): string {
  return name.replace(/%([0-9a-f]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** The keys of a partition, all in one slot of a Redis Cluster. @internal */
export interface PartitionKeys {
  readonly meta: string;
  readonly log: string;
  readonly writers: string;
  readonly positions: string;
  /** The keys of a shared store's entries. */
  readonly index: string;
  /** The channel on which a new entry is announced in a Redis Cluster. */
  readonly news: string;
}

/** The keys of one partition of a cluster group. @internal */
export interface GroupKeys {
  readonly group: string;
  readonly resting: string;
  readonly retrying: string;
  readonly letters: string;
}

/**
 * The keys and channels of a namespace. All of them begin with `{<namespace>:`, and what the braces
 * enclose is the hash tag: nothing that is encoded can end it.
 *
 * @internal
 */
export class RedisKeys {
  readonly #namespace: string;
  readonly #partitions = new Map<string, PartitionKeys>();

  constructor(namespace: string) {
    this.#namespace = encodedName(namespace);
  }

  /** What all keys and channels match. */
  get pattern(): string {
    return `{${this.#namespace}:*`;
  }

  get streams(): string {
    return `{${this.#namespace}:}:streams`;
  }

  /** What is tried in order to find out what the server permits. */
  get probe(): string {
    return `{${this.#namespace}:}:probe`;
  }

  /** The same for a shared store: keys of the store and of its first partitions. */
  probesOf(stream: StreamName, partitions: number): readonly string[] {
    const name = this.#stream(stream);
    const tags = Array.from({ length: partitions }, (_, partition) => `{${name}:${partition}}`);
    return [`{${name}}`, ...tags].map((tag) => `${tag}:probe`);
  }

  nodes(stream: StreamName): string {
    return `{${this.#stream(stream)}}:nodes`;
  }

  /** Which process sweeps a shared store. */
  sweeper(stream: StreamName): string {
    return `{${this.#stream(stream)}}:sweeper`;
  }

  /** The processes that use a shared store. */
  store(stream: StreamName): string {
    return `{${this.#stream(stream)}}:store`;
  }

  groups(stream: StreamName): string {
    return `{${this.#stream(stream)}}:groups`;
  }

  members(group: GroupName): string {
    return `{${this.#stream(group)}}:members:${encodedName(group.group)}`;
  }

  /** The channel on which a group's members hear of changes. */
  changes(group: GroupName): string {
    return `{${this.#stream(group)}}:changes:${encodedName(group.group)}`;
  }

  partition(name: PartitionName): PartitionKeys {
    const id = `${name.cache}:${name.name}:${name.partition}`;
    let keys = this.#partitions.get(id);
    if (keys === undefined) {
      const tag = `{${this.#stream(name)}:${name.partition}}`;
      keys = {
        meta: `${tag}:meta`,
        log: `${tag}:log`,
        writers: `${tag}:writers`,
        positions: `${tag}:positions`,
        index: `${tag}:index`,
        news: `${tag}:news`,
      };
      this.#partitions.set(id, keys);
    }
    return keys;
  }

  group(name: GroupPartition): GroupKeys {
    const tag = `{${this.#stream(name)}:${name.partition}}`;
    const group = encodedName(name.group);
    return {
      group: `${tag}:group:${group}`,
      resting: `${tag}:dead:${group}`,
      retrying: `${tag}:retry:${group}`,
      letters: `${tag}:letters:${group}`,
    };
  }

  #stream({ cache, name }: StreamName): string {
    return `${this.#namespace}:${encodedName(cache)}:${encodedName(name)}`;
  }
}
