import type { StreamAddress } from "../cluster/messages.js";
import type { CacheEvent } from "../event/event.js";
import type { GroupPartition, KeptDeadLetter } from "../journal/engine.js";
import type { JournalPort } from "../journal/types.js";
import { warnOfError } from "../telemetry/channels.js";
import { decodeDeadLetter } from "./dead-letter.js";

/** Dead letters that are given to a handler at once, at most. */
const maxAtOnce = 16;

interface RetriesContext {
  readonly stream: { readonly partitions: number | null };
  readonly port: JournalPort;
  readonly address: StreamAddress;
}

interface RetriesSink {
  /** Events are to be handled again. */
  give(events: readonly CacheEvent[]): void;
  /** A letter that can't be read is to be kept as it is. */
  refuse(letter: KeptDeadLetter): void;
}

/** The dead letters of one partition that its owner has handled again. @internal */
export class Retries {
  readonly #context: RetriesContext;
  readonly #name: GroupPartition;
  readonly #sink: RetriesSink;
  /** The ids of those that are being handled, by event. */
  readonly #events = new Map<CacheEvent, string>();
  /** The ids of those and of the ones whose outcome has not been committed. */
  readonly #ids = new Set<string>();
  #isFetching = false;

  constructor(context: RetriesContext, name: GroupPartition, sink: RetriesSink) {
    this.#context = context;
    this.#name = name;
    this.#sink = sink;
  }

  /** @param count how many wait in the journal */
  check(count: number): void {
    if (count <= this.#ids.size || this.#events.size >= maxAtOnce || this.#isFetching) return;
    this.#isFetching = true;
    // The next commit shows again what could not be fetched.
    void this.#fetch()
      .catch(() => {})
      .then(() => (this.#isFetching = false));
  }

  /** An event has been handled or given up. @returns its id, if it was a dead letter */
  settled(event: CacheEvent): string | undefined {
    if (this.#events.size === 0) return undefined;
    const id = this.#events.get(event);
    this.#events.delete(event);
    return id;
  }

  /** The journal knows what has become of some. */
  committed(ids: readonly string[]): void {
    for (const id of ids) this.#ids.delete(id);
  }

  /** Those that are being handled will not be finished. */
  forget(): void {
    for (const id of this.#events.values()) this.#ids.delete(id);
    this.#events.clear();
  }

  async #fetch(): Promise<void> {
    const { port } = this.#context;
    const limit = this.#ids.size + maxAtOnce;
    const letters = await port.engine().deadLetters(this.#name, "retrying", limit);
    const events: CacheEvent[] = [];
    for (const letter of letters) {
      if (this.#ids.has(letter.id)) continue;
      this.#ids.add(letter.id);
      const event = this.#decode(letter);
      if (event === undefined) this.#sink.refuse(letter);
      else {
        this.#events.set(event, letter.id);
        events.push(event);
      }
    }
    if (events.length > 0) this.#sink.give(events);
  }

  #decode(letter: KeptDeadLetter): CacheEvent | undefined {
    const { stream, address } = this.#context;
    try {
      return decodeDeadLetter(address, letter, stream.partitions).event;
    } catch (error) {
      const { group, name } = this.#name;
      warnOfError(`dead letter ${letter.id} of group ${group} on stream ${name}`, error);
      return undefined;
    }
  }
}
