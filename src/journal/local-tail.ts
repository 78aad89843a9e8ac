import { isThenable } from "../callbacks.js";
import { setImmediate } from "../timers.js";
import type { Tail, TailSink } from "./engine.js";
import type { LocalPartition } from "./local-partition.js";

/** Events that are delivered at once, as far as entries are not larger. */
const maxEvents = 1024;

/** What a tail uses of its engine. @internal */
export interface TailSource {
  /** Undefined: there is no connection. */
  partition(): LocalPartition | undefined;
  closed(tail: LocalTail): void;
}

/** A reading of a partition in memory. @internal */
export class LocalTail implements Tail {
  readonly #source: TailSource;
  readonly #sink: TailSink;
  #next: number;
  #isScheduled = false;
  #isDelivering = false;
  #isClosed = false;

  constructor(source: TailSource, from: number, sink: TailSink) {
    this.#source = source;
    this.#next = from;
    this.#sink = sink;
    this.wake();
  }

  /** Delivers what there is, in a later turn of the event loop. */
  wake(): void {
    if (this.#isScheduled || this.#isDelivering || this.#isClosed) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source.closed(this);
  }

  #deliver(): void {
    if (this.#isClosed) return;
    const entries = this.#source.partition()?.read(this.#next, maxEvents) ?? [];
    const last = entries.at(-1);
    if (last === undefined) return;
    this.#next = last.position + last.count;
    const taken = this.#sink.entries(entries);
    if (!isThenable(taken)) {
      this.wake();
      return;
    }
    this.#isDelivering = true;
    void taken.then(() => {
      this.#isDelivering = false;
      this.wake();
    });
  }
}
