interface Queue {
  /** Settles when the last command that took its turn has ended. */
  tail: Promise<void> | undefined;
  turns: number;
  /** Turns whose command has not been answered in time, and that have not ended. */
  stuck: number;
}

/** The keys of a command. */
type Keys<K> = readonly K[] | ReadonlySet<K> | "all";

/** One command's turn with its keys. @internal */
export interface Turn {
  /** Settles when the commands before it have ended; undefined: there are none. */
  readonly begins: Promise<unknown> | undefined;
  /** To be called once: the commands behind it begin. */
  end(): void;
  /** Says that the command has not been answered in time. */
  stick(): void;
}

/** The commands of a store that wait for each other: those that change the same key. @internal */
export class KeyQueues<K> {
  readonly #queues = new Map<K, Queue>();
  /** Commands about all keys. */
  readonly #whole = newQueue();

  /** Whether a command that has one of the keys has not been answered in time. */
  isStuck(keys: Keys<K>): boolean {
    if (this.#whole.stuck > 0) return true;
    for (const { stuck } of this.#queuesOf(keys)) if (stuck > 0) return true;
    return false;
  }

  /** Settles when the commands that change a key now have ended; undefined: there are none. */
  busy(key: K): Promise<unknown> | undefined {
    return this.#queues.get(key)?.tail ?? this.#whole.tail;
  }

  /** Takes a turn behind all commands that have one of the keys. */
  enter(keys: Keys<K>): Turn {
    const own: Queue[] = [this.#whole];
    if (keys !== "all") {
      own.length = 0;
      for (const key of keys) own.push(this.#queueOf(key));
    }
    const before = new Set<Promise<void>>();
    for (const { tail } of [this.#whole, ...this.#queuesOf(keys)])
      if (tail !== undefined) before.add(tail);
    let end = (): void => {};
    const tail = new Promise<void>((resolve) => (end = resolve));
    for (const queue of own) {
      queue.tail = tail;
      queue.turns++;
    }
    let stuck = 0;
    return {
      begins: before.size === 0 ? undefined : Promise.all(before),
      end: () => {
        for (const queue of own) {
          queue.turns--;
          queue.stuck -= stuck;
          if (queue.turns === 0) queue.tail = undefined;
        }
        if (keys !== "all")
          for (const key of keys) if (this.#queues.get(key)?.turns === 0) this.#queues.delete(key);
        end();
      },
      stick: () => {
        stuck = 1;
        for (const queue of own) queue.stuck++;
      },
    };
  }

  #queueOf(key: K): Queue {
    let queue = this.#queues.get(key);
    if (queue === undefined) this.#queues.set(key, (queue = newQueue()));
    return queue;
  }

  /** The queues that there are already. */
  *#queuesOf(keys: Keys<K>): Generator<Queue> {
    if (keys === "all") yield* this.#queues.values();
    else
      for (const key of keys) {
        const queue = this.#queues.get(key);
        if (queue !== undefined) yield queue;
      }
  }
}

function newQueue(): Queue {
  return { tail: undefined, turns: 0, stuck: 0 };
}
