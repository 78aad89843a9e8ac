import type {
  GroupState,
  JournalEngine,
  PartitionName,
  StoredEntry,
  Tail,
  TailSink,
} from "../journal/engine.js";

/** A position, and the generation that it counts in. @internal */
export type Place = Pick<GroupState, "generation" | "position">;

/**
 * A tail that is opened before anybody may read it: while another node still has the lease. It holds
 * the first entries until it is given its sink.
 *
 * @internal
 */
export class TailAhead implements Tail, TailSink {
  readonly #engine: JournalEngine;
  readonly #place: Place;
  readonly #tail: Tail;
  #sink: TailSink | undefined;
  #deliver: (() => void) | undefined;
  #isAstray = false;

  constructor(engine: JournalEngine, partition: PartitionName, place: Place) {
    this.#engine = engine;
    this.#place = place;
    this.#tail = engine.tail(partition, place.position, this);
  }

  /** Whether it brings all that is read there from a place on. */
  covers(engine: JournalEngine, { generation, position }: Place): boolean {
    const { generation: own, position: from } = this.#place;
    return this.#engine === engine && generation === own && from <= position;
  }

  /** Delivers to it from now on. */
  give(sink: TailSink): void {
    this.#sink = sink;
    this.#deliver?.();
    this.#deliver = undefined;
    if (this.#isAstray) sink.astray?.();
  }

  close(): void {
    this.#tail.close();
    // What is held is dropped with it.
    this.#deliver = undefined;
  }

  entries(entries: readonly StoredEntry[]): void | Promise<void> {
    if (this.#sink !== undefined) return this.#sink.entries(entries);
    return new Promise((resolve) => {
      this.#deliver = () => resolve(this.#sink?.entries(entries));
    });
  }

  astray(): void {
    this.#isAstray = true;
    this.#sink?.astray?.();
  }
}
