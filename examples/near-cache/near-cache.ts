import {
  type Cache,
  defineCache,
  invalidator,
  type PubSub,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "nebulex-streams";

export interface User {
  readonly name: string;
  /** Counts the changes of this user. */
  readonly version: number;
}

/** Where the truth is: a database, or another service. Asking it takes time. */
export interface Source {
  read(key: string): Promise<User>;
  /** Gives what is stored now. */
  rename(key: string, name: string): Promise<User>;
}

/** Copies of what a source knows, in this process, kept true by the other processes' events. */
export class NearCache {
  readonly users: Cache<string, User>;
  readonly pubsub: PubSub;
  reads = 0;
  /** How many of the reads asked the source. */
  misses = 0;
  readonly #source: Source;
  readonly #tree: Supervisor;

  private constructor(
    users: Cache<string, User>,
    pubsub: PubSub,
    source: Source,
    tree: Supervisor,
  ) {
    this.users = users;
    this.pubsub = pubsub;
    this.#source = source;
    this.#tree = tree;
  }

  static async start(pubsub: PubSub, source: Source): Promise<NearCache> {
    const users = defineCache<string, User>({ name: "users" });
    const tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        pubsub,
        users,
        // Its events go to the other processes, and theirs come here.
        streamServer({ cache: users, pubsub }),
        // Deletes from this process's cache what the others say that they have changed.
        invalidator({ cache: users }),
      ],
    });
    return new NearCache(users, pubsub, source, tree);
  }

  async read(key: string): Promise<User> {
    this.reads++;
    const ask = (): Promise<User> => {
      this.misses++;
      return this.#source.read(key);
    };
    // While this process is cut off, nobody can tell it what has changed: its copies can't be trusted.
    if (this.pubsub.status !== "connected") return ask();
    // Not `get`, then `put`: the value may be changed elsewhere while the answer is under way. fetchOrStore then gives it to those who
    // wait for it, but does not store it, and so no old value stays behind. What it stores is a fill, which says to the others that
    // nothing has changed; and all who ask for a key meanwhile share one question to the source.
    return this.users.fetchOrStore(key, ask);
  }

  async rename(key: string, name: string): Promise<void> {
    // The source first: those who are told of the change may ask it at once.
    const user = await this.#source.rename(key, name);
    // This is what the others are told of. Where two processes may rename one user at the same time, delete the key again behind it:
    // which of the two came last, only the source knows.
    this.users.put(key, user);
  }

  stop(): Promise<void> {
    return this.#tree.stop();
  }
}
