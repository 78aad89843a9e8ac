/**
 * Whether a partition is idle, on the stack, or waiting for a promise of the handler.
 *
 * @internal
 */
export type Standing = "idle" | "running" | "waiting";

const standings: readonly Standing[] = ["idle", "running", "waiting"];
const running = 1;
/** Takes `running` to `waiting`. */
const toWaiting = 3;
/** Set beside the standing: the handler must not be called any more. */
const revoked = 4;

const cellsPerPartition = 2;
const [blamedPartition, blamedStep, beats] = [0, 1, 2];
const cellsOfAll = 3;

/**
 * The progress of a thread, in memory that outlives it, so that it is known however the thread
 * ended. The thread writes, the main thread reads.
 *
 * @internal
 */
export class ThreadProgress {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#cells = new Int32Array(buffer);
  }

  static for(partitions: number): ThreadProgress {
    return new ThreadProgress(
      new SharedArrayBuffer((cellsOfAll + partitions * cellsPerPartition) * 4),
    );
  }

  /** How many events a partition has handled since the thread began. */
  handledBy(partition: number): number {
    return Atomics.load(this.#cells, handledCell(partition));
  }

  standingOf(partition: number): Standing {
    return standings[Atomics.load(this.#cells, standingCell(partition)) & toWaiting] as Standing;
  }

  /** Called before the handler. False if it must not be called any more. */
  begin(partition: number): boolean {
    return Atomics.compareExchange(this.#cells, standingCell(partition), 0, running) === 0;
  }

  /** Called when the handler has returned a promise. */
  wait(partition: number): void {
    Atomics.xor(this.#cells, standingCell(partition), toWaiting);
  }

  /** Called after the handler, with the number of events that it has handled. */
  end(partition: number, handled: number): void {
    Atomics.add(this.#cells, handledCell(partition), handled);
    Atomics.and(this.#cells, standingCell(partition), revoked);
  }

  /**
   * From now on the partition does not call the handler: only the current call can still add to
   * what is handled.
   */
  revoke(partition: number): void {
    Atomics.or(this.#cells, standingCell(partition), revoked);
  }

  /**
   * The call of this partition after `step` handled events ends the thread. Only the first report
   * counts.
   */
  blame(partition: number, step: number): void {
    if (Atomics.compareExchange(this.#cells, blamedPartition, 0, partition + 1) === 0)
      Atomics.store(this.#cells, blamedStep, step);
  }

  get blamed(): { readonly partition: number; readonly step: number } | undefined {
    const partition = Atomics.load(this.#cells, blamedPartition) - 1;
    return partition < 0 ? undefined : { partition, step: Atomics.load(this.#cells, blamedStep) };
  }

  /** Shows that the thread's event loop is running, and calls what timers are due. */
  beat(): void {
    Atomics.add(this.#cells, beats, 1);
  }

  get beats(): number {
    return Atomics.load(this.#cells, beats);
  }
}

const handledCell = (partition: number): number => cellsOfAll + partition * cellsPerPartition;
const standingCell = (partition: number): number => handledCell(partition) + 1;
