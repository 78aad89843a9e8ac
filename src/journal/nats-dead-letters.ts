import type { GroupPartition, KeptDeadLetter, NewDeadLetter } from "./engine.js";
import type { JetStreamSession } from "./jetstream-session.js";
import type { KeptValue, NatsBucket } from "./nats-bucket.js";
import { keys } from "./nats-names.js";

/** What a commit has changed among the dead letters, before it counts. @internal */
export interface WrittenLetters {
  /** How many there are more. */
  readonly added: number;
  /** How many of those that waited for their retry wait no more. */
  readonly retried: number;
  /** Takes back what was added. */
  undo(): Promise<void>;
  /** Removes what has been retried. */
  finish(): Promise<void>;
}

/** The dead letters of groups, each in a key of its own. @internal */
export class NatsDeadLetters {
  readonly #session: () => JetStreamSession;

  /** @param session throws when there is no connection */
  constructor(session: () => JetStreamSession) {
    this.#session = session;
  }

  /** Writes those of a commit; the same ones written again replace the first. */
  async write(
    of: GroupPartition,
    generation: string,
    dead: readonly NewDeadLetter[],
    retried: readonly string[],
  ): Promise<WrittenLetters> {
    const bucket = this.#bucket;
    const isRetrying = async (id: string): Promise<boolean> =>
      (await bucket.get(keys.retry(of, id))) !== undefined;
    const added: { key: string; revision: number }[] = [];
    const done = new Set<string>();
    const ids = dead.map((letter) => idOf(of.partition, generation, letter));
    for (const [index, { record, retryOf }] of dead.entries()) {
      const id = ids[index] as string;
      const key = keys.deadLetter(of, id);
      const revision = await bucket.replace(key, record, 0);
      if (revision === undefined) await bucket.put(key, record);
      else added.push({ key, revision });
      if (retryOf !== undefined && (await isRetrying(retryOf))) done.add(retryOf);
    }
    for (const id of retried) if (await isRetrying(id)) done.add(id);
    // One that failed again rests again; all others are gone.
    const gone = [...done].filter((id) => !ids.includes(id));
    return {
      added: added.length + (done.size - gone.length),
      retried: done.size,
      undo: async () => {
        for (const { key, revision } of added) await bucket.remove(key, revision);
      },
      finish: async () => {
        for (const id of gone) await bucket.removeAll(keys.deadLetter(of, id));
        for (const id of done) await bucket.removeAll(keys.retry(of, id));
      },
    };
  }

  async list(
    of: GroupPartition,
    which: "resting" | "retrying",
    limit: number,
  ): Promise<KeptDeadLetter[]> {
    const letters = await this.#letters(of, which);
    return letters.slice(0, limit).map(({ id, kept }) => {
      return { id, partition: of.partition, position: positionOf(id), record: kept.value };
    });
  }

  async count(of: GroupPartition): Promise<{ deadLetters: number; retries: number }> {
    const [letters, marks] = await this.#ids(of);
    const retries = [...letters].filter((id) => marks.has(id)).length;
    return { deadLetters: letters.size - retries, retries };
  }

  /** Returns how many were resting and wait now. */
  async retry(of: GroupPartition, ids: readonly string[] | "all"): Promise<number> {
    let retried = 0;
    for (const id of await this.#resting(of, ids))
      if ((await this.#bucket.replace(keys.retry(of, id), id, 0)) !== undefined) retried++;
    return retried;
  }

  /** Returns how many were resting, and are gone. */
  async drop(of: GroupPartition, ids: readonly string[] | "all"): Promise<number> {
    let dropped = 0;
    for (const id of await this.#resting(of, ids)) {
      const key = keys.deadLetter(of, id);
      const kept = await this.#bucket.get(key);
      if (kept !== undefined && (await this.#bucket.remove(key, kept.revision))) dropped++;
    }
    return dropped;
  }

  removeAll(of: GroupPartition): Promise<void> {
    return this.#bucket.removeAll(keys.dead(of));
  }

  async #resting(of: GroupPartition, ids: readonly string[] | "all"): Promise<string[]> {
    const [letters, marks] = await this.#ids(of);
    const asked = ids === "all" ? letters : new Set(ids);
    return [...asked].filter((id) => letters.has(id) && !marks.has(id));
  }

  async #letters(of: GroupPartition, which: "resting" | "retrying") {
    const [letters, marks] = await this.#ids(of);
    const ids = [...letters].filter((id) => marks.has(id) === (which === "retrying"));
    const found = await Promise.all(
      ids.map(async (id) => {
        const kept = await this.#bucket.get(keys.deadLetter(of, id));
        return kept === undefined ? [] : [{ id, kept }];
      }),
    );
    return found.flat().sort((a, b) => revisionOf(a) - revisionOf(b));
  }

  /** Of all dead letters, and of those that wait for their retry. */
  async #ids(of: GroupPartition): Promise<[ReadonlySet<string>, ReadonlySet<string>]> {
    const ids = async (filter: string): Promise<ReadonlySet<string>> => {
      const found = (await this.#bucket.keys(filter)).map((key) => key.slice(filter.length - 1));
      return new Set(found.filter((id) => idPattern.test(id)));
    };
    return Promise.all([ids(keys.deadLetters(of)), ids(keys.retries(of))]);
  }

  get #bucket(): NatsBucket {
    return this.#session().deadLetters;
  }
}

const revisionOf = ({ kept }: { kept: KeptValue }): number => kept.revision;

/**
 * Derived from the event, so that a commit that is repeated keeps its letters once. A retry may be
 * one of an earlier generation's event, whose id is not that of this position.
 */
const idOf = (
  partition: number,
  generation: string,
  { position, retryOf }: NewDeadLetter,
): string => retryOf ?? `${partition}-${position}-${generation}`;

const idPattern = /^\d+-\d+-[^-]+$/;

const positionOf = (id: string): number => Number(id.split("-")[1]);
